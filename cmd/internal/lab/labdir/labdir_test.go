package labdir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
)

// began is a time that JSON brings back as it is.
var began = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

func write(t *testing.T, name string, v any) {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	dir := t.TempDir()
	lab := &labdir.Lab{
		Format: labdir.LabFormat, Began: began, Program: "v1", Command: []string{"starmesh", "lab", "run"}, FileName: "f", FileBytes: 7,
		Systems: []string{"star", "mesh"}, Receivers: []int{1, 8}, Runs: 3, Seed: 1<<64 - 1, Links: "netns", Faults: []string{"liar:1"},
		Machine: labdir.Machine{OS: "linux", CPUs: 2, LoadBefore: 0.5}, Stopped: "stopped by the user",
	}
	run := &labdir.Run{
		Format: labdir.RunFormat, Name: "mesh-8-1", System: "mesh", Receivers: 8, Repetition: 1, Began: began, Verified: 7,
		Nodes: []labdir.Node{{Name: "origin", Part: "origin"}, {Name: "peer-1", Part: "receiver", Up: new(2.5), LinkOut: new(int64(9)),
			Trait: "slow", Starts: 2, Excused: "killed on purpose", DoneSeconds: new(1.25)}},
		Faults: []labdir.Fault{{Fault: "slow:1", Expected: "e", Found: "f", Met: true, Seconds: new(0.5), Nodes: []string{"peer-1"}}},
		CPU:    labdir.CPU{BusyShare: 0.9, Limit: true, Why: "busy"}, Doubts: []string{"d"}, Error: "e",
	}
	if err := errors.Join(lab.Save(dir), run.Save(dir)); err != nil {
		t.Fatal(err)
	}
	if got, err := labdir.OpenLab(dir); err != nil || !reflect.DeepEqual(got, lab) {
		t.Errorf("lab.json: %+v, %v", got, err)
	}
	got, err := labdir.OpenRun(dir)
	if err != nil || !reflect.DeepEqual(got, run) {
		t.Fatalf("run.json: %+v, %v", got, err)
	}
	if n := got.Node("peer-1"); n == nil || n.Trait != "slow" {
		t.Errorf("peer-1 is %+v", n)
	}
	if n := got.Node("peer-2"); n != nil {
		t.Errorf("there is no peer-2, but %+v", n)
	}
}

func TestWhatIsWrongWithARecordIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		kind error
		says string
	}{
		"cut short":          {`{"format":"starmesh-run/1",`, fault.Invalid, "it is broken"},
		"of another kind":    {`{"format":"starmesh-run/1","verified":"all"}`, fault.Invalid, "it is broken"},
		"of a later version": {`{"format":"starmesh-run/2","verified":"all"}`, fault.Version, `"starmesh-run/2", not "starmesh-run/1"`},
		"no record":          {`null`, fault.Version, "it is of format"},
		"endless":            {`"` + strings.Repeat("x", 16<<20) + `"`, fault.TooLarge, "more than 16 MiB"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, labdir.RunFile), test.text)
		run, err := labdir.OpenRun(dir)
		if run != nil || !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, %v; want one that says %q", name, run, err, test.says)
		}
	}
	if _, err := labdir.OpenLab(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

// timeline is three events as they are written.
func timeline(t *testing.T) ([]labdir.Event, string) {
	t.Helper()
	events := []labdir.Event{
		{Run: "star-1-1", Begin: &labdir.Begin{System: "star", Nodes: []labdir.Node{{Name: "server", Part: "origin"}}, Faults: []string{"f"}}},
		{Run: "star-1-1", Seconds: 0.25, Reading: &labdir.Reading{Node: "client-1", State: labdir.Running, HaveBytes: 5,
			From: []labdir.Flow{{Node: "server", Bytes: 5}}}},
		{Run: "star-1-1", Seconds: 1, End: &labdir.End{DistributionSeconds: new(0.75), Verified: 1}},
	}
	var b bytes.Buffer
	for i := range events {
		if err := labdir.WriteEvent(&b, &events[i]); err != nil {
			t.Fatal(err)
		}
	}
	return events, b.String()
}

func TestATimelineIsReadBack(t *testing.T) {
	events, text := timeline(t)
	if n := strings.Count(text, "\n"); n != len(events) {
		t.Errorf("%d lines for %d events", n, len(events))
	}
	got, err := labdir.ReadEvents(strings.NewReader(text))
	if err != nil || !reflect.DeepEqual(got, events) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := labdir.ReadEvents(strings.NewReader("")); err != nil || len(got) > 0 {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}

// TestATimelineThatWasCutShort: the manager may be killed in the middle of a
// line; all before it counts. A line that is broken elsewhere is another matter.
func TestATimelineThatWasCutShort(t *testing.T) {
	events, text := timeline(t)
	got, err := labdir.ReadEvents(strings.NewReader(text[:len(text)-3]))
	if err != nil || !reflect.DeepEqual(got, events[:2]) {
		t.Errorf("%d events, %v", len(got), err)
	}
	_, rest, _ := strings.Cut(text, "\n")
	if _, err := labdir.ReadEvents(strings.NewReader("{\"run\n" + rest)); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("broken in its first line: %v", err)
	}
	if _, err := labdir.ReadEvents(strings.NewReader(strings.Repeat("x", 2<<20))); err == nil {
		t.Error("an endless line was read")
	}
}

// TestAnOlderTimelineIsRead: a run was called a trial there.
func TestAnOlderTimelineIsRead(t *testing.T) {
	events, text := timeline(t)
	got, err := labdir.ReadEvents(strings.NewReader(strings.ReplaceAll(text, `{"run":`, `{"trial":`)))
	if err != nil || !reflect.DeepEqual(got, events) {
		t.Errorf("%+v, %v, want\n%+v", got, err, events)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestATimelineThatCannotBeWrittenSaysSo(t *testing.T) {
	if err := labdir.WriteEvent(full{}, &labdir.Event{}); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v", err)
	}
}

func TestRunsHaveFoldersOfTheirOwn(t *testing.T) {
	if got := labdir.RunDir("lab", labdir.RunName("http-close", 8, 2)); got != filepath.Join("lab", "runs", "http-close-8-2") {
		t.Errorf("got %s", got)
	}
}
