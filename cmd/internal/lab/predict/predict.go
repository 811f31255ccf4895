// Package predict foretells how long a file would take to reach its receivers as a
// star, as a mesh and from a server into a mesh, and from how many receivers on the
// mesh is sooner.
//
// It takes the bounds of the given links and multiplies them by how far real
// transfers stay behind their bounds: measured, or assumed and named so. What
// the model leaves out, it says.
package predict

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"

	"starmesh/cmd/internal/lab/system"
	"starmesh/common/content"
)

// A Question is what is planned: one file, equal links for all receivers. Rates
// are in bytes per second; math.Inf(1) is no limit.
type Question struct {
	Receivers          []int
	FileBytes          int64
	OriginUp, Up, Down float64
}

// A Multiple is how long real transfers take, as a multiple of the bound.
type Multiple struct {
	Value float64 `json:"value"`
	From  string  `json:"from"` // where the number comes from
	// Measured tells that it was measured and not assumed, and At with how many
	// receivers.
	Measured bool `json:"measured"`
	At       int  `json:"measured_receivers,omitempty"`
}

// Multiples returns the multiple to expect for a system and a number of
// receivers.
type Multiples interface {
	Of(s *system.System, receivers int) Multiple
}

// Assumed are the multiples that this program is held to: a plan without
// measurements rests on them.
type Assumed struct{}

// Of returns what the system's value says.
func (Assumed) Of(s *system.System, _ int) Multiple {
	value := s.Costs.Multiple
	return Multiple{Value: value, From: fmt.Sprintf("assumed: %.2f × the bound", value)}
}

// A Plan is the answer.
type Plan struct {
	FileBytes int64    `json:"file_bytes"`
	Chunks    int      `json:"chunks"`
	Rows      []Row    `json:"rows"`
	Crossover int      `json:"crossover_receivers,omitempty"` // least N at which it is sooner when all give; 0: none was found
	Searched  int      `json:"crossover_searched_up_to"`
	Advice    []string `json:"advice"`
	Caveats   []string `json:"caveats"`
}

// A Row is the plan for one number of receivers.
type Row struct {
	Receivers int
	Hub       Side // of the system in which only the origin gives
	Relay     Side // of that in which all give
	Served    Side // of the one in which all give, and the origin is a server
	// Chunked is the bound of Relay in whole chunks, when all uplinks are
	// equal; 0: there is none.
	Chunked float64
}

// MarshalJSON writes each side under the name of its system.
func (r Row) MarshalJSON() ([]byte, error) {
	var failed error
	text := func(v any) []byte {
		b, err := json.Marshal(v)
		failed = errors.Join(failed, err)
		return b
	}
	b := fmt.Appendf(nil, `{"receivers":%d`, r.Receivers)
	for _, s := range r.sides() {
		b = fmt.Appendf(b, `,%q:%s`, s.System.Name, text(s))
	}
	if r.Chunked > 0 {
		b = fmt.Appendf(b, `,%q:%s`, r.Relay.System.Name+"_chunked_bound_s", text(r.Chunked))
	}
	return append(b, '}'), failed
}

func (r Row) sides() []Side { return []Side{r.Hub, r.Relay, r.Served} }

// A Side is what one system would do.
type Side struct {
	System          *system.System `json:"-"`
	BoundSeconds    float64        `json:"bound_s"`
	SetBy           string         `json:"bound_set_by"`
	ExpectedSeconds float64        `json:"expected_s"`
	Multiple        Multiple       `json:"multiple"`
	OriginBytes     float64        `json:"origin_sends_bytes"` // at the bound
}

// worthwhile is how much sooner a system must be to be advised: 5 %.
const worthwhile = 0.95

// maxReceivers bounds what is planned for, and the search for the crossover.
const maxReceivers = 1 << 20

// Check returns what is wrong with a question; nil if nothing.
func (q *Question) Check() error {
	if q.FileBytes < 1 {
		return fmt.Errorf("a file of %d bytes needs no plan", q.FileBytes)
	}
	if len(q.Receivers) == 0 {
		return fmt.Errorf("for how many receivers?")
	}
	for _, n := range q.Receivers {
		if n < 1 || n > maxReceivers {
			return fmt.Errorf("%d receivers: from 1 to %d", n, maxReceivers)
		}
	}
	if err := system.Equal(1, q.OriginUp, q.Up, q.Down).Check(); err != nil {
		return err
	}
	if math.IsInf(q.OriginUp, 1) && math.IsInf(q.Down, 1) {
		return fmt.Errorf("no link has a limit: the CPU and the disks decide, of which bounds know nothing; measure instead")
	}
	return nil
}

// Make answers a question that has passed Check.
func Make(q *Question, m Multiples) *Plan {
	p := &Plan{FileBytes: q.FileBytes, Chunks: q.chunks(), Searched: maxReceivers}
	for _, n := range q.Receivers {
		p.Rows = append(p.Rows, q.row(n, m))
	}
	p.Crossover = q.crossover(m)
	p.Advice = q.advice(p)
	p.Caveats = q.caveats(p)
	return p
}

// crossover returns the least number of receivers for which it is sooner when
// all give, 0 if there is none. Measured multiples may go up and down while there are few
// receivers, so those are tried one by one; beyond, more receivers never make
// it slower.
func (q *Question) crossover(m Multiples) int {
	const few = 1024
	for n := 1; n <= few; n++ {
		if q.row(n, m).sooner() {
			return n
		}
	}
	n := few + 1 + sort.Search(maxReceivers-few, func(i int) bool { return q.row(few+1+i, m).sooner() })
	if n > maxReceivers {
		return 0
	}
	return n
}

func (q *Question) chunks() int { return content.ChunkCount(q.FileBytes) }

func (q *Question) row(n int, m Multiples) Row {
	size, links := float64(q.FileBytes), system.Equal(n, q.OriginUp, q.Up, q.Down)
	hub, relay := system.All().Pair()
	served := system.Named(system.Hybrid)
	row := Row{
		Receivers: n,
		Hub:       newSide(hub, hub.Bound(size, links), m.Of(hub, n), size*float64(n)),
		Relay:     newSide(relay, relay.Bound(size, links), m.Of(relay, n), size),
		Served:    newSide(served, served.Bound(size, links), m.Of(served, n), size),
	}
	if q.Up == q.OriginUp {
		row.Chunked = system.ChunkedBound(size, q.Up, n, q.chunks())
	}
	for _, s := range []*Side{&row.Relay, &row.Served} {
		s.ExpectedSeconds = max(s.ExpectedSeconds, row.Chunked)
		// When the receivers cannot carry the rest, the origin must send more.
		if carried := q.Up * float64(n) * s.BoundSeconds; carried < size*float64(n-1) {
			s.OriginBytes = size*float64(n) - carried
		}
	}
	return row
}

func newSide(s *system.System, b system.Bound, m Multiple, originBytes float64) Side {
	return Side{
		System: s, BoundSeconds: b.Seconds, SetBy: b.By, Multiple: m,
		ExpectedSeconds: b.Seconds * m.Value, OriginBytes: originBytes,
	}
}

// sooner reports whether it is sooner by enough to be worth it when all give.
func (r Row) sooner() bool {
	return r.Relay.ExpectedSeconds < worthwhile*r.Hub.ExpectedSeconds
}
