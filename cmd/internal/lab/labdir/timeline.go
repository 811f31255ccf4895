package labdir

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"starmesh/common/readable"
)

// An Event is one line of a timeline, and one message to the dashboard: what
// the manager saw or did. One of its parts is set.
type Event struct {
	Run     string   `json:"run"`
	Seconds float64  `json:"t"` // since the receivers were told to start
	Begin   *Begin   `json:"begin,omitempty"`
	Reading *Reading `json:"reading,omitempty"`
	Note    *Note    `json:"note,omitempty"`
	End     *End     `json:"end,omitempty"`
	Crew    *Crew    `json:"crew,omitempty"` // of no run, and in no timeline
}

// Crew is that a machine has joined, or left, while others are waited for.
type Crew struct {
	Name    string `json:"name"`
	Host    string `json:"host,omitempty"`
	Address string `json:"address,omitempty"`
	Program string `json:"program,omitempty"` // its version
	Nodes   int    `json:"nodes"`             // that are here now
	Wanted  int    `json:"wanted"`
	Left    bool   `json:"left,omitempty"`
}

// Begin is the first event of a run: who takes part.
type Begin struct {
	System       string   `json:"system"`
	Receivers    int      `json:"receivers"`
	Repetition   int      `json:"repetition"`
	FileName     string   `json:"file_name"`
	FileBytes    int64    `json:"file_bytes"`
	Chunks       int      `json:"chunks"`
	BoundSeconds float64  `json:"bound_s,omitempty"` // 0: no link has a limit
	Nodes        []Node   `json:"nodes"`             // the origin first
	Faults       []string `json:"faults,omitempty"`  // with the outcome that is expected
}

// The states of a node.
const (
	Waiting = "waiting" // started, not told to begin
	Running = "running"
	Done    = "done" // holds the verified file; it may still give
	Gone    = "gone" // its process has ended or was killed
)

// A Reading is what a node's agent has answered. Totals are since the start of
// the node; of one that was started again, since that start.
type Reading struct {
	Node      string  `json:"node"`
	State     string  `json:"state"`
	HaveBytes int64   `json:"have_bytes"`
	OutBytes  int64   `json:"out_bytes"`           // payload
	InBytes   int64   `json:"in_bytes"`            // payload
	ChunkMap  string  `json:"chunk_map,omitempty"` // as in load.TransferReport; absent at the origin
	From      []Flow  `json:"from,omitempty"`      // payload received from each node
	CPU       float64 `json:"cpu_s"`
	RSSBytes  int64   `json:"rss_bytes"`
	Conns     int64   `json:"conns"`
	ChunksBad int64   `json:"chunks_bad,omitempty"`   // received and found wrong
	Queue     int     `json:"accept_queue,omitempty"` // connections that it has not accepted yet
	Polls     int64   `json:"polls,omitempty"`        // of this node's agent so far, this one included
}

// A Flow is payload received from a node, since the receiver's start.
type Flow struct {
	Node  string `json:"node"`
	Bytes int64  `json:"bytes"`
}

// A Note is something that happened to a node, or to all (Node is "").
type Note struct {
	Node  string `json:"node,omitempty"`
	Fault bool   `json:"fault,omitempty"` // done on purpose
	Did   string `json:"did,omitempty"`   // what was done to its process: stopped, killed or started
	Text  string `json:"text"`
}

// What is done to a node's process. Readings before that note are of the
// process that was, those after Started of the one that is.
const (
	Stopped = "stopped"
	Killed  = "killed"
	Started = "started"
)

// End is the last event of a run.
type End struct {
	DistributionSeconds *float64 `json:"distribution_s,omitempty"`
	Verified            int      `json:"verified"`
	Error               string   `json:"error,omitempty"`
}

// maxLine bounds a line of a timeline in bytes.
const maxLine = 1 << 20

// WriteEvent writes an event as a line.
func WriteEvent(w io.Writer, e *Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("timeline: %w", err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("cannot write the timeline: %w", err)
	}
	return nil
}

// ReadEvents reads a timeline. A last line that was cut short is left out; any
// other that is broken is an error that names its number.
func ReadEvents(r io.Reader) ([]Event, error) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
	var events []Event
	var broken error
	for number := 1; scanner.Scan(); number++ {
		if broken != nil {
			return nil, broken
		}
		var e struct {
			Event
			Trial string // what the run was called once
		}
		if err := json.Unmarshal(readable.PlainJSON(scanner.Bytes()), &e); err != nil {
			broken = fmt.Errorf("timeline, line %d: %w", number, err)
			continue
		}
		e.Run = cmp.Or(e.Run, e.Trial)
		events = append(events, e.Event)
	}
	if err := scanner.Err(); err != nil {
		return nil, errors.Join(broken, fmt.Errorf("cannot read the timeline: %w", err))
	}
	return events, nil
}
