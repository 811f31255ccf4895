package runner

import (
	"fmt"
	"slices"

	"starmesh/cmd/internal/lab/labdir"
)

// When processors are the limit. Measured with the mesh at 20 Mbit/s on two
// cores: at 73 % busy it takes 1.08 times the bound, as with fewer nodes; at
// 96 % it takes 1.28 times, and 1.19 when all rates are a quarter.
const (
	tooBusy    = 0.80 // of all cores, over the whole run
	saturated  = 0.95 // of all cores, in a second that had nothing left
	tooOften   = 0.25 // of all seconds
	minSeconds = 4    // seconds, for a share of them to mean anything
)

// JudgeCPU reports whether the processors were the limit of a run: mean is the
// share of all cores that was busy over all of it, seconds is that of each
// second.
func JudgeCPU(mean float64, seconds []float64) labdir.CPU {
	c := labdir.CPU{BusyShare: mean, PeakShare: mean}
	if len(seconds) > 0 {
		c.PeakShare = slices.Max(seconds)
	}
	full := 0
	for _, share := range seconds {
		if share >= saturated {
			full++
		}
	}
	switch {
	case mean >= tooBusy:
		c.Limit = true
		c.Why = fmt.Sprintf("the processors were %.0f %% busy: the time says more about this machine than about the links", 100*mean)
	case len(seconds) >= minSeconds && float64(full) > tooOften*float64(len(seconds)):
		c.Limit = true
		c.Why = fmt.Sprintf("for %d of %d seconds the processors had nothing left (%.0f %% busy over all): the time says more about this machine than about the links",
			full, len(seconds), 100*mean)
	}
	return c
}
