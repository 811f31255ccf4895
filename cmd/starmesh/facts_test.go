package main

import (
	"io"
	"slices"
	"strconv"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/fleet"
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

// TestOneNameIsOneKindOfFlag, for one variable of the environment sets it for all
// commands: those that are not alike are told of in the manual.
func TestOneNameIsOneKindOfFlag(t *testing.T) {
	told := map[string]bool{
		"listen": true, "announce": true, // an address here, a multiaddr there
		"sidecar":   true, // a switch of hash
		"retry-for": true, // forever is a duration where others may come
	}
	kinds := map[string]map[string]string{} // a command that has it, by name and kind
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if kinds[f.Name] == nil {
				kinds[f.Name] = map[string]string{}
			}
			value, _ := pflag.UnquoteUsage(f)
			kinds[f.Name][f.Value.Type()+" "+value] = cmd.CommandPath()
			if own := cli.OwnVariable(cmd, f.Name); slices.Contains([]string{agent.TokenVariable, cli.PasswordVariable, fleet.CodeVariable}, own) {
				t.Errorf("--%s of %s is set by the secret %s", f.Name, cmd.CommandPath(), own)
			}
		})
		for _, below := range cmd.Commands() {
			look(below)
		}
	}
	look(newRoot(io.Discard))
	for name, of := range kinds {
		if len(of) > 1 && !told[name] {
			t.Errorf("--%s means several things: %v", name, of)
		}
	}
}
