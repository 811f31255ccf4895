// Package system is the table of what a lab compares: a system is a way to
// bring a file from its origin to all who want it, and one value says
// everything in which it differs from the others. Whoever runs, judges, counts,
// draws or foretells systems does it by these values; to add a system is to add
// one to the table.
package system

import (
	"cmp"
	"slices"
	"strings"

	"starmesh/common/fault"
)

// A System is one of the things that are compared.
type System struct {
	Name  string // in load logs, names of folders and on the command line
	Alias string // on the command line, for several that go together; "": none
	Words Words
	Look  Look
	Nodes Nodes
	// Kin is the system whose bound and whose mark of it this one shares: a
	// star asked over HTTP is a star. nil: it stands for itself.
	Kin *System
	// Bound is the least time for a file of so many bytes over those links,
	// which have passed Check.
	Bound func(size float64, l Links) Bound
	// Relays tells that receivers pass on what they have. Where they do not,
	// nothing arrives any more when the origin has gone.
	Relays bool
	Costs  Costs
	Asks   *Asking // how receivers ask a server; nil: not what sets it apart
	Launch Launch
	// Logged is the Name that the origin writes into its load log, not knowing
	// whom it serves; "": its own.
	Logged string

	place int // in the table, from 1; 0: after all of it
}

// Words are how people are told of a system.
type Words struct {
	Title  string // over its picture
	Called string // in a sentence: the star
	Says   string // what it does, in one sentence or two
	Level  string // a clause on how even bars are of what each node has sent; "": as Kin's
	Bound  string // the formula of Bound; "": as Kin's
}

// Nodes are what its nodes are called.
type Nodes struct {
	Origin    string // the name of the node that has the file
	Receiver  string // of the others, before a number from 1
	Receivers string // the others together
}

// Costs are what a transfer may cost beyond the bound and still be right.
type Costs struct {
	Multiple float64 // of the bound, to expect where nothing was measured
	InFlight int     // chunks on their way to a receiver, lost when something breaks off
	Again    float64 // the share of a file that a receiver may get twice without any fault
}

// Asking is how receivers ask a server, of systems that differ in that alone.
type Asking struct {
	Way  string // in a table
	Long string // in a sentence
	Cost string // a clause on what a chunk costs, which is %s
	HTTP bool
	// OneByOne tells that each request has a connection of its own.
	OneByOne bool
}

// Head is the system that stands for this one and all its kin.
func (s *System) Head() *System {
	if s.Kin != nil {
		return s.Kin
	}
	return s
}

// MarshalText writes the system as its name.
func (s *System) MarshalText() ([]byte, error) { return []byte(s.Name), nil }

// UnmarshalText reads the name of one that All has, or of one that nobody
// knows.
func (s *System) UnmarshalText(name []byte) error {
	*s = *Named(string(name))
	return nil
}

// Compare orders systems as the table has them, then by their names.
func Compare(a, b *System) int {
	place := func(s *System) uint { return uint(s.place - 1) } // 0 is the last of all
	return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a.Name, b.Name))
}

// A Table is some systems in their order.
type Table []*System

// All are the systems of this program, in the order in which they are shown.
func All() Table {
	s, m := star(), mesh()
	all := Table{s, http(s), httpClose(s), m, hybrid(s, m)}
	for i, s := range all {
		s.place = i + 1
	}
	return all
}

// Named returns the system of that name. Logs may name one that nobody knows:
// that is one without colours, whose receivers pass nothing on.
func (t Table) Named(name string) *System {
	if i := slices.IndexFunc(t, func(s *System) bool { return s.Name == name }); i >= 0 {
		return t[i]
	}
	return unknown(name)
}

// unknown is a system of which only its name is known. What the table cannot
// say of it, it says of the first in it.
func unknown(name string) *System {
	kin := All()[0]
	s := *kin
	s.Name, s.Kin, s.place, s.Asks = name, kin, 0, nil
	s.Words, s.Look = Words{Title: name, Called: name}, Look{Mark: Cross}
	s.Nodes = Nodes{Origin: "origin", Receiver: "receiver", Receivers: "receivers"}
	return &s
}

// Named returns the system of that name in All.
func Named(name string) *System { return All().Named(name) }

// Names are the names of the systems.
func (t Table) Names() []string {
	var names []string
	for _, s := range t {
		names = append(names, s.Name)
	}
	return names
}

// With adds those of more that the table lacks.
func (t Table) With(more Table) Table {
	all := slices.Clone(t)
	for _, s := range more {
		if !slices.Contains(all.Names(), s.Name) {
			all = append(all, s)
		}
	}
	return all
}

// Pair returns the two that are set against each other first of all: the first
// in which nobody relays, and the first in which all do. nil: there is none.
func (t Table) Pair() (hub, relay *System) {
	for _, s := range t {
		switch {
		case s.Kin != nil:
		case s.Relays && relay == nil:
			relay = s
		case !s.Relays && hub == nil:
			hub = s
		}
	}
	return hub, relay
}

// Parse reads names and aliases of systems, each system once.
func (t Table) Parse(list []string) (Table, error) {
	var found Table
	for _, name := range list {
		name = strings.ToLower(strings.TrimSpace(name))
		some := t.meant(name)
		if len(some) == 0 {
			return nil, fault.Wrapf(fault.Invalid, "there is no system %q: %s", name, t.choices(true))
		}
		for _, s := range some {
			if slices.Contains(found.Names(), s.Name) {
				return nil, fault.Wrapf(fault.Invalid, "the system %s is named twice", s.Name)
			}
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, fault.Wrapf(fault.Invalid, "no system is named: %s", t.choices(false))
	}
	return found, nil
}

// meant are the systems that a name stands for.
func (t Table) meant(name string) (some Table) {
	for _, s := range t {
		if s.Alias == name && name != "" {
			some = append(some, s)
		}
	}
	for _, s := range t {
		if s.Name == name && len(some) == 0 {
			some = Table{s}
		}
	}
	return some
}

// choices are the names to choose from, with an example of all of them or of
// the pair.
func (t Table) choices(all bool) string {
	var names []string
	for _, s := range t {
		if name := cmp.Or(s.Alias, s.Name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	example := names
	if hub, relay := t.Pair(); !all && hub != nil && relay != nil {
		example = []string{hub.Name, relay.Name}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last] + ", as in " + strings.Join(example, ",")
}
