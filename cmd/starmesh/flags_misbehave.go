package main

import (
	"slices"

	"github.com/spf13/cobra"

	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/store"
)

// A misbehaviour is what a node does wrong on purpose, for the lab to show what
// comes of it: pflag's Value.
type misbehaviour string

const (
	freeRide misbehaviour = "free-ride" // it takes and gives nothing
	lie      misbehaviour = "lie"       // every chunk that it gives is wrong
)

func (m *misbehaviour) Set(text string) error {
	if !slices.Contains([]misbehaviour{freeRide, lie}, misbehaviour(text)) {
		return fault.Wrapf(fault.Invalid, "%q: it is %s or %s", text, freeRide, lie)
	}
	*m = misbehaviour(text)
	return nil
}

func (m *misbehaviour) String() string { return string(*m) }

// Type is what help texts call a value of this kind.
func (*misbehaviour) Type() string { return "HOW" }

// addMisbehave adds the flag. It is told of in the manual, and hidden in the
// help of commands that people use every day.
func (f *peerFlags) addMisbehave(cmd *cobra.Command) {
	cmd.Flags().Var(&f.misbehave, "misbehave", "for experiments: do wrong, as `HOW` says: "+
		"free-ride takes and gives nothing, lie gives wrong bytes")
	_ = cmd.Flags().MarkHidden("misbehave") // it was added in the line before
}

// warn lets nobody run such a node without knowing.
func (m misbehaviour) warn(n *node) {
	does := map[misbehaviour]string{
		freeRide: "it takes what others give and gives nothing",
		lie:      "every chunk that it gives is wrong",
	}[m]
	if does == "" {
		return
	}
	n.out.Warn("this node misbehaves on purpose (--misbehave %s): %s", m, does)
	n.out.Event("misbehaves", map[string]string{"how": string(m)})
}

// trait is how load reports and the lab call such a node.
func (m misbehaviour) trait() string {
	return map[misbehaviour]string{freeRide: load.TraitFreeRider, lie: load.TraitLiar}[m]
}

// shown is what others get to see of a file; nil: the file.
func (m misbehaviour) shown() func(store.File) store.File {
	if m != lie {
		return nil
	}
	return func(file store.File) store.File { return lyingFile{file} }
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
