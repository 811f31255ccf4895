package predict

import (
	"fmt"
	"math"
	"slices"

	"starmesh/cmd/internal/lab/metrics"
)

// Measured are the multiples of runs that were made before.
type Measured struct {
	from     string
	bySystem map[string]map[int][]float64 // system → receivers → multiples
}

// NewMeasured takes the multiples of all runs in d that have one and no doubt
// about it. from names the results to people.
func NewMeasured(d *metrics.Document, from string) *Measured {
	m := &Measured{from: from, bySystem: make(map[string]map[int][]float64)}
	for i := range d.Runs {
		r := &d.Runs[i]
		f := r.Figure(metrics.BoundMultiple)
		if f == nil || f.Value == nil || *f.Value <= 0 || len(f.Doubts) > 0 || r.Receivers < 1 {
			continue
		}
		if m.bySystem[r.System] == nil {
			m.bySystem[r.System] = make(map[int][]float64)
		}
		m.bySystem[r.System][r.Receivers] = append(m.bySystem[r.System][r.Receivers], *f.Value)
	}
	return m
}

// Has tells whether there is any measurement of a system.
func (m *Measured) Has(system string) bool { return len(m.bySystem[system]) > 0 }

// Of gives the median of the runs whose number of receivers is nearest, by
// ratio; without any, what is assumed.
func (m *Measured) Of(system string, receivers int) Multiple {
	if !m.Has(system) {
		return Assumed{}.Of(system, receivers)
	}
	nearest, distance := 0, math.Inf(1)
	for n := range m.bySystem[system] {
		d := math.Abs(math.Log(float64(n) / float64(receivers)))
		if d < distance || d == distance && n < nearest {
			nearest, distance = n, d
		}
	}
	values := slices.Sorted(slices.Values(m.bySystem[system][nearest]))
	median := metrics.Median(values)
	noun := "runs"
	if len(values) == 1 {
		noun = "run"
	}
	from := fmt.Sprintf("measured in %s: %.2f × the bound with %d receivers (%d %s)", m.from, median, nearest, len(values), noun)
	return Multiple{Value: median, From: from, Measured: true, At: nearest}
}
