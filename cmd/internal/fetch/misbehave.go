package fetch

import (
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/store"
)

// A Misbehaviour is what a node does wrong on purpose, for the lab to show what
// comes of it: pflag's Value.
type Misbehaviour string

const (
	FreeRide Misbehaviour = "free-ride" // it takes and gives nothing
	Lie      Misbehaviour = "lie"       // every chunk that it gives is wrong
)

func (m *Misbehaviour) Set(text string) error {
	if *m = Misbehaviour(text); m.Does() == "" {
		return fault.Wrapf(fault.Invalid, "%q: it is %s or %s", text, FreeRide, Lie)
	}
	return nil
}

func (m *Misbehaviour) String() string { return string(*m) }

// Type is what help texts call a value of this kind.
func (*Misbehaviour) Type() string { return "HOW" }

// Does says what such a node does; "" if nothing is wrong with it.
func (m Misbehaviour) Does() string {
	return map[Misbehaviour]string{
		FreeRide: "it takes what others give and gives nothing",
		Lie:      "every chunk that it gives is wrong",
	}[m]
}

// Trait is how load reports and the lab call such a node.
func (m Misbehaviour) Trait() string {
	return map[Misbehaviour]string{FreeRide: load.TraitFreeRider, Lie: load.TraitLiar}[m]
}

// lyingFile gives wrong bytes to whoever reads it. What is written is right.
type lyingFile struct{ store.File }

func (f lyingFile) ReadChunk(i int, p []byte) error {
	if err := f.File.ReadChunk(i, p); err != nil {
		return err
	}
	for j := range p {
		p[j] ^= 0xff
	}
	return nil
}
