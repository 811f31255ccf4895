package faultinject

import (
	"encoding/base64"
	"math/rand/v2"
	"slices"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/content"
)

// An Act is what can be done to a node.
type Act string

const (
	Stop    Act = "stop"    // it ends in good order
	Kill    Act = "kill"    // at once (SIGKILL)
	Restart Act = "restart" // killed if it runs, and started again
)

// Do is something to be done to a node.
type Do struct {
	Act  Act
	Node string
}

// A Course is a run with faults as it goes on: told of each event, it says
// what is to be done. It is for one goroutine.
type Course struct {
	*Plan
	now    float64 // seconds, of the last event
	nodes  map[string]*seen
	rand   *rand.Rand
	grown  float64 // when somebody last got something
	origin outage
	killed *float64 // when receivers were
	churns int      // how many have been killed and started again
	due    float64  // when churn comes next; 0: not reckoned yet
	churn  []string // whom it has hit
	first  *float64 // when it first did
}

// seen is what is known of a node.
type seen struct {
	labdir.Reading          // the latest one
	have           int64    // the most it ever had
	done           *float64 // when it was first seen to have all
	// cuts is how often something broke off while it received.
	cuts int
	// before is what it had when it was last started again.
	before int64
	// awaited tells that it is being started again.
	awaited bool
	// bad counts wrong chunks that it received in earlier lives.
	bad int64
	// queue is how many connections at once were not accepted yet.
	queue int
	// again is by how much more it received in earlier lives than it kept.
	again int64
}

// Begin starts the course of the run.
func (p *Plan) Begin() *Course {
	c := &Course{Plan: p, nodes: map[string]*seen{}, rand: p.random()}
	for _, name := range append([]string{p.Origin}, p.Receivers...) {
		c.nodes[name] = &seen{}
	}
	return c
}

// Event tells of an event, and gives what is to be done now.
func (c *Course) Event(e labdir.Event) []Do {
	c.now = e.Seconds
	if e.Note != nil && e.Note.Did == labdir.Started {
		c.returned(e.Note.Node)
	}
	if e.Reading == nil || c.nodes[e.Reading.Node] == nil {
		return nil
	}
	c.note(e.Reading)
	if !c.started() {
		return nil
	}
	var all []Do
	for _, f := range c.faults {
		if f.strike != nil {
			all = append(all, f.strike(c, f)...)
		}
	}
	return all
}

// started reports that the receivers were told to begin.
func (c *Course) started() bool { return c.now > 0 }

func (c *Course) note(r *labdir.Reading) {
	n := c.nodes[r.Node]
	n.Reading, n.queue = *r, max(n.queue, r.Queue)
	if r.HaveBytes > n.have {
		n.have, c.grown = r.HaveBytes, c.now
	}
	if r.State == labdir.Done && n.done == nil {
		n.have, n.done, c.grown = c.FileBytes, new(c.now), c.now
	}
}

// returned tells that a node was started again. Only now is known what its
// process before had received: its last readings come after it was decided to
// kill it.
func (c *Course) returned(node string) {
	n := c.nodes[node]
	if n == nil {
		return
	}
	n.again += n.refetched()
	n.bad += n.ChunksBad
	n.before = n.have
	n.cuts++
	n.awaited = false
	n.State, n.InBytes, n.ChunksBad = labdir.Waiting, 0, 0 // until the new one has told
}

// Held tells that a node was found to hold the file at that time, whatever its
// readings told.
func (c *Course) Held(node string, seconds float64) {
	if n := c.nodes[node]; n != nil {
		n.have, n.done = c.FileBytes, new(seconds)
	}
}

// share is how much of all that is to arrive has arrived.
func (c *Course) share() float64 {
	var sum, all int64
	for _, name := range c.Receivers {
		if !c.takes(name) {
			continue
		}
		sum, all = sum+c.nodes[name].have, all+c.FileBytes
	}
	if all == 0 {
		return 1
	}
	return float64(sum) / float64(all)
}

// Excused says why a node need not get the file, as of now; "" if it is to get
// it.
func (c *Course) Excused(node string) string {
	if c.killed == nil && c.with(node).strike != nil {
		return "" // not yet
	}
	return c.Plan.Excused(node)
}

// unfinished returns the receivers that are still to get the file.
func (c *Course) unfinished() []string {
	return slices.DeleteFunc(c.toFinish(), func(name string) bool { return c.nodes[name].done != nil })
}

// Over reports that nothing more is to come: all that are to get the file have
// it.
func (c *Course) Over() bool { return len(c.unfinished()) == 0 }

// refetched is by how much more a node received since its last start than it
// has gained: what came twice, was wrong, or is still on its way.
func (n *seen) refetched() int64 { return max(0, n.InBytes-(n.have-n.before)) }

// holds is which chunks a node has, as far as its readings tell.
func (c *Course) holds(name string) content.Set {
	n := c.nodes[name]
	if n.done != nil {
		return content.FullSet(c.Chunks)
	}
	bits, err := base64.StdEncoding.DecodeString(n.ChunkMap)
	if err != nil {
		return content.NewSet(c.Chunks)
	}
	set, err := content.ParseSet(c.Chunks, bits)
	if err != nil {
		return content.NewSet(c.Chunks)
	}
	return set
}
