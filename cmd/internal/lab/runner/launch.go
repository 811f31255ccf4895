package runner

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
	AllEvent     = "all"                // it holds all that it was to fetch
	ErrorEvent   = "error"              // why the node ends: "error", "kind"
)
