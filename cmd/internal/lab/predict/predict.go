// Package predict foretells how long a file would take to reach its receivers
// as a star and as a mesh, and from how many receivers on the mesh is sooner.
//
// It takes the bounds of the given links and multiplies them by how far real
// transfers stay behind their bounds: measured, or assumed and named so. What
// the model leaves out, it says.
package predict

import (
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

// Multiples gives the multiple to expect for a system ("star", "mesh") and a
// number of receivers.
type Multiples interface {
	Of(system string, receivers int) Multiple
}

// Assumed are the multiples that this program is held to: a plan without
// measurements rests on them.
type Assumed struct{}

// Of gives 1.05 for the star and 1.10 for the mesh.
func (Assumed) Of(system string, _ int) Multiple {
	value := 1.10
	if system == "star" {
		value = 1.05
	}
	return Multiple{Value: value, From: fmt.Sprintf("assumed: %.2f × the bound", value)}
}

// A Plan is the answer.
type Plan struct {
	FileBytes int64    `json:"file_bytes"`
	Chunks    int      `json:"chunks"`
	Rows      []Row    `json:"rows"`
	Crossover int      `json:"crossover_receivers,omitempty"` // least N at which the mesh is sooner; 0: none was found
	Searched  int      `json:"crossover_searched_up_to"`
	Advice    []string `json:"advice"`
	Caveats   []string `json:"caveats"`
}

// A Row is the plan for one number of receivers.
type Row struct {
	Receivers int  `json:"receivers"`
	Star      Side `json:"star"`
	Mesh      Side `json:"mesh"`
	// Chunked is the mesh's bound in whole chunks, when all uplinks are equal.
	Chunked float64 `json:"mesh_chunked_bound_s,omitempty"`
}

// A Side is what one system would do.
type Side struct {
	BoundSeconds    float64  `json:"bound_s"`
	SetBy           string   `json:"bound_set_by"`
	ExpectedSeconds float64  `json:"expected_s"`
	Multiple        Multiple `json:"multiple"`
	OriginBytes     float64  `json:"origin_sends_bytes"` // at the bound
}

// worthwhile is how much sooner a system must be to be advised: 5 %.
const worthwhile = 0.95

// maxReceivers bounds what is planned for, and the search for the crossover.
const maxReceivers = 1 << 20

// Check tells what is wrong with a question; nil if nothing.
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

// crossover gives the least number of receivers for which the mesh is sooner,
// 0 if there is none. Measured multiples may go up and down while there are few
// receivers, so those are tried one by one; beyond, more receivers never make
// the mesh the slower one.
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
	row := Row{
		Receivers: n,
		Star:      newSide(system.StarBound(size, links), m.Of("star", n), size*float64(n)),
		Mesh:      newSide(system.MeshBound(size, links), m.Of("mesh", n), size),
	}
	if q.Up == q.OriginUp {
		row.Chunked = system.ChunkedBound(size, q.Up, n, q.chunks())
		row.Mesh.ExpectedSeconds = max(row.Mesh.ExpectedSeconds, row.Chunked)
	}
	// When the receivers cannot carry the rest, the origin must send more.
	if carried := q.Up * float64(n) * row.Mesh.BoundSeconds; carried < size*float64(n-1) {
		row.Mesh.OriginBytes = size*float64(n) - carried
	}
	return row
}

func newSide(b system.Bound, m Multiple, originBytes float64) Side {
	return Side{
		BoundSeconds: b.Seconds, SetBy: b.By, Multiple: m,
		ExpectedSeconds: b.Seconds * m.Value, OriginBytes: originBytes,
	}
}

// sooner tells whether the mesh is sooner by enough to be worth it.
func (r Row) sooner() bool {
	return r.Mesh.ExpectedSeconds < worthwhile*r.Star.ExpectedSeconds
}
