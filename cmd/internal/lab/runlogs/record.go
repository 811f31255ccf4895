package runlogs

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
)

// A lab notes beside the logs of a run what no node can know of itself: the
// links that the kernel shapes, the bytes they carried, what went wrong on
// purpose.

// recordIn returns what a lab has noted about the run whose logs are in dir; nil
// if there is nothing to be read.
func (r *reader) recordIn(dir string) *labdir.Run {
	if t, known := r.records[dir]; known {
		return t
	}
	t, err := labdir.OpenRun(filepath.FromSlash(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.find(Finding{File: path.Join(dir, labdir.RunFile), Text: err.Error() + "; what the lab noted of this run is not known: its links, its faults"})
	}
	r.records[dir] = t
	return t
}

// note takes into account what a lab has noted, if the node was in that run.
// The system is the run's: a server does not know whom it serves over HTTP. So
// is the clock, by which all nodes of a run are told apart in time.
func (n *Node) note(t *labdir.Run) {
	if t == nil || t.Node(n.Node) == nil {
		return
	}
	n.Record = t
	n.System = cmp.Or(t.System, n.System)
	n.Start = n.Start.Add(-time.Duration(n.noted().ClockOffset * float64(time.Second)))
}

// noted is what a lab has noted of the node; nil if nothing.
func (n *Node) noted() *labdir.Node {
	if n.Record == nil {
		return nil
	}
	return n.Record.Node(n.Node)
}

func partIn(noted *labdir.Node) metrics.Part {
	if noted.Part == string(metrics.Origin) {
		return metrics.Origin
	}
	return metrics.Receiver
}

// takeNotes adds what the lab has noted of the node. Its link cannot be faster
// than the limit the node set itself.
func takeNotes(node *metrics.Node, n *Node) {
	node.Trait = n.Trait
	noted := n.noted()
	if noted == nil {
		return
	}
	node.Up, node.Down = narrower(node.Up, noted.Up), narrower(node.Down, noted.Down)
	node.Noted = metrics.Noted{
		Machine:      noted.Machine,
		LinkOutBytes: noted.LinkOut, LinkInBytes: noted.LinkIn,
		Trait: cmp.Or(noted.Trait, n.Trait), Excused: noted.Excused,
	}
}

// killedOnPurpose reports that a fault of the lab ended the node: that its log
// breaks off is no wonder. Faults that end nobody are traits.
func (n *Node) killedOnPurpose() bool {
	noted := n.noted()
	return noted != nil && slices.ContainsFunc(n.Record.Faults, func(f labdir.Fault) bool {
		return slices.Contains(f.Nodes, n.Node) && f.Kind() != noted.Trait
	})
}

// seenDone is when the lab saw a receiver hold the file whose log breaks off
// before that, because it was killed; nil if it did not. It is counted from
// start.
func (n *Node) seenDone(start time.Time) *float64 {
	noted := n.noted()
	if noted == nil || noted.DoneSeconds == nil || n.Whole {
		return nil
	}
	return new(n.Record.Began.Sub(start).Seconds() + *noted.DoneSeconds)
}

func narrower(limit float64, link *float64) float64 {
	if link == nil || !(*link > 0) {
		return limit
	}
	return min(limit, *link)
}
