package runner

import (
	"context"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/links"
)

// node is one node of a run, through all its starts.
type node struct {
	name  string
	index int // 0 is the origin
	place Place
	shape Shape
	// limits are the rates that the node has to keep by itself.
	limits links.Rates

	mu         sync.Mutex
	process    *Process // the last one
	agent      string   // its agent's address
	starts     int
	purpose    string // why it was ended on purpose; "" if it was not
	byHand     bool   // a person ended it
	restarting bool

	watched // by the goroutine that polls, alone
}

// watched is what the manager has seen of a node.
type watched struct {
	last     labdir.Reading
	first    time.Time // when something had arrived; zero: nothing yet
	progress time.Time // when it last got something new
	done     time.Time // when it held the verified file; zero: not yet
	receipt  *labdir.Receipt
	failed   string // why it ended without; "" if it has not
	wrong    bool   // what it says is the file is not
	polls    int64
	asked    bool // and has not answered yet
	remarks  int  // of those it makes of itself, so many were passed on
	mute     int  // polls in a row without an answer
	closed   bool // its last report was read
}

// receiver reports whether the node is to get the file.
func (n *node) receiver() bool { return n.index > 0 }

// elsewhere reports whether the node lives on a machine that has joined. What
// is wrong with one of them is no failure of the lab.
func (n *node) elsewhere() bool { return n.place.Where().Machine != "" }

// running returns the node's process and its agent's address as they are now.
func (n *node) running() (p *Process, agent string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process, n.agent
}

// endsWithin reports whether the node's process has ended, or does so soon.
func (n *node) endsWithin(ctx context.Context, soon time.Duration) bool {
	p, _ := n.running()
	select {
	case <-p.Ended():
		return true
	case <-time.After(soon):
	case <-ctx.Done():
	}
	return false
}

// down reports whether the node has no process that runs, nor will have one
// soon, and why it was ended on purpose, if it was.
func (n *node) down() (down bool, purpose string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.restarting && (n.process == nil || !n.process.Alive()), n.purpose
}

// endedByHand says how a person ended the node; "" if nobody did, or it runs
// again.
func (n *node) endedByHand() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byHand && !n.restarting && !n.process.Alive() {
		return n.purpose
	}
	return ""
}

// ask asks the node's agent.
func (n *node) ask(ctx context.Context, path string, into any) error {
	_, addr := n.running()
	return n.place.Agent().Fetch(ctx, addr, path, into)
}

// command gives the node's agent a command.
func (n *node) command(ctx context.Context, command string) error {
	_, addr := n.running()
	return n.place.Agent().Do(ctx, addr, command, nil, "", nil)
}
