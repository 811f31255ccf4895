package main

import (
	"io"
	"slices"
	"strconv"
	"testing"

	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/predict"
	"starmesh/cmd/internal/lab/runner"
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
		var m fetch.Misbehaviour
		if how := plan.Misbehave(node); m.Set(how) != nil {
			t.Fatalf("%q is no misbehaviour", how)
		}
		if m.Trait() != plan.Trait(node) {
			t.Errorf("%s is called %q by its log, %q by the lab", m, m.Trait(), plan.Trait(node))
		}
		seen = append(seen, m.Trait())
	}
	if slices.Sort(seen); !slices.Equal(seen, []string{"free-rider", "liar"}) {
		t.Errorf("the lab knows %q", seen)
	}
}

// TestTheLabsFlagsAreThoseOfTheCommands: what a system's value says to start
// nodes with is understood, and so is what every node is given beside.
func TestTheLabsFlagsAreThoseOfTheCommands(t *testing.T) {
	start := system.Start{File: "/f/file", Folder: "/to", Host: "127.0.0.1", Cache: "/cache", Identity: "/key", Origin: system.Told{
		Listen: "127.0.0.1:1", HTTP: "http://127.0.0.1:2/", ID: "id", Addresses: []string{"/ip4/127.0.0.1/tcp/3/p2p/id"}, Ticket: "mesh:ticket",
	}}
	for _, s := range system.All() {
		again := append(s.Launch.Serve(start), "--"+runner.DieFlag)
		start.Origin.Listen, start.Origin.HTTP, start.Origin.Addresses = "", "", nil
		first := append(s.Launch.Serve(start), "--"+runner.DieFlag)
		receiver := append(s.Launch.Get(start), "--"+runner.HoldFlag, "--"+runner.DieFlag)
		if s.Launch.Misbehave != "" {
			receiver = append(receiver, s.Launch.Misbehave, string(fetch.FreeRide))
		}
		for _, args := range [][]string{again, first, receiver} {
			cmd, rest, err := newRoot(io.Discard).Find(args)
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err != nil || cmd.RunE == nil {
				t.Errorf("%s: %q: %v", s.Name, args, err)
			}
		}
	}
}

func TestPlansKnowHowManyAServerHolds(t *testing.T) {
	cmd, _, err := newRoot(io.Discard).Find([]string{"central", "serve"})
	if err != nil {
		t.Fatal(err)
	}
	if got := cmd.Flag("max-conns").DefValue; got != strconv.Itoa(predict.ServerConns) {
		t.Errorf("plans say that a server holds %d connections, and it holds %s", predict.ServerConns, got)
	}
}

// TestEventsHaveOneName where two packages need it that do not know each other.
func TestEventsHaveOneName(t *testing.T) {
	if fetch.DoneEvent != runner.DoneEvent {
		t.Errorf("a file that is done is told as %q, and listened for as %q", fetch.DoneEvent, runner.DoneEvent)
	}
}
