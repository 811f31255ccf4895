package scenario

import (
	"math"
	"slices"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/fault"
)

// Bounds of what is asked for: past these it is a mistake.
const (
	maxReceivers = 1000
	maxRuns      = 1000
	maxDelay     = 10 * time.Second
)

// A Scenario is what a lab is to do.
type Scenario struct {
	Systems   system.Table // in the order in which they take their turns
	Receivers []int
	Runs      int // repetitions of each run
	FileBytes int64
	Links     string // rate or netns
	Rates     Rates
	Delay     time.Duration // of everything on its way from one node to another
	Seed      uint64
}

// repeated returns the first value that is there twice.
func repeated[T comparable](all []T) (T, bool) {
	for i, v := range all {
		if slices.Contains(all[:i], v) {
			return v, true
		}
	}
	var none T
	return none, false
}

// Check returns what is wrong with the scenario, as fault.Invalid.
func (s *Scenario) Check() error {
	if len(s.Receivers) == 0 {
		return fault.Wrapf(fault.Invalid, "no number of receivers is given, such as 1,2,4,8")
	}
	for _, n := range s.Receivers {
		if n < 1 || n > maxReceivers {
			return fault.Wrapf(fault.Invalid, "%d receivers: from 1 to %d", n, maxReceivers)
		}
	}
	if n, twice := repeated(s.Receivers); twice {
		return fault.Wrapf(fault.Invalid, "receivers: %d stands there twice; for several runs of each there is --runs", n)
	}
	if s.Runs < 1 || s.Runs > maxRuns {
		return fault.Wrapf(fault.Invalid, "%d runs: from 1 to %d", s.Runs, maxRuns)
	}
	if s.FileBytes < 1 {
		return fault.Wrapf(fault.Invalid, "the file is empty: there is nothing to compare")
	}
	if s.Delay < 0 || s.Delay > maxDelay {
		return fault.Wrapf(fault.Invalid, "a delay of %v: from 0 to %v", s.Delay, maxDelay)
	}
	return s.Rates.check(slices.Max(s.Receivers))
}

// Sequence returns all runs in their order: each repetition goes once through
// all numbers of receivers, and at each through all systems one after the
// other, so that what disturbs the machine for a while disturbs all alike, and
// a lab that is stopped has something of everything.
func (s *Scenario) Sequence() []Run {
	var all []Run
	for repetition := 1; repetition <= s.Runs; repetition++ {
		for _, n := range s.Receivers {
			for _, system := range s.Systems {
				all = append(all, Run{System: system, Receivers: n, Repetition: repetition, scenario: s})
			}
		}
	}
	return all
}

// Expect is how long all runs take at the least.
func (s *Scenario) Expect() time.Duration {
	sum := time.Duration(0)
	for _, t := range s.Sequence() {
		sum += t.Expect()
	}
	return sum
}

// upkeep is what a run takes besides the transfer: nodes start and stop, and
// files are compared.
const upkeep = 1500 * time.Millisecond

// Expect is how long the run takes at the least.
func (r Run) Expect() time.Duration {
	return upkeep + seconds(r.Bound())
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s*float64(time.Second), math.MaxInt64/4))
}

// Bound is the least possible distribution time of the run in seconds; 0 if
// no link has a limit.
func (r Run) Bound() float64 {
	return r.BoundOver(r.Links())
}

// BoundOver is Bound over other links.
func (r Run) BoundOver(l system.Links) float64 {
	return r.System.Bound(float64(r.scenario.FileBytes), l).Seconds
}

// Pace is the payload in bytes per second that reaches all receivers together
// when it goes as fast as the links allow; 0 if they have no limit.
func (r Run) Pace() float64 {
	bound := r.Bound()
	if bound == 0 {
		return 0
	}
	return float64(r.Receivers) * float64(r.scenario.FileBytes) / bound
}

// Name is the name of the run's folder.
func (r Run) Name() string { return labdir.RunName(r.System.Name, r.Receivers, r.Repetition) }
