package labdir

import (
	"slices"
	"strings"
	"time"
)

// RunFormat is what run.json says it is.
const RunFormat = "starmesh-run/1"

// A Run is run.json: one system, one number of receivers, once.
type Run struct {
	Format     string    `json:"format"`
	Name       string    `json:"name"`
	System     string    `json:"system"` // its name
	Receivers  int       `json:"receivers"`
	Repetition int       `json:"repetition"`          // from 1
	Began      time.Time `json:"began"`               // when the receivers were told to start
	Links      string    `json:"links"`               // rate or netns
	LinksHow   string    `json:"links_how,omitempty"` // the same in a sentence
	Delay      float64   `json:"delay_s,omitempty"`   // of what is on its way from one node to another
	Nodes      []Node    `json:"nodes"`               // the origin first
	Polls      int       `json:"polls"`               // readings the manager took of agents

	// Verified is how many receivers hold the file, compared byte for byte.
	Verified int `json:"verified"`
	// DistributionSeconds is by the manager's clock; absent when not all
	// receivers got the file.
	DistributionSeconds *float64 `json:"distribution_s,omitempty"`
	// BoundSeconds is the least that this may be; 0: no link has a limit.
	BoundSeconds float64 `json:"bound_s,omitempty"`

	Faults []Fault `json:"faults,omitempty"`
	CPU    CPU     `json:"cpu"`
	// Doubts are reasons not to trust the run, in sentences.
	Doubts []string `json:"doubts,omitempty"`
	// Straggler says who was last, and why, if that was late.
	Straggler string `json:"straggler,omitempty"`
	// Error says why the run failed; "" if it did not.
	Error string `json:"error,omitempty"`
}

// ByUser is why a run or a lab did not get to its end when it was not let.
const ByUser = "stopped by the user"

// A Node is one process of a run.
type Node struct {
	Name string `json:"node"` // as in its load log
	Part string `json:"part"` // origin or receiver
	Host
	// Up and Down are the rates of its access link in bytes per second;
	// absent: no limit.
	Up   *float64 `json:"up_bytes_per_s,omitempty"`
	Down *float64 `json:"down_bytes_per_s,omitempty"`
	// LinkOut and LinkIn are the bytes of IP packets and their Ethernet
	// headers that crossed its link from the start of the receivers to the end
	// of the last of them; absent where the link is not counted.
	LinkOut *int64 `json:"link_out_bytes,omitempty"`
	LinkIn  *int64 `json:"link_in_bytes,omitempty"`
	// Trait is what is wrong with it on purpose: free-rider, liar or slow.
	Trait string `json:"trait,omitempty"`
	// Starts is how often it was started, when more than once. Its first load
	// log is NAME.jsonl, the next NAME.2.jsonl.
	Starts int `json:"starts,omitempty"`
	// Excused says why it need not have got the file, such as that it was
	// killed on purpose; "" if it was to get it.
	Excused string `json:"excused,omitempty"`
	// Lost tells that the machine on which it was has left before the end.
	Lost bool `json:"lost,omitempty"`
	// FirstSeconds is when something of the file had arrived, as DoneSeconds.
	FirstSeconds *float64 `json:"first_s,omitempty"`
	// Busy is how busy the processors of its machine were, if that had joined.
	Busy *CPU `json:"machine_cpu,omitempty"`
	// DoneSeconds is when it held the verified file, since the receivers were
	// told to start; absent if it never did.
	DoneSeconds *float64 `json:"done_s,omitempty"`
	Receipt     *Receipt `json:"receipt,omitempty"`
	// SentBytes are those of files that it had sent, by its last reading.
	SentBytes int64  `json:"sent_bytes,omitempty"`
	Failed    string `json:"failed,omitempty"` // why it ended without; "" if it did not
}

// A Receipt is what a receiver says of the file that it holds, all of which it
// has verified.
type Receipt struct {
	ID        string `json:"id"` // 64 hex digits
	Size      int64  `json:"size"`
	KeptBytes int64  `json:"kept_bytes"` // of it, which it had before
}

// A Host is the machine that a node was on, if that had joined. The clock of a
// machine is corrected by what was measured of it.
type Host struct {
	Machine     string  `json:"machine,omitempty"`        // as it is called in this lab; "": the manager's own
	ClockOffset float64 `json:"clock_offset_s,omitempty"` // it is ahead of the manager's clock by so much
	ClockError  float64 `json:"clock_error_s,omitempty"`  // give or take
}

// A Fault is one that was made on purpose: what was to be expected, and what
// came of it.
type Fault struct {
	Fault    string   `json:"fault"` // as given: stop-origin@50%
	Expected string   `json:"expected"`
	Found    string   `json:"found"`
	Met      bool     `json:"met"` // what was found is what was expected
	Seconds  *float64 `json:"at_s,omitempty"`
	Nodes    []string `json:"nodes,omitempty"` // that it hit
}

// Kind is what kind of fault it is: stop-origin.
func (f *Fault) Kind() string {
	if i := strings.IndexAny(f.Fault, ":@"); i >= 0 {
		return f.Fault[:i]
	}
	return f.Fault
}

// CPU tells whether the processors were the limit, and not the links.
type CPU struct {
	BusyShare float64 `json:"busy_share"` // of all cores, over the run
	PeakShare float64 `json:"peak_share"` // over its busiest second
	// DiskShare is the share of their time in which they did nothing but wait
	// for a disk.
	DiskShare float64 `json:"disk_share,omitempty"`
	// Limit tells that the time says more about the machine than about links.
	Limit bool   `json:"was_the_limit"`
	Why   string `json:"why,omitempty"`
}

// Node returns what was noted of a node; nil if nothing was.
func (r *Run) Node(name string) *Node {
	i := slices.IndexFunc(r.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Nodes[i]
}
