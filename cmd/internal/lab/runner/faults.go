package runner

import (
	"context"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/scenario"
)

// Faults is what goes wrong in a run on purpose.
type Faults interface {
	// Shape says what is wrong with node i from the start, of which the link
	// is given; 0 is the origin.
	Shape(i int, node string, link scenario.Rate) Shape
	// Expected returns the faults, each with the outcome that is expected.
	Expected() []string
	// Run makes faults until ctx ends. It is told what the manager sees, but
	// misses events when it is slow.
	Run(ctx context.Context, events <-chan labdir.Event, nodes Control)
	// Excused says why a receiver need not get the file; "" if it must.
	Excused(node string) string
	// Judge says what came of the faults, when the run is over and its files
	// are compared.
	Judge(t *labdir.Run) []labdir.Fault
}

// A Shape is what a node is like from the start.
type Shape struct {
	Trait    string // free-rider, liar, slow, or "" if nothing is wrong with it
	Link     scenario.Rate
	NoUplink bool // it does not send: the bound must not count on it
	// Misbehave is what it does wrong, as the flag of its system has it; "":
	// nothing.
	Misbehave string
	// AcceptPause is how long an origin waits after each connection it takes.
	AcceptPause time.Duration
}

// Control is what may be done to the nodes of a run. Each returns when it is
// done; a node that does not exist is fault.NotFound.
type Control interface {
	// Stop ends a node in good order.
	Stop(ctx context.Context, node string) error
	// Kill ends a node without asking.
	Kill(ctx context.Context, node string) error
	// Restart starts a node again where it was, with its address and what it
	// has on disk. One that runs is killed first.
	Restart(ctx context.Context, node string) error
	// Conclude ends the run: nothing more is to come.
	Conclude(why string)
}
