// Package launch runs a node of a lab: a process of this very program that
// tells what it does in JSON events on its standard output.
//
// No node outlives its manager. The manager holds the other end of the node's
// standard input; when the manager ends, however it does, the system closes
// that, and the node ends in good order. That works on every system, and is
// also how a node is stopped.
package launch

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
