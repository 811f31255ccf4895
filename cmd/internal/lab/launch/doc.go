// Package launch runs a node of a lab: a process of this very program that
// tells what it does in JSON events on its standard output.
//
// No node outlives its manager. The manager holds the other end of the node's
// standard input; when the manager ends, however it does, the system closes
// that, and the node ends in good order, or at once if it takes longer than
// LastGrace. That works on every system, and is also how a node is stopped. On
// Linux it holds for a node that is frozen too.
package launch

import "time"

// LastGrace is what a node has to end in good order once its standard input is
// closed. A manager that lives kills it sooner.
const LastGrace = 15 * time.Second

// What a manager and its nodes agree on.
const (
	DieFlag      = "until-stdin-closes" // end when standard input is closed
	HoldFlag     = "hold"               // get ready, and wait for StartCommand
	StartCommand = "start"              // the agent command to begin
	HeldEvent    = "held"               // the node is ready and waits
	AgentEvent   = "agent"              // the node's agent answers at "address"
	DoneEvent    = "done"               // the receiver holds the verified file
	ErrorEvent   = "error"              // why the node ends: "error", "kind"
)
