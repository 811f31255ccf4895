package runner_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/common/fault"
)

// troubled does to a run what act does.
type troubled struct {
	act     func(ctx context.Context, events <-chan labdir.Event, nodes runner.Control)
	excused func(node string) string // nil: nobody is
	shape   runner.Shape
}

func (t troubled) Shape(i int, _ string, link scenario.Rate) runner.Shape {
	if i == 1 {
		return t.shape
	}
	return runner.Shape{Link: link}
}
func (t troubled) Expected() []string { return []string{"that it goes wrong"} }
func (t troubled) Excused(node string) string {
	if t.excused == nil {
		return ""
	}
	return t.excused(node)
}
func (t troubled) Judge(r *labdir.Run) []labdir.Fault {
	return []labdir.Fault{{Fault: "f", Met: r.Verified == 1}}
}
func (t troubled) Run(ctx context.Context, events <-chan labdir.Event, nodes runner.Control) {
	t.act(ctx, events, nodes)
}

func (b *bench) faults(t troubled) {
	b.cfg.Faults = func(scenario.Run) (runner.Faults, error) { return t, nil }
}

// until waits for a reading of a node that holds.
func until(ctx context.Context, events <-chan labdir.Event, node string, holds func(*labdir.Reading) bool) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case e := <-events:
			if e.Reading != nil && e.Reading.Node == node && holds(e.Reading) {
				return true
			}
		}
	}
}

func hasSome(r *labdir.Reading) bool { return r.HaveBytes > 0 }

// onPurpose excuses client-1, once it has been killed.
func onPurpose(killed *atomic.Bool) func(node string) string {
	return func(node string) string {
		if node == "client-1" && killed.Load() {
			return "killed on purpose"
		}
		return ""
	}
}

func TestANodeThatIsKilledOnPurposeIsNoFailureIfItIsExcused(t *testing.T) {
	b := newBench(t, "client-1=stalls")
	var killed atomic.Bool // excused before that, the run might be over first
	b.faults(troubled{
		excused: onPurpose(&killed),
		act: func(ctx context.Context, events <-chan labdir.Event, nodes runner.Control) {
			if until(ctx, events, "client-1", hasSome) {
				if err := nodes.Kill(ctx, "client-1"); err != nil {
					t.Error(err)
				}
				killed.Store(true)
			}
		},
	})
	result := b.run(t.Context(), 2)
	if result.Error != "" || result.Verified != 1 || result.DistributionSeconds == nil || result.Nodes[1].Excused != "killed on purpose" {
		t.Errorf("%+v", result)
	}
	if len(result.Faults) != 1 || !result.Faults[0].Met {
		t.Errorf("faults %+v", result.Faults)
	}
	if !strings.Contains(b.notes(), "client-1: killed on purpose") {
		t.Errorf("notes: %s", b.notes())
	}
}

// TestWhatANodeHadToldIsNotTakenBack: the log of one that is killed is older than
// what its agent has answered.
func TestWhatANodeHadToldIsNotTakenBack(t *testing.T) {
	b := newBench(t, "client-1=hasty")
	var killed atomic.Bool
	b.faults(troubled{
		excused: onPurpose(&killed),
		act: func(ctx context.Context, events <-chan labdir.Event, nodes runner.Control) {
			if until(ctx, events, "client-1", func(r *labdir.Reading) bool { return r.InBytes > 0 }) {
				if err := nodes.Kill(ctx, "client-1"); err != nil {
					t.Error(err)
				}
				killed.Store(until(ctx, events, "client-1", func(r *labdir.Reading) bool { return r.State == labdir.Gone }))
			}
		},
	})
	b.run(t.Context(), 2)
	f, err := os.Open(b.path(labdir.TimelineFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	events, err := labdir.ReadEvents(f)
	var most, last labdir.Reading
	for _, e := range events {
		if e.Reading != nil && e.Reading.Node == "client-1" {
			last = *e.Reading
			most.InBytes, most.HaveBytes = max(most.InBytes, last.InBytes), max(most.HaveBytes, last.HaveBytes)
		}
	}
	if err != nil || most.InBytes == 0 || last.State != labdir.Gone || last.InBytes != most.InBytes || last.HaveBytes != most.HaveBytes {
		t.Errorf("it had told %+v, and when it was gone %+v, %v", most, last, err)
	}
}

func TestANodeThatIsStartedAgainBeginsAtOnceWithALogOfItsOwn(t *testing.T) {
	b := newBench(t, "client-1=stalls")
	b.faults(troubled{act: func(ctx context.Context, events <-chan labdir.Event, nodes runner.Control) {
		if !until(ctx, events, "client-1", hasSome) {
			return
		}
		t.Setenv(plot, "nothing") // more happens to nobody
		if err := nodes.Restart(ctx, "client-1"); err != nil {
			t.Error(err)
		}
	}})
	result := b.run(t.Context(), 2)
	if result.Error != "" || result.Verified != 2 || result.Nodes[1].Starts != 2 {
		t.Errorf("%+v", result)
	}
	if _, err := os.Stat(b.path("client-1.2.jsonl")); err != nil {
		t.Error(err)
	}
	if !strings.Contains(b.notes(), "client-1: started again") {
		t.Errorf("notes: %s", b.notes())
	}
}

func TestARunEndsWhenNothingMoreIsToCome(t *testing.T) {
	b := newBench(t, "client-1=stalls,client-2=stalls")
	b.faults(troubled{act: func(ctx context.Context, events <-chan labdir.Event, nodes runner.Control) {
		if until(ctx, events, "client-1", hasSome) {
			if err := nodes.Stop(ctx, "nobody"); !errors.Is(err, fault.NotFound) {
				t.Error(err)
			}
			if err := nodes.Stop(ctx, "server"); err != nil {
				t.Error(err)
			}
			nodes.Conclude("the server stays away")
		}
	}})
	result := b.run(t.Context(), 2)
	if !strings.Contains(result.Error, "2 of 2 receivers did not get the file") || !strings.Contains(b.notes(), ": the server stays away") {
		t.Errorf("%+v; notes: %s", result, b.notes())
	}
}

func TestWhatIsWrongWithANodeIsInTheRecordAndTheBound(t *testing.T) {
	b := newBench(t, "nothing")
	b.faults(troubled{
		act:   func(context.Context, <-chan labdir.Event, runner.Control) {},
		shape: runner.Shape{Trait: "slow", Link: scenario.Rate{Down: 500_000}},
	})
	result := b.run(t.Context(), 1)
	if n := result.Nodes[1]; n.Trait != "slow" || n.Down == nil || *n.Down != 500_000 || n.Up != nil {
		t.Errorf("%+v", n)
	}
	if begin := b.events[0].Begin; begin == nil || begin.BoundSeconds != 2 || begin.Faults[0] != "that it goes wrong" {
		t.Errorf("%+v", begin)
	}
}

func TestAPersonEndsANodeByHand(t *testing.T) {
	b := newBench(t, "client-1=stalls")
	m := runner.New(b.cfg)
	done := make(chan labdir.Run)
	go func() {
		result, err := m.Run(t.Context(), b.what(2))
		if err != nil {
			t.Error(err)
		}
		done <- result
	}()
	for until := time.Now().Add(20 * time.Second); ; {
		err := m.Do(t.Context(), "star-2-1", "client-1", "stop")
		if err == nil {
			break
		}
		if !errors.Is(err, fault.NotFound) || time.Now().After(until) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // until it is there
	}
	if err := m.Do(t.Context(), "star-2-1", "client-1", "juggle"); !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.NotFound) { // it may be over
		t.Errorf("it juggles: %v", err)
	}
	result := <-done
	if len(result.Doubts) != 1 || result.Doubts[0] != "client-1 was stopped by hand: the time is not that of an undisturbed run" {
		t.Errorf("doubts: %q", result.Doubts)
	}
	if result.Error != "" || result.Nodes[1].Excused != "stopped by hand" || result.Verified != 1 {
		t.Errorf("%+v", result)
	}
}

// TestNothingIsStartedOnceARunIsOver: a click may come as it ends, and nobody
// would end that process.
func TestNothingIsStartedOnceARunIsOver(t *testing.T) {
	b := newBench(t, "")
	var late runner.Control
	b.faults(troubled{act: func(_ context.Context, _ <-chan labdir.Event, nodes runner.Control) { late = nodes }})
	b.run(t.Context(), 1)
	if err := late.Restart(t.Context(), "client-1"); !errors.Is(err, fault.Closed) || !strings.Contains(err.Error(), "the run star-1-1 is over") {
		t.Errorf("it is started: %v", err)
	}
}
