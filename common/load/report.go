package load

import (
	"fmt"
	"time"
)

// A Kind says which report of a log this is.
type Kind string

// A log is one Start, any number of Samples and one Final.
const (
	Start  Kind = "start"
	Sample Kind = "sample"
	Final  Kind = "final"
)

// A Report is what one node has carried since it started: one line of a load
// log, and what an agent answers. Totals only grow. What is not known is
// absent. The JSON names are a contract: logs are compared by them, whoever
// wrote them.
type Report struct {
	Head
	Traffic
	Conns
	Process
	Transfers []TransferReport `json:"transfers,omitempty"` // files this node fetches or fetched
	Remotes   []RemoteReport   `json:"remotes,omitempty"`   // the busiest first
	// TransfersOmitted counts transfers that were left out of this line.
	TransfersOmitted int64 `json:"transfers_omitted,omitempty"`

	// LeftOut is what a node that serves files does not serve of them; in an
	// agent's answer alone, absent when that is nothing.
	LeftOut *LeftOut `json:"left_out,omitempty"`

	// Remarks are what people should know of how the node runs, as it tells them;
	// in an agent's answer alone.
	Remarks []string `json:"remarks,omitempty"`

	// Outcome, in a final report alone: done, failed or interrupted.
	Outcome string `json:"outcome,omitempty"`
	// Error says what a failed or interrupted node failed with.
	Error string `json:"error,omitempty"`
}

// Head says whose report this is and of when.
type Head struct {
	Kind Kind `json:"kind"`
	// Time is the wall clock in UTC, RFC 3339 with nanoseconds.
	Time string `json:"time"`
	// ElapsedSeconds since the node started, from a clock that is never set.
	ElapsedSeconds float64 `json:"elapsed_s"`
	// HeldSeconds is how long after its start the node was told to begin, if
	// it was to wait for that; absent if not, and while it waits.
	HeldSeconds *float64 `json:"held_s,omitempty"`
	Info
	PID  int    `json:"pid"`
	Host string `json:"host,omitempty"` // the machine's name
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"` // that the process may use
}

// Info is what a node says about itself.
type Info struct {
	Node    string `json:"node"`    // a name that is unique in a comparison
	System  string `json:"system"`  // the way of bringing files that it is part of
	Role    string `json:"role"`    // RoleServer and its like
	Version string `json:"version"` // of the program
	// Command is the command line; NewReporter takes secrets out of it.
	Command []string `json:"command,omitempty"`
	// LimitUp and LimitDown are the node's own limits in bytes per second;
	// absent when it has none.
	LimitUp   float64 `json:"limit_up_bytes_per_s,omitempty"`
	LimitDown float64 `json:"limit_down_bytes_per_s,omitempty"`
	// Trait is what is wrong with the node on purpose: TraitFreeRider and its
	// like; absent for one that does as it should.
	Trait string `json:"trait,omitempty"`
}

// Traffic is what was moved.
type Traffic struct {
	PayloadOutBytes int64 `json:"payload_out_bytes"` // chunk bytes sent
	PayloadInBytes  int64 `json:"payload_in_bytes"`  // chunk bytes received, repeats included
	OtherOutBytes   int64 `json:"other_out_bytes"`   // all other protocol bytes sent
	OtherInBytes    int64 `json:"other_in_bytes"`    // all other protocol bytes received
	AgainInBytes    int64 `json:"again_in_bytes"`    // chunk bytes received although already held

	// WireOutBytes and WireInBytes: see Sockets.Wire; absent where unknown.
	WireOutBytes *int64 `json:"wire_out_bytes,omitempty"`
	WireInBytes  *int64 `json:"wire_in_bytes,omitempty"`

	ChunksOut int64 `json:"chunks_out"` // chunks sent
	ChunksIn  int64 `json:"chunks_in"`  // chunks received, repeats included, wrong ones not
	ChunksBad int64 `json:"chunks_bad"` // chunks received that failed verification
}

// Conns is about connections.
type Conns struct {
	ConnsOpen    int64 `json:"conns_open"`    // now
	ConnsPeak    int64 `json:"conns_peak"`    // most at once
	ConnsTotal   int64 `json:"conns_total"`   // ever
	ConnsRefused int64 `json:"conns_refused"` // turned away

	// AcceptQueue is how many connections wait to be accepted, and
	// AcceptBacklog for how many there is room; absent where unknown or where
	// nothing listens.
	AcceptQueue   *int `json:"accept_queue,omitempty"`
	AcceptBacklog *int `json:"accept_backlog,omitempty"`
}

// Process is what the operating system says about the process.
type Process struct {
	CPUSeconds   *float64 `json:"cpu_seconds,omitempty"`    // user and system time
	RSSBytes     *int64   `json:"rss_bytes,omitempty"`      // resident memory now
	RSSPeakBytes *int64   `json:"rss_peak_bytes,omitempty"` // resident memory at its most
	Goroutines   int      `json:"goroutines"`
	FDs          *int64   `json:"fds,omitempty"` // open descriptors (handles on Windows)
}

// A TransferReport is about one file that this node fetches.
type TransferReport struct {
	ID        string `json:"id"`   // 64 hex digits
	Name      string `json:"name"` // as its giver calls it
	SizeBytes int64  `json:"size_bytes"`
	HaveBytes int64  `json:"have_bytes"` // verified and stored
	State     string `json:"state"`      // running, done, failed or interrupted
	// Begin and End are wall clock times as in Head; BeginSeconds and
	// EndSeconds the same as elapsed_s. The end of a transfer that is done is
	// the moment when the verified file was in its place.
	Begin        string   `json:"begin"`
	BeginSeconds float64  `json:"begin_s"`
	End          *string  `json:"end,omitempty"`
	EndSeconds   *float64 `json:"end_s,omitempty"`
	Error        string   `json:"error,omitempty"`

	// Chunks is the number of chunks and ChunkMap, in base64, one bit for each
	// that is held: chunk 0 is the lowest bit of the first byte.
	Chunks   int    `json:"chunks,omitempty"`
	ChunkMap string `json:"chunk_map,omitempty"`
}

// LeftOut is files that a node was to serve and does not.
type LeftOut struct {
	Count int      `json:"count"`
	Files []string `json:"files"` // the first of them, quoted, each with the reason
}

// Add notes a file that is not served.
func (l *LeftOut) Add(name string, why error) {
	l.Count++
	if len(l.Files) < maxLeftOut {
		l.Files = append(l.Files, fmt.Sprintf("%q: %v", name, why))
	}
}

// maxLeftOut is how many files left out are named.
const maxLeftOut = 100

// A RemoteReport is what was exchanged with one other node; OtherRemotes sums
// those that are not listed.
type RemoteReport struct {
	Remote          string `json:"remote"`
	PayloadOutBytes int64  `json:"payload_out_bytes"`
	PayloadInBytes  int64  `json:"payload_in_bytes"`
}

// stamp writes a time as reports do.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") }
