package faultinject

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"starmesh/cmd/internal/lab/system"
)

// tenth is what a slow node has of the others' rates.
const tenth = 0.1

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

// A Plan says which nodes of a trial the faults hit, and what is to be
// expected.
type Plan struct {
	Run
	faults []Fault
	hit    map[Kind][]int // receivers, from 0
}

// NewPlan chooses the nodes: by the seed, and the same receivers whatever the
// system. Check must have passed.
func NewPlan(all []Fault, t Run) *Plan {
	p := &Plan{Run: t, faults: all, hit: map[Kind][]int{}}
	order := p.random().Perm(len(t.Receivers))
	for _, f := range all {
		n := min(f.Count, len(order))
		p.hit[f.Kind] = slices.Sorted(slices.Values(order[:n]))
		order = order[n:]
	}
	return p
}

// random gives the same numbers for the same trial, whatever the system.
func (p *Plan) random() *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, uint64(len(p.Receivers))<<32|uint64(p.Repetition)))
}

// asked tells whether a fault of that kind is to happen.
func (p *Plan) asked(kind Kind) bool {
	return slices.ContainsFunc(p.faults, func(f Fault) bool { return f.Kind == kind })
}

// disturbed tells whether a transfer is broken off now and then, so that times
// say little.
func (p *Plan) disturbed() bool { return p.asked(StopOrigin) || p.asked(Churn) }

// names gives the receivers that a fault of that kind hits.
func (p *Plan) names(kind Kind) []string {
	var all []string
	for _, i := range p.hit[kind] {
		all = append(all, p.Receivers[i])
	}
	return all
}

func (p *Plan) is(kind Kind, node string) bool { return slices.Contains(p.names(kind), node) }

// Trait is what is wrong with a node from the start: free-rider, liar, slow or
// "".
func (p *Plan) Trait(node string) string {
	for _, kind := range []Kind{FreeRider, Liar, Slow} {
		if p.is(kind, node) {
			return string(kind)
		}
	}
	return ""
}

// Flags are what makes the program behave so. A receiver that gives nothing to
// anyone anyway can do nothing wrong.
func (p *Plan) Flags(node string) []string {
	how := map[string]string{string(FreeRider): "free-ride", string(Liar): "lie"}[p.Trait(node)]
	if how == "" || p.System.Run.Misbehave == "" {
		return nil
	}
	return []string{p.System.Run.Misbehave, how}
}

// Slowness is what to multiply a node's rates with.
func (p *Plan) Slowness(node string) float64 {
	if p.is(Slow, node) {
		return tenth
	}
	return 1
}

// Excused says why a node need not get the file, "" if it is to get it.
func (p *Plan) Excused(node string) string {
	switch {
	case p.is(KillReceivers, node):
		return "killed on purpose"
	case p.is(Liar, node) && p.System.Relays:
		return "it sends wrong chunks, and the others have cut it off"
	}
	return ""
}

// toFinish are the receivers that are to get the file.
func (p *Plan) toFinish() []string {
	var all []string
	for _, name := range p.Receivers {
		if p.Excused(name) == "" {
			all = append(all, name)
		}
	}
	return all
}

// bound is the least time for all receivers but those of without, over links
// that are as the faults make them: slow, and without what free riders and
// liars do not give.
func (p *Plan) bound(without ...Kind) system.Bound {
	left := func(i int) bool {
		return slices.ContainsFunc(without, func(k Kind) bool { return slices.Contains(p.hit[k], i) })
	}
	l := system.Links{Origin: p.Links.Origin}
	for i, name := range p.Receivers {
		if left(i) {
			continue
		}
		up, down := p.Links.Up[i]*p.Slowness(name), p.Links.Down[i]*p.Slowness(name)
		if p.is(FreeRider, name) || p.is(Liar, name) {
			up = 0
		}
		l.Up, l.Down = append(l.Up, up), append(l.Down, down)
	}
	return p.System.Bound(float64(p.FileBytes), l)
}

// Bound is the least time for the receivers that are to get the file, with the
// links as the faults make them.
func (p *Plan) Bound() system.Bound {
	if p.System.Relays {
		return p.bound(Liar)
	}
	return p.bound()
}

// origin is the origin in a sentence.
func (p *Plan) origin() string { return "the " + p.System.Nodes.Origin }

// likes are systems of this one's kind in a sentence.
func (p *Plan) likes() string { return "a " + p.System.Head().Name }

// someone counts receivers: "3 of 8 receivers".
func (p *Plan) someone(n int) string {
	return fmt.Sprintf("%d of %d receivers", n, len(p.Receivers))
}
