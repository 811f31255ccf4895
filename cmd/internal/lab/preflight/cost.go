package preflight

import "math"

// A Sample is what it cost this machine to bring one receiver a file, over the
// links that are to be used: a measurement of the program itself.
type Sample struct {
	CPUSeconds float64 // of all nodes together, while Bytes were brought
	Bytes      int64   // of payload
	RSSBytes   int64   // the most memory one node had
}

// A Demand is what a run asks of the machine.
type Demand struct {
	Nodes int
	// Rate is the payload in bytes per second that reaches all receivers
	// together, when it goes as fast as the links allow; 0: they have no limit.
	Rate float64
}

// A Forecast is what a run will take of the machine.
type Forecast struct {
	BusyShare   float64 // of all cores, without what else the machine does; above 1 it cannot be
	MemoryBytes int64   // of all nodes together
}

const (
	// tooMuch is the share of all cores from which a run is not honest: its
	// time would depend on the machine. Runs foreseen at 62 % took 55 %, and
	// such foreseen at 125 % were limited by the processors.
	tooMuch = 0.9
	// fair is the share that leaves room for what cannot be foreseen.
	fair = 0.75
	// waiting is what a node takes that has nothing to send, in cores: it is
	// asked for readings a few times a second. Measured on the machine of
	// which Judge tells.
	waiting = 0.004
	// spare is how much more memory a node has with many remotes than with one.
	spare = 1.3
)

// Foresee returns what a run will take of a machine with so many cores.
// Without limits the processors decide in any case: then BusyShare is 1.
//
// CPU goes with the bytes that are delivered, as the sample had it: every byte
// is sent by one node and received by another, whoever they are.
func (s Sample) Foresee(d Demand, cores int) Forecast {
	f := Forecast{BusyShare: 1, MemoryBytes: int64(spare * float64(s.RSSBytes) * float64(d.Nodes))}
	if d.Rate > 0 {
		work := 0.0
		if s.Bytes > 0 {
			work = d.Rate * s.CPUSeconds / float64(s.Bytes)
		}
		f.BusyShare = (work + waiting*math.Max(0, float64(d.Nodes-2))) / float64(cores)
	}
	return f
}
