package central

import (
	"starmesh/common/load"
	"starmesh/common/trace"
)

// Instruments watch a node at work; each may be nil.
type Instruments struct {
	Meter   *load.Meter
	Sockets *load.Sockets
	Trace   *trace.Trace
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
