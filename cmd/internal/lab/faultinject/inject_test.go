package faultinject_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/fault"
)

const fileBytes = 1_000_000

// link is every node's: 20 and 100 Mbit/s.
var link = scenario.Rate{Up: 2.5e6, Down: 12.5e6}

// plan returns what is to go wrong in a run.
func plan(t *testing.T, of string, receivers int, text string) (runner.Faults, error) {
	t.Helper()
	all, err := faultinject.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	s := &scenario.Scenario{Systems: system.Table{system.Named(of)}, Receivers: []int{receivers}, Runs: 1, FileBytes: fileBytes,
		Rates: scenario.Rates{Origin: link, Receiver: link}}
	return faultinject.Injector{Faults: all, Seed: 1, FileBytes: fileBytes, Chunks: 16}.Of(s.Sequence()[0])
}

func begin(t *testing.T, of string, receivers int, text string) runner.Faults {
	t.Helper()
	made, err := plan(t, of, receivers, text)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// nodes is a manager.Control that writes down what it is told.
type nodes struct {
	did       []string
	concluded string
	// refuse, if not nil, is called instead of doing anything.
	refuse func() error
}

func (n *nodes) act(what, node string) error {
	if n.refuse != nil {
		return n.refuse()
	}
	n.did = append(n.did, what+" "+node)
	return nil
}

func (n *nodes) Stop(_ context.Context, node string) error    { return n.act("stop", node) }
func (n *nodes) Kill(_ context.Context, node string) error    { return n.act("kill", node) }
func (n *nodes) Restart(_ context.Context, node string) error { return n.act("restart", node) }
func (n *nodes) Conclude(why string)                          { n.concluded = why }

// reading is that a node has so many bytes by then.
func reading(seconds float64, node string, have int64) labdir.Event {
	state := labdir.Running
	if have == fileBytes {
		state = labdir.Done
	}
	return labdir.Event{Seconds: seconds, Reading: &labdir.Reading{Node: node, State: state, HaveBytes: have, InBytes: have}}
}

// watch has the faults hear events, after which none come any more.
func watch(ctx context.Context, made runner.Faults, n *nodes, events ...labdir.Event) {
	told := make(chan labdir.Event, len(events))
	for _, e := range events {
		told <- e
	}
	close(told)
	made.Run(ctx, told, n)
}

func TestWhatIsWrongWithNodesFromTheStart(t *testing.T) {
	made := begin(t, system.Mesh, 4, "free-rider:1,liar:1,slow:1")
	if got := made.Shape(0, "origin", link); got.Trait != "" || got.Link != link || got.NoUplink || got.Misbehave != "" {
		t.Errorf("the origin is %+v", got)
	}
	want := map[string]runner.Shape{
		"":           {Link: link},
		"free-rider": {Link: link, NoUplink: true, Misbehave: "free-ride"},
		"liar":       {Link: link, NoUplink: true, Misbehave: "lie"},
		"slow":       {Link: scenario.Rate{Up: link.Up / 10, Down: link.Down / 10}},
	}
	for i, name := range []string{"peer-1", "peer-2", "peer-3", "peer-4"} {
		got := made.Shape(i+1, name, link)
		is, open := want[got.Trait]
		if !open || got.Link != is.Link || got.NoUplink != is.NoUplink || got.Misbehave != is.Misbehave {
			t.Errorf("%s is %+v, want one of %+v", name, got, want)
		}
		delete(want, got.Trait)
	}
	expected := made.Expected()
	if len(expected) != 3 || !strings.HasPrefix(expected[0], "free-rider:1: 1 of 4 receivers take") {
		t.Errorf("%q", expected)
	}
}

func TestMoreFaultsThanReceiversAreRefused(t *testing.T) {
	if _, err := plan(t, system.Mesh, 2, "kill-receivers:2@50%"); !errors.Is(err, fault.Invalid) {
		t.Errorf("nobody is left: %v", err)
	}
}

func TestAReceiverIsKilledWhenItsTimeHasComeAndExcusedFromThen(t *testing.T) {
	made, n := begin(t, system.Star, 2, "kill-receivers:1@50%"), new(nodes)
	watch(t.Context(), made, n, reading(1, "client-1", 400_000), reading(1, "client-2", 500_000))
	if len(n.did) > 0 || made.Excused("client-1")+made.Excused("client-2") != "" {
		t.Fatalf("too early: %q", n.did)
	}
	watch(t.Context(), made, n, reading(2, "client-1", 500_000), reading(2, "client-2", 500_000))
	if len(n.did) != 1 || !strings.HasPrefix(n.did[0], "kill client-") {
		t.Fatalf("it did %q", n.did)
	}
	killed := strings.TrimPrefix(n.did[0], "kill ")
	other := map[string]string{"client-1": "client-2", "client-2": "client-1"}[killed]
	if made.Excused(killed) != "killed on purpose" || made.Excused(other) != "" {
		t.Errorf("excused: %s %q, %s %q", killed, made.Excused(killed), other, made.Excused(other))
	}
	watch(t.Context(), made, n, reading(3, other, fileBytes))
	if got := made.Judge(&labdir.Run{Verified: 1}); len(got) != 1 || !got[0].Met || !slices.Equal(got[0].Nodes, []string{killed}) || n.concluded != "" {
		t.Errorf("%+v, concluded %q", got, n.concluded)
	}
}

// TestAServerThatWasStoppedHasGone: its agent says nothing any more, so no
// reading will tell.
func TestAServerThatWasStoppedHasGone(t *testing.T) {
	made, n := begin(t, system.Star, 1, "stop-origin@50%"), new(nodes)
	watch(t.Context(), made, n, reading(1, "client-1", 500_000), reading(2, "client-1", 500_000))
	if !slices.Equal(n.did, []string{"stop server"}) {
		t.Fatalf("it did %q", n.did)
	}
	watch(t.Context(), made, n, reading(4, "client-1", 500_000), reading(5, "client-1", fileBytes))
	if !slices.Equal(n.did, []string{"stop server", "restart server"}) {
		t.Errorf("it did %q", n.did)
	}
	if got := made.Judge(&labdir.Run{Verified: 1}); !got[0].Met || !strings.Contains(got[0].Found, "It came back at 4 s") {
		t.Errorf("%+v", got)
	}
}

func TestWhatCannotBeDoneEndsTheRunAndIsTold(t *testing.T) {
	made := begin(t, system.Star, 1, "stop-origin@50%")
	n := &nodes{refuse: func() error { return errors.New("it will not") }}
	watch(t.Context(), made, n, reading(1, "client-1", 500_000))
	if n.concluded != "stop server: it will not" {
		t.Errorf("concluded %q", n.concluded)
	}
	if got := made.Judge(&labdir.Run{Verified: 1}); got[0].Met || !strings.HasPrefix(got[0].Found, "It could not be done: it will not.") {
		t.Errorf("%+v", got)
	}
}

func TestWhatTheEndOfARunBreaksOffIsNoFailure(t *testing.T) {
	made := begin(t, system.Star, 1, "stop-origin@50%")
	ctx, stop := context.WithCancel(t.Context())
	n := &nodes{refuse: func() error { stop(); return ctx.Err() }}
	watch(ctx, made, n, reading(1, "client-1", 500_000))
	if n.concluded != "" {
		t.Errorf("concluded %q", n.concluded)
	}
	if got := made.Judge(&labdir.Run{}); strings.Contains(got[0].Found, "could not be done") {
		t.Errorf("%+v", got)
	}
}

// TestWhatWasSeenBeforeTheEndCounts, though nothing is done about it.
func TestWhatWasSeenBeforeTheEndCounts(t *testing.T) {
	made, n := begin(t, system.Star, 2, "free-rider:1"), new(nodes)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	told := make(chan labdir.Event, 32) // nobody closes it
	for i := range 30 {
		told <- reading(float64(i), "client-1", int64(i))
	}
	told <- reading(30, "client-1", fileBytes)
	told <- reading(30, "client-2", fileBytes)
	made.Run(ctx, told, n)
	if got := made.Judge(&labdir.Run{Verified: 2}); !got[0].Met {
		t.Errorf("%+v", got)
	}
}

// TestTheManagersAccountCountsWhereReadingsDoNotTell: a client ends when it has
// the file, perhaps before it is asked again.
func TestTheManagersAccountCountsWhereReadingsDoNotTell(t *testing.T) {
	what := &labdir.Run{Verified: 2, DistributionSeconds: new(1.0), Nodes: []labdir.Node{{Name: "origin"},
		{Name: "peer-1", DoneSeconds: new(0.5)}, {Name: "peer-2"}}}
	if got := begin(t, system.Mesh, 2, "free-rider:1").Judge(what); got[0].Met || !strings.Contains(got[0].Found, "peer-2 did not get the file") {
		t.Errorf("without one: %+v", got)
	}
	what.Nodes[2].DoneSeconds = new(1.0)
	if got := begin(t, system.Mesh, 2, "free-rider:1").Judge(what); !got[0].Met || !strings.Contains(got[0].Found, "It took 1 s, ") {
		t.Errorf("with all: %+v", got)
	}
}

// TestThoseWhoQueueAreSeen: at the origin of a star, which alone is told to be
// slow; a mesh has no queue that matters.
func TestThoseWhoQueueAreSeen(t *testing.T) {
	for _, c := range []struct {
		system, expected string
		queue            int
		met              bool
		found            string
	}{
		{system.Star, "the last of 3 is served after 2 s", 2, true, "The accept queue had up to 2 connections."},
		{system.Star, "the last of 3 is served after 2 s", 0, false, "nobody was seen to wait"},
		{system.HTTPClose, "with a connection for each of 16 chunks that takes all of them 47 s at the least", 2, true, "The accept queue had up to 2 connections"},
		{system.Mesh, "no effect", 0, true, "All receivers got the file"},
	} {
		made := begin(t, c.system, 3, "slow-accept:1s")
		origin := system.Named(c.system).Nodes.Origin
		if pause := made.Shape(0, origin, scenario.Rate{}).AcceptPause; pause != time.Second {
			t.Errorf("%s: the origin pauses for %v", c.system, pause)
		}
		name := system.Named(c.system).Nodes.Receiver + "-"
		if pause := made.Shape(1, name+"1", scenario.Rate{}).AcceptPause; pause != 0 {
			t.Errorf("%s: a receiver pauses for %v", c.system, pause)
		}
		queued := reading(1, origin, fileBytes)
		queued.Reading.Queue = c.queue
		watch(t.Context(), made, &nodes{}, queued, reading(2, origin, fileBytes),
			reading(3, name+"1", fileBytes), reading(3, name+"2", fileBytes), reading(3, name+"3", fileBytes))
		got := made.Judge(&labdir.Run{Verified: 3, Nodes: []labdir.Node{{Name: name + "1", DoneSeconds: new(3.0)},
			{Name: name + "2", DoneSeconds: new(3.0)}, {Name: name + "3", DoneSeconds: new(3.0)}}})
		if len(got) != 1 || got[0].Met != c.met || !strings.Contains(got[0].Found, c.found) || !strings.Contains(got[0].Expected, c.expected) {
			t.Errorf("%s, %d: %+v", c.system, c.queue, got)
		}
	}
}
