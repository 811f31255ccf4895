package predict

import (
	"fmt"
	"math"
	"slices"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
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
	for _, r := range d.Runs {
		f := r.Figure(metrics.BoundMultiple)
		if f == nil || f.Value == nil || *f.Value <= 0 || len(f.Doubts) > 0 || r.Receivers < 1 {
			continue
		}
		if m.bySystem[r.System.Name] == nil {
			m.bySystem[r.System.Name] = make(map[int][]float64)
		}
		m.bySystem[r.System.Name][r.Receivers] = append(m.bySystem[r.System.Name][r.Receivers], *f.Value)
	}
	return m
}

// Has reports whether there is any measurement of a system.
func (m *Measured) Has(s *system.System) bool { return len(m.bySystem[s.Name]) > 0 }

// Of returns the median of the runs whose number of receivers is nearest, by
// ratio; without any, what is assumed.
func (m *Measured) Of(s *system.System, receivers int) Multiple {
	if !m.Has(s) {
		return Assumed{}.Of(s, receivers)
	}
	nearest, distance := 0, math.Inf(1)
	for n := range m.bySystem[s.Name] {
		d := math.Abs(math.Log(float64(n) / float64(receivers)))
		if d < distance || d == distance && n < nearest {
			nearest, distance = n, d
		}
	}
	values := slices.Sorted(slices.Values(m.bySystem[s.Name][nearest]))
	median := metrics.Median(values)
	from := fmt.Sprintf("measured in %s: %.2f × the bound with %s (%s)", m.from, median, units.Counted(nearest, "receiver"), units.Counted(len(values), "run"))
	return Multiple{Value: median, From: from, Measured: true, At: nearest}
}
