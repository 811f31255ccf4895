package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/fault"
)

// bench is a manager whose nodes are played by this test program.
type bench struct {
	t   *testing.T
	cfg runner.Config

	mu     sync.Mutex
	events []labdir.Event
}

// newBench makes a lab in which happens what the plot says.
func newBench(t *testing.T, story string) *bench {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("0123456789"), 100_000), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv(plot, story+",")
	t.Setenv(plot+"_FILE", file)
	b := &bench{t: t}
	b.cfg = runner.Config{
		Program: os.Args[0], Dir: filepath.Join(dir, "lab"), File: runner.File{Path: file, Bytes: 1_000_000, Chunks: 16},
		Links: "rate", Poll: 20 * time.Millisecond, Cache: dir,
		Watch: runner.Watch{Event: b.event},
	}
	return b
}

func (b *bench) event(e labdir.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *bench) what(receivers int) scenario.Run {
	s := &scenario.Scenario{Systems: system.Table{system.Named(system.Star)}, Receivers: []int{receivers}, Runs: 1, FileBytes: b.cfg.File.Bytes, Links: "rate"}
	return s.Sequence()[0]
}

func (b *bench) run(ctx context.Context, receivers int) labdir.Run {
	b.t.Helper()
	result, err := runner.New(b.cfg).Run(ctx, b.what(receivers))
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// notes are all that was told in words.
func (b *bench) notes() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, e := range b.events {
		if e.Note != nil {
			all = append(all, e.Note.Node+": "+e.Note.Text)
		}
	}
	return strings.Join(all, "\n")
}

func (b *bench) path(name string) string {
	return filepath.Join(labdir.RunDir(b.cfg.Dir, "star-2-1"), name)
}

func TestARunBringsTheFileToAllAndIsWrittenDown(t *testing.T) {
	b := newBench(t, "client-2=staying")
	result := b.run(t.Context(), 2)
	if result.Verified != 2 || result.Error != "" || result.DistributionSeconds == nil || result.Polls < 3 || len(result.Doubts) > 0 {
		t.Errorf("%+v", result)
	}
	var saved labdir.Run
	text, err := os.ReadFile(b.path(labdir.RunFile))
	if err != nil || json.Unmarshal(text, &saved) != nil || saved.Name != "star-2-1" || *saved.DistributionSeconds != *result.DistributionSeconds {
		t.Errorf("run.json: %s, %v", text, err)
	}
	if _, err := os.Stat(b.path("received")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the copies were left behind")
	}
	f, err := os.Open(b.path(labdir.TimelineFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	events, err := labdir.ReadEvents(f)
	if err != nil || len(events) != len(b.events) || events[0].Begin == nil || events[len(events)-1].End == nil {
		t.Errorf("%d events on disk, %d seen, %v", len(events), len(b.events), err)
	}
	states := map[string]string{}
	for _, e := range events {
		if r := e.Reading; r != nil {
			states[r.Node] = r.State
		}
	}
	if states["client-1"] != labdir.Done || states["client-2"] != labdir.Done || states["server"] != labdir.Running {
		t.Errorf("last states %v", states)
	}
}

func TestAReceiverThatFailsIsToldAndTheOthersGoOn(t *testing.T) {
	for _, fate := range []string{fails, brief} {
		b := newBench(t, "client-1="+fate)
		result := b.run(t.Context(), 2)
		if want := "1 of 2 receivers did not get the file: client-1 ended: the disk is full"; result.Error != want {
			t.Errorf("%s: error %q, not %q", fate, result.Error, want)
		}
		if result.Verified != 1 || result.DistributionSeconds != nil {
			t.Errorf("%s: %+v", fate, result)
		}
		if !strings.Contains(b.notes(), "client-1: client-1 ended: the disk is full") {
			t.Errorf("%s: notes: %s", fate, b.notes())
		}
		if text, err := os.ReadFile(b.path("client-1.err")); err != nil || string(text) != "the disk is full\n" {
			t.Errorf("%s: client-1.err: %q, %v", fate, text, err)
		}
	}
}

func TestANodeThatNeverGetsReadyFailsTheRun(t *testing.T) {
	for node, story := range map[string]string{"client-2": "client-2=quits", "server": "server=quits"} {
		b := newBench(t, story)
		if result := b.run(t.Context(), 2); !strings.Contains(result.Error, node+" ended: no such device") || result.DistributionSeconds != nil {
			t.Errorf("%s: %q", story, result.Error)
		}
	}
}

func TestAServerThatEndsEndsTheRun(t *testing.T) {
	b := newBench(t, "server=fails,client-1=stalls")
	if result := b.run(t.Context(), 2); result.Error != "the server ended: server ended: the disk is gone" {
		t.Errorf("%q", result.Error)
	}
}

func TestARunInWhichNothingArrivesIsGivenUp(t *testing.T) {
	b := newBench(t, "client-1=stalls")
	b.cfg.Stall = 300 * time.Millisecond
	result := b.run(t.Context(), 2)
	if !strings.Contains(result.Error, "nothing has arrived anywhere for") || !strings.Contains(result.Error, "Still without the file: client-1 (has 50 %)") {
		t.Errorf("%q", result.Error)
	}
}

func TestAFileThatDiffersIsFound(t *testing.T) {
	b := newBench(t, "client-2=wrong")
	result := b.run(t.Context(), 2)
	if result.Verified != 1 || result.Error != "client-2 holds a file that differs from the original" {
		t.Errorf("%+v", result)
	}
}

func TestAnAgentThatFallsSilentIsTold(t *testing.T) {
	b := newBench(t, "client-1=mute,client-2=stalls")
	b.cfg.Stall = 700 * time.Millisecond
	b.run(t.Context(), 2)
	if !strings.Contains(b.notes(), "client-1: its agent does not answer") {
		t.Errorf("notes: %s", b.notes())
	}
}

func TestCtrlCEndsEveryNodeSoonAndKeepsWhatThereIs(t *testing.T) {
	b := newBench(t, "client-1=stalls,client-2=deaf,server=deaf")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stopped time.Time
	watch := b.cfg.Watch.Event
	b.cfg.Watch.Event = func(e labdir.Event) {
		watch(e)
		if e.Reading != nil && e.Reading.Node == "client-1" && e.Reading.HaveBytes > 0 && stopped.IsZero() {
			stopped = time.Now()
			stop()
		}
	}
	result, err := runner.New(b.cfg).Run(ctx, b.what(2))
	if !errors.Is(err, context.Canceled) || result.Error != "stopped by the user" {
		t.Errorf("%q, %v", result.Error, err)
	}
	if took := time.Since(stopped); took > 4*time.Second {
		t.Errorf("it took %v, although nodes that are deaf are killed", took)
	}
	if _, err := os.Stat(b.path(labdir.RunFile)); err != nil {
		t.Error(err)
	}
}

func TestCommandsForARunThatIsOverFindNothing(t *testing.T) {
	m := runner.New(runner.Config{})
	if err := m.Do(t.Context(), "star-2-1", "server", "kill"); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := m.Sockets(t.Context(), "star-2-1", "server"); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
}
