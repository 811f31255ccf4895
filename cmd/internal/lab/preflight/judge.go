package preflight

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// A Question is whether a machine can carry a scenario.
type Question struct {
	Scenario *scenario.Scenario
	Samples  map[string]Sample // by system; one that is missing is not judged by
	Cores    int
	Room     Room
	Keep     bool // received copies stay until the end
}

// Problems returns what the machine cannot do honestly, in sentences that say
// what would do; none if it can do all.
func (q *Question) Problems() []string {
	var all []string
	for _, s := range q.Scenario.Systems {
		if text := q.processors(s); text != "" {
			all = append(all, text)
		}
	}
	for _, text := range []string{q.memory(), q.disk()} {
		if text != "" {
			all = append(all, text)
		}
	}
	return all
}

// maxReceivers is the largest number of receivers.
func (q *Question) maxReceivers() int { return slices.Max(q.Scenario.Receivers) }

// foresee is what so many receivers will take through a system; not ok if it
// was not measured.
func (q *Question) foresee(of *system.System, receivers int) (f Forecast, rate float64, ok bool) {
	sample, ok := q.Samples[of.Name]
	if !ok {
		return f, 0, false
	}
	s := *q.Scenario
	s.Systems, s.Receivers, s.Runs = system.Table{of}, []int{receivers}, 1
	rate = s.Sequence()[0].Pace()
	return sample.Foresee(Demand{Nodes: receivers + 1, Rate: rate}, q.Cores), rate, true
}

// processors tells of a system whose rates the processors cannot carry. Where
// no link has a limit they decide in any case, and that is what was asked for.
func (q *Question) processors(of *system.System) string {
	f, rate, ok := q.foresee(of, q.maxReceivers())
	if !ok || rate == 0 || f.BusyShare < tooMuch {
		return ""
	}
	text := fmt.Sprintf("%s to %s at these rates (%s/s to all of them together) would keep the %d processors %.0f %% busy, as measured with one receiver: "+
		"its time would tell about them, and not about the links.", of.Name, units.Counted(q.maxReceivers(), "receiver"), units.Bytes(int64(rate)), q.Cores, 100*f.BusyShare)
	var ways []string
	if n := q.fit(of); n > 0 {
		ways = append(ways, "up to "+units.Counted(n, "receiver"))
	}
	return text + " What would do: " + strings.Join(append(ways, q.slower(fair/f.BusyShare)), ", or ")
}

// fit is the most receivers, fewer than asked for, that the processors carry
// with room to spare.
func (q *Question) fit(of *system.System) int {
	for n := q.maxReceivers() - 1; n > 0; n-- {
		if f, _, _ := q.foresee(of, n); f.BusyShare < fair {
			return n
		}
	}
	return 0
}

// slower says at which rates it would do, given by which factor.
func (q *Question) slower(factor float64) string {
	r := q.Scenario.Rates
	if factor = math.Floor(100*factor) / 100; factor <= 0 {
		return "far slower links"
	}
	if len(r.Profile) > 0 || r.Origin.Up != r.Receiver.Up || r.Receiver.Up == 0 {
		return fmt.Sprintf("all rates at %.2f of what they are", factor)
	}
	flags := "--up " + flag(r.Receiver.Up*factor)
	if r.Receiver.Down > 0 {
		flags += " --down " + flag(r.Receiver.Down*factor)
	}
	return flags
}

// flag writes a rate in bytes per second as the flags take it, with two digits
// and rounded down.
func flag(rate float64) string {
	kbit := rate * 8 / 1000
	digit := math.Pow(10, math.Floor(math.Log10(kbit))-1)
	kbit = math.Floor(kbit/digit+1e-9) * digit
	if kbit >= 1000 {
		return strconv.FormatFloat(kbit/1000, 'g', 4, 64) + "mbit"
	}
	return strconv.FormatFloat(kbit, 'g', 4, 64) + "kbit"
}

// memory tells when the nodes need more than there is.
func (q *Question) memory() string {
	if q.Room.MemoryBytes <= 0 {
		return ""
	}
	for _, of := range q.Scenario.Systems {
		f, _, ok := q.foresee(of, q.maxReceivers())
		if !ok || f.MemoryBytes <= q.Room.MemoryBytes {
			continue
		}
		each := f.MemoryBytes / int64(q.maxReceivers()+1)
		return fmt.Sprintf("%d nodes need about %s of memory (%s each, as measured), and %s can still be had. What would do: up to %d receivers",
			q.maxReceivers()+1, units.Bytes(f.MemoryBytes), units.Bytes(each), units.Bytes(q.Room.MemoryBytes), max(0, q.Room.MemoryBytes/each-1))
	}
	return ""
}

// disk tells when the received copies need more than there is.
func (q *Question) disk() string {
	copies := int64(q.maxReceivers())
	if q.Keep {
		copies = 0
		for _, t := range q.Scenario.Sequence() {
			copies += int64(t.Receivers)
		}
	}
	if q.Room.DiskBytes <= 0 || copies <= q.Room.DiskBytes/q.Scenario.FileBytes {
		return ""
	}
	return fmt.Sprintf("%d copies of %s need more than the %s that are free where the lab's folder is. What would do: another --out, a smaller file, or fewer receivers",
		copies, units.Bytes(q.Scenario.FileBytes), units.Bytes(q.Room.DiskBytes))
}
