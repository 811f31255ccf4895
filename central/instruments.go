package central

import (
	"starmesh/common/load"
	"starmesh/common/trace"
	"starmesh/common/unanswered"
)

// Instruments watch a node at work; each may be nil.
type Instruments struct {
	Meter   *load.Meter
	Sockets *load.Sockets
	Trace   *trace.Trace
	Slow    *unanswered.Teller // of a client: servers that do not answer yet
}

func (in Instruments) withDefaults() Instruments {
	if in.Meter == nil {
		in.Meter = new(load.Meter)
	}
	if in.Sockets == nil {
		in.Sockets = new(load.Sockets)
	}
	return in
}
