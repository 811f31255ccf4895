package metrics

import (
	"math"
	"slices"

	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
)

// A Part is what a node had to do with the file.
type Part string

const (
	Origin   Part = "origin"   // had the file before the run, and gave it
	Receiver Part = "receiver" // was to get it
	Idle     Part = "idle"     // neither: it was only there
)

// A Head says which run this is.
type Head struct {
	Name      string         `json:"name"` // unique in a comparison
	System    *system.System `json:"system"`
	Set       string         `json:"set,omitempty"` // of several folders that are set side by side, which; they are never mixed
	Receivers int            `json:"receivers"`
	FileBytes int64          `json:"file_bytes"`        // of all files together, when several were fetched
	FileID    string         `json:"file_id,omitempty"` // of the largest file
	Chunks    int            `json:"chunks,omitempty"`  // of the file; absent where unknown or several files
	Began     string         `json:"began,omitempty"`   // RFC 3339: the start of the first receiver
	Dir       string         `json:"logs,omitempty"`    // where the logs are
	Files     int            `json:"files,omitempty"`   // how many each receiver fetched, when more than one
	Version   string         `json:"version,omitempty"` // of the program, when all nodes agree
}

// A Run is what the nodes of one run of one system have counted.
type Run struct {
	Head
	Nodes  []Node
	Doubts []Doubt
}

// A Node is one node's part in a run.
type Node struct {
	Name string
	Host string
	Part Part
	load.Traffic
	load.Conns
	load.Process

	// Up and Down are the limits of its link in bytes per second; +Inf is
	// none, or none known.
	Up, Down float64
	// DoneSeconds is when a receiver held the verified file, counted from the
	// start of the first receiver; nil: never, or nobody knows.
	DoneSeconds *float64
	// DeliveredBytes is what it got and verified in this run.
	DeliveredBytes int64

	Noted
}

// Noted is what a lab knows of a node, and the node's log does not tell.
type Noted struct {
	// Machine is the one that it was on, if that had joined.
	Machine string `json:"machine,omitempty"`
	// LinkOutBytes and LinkInBytes crossed its access link while the file was
	// distributed, in packets with their Ethernet headers; absent where links
	// are not counted.
	LinkOutBytes *int64 `json:"link_out_bytes,omitempty"`
	LinkInBytes  *int64 `json:"link_in_bytes,omitempty"`
	// Trait is what is wrong with it on purpose: free-rider, liar or slow.
	Trait string `json:"trait,omitempty"`
	// Excused says why it need not get the file; "" if it is to get it.
	Excused string `json:"excused,omitempty"`
}

// An Aspect is what a figure rests on, as a set of bits.
type Aspect uint8

const (
	Clock      Aspect = 1 << iota // times of different nodes
	Carried                       // who sent and received how much
	Cost                          // CPU time, memory, connections
	Everything = Clock | Carried | Cost
)

// A Doubt is a reason not to trust some figures.
type Doubt struct {
	About Aspect `json:"-"`
	Text  string `json:"text"`
}

// with returns the nodes that have that part.
func (r *Run) with(part Part) []Node {
	var some []Node
	for _, n := range r.Nodes {
		if n.Part == part {
			some = append(some, n)
		}
	}
	return some
}

// expected are the receivers that are to get the file.
func (r *Run) expected() []Node {
	return slices.DeleteFunc(r.with(Receiver), func(n Node) bool { return n.Excused != "" })
}

// links returns the links of the run as they are; several origins count as one
// with all their uplinks.
func (r *Run) links() system.Links { return r.linksTo(r.with(Receiver)) }

// deciding returns the links that decide the bound. Nodes that do not pass on
// what they have, on purpose, have no uplink; those that need not get the file
// are no receivers, but may help: their uplinks are added to another's, for
// only the sum of all of them counts.
func (r *Run) deciding() system.Links {
	l := r.linksTo(r.expected())
	for i, n := range r.expected() {
		l.Up[i] = n.gives()
	}
	for _, n := range r.with(Receiver) {
		if n.Excused != "" && len(l.Up) > 0 {
			l.Up[0] += n.gives()
		}
	}
	return l
}

// gives is the uplink by which a receiver passes on what it has.
func (n *Node) gives() float64 {
	if n.Trait == load.TraitFreeRider || n.Trait == load.TraitLiar {
		return 0
	}
	return n.Up
}

func (r *Run) linksTo(receivers []Node) system.Links {
	var l system.Links
	for _, n := range r.with(Origin) {
		l.Origin += n.Up
	}
	if l.Origin == 0 {
		l.Origin = math.Inf(1) // no origin is known, so neither is its link
	}
	for _, n := range receivers {
		l.Up = append(l.Up, n.Up)
		l.Down = append(l.Down, n.Down)
	}
	return l
}

// doubts lists the texts of the doubts about any of the aspects.
func (r *Run) doubts(about Aspect) []string {
	var texts []string
	for _, d := range r.Doubts {
		if d.About&about != 0 {
			texts = append(texts, d.Text)
		}
	}
	return texts
}
