package runlogs

import (
	"fmt"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/common/load"
	"starmesh/common/readable"
)

// A Finding is something about a log that whoever compares should know.
type Finding struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // from 1; absent: about the log as a whole
	Text string `json:"text"`           // what it is, and what was done about it
	// LeftOut tells that the whole log counts for nothing.
	LeftOut bool `json:"left_out,omitempty"`
}

func (f Finding) String() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s, line %d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s: %s", f.File, f.Text)
}

// A Node is one node's log, with its history brought down to what a comparison
// and its plots need.
type Node struct {
	File string
	load.Info
	Host string
	PID  int
	// Start is the node's start by the wall clock of its machine.
	Start time.Time
	// EndSeconds is the time of the last line since the start.
	EndSeconds float64
	// Last is the latest report: the node's totals.
	Last load.Report
	// Whole tells that the log has its final report; of a node that was started
	// again, that all of its logs have.
	Whole bool
	// Starts is how often it was started, when more than once: it then has as
	// many logs, and counts as one node.
	Starts int
	// Drift is by how much the wall clock was set while the node ran.
	Drift  time.Duration
	Points []Point
	// Run is what a lab has noted about the run, beside the log; nil if there
	// is nothing, or the node is not in it.
	Record *labdir.Run
}

// A Point is what a node had carried at one time.
type Point struct {
	Seconds           float64 // since the node's start
	OutBytes, InBytes int64   // payload
	HaveBytes         int64   // verified, of all files it fetches
	CPUSeconds        *float64
	RSSBytes          *int64
	AcceptQueue       *int // connections that wait to be accepted
}

// End is the time of the last line by the wall clock of the node's machine, as
// it went at the start.
func (n *Node) End() time.Time { return n.at(n.EndSeconds) }

// Begin is when the node began its work: at its start, or when it was told to
// if it was held until then.
func (n *Node) Begin() time.Time {
	if held := n.Last.HeldSeconds; held != nil {
		return n.at(*held)
	}
	return n.Start
}

func (n *Node) at(seconds float64) time.Time {
	return n.Start.Add(time.Duration(seconds * float64(time.Second)))
}

// newNode makes a node of a log that has at least one report.
func newNode(file string, log *load.Log) *Node {
	last := log.Last()
	n := &Node{File: file, Info: last.Info, Host: last.Host, PID: last.PID, Last: *last,
		Whole: log.Final != nil, EndSeconds: last.ElapsedSeconds}
	n.Node, n.Host, n.System = clean(n.Node, maxName), clean(n.Host, maxName), clean(n.System, maxName)
	add := func(r *load.Report) {
		start := startOf(r)
		if n.Points == nil {
			n.Start = start
		}
		if drift := start.Sub(n.Start); drift.Abs() > n.Drift.Abs() {
			n.Drift = drift
		}
		n.Points = append(n.Points, pointOf(r))
	}
	if log.Start != nil {
		add(log.Start)
	}
	for i := range log.Samples {
		add(&log.Samples[i])
	}
	if log.Final != nil {
		add(log.Final)
	}
	return n
}

// maxName is how much of a node's name in a log is taken, in characters.
const maxName = 80

// clean returns a text from a log, fit to be read and not too long.
func clean(s string, limit int) string { return readable.Cut(readable.Text(s), limit) }

// startOf returns the wall clock's time at the start of the node that wrote r.
// ReadLog has seen to it that the time parses.
func startOf(r *load.Report) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, r.Time)
	return at.Add(-time.Duration(r.ElapsedSeconds * float64(time.Second)))
}

func pointOf(r *load.Report) Point {
	p := Point{
		Seconds: r.ElapsedSeconds, OutBytes: r.PayloadOutBytes, InBytes: r.PayloadInBytes,
		CPUSeconds: r.CPUSeconds, RSSBytes: r.RSSBytes, AcceptQueue: r.AcceptQueue,
	}
	for _, t := range r.Transfers {
		p.HaveBytes += t.HaveBytes
	}
	return p
}

// part returns what the node had to do with the files of its run. Roles are what
// nodes say of themselves; what they did counts more.
func (n *Node) part() metrics.Part {
	if noted := n.noted(); noted != nil {
		return partIn(noted)
	}
	in, out, fetches := n.Last.PayloadInBytes, n.Last.PayloadOutBytes, len(n.Last.Transfers) > 0
	switch {
	case n.Role == load.RoleServer || n.Role == load.RoleOrigin:
		return metrics.Origin
	case fetches && in == 0 && n.heldAll():
		// Its files were there before the run began.
		if out > 0 {
			return metrics.Origin
		}
		return metrics.Idle
	case fetches || in > 0:
		return metrics.Receiver
	case out > 0:
		return metrics.Origin
	case n.Role == load.RoleClient || n.Role == load.RolePeer:
		return metrics.Receiver // it was to get the file, but never began
	}
	return metrics.Idle
}

func (n *Node) heldAll() bool {
	for _, t := range n.Last.Transfers {
		if t.State != load.Done {
			return false
		}
	}
	return true
}
