package main

import (
	"slices"
	"testing"

	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/system"
	"starmesh/peer/scheduler"
)

// The lab runs this program as its users do and knows none of its packages:
// what it says of the mesh, or says to it, is written down on both sides. Here
// both can be seen.

func TestTheLabKnowsHowManyWrongChunksTheMeshTakes(t *testing.T) {
	if faultinject.MaxWrong != scheduler.MaxUnproven {
		t.Errorf("the lab judges by %d chunks of an unproven giver, the mesh takes %d", faultinject.MaxWrong, scheduler.MaxUnproven)
	}
}

// TestWhatNodesDoWrongHasOneName: the value of --misbehave that the lab gives a
// node is one that the command takes, and load logs call it what the lab does.
func TestWhatNodesDoWrongHasOneName(t *testing.T) {
	all, err := faultinject.Parse("free-rider:1,liar:1")
	if err != nil {
		t.Fatal(err)
	}
	plan := faultinject.NewPlan(all, faultinject.Run{System: system.Named(system.Mesh), Receivers: []string{"a", "b"}})
	var seen []string
	for _, node := range plan.Receivers {
		var m misbehaviour
		flags := plan.Flags(node)
		if len(flags) != 2 || flags[0] != "--misbehave" || m.Set(flags[1]) != nil {
			t.Fatalf("%q is no misbehaviour", flags)
		}
		if m.trait() != plan.Trait(node) {
			t.Errorf("%s is called %q by its log, %q by the lab", m, m.trait(), plan.Trait(node))
		}
		seen = append(seen, m.trait())
	}
	if slices.Sort(seen); !slices.Equal(seen, []string{"free-rider", "liar"}) {
		t.Errorf("the lab knows %q", seen)
	}
}
