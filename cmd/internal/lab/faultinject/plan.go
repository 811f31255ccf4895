package faultinject

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// A Run is what a plan must know of one.
type Run struct {
	System     *system.System
	Repetition int
	Seed       uint64
	Origin     string   // its name
	Receivers  []string // their names
	FileBytes  int64
	Chunks     int
	Links      system.Links // without faults
}

// A Plan says which nodes of a run the faults hit, and what is to be
// expected.
type Plan struct {
	Run
	faults []Fault
	hit    map[string]*kind // receivers, by their names
}

// NewPlan chooses the nodes: by the seed, and the same receivers whatever the
// system. Check must have passed.
func NewPlan(all []Fault, t Run) *Plan {
	p := &Plan{Run: t, faults: all, hit: map[string]*kind{}}
	order := p.random().Perm(len(t.Receivers))
	for _, f := range all {
		n := min(f.Count, len(order))
		for _, i := range order[:n] {
			p.hit[t.Receivers[i]] = f.kind
		}
		order = order[n:]
	}
	return p
}

// random returns the same numbers for the same run, whatever the system.
func (p *Plan) random() *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, uint64(len(p.Receivers))<<32|uint64(p.Repetition)))
}

// asked reports whether a fault of that kind is to happen.
func (p *Plan) asked(kind Kind) bool {
	return slices.ContainsFunc(p.faults, func(f Fault) bool { return f.Kind == kind })
}

// disturbed reports whether a transfer is broken off now and then, so that times
// say little.
func (p *Plan) disturbed() bool {
	return slices.ContainsFunc(p.faults, func(f Fault) bool { return f.breaks })
}

// with is the kind of the fault that hits a node; a kind of nothing if none
// does.
func (p *Plan) with(node string) *kind {
	if k := p.hit[node]; k != nil {
		return k
	}
	return &kind{}
}

// struck returns the receivers that a fault of that kind hits.
func (p *Plan) struck(of Kind) []string {
	return p.which(func(name string) bool { return p.with(name).Kind == of })
}

// which returns the receivers of which that is true.
func (p *Plan) which(is func(name string) bool) (some []string) {
	for _, name := range p.Receivers {
		if is(name) {
			some = append(some, name)
		}
	}
	return some
}

// Trait is what is wrong with a node from the start: free-rider, liar, slow or
// "".
func (p *Plan) Trait(node string) string {
	if k := p.with(node); k.trait.is() {
		return string(k.Kind)
	}
	return ""
}

// Misbehave is how the program is to misbehave; "": it is not. A receiver that
// gives nothing to anyone anyway can do nothing wrong.
func (p *Plan) Misbehave(node string) string {
	if p.System.Launch.Misbehave == "" {
		return ""
	}
	return p.with(node).trait.misbehave
}

// Slowness is what to multiply a node's rates with.
func (p *Plan) Slowness(node string) float64 { return cmp.Or(p.with(node).trait.rates, 1) }

// Excused says why a node need not get the file, "" if it is to get it.
func (p *Plan) Excused(node string) string {
	if k := p.with(node); k.excuse != nil {
		return k.excuse(p)
	}
	return ""
}

// takes reports whether a node is one that is to get the file, as things are at
// the start.
func (p *Plan) takes(node string) bool { return p.with(node).strike != nil || p.Excused(node) == "" }

// isDue reports whether a node is to get the file, when all has gone wrong.
func (p *Plan) isDue(name string) bool { return p.Excused(name) == "" }

// toFinish are the receivers that are to get the file.
func (p *Plan) toFinish() []string { return p.which(p.isDue) }

// bound is the least time for some receivers, over links that are as the faults
// make them: slow, and without what those do not give that are silent.
func (p *Plan) bound(of func(name string) bool) system.Bound {
	l := system.Links{Origin: p.Links.Origin}
	for i, name := range p.Receivers {
		if !of(name) {
			continue
		}
		up, down := p.Links.Up[i]*p.Slowness(name), p.Links.Down[i]*p.Slowness(name)
		if p.with(name).trait.silent {
			up = 0
		}
		l.Up, l.Down = append(l.Up, up), append(l.Down, down)
	}
	return p.System.Bound(float64(p.FileBytes), l)
}

// Bound is the least time for the receivers that are to get the file, with the
// links as the faults make them.
func (p *Plan) Bound() system.Bound { return p.bound(p.takes) }

// origin is the origin in a sentence.
func (p *Plan) origin() string { return "the " + p.System.Nodes.Origin }

// likes are systems of this one's kind in a sentence.
func (p *Plan) likes() string { return "a " + p.System.Head().Name }

// someone counts receivers: "3 of 8 receivers".
func (p *Plan) someone(n int) string {
	return fmt.Sprintf("%d of %s", n, units.Counted(len(p.Receivers), "receiver"))
}

// Expected states the outcome that is to be expected of each fault, before the
// run: from what the systems are, with numbers where the theory has some.
func (p *Plan) Expected() []labdir.Fault {
	var all []labdir.Fault
	for _, f := range p.faults {
		nodes := p.struck(f.Kind)
		if f.origin {
			nodes = []string{p.Origin}
		}
		all = append(all, labdir.Fault{Fault: f.String(), Nodes: nodes, Expected: f.expect(p, f)})
	}
	return all
}
