package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/fault"
	"starmesh/common/load"
)

const fileBytes = 200_000

// rig is a lab whose runs are made up.
type rig struct {
	Options
	cpu  float64 // seconds that each node needs for its run
	each func(number int, r *labdir.Run)

	runs []string // as they were done, those of the preflight too
	told told
}

func newRig(t *testing.T, systems ...string) *rig {
	var table system.Table
	for _, name := range systems {
		table = append(table, system.Named(name))
	}
	return &rig{
		cpu: 0.01, each: func(int, *labdir.Run) {},
		Options: Options{
			Scenario: &scenario.Scenario{
				Systems:   table,
				Receivers: []int{2}, Runs: 1, FileBytes: fileBytes, Links: "rate",
				Rates: scenario.Rates{Origin: scenario.Rate{Up: 1e6, Down: 1e6}, Receiver: scenario.Rate{Up: 1e6, Down: 1e6}},
			},
			Folder:  Folder{Dir: filepath.Join(t.TempDir(), "lab")},
			Program: Program{Version: "v1", Command: []string{"starmesh", "lab", "run"}},
		},
	}
}

func (r *rig) run(ctx context.Context) (*report.Result, error) {
	return run(ctx, r.Options, &r.told, func(cfg runner.Config) Runner { return &fake{rig: r, cfg: cfg} })
}

// measured are the runs that were not the preflight's.
func (r *rig) measured() []string {
	return slices.DeleteFunc(slices.Clone(r.runs), func(name string) bool { return strings.Contains(name, "-1-") })
}

// told hears a lab.
type told struct {
	mu     sync.Mutex
	lines  []string
	events []string
}

func (s *told) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *told) Note(format string, args ...any)            { s.line(format, args...) }
func (s *told) Warn(format string, args ...any)            { s.line("warning: "+format, args...) }
func (s *told) Words(err error) string                     { return err.Error() }
func (s *told) Bar(_ string, _ int64, _ time.Duration) Bar { return noBar{} }
func (s *told) says(text string) bool                      { return strings.Contains(strings.Join(s.lines, "\n"), text) }
func (s *told) Event(name string, _ any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, name)
}

type noBar struct{}

func (noBar) Add(int64)    {}
func (noBar) Set(int64)    {}
func (noBar) Finish(error) {}
func (noBar) Drop()        {}

// fake is a Runner without processes: it writes the logs that nodes would have
// left after a second.
type fake struct {
	*rig
	cfg runner.Config
}

func (f *fake) Do(context.Context, string, string, string) error                  { return nil }
func (f *fake) Sockets(context.Context, string, string) ([]load.SocketRow, error) { return nil, nil }

func (f *fake) Run(ctx context.Context, what scenario.Run) (labdir.Run, error) {
	f.runs = append(f.runs, what.Name())
	began, took := time.Now().Add(-time.Minute), 1.0
	r := labdir.Run{
		Format: labdir.RunFormat, Name: what.Name(), System: what.System.Name, Receivers: what.Receivers, Repetition: what.Repetition,
		Began: began, Links: f.cfg.Links, Verified: what.Receivers, DistributionSeconds: &took,
	}
	dir := labdir.RunDir(f.cfg.Dir, what.Name())
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return r, err
	}
	for i := range what.Receivers + 1 {
		if err := f.writeLog(filepath.Join(dir, fmt.Sprintf("node%d.jsonl", i)), what, i, began); err != nil {
			return r, err
		}
	}
	f.each(len(f.measured()), &r)
	return r, errors.Join(ctx.Err(), r.Save(dir))
}

// writeLog writes the log of a node; the first has the file.
func (f *fake) writeLog(name string, what scenario.Run, i int, began time.Time) error {
	var b bytes.Buffer
	for step, kind := range []load.Kind{load.Start, load.Sample, load.Sample, load.Sample, load.Final} {
		share := min(float64(step)/3, 1)
		cpu, rss := f.cpu*share, int64(20<<20)
		r := &load.Report{
			Head: load.Head{
				Info: load.Info{Node: fmt.Sprintf("client-%d", i), System: what.System.Name, Role: "client", LimitUp: 1e6, LimitDown: 1e6},
				Kind: kind, Time: began.Add(time.Duration(share * float64(time.Second))).Format(time.RFC3339Nano),
				PID: i + 1, Host: "h", CPUs: 2, ElapsedSeconds: share,
			},
			Process: load.Process{CPUSeconds: &cpu, RSSBytes: &rss, RSSPeakBytes: &rss},
		}
		if i == 0 {
			r.Node, r.Role, r.PayloadOutBytes = "server", "server", int64(share*fileBytes)*int64(what.Receivers)
		} else {
			r.PayloadInBytes = int64(share * fileBytes)
			r.Transfers = []load.TransferReport{{
				ID: strings.Repeat("0a", 32), Name: "f", SizeBytes: fileBytes, HaveBytes: r.PayloadInBytes, Chunks: 4,
				State: load.Running, Begin: began.Format(time.RFC3339Nano),
			}}
			if share == 1 {
				end, at := 1.0, began.Add(time.Second).Format(time.RFC3339Nano)
				r.Transfers[0].State, r.Transfers[0].EndSeconds, r.Transfers[0].End = load.Done, &end, &at
			}
		}
		if kind == load.Final {
			r.Outcome = load.Done
		}
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	return os.WriteFile(name, b.Bytes(), 0o666)
}

func TestALabGoesFromItsFolderToItsReport(t *testing.T) {
	t.Parallel()
	r := newRig(t, "star", "http")
	r.Scenario.Runs = 2
	made, err := r.run(t.Context())
	if err != nil || made == nil {
		t.Fatalf("report: %t, %v; it said\n%s", made != nil, err, strings.Join(r.told.lines, "\n"))
	}
	if len(r.runs) != 2+4 || len(r.measured()) != 4 {
		t.Errorf("the runs were %q", r.runs)
	}
	want := []string{"measured", "measured", "lab", "run", "run", "run", "run"}
	if !slices.Equal(r.told.events, want) {
		t.Errorf("programs were told %q, not %q", r.told.events, want)
	}
	if len(made.Cases) != 1 || made.Headline == "" {
		t.Errorf("the report is of %d cases: %q", len(made.Cases), made.Headline)
	}
	book, err := labdir.OpenLab(r.Folder.Dir)
	if err != nil || book.FileBytes != fileBytes || book.Program != "v1" || book.Stopped != "" {
		t.Errorf("it noted %+v, %v", book, err)
	}
	if state := labdir.LookAtScratch(r.Folder.Dir); state != labdir.Absent {
		t.Errorf("what it needed while it ran is still there: %v", state)
	}
}

func TestWhatFailsIsToldAndTheRestIsDone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*labdir.Run){
		"1 of 2 runs failed": func(r *labdir.Run) { r.Error, r.DistributionSeconds = "the cat", nil },
		"in 1 of 2 runs a fault did not have the outcome": func(r *labdir.Run) {
			r.Faults = []labdir.Fault{{Fault: "liar:1", Found: "the cat"}}
		},
	} {
		r := newRig(t, "star", "http")
		r.each = func(number int, run *labdir.Run) {
			if number == 1 {
				spoil(run)
			}
		}
		made, err := r.run(t.Context())
		if !errors.Is(err, errRuns) || !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("it ended with %v, not with %q", err, name)
		}
		if made == nil || len(r.measured()) != 2 || !r.told.says("the cat") {
			t.Errorf("report: %t, after %q; it said\n%s", made != nil, r.runs, strings.Join(r.told.lines, "\n"))
		}
	}
}

func TestWhatWasMeasuredBeforeTheUserStoppedIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, "star", "http")
	ctx, stop := context.WithCancel(t.Context())
	r.each = func(number int, _ *labdir.Run) {
		if number == 2 {
			stop()
		}
	}
	made, err := r.run(ctx)
	if !errors.Is(err, context.Canceled) || made != nil {
		t.Errorf("it ended with %v and a report %v", err, made)
	}
	if !r.told.says("stopped after 1 of 2 runs") || !r.told.says("starmesh lab report "+r.Folder.Dir) {
		t.Errorf("it said\n%s", strings.Join(r.told.lines, "\n"))
	}
	book, err := labdir.OpenLab(r.Folder.Dir)
	if err != nil || book.Stopped != "stopped by the user" {
		t.Errorf("it noted %+v, %v", book, err)
	}
	if _, err := os.Stat(labdir.RunDir(r.Folder.Dir, r.measured()[0])); err != nil {
		t.Errorf("the first run is gone: %v", err)
	}
}

func TestAMachineThatCannotCarryItIsNotAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t, "star")
	r.cpu = 1000
	if _, err := r.run(t.Context()); !errors.Is(err, fault.Refused) || len(r.measured()) > 0 {
		t.Errorf("after %q it ended with %v", r.runs, err)
	}
	if _, err := os.Stat(r.Folder.Dir); !os.IsNotExist(err) {
		t.Errorf("it made its folder all the same: %v", err)
	}
	r.Anyway = true
	if made, err := r.run(t.Context()); err != nil || made == nil || !r.told.says("warning: star to 2 receivers") {
		t.Errorf("asked to do it anyway: report %t, %v; it said\n%s", made != nil, err, strings.Join(r.told.lines, "\n"))
	}
}

func TestAFolderThatIsUsedIsNotTouched(t *testing.T) {
	t.Parallel()
	r := newRig(t, "star")
	if err := os.MkdirAll(r.Folder.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(r.Folder.Dir, "diary.txt")
	if err := os.WriteFile(mine, []byte("dear"), 0o666); err != nil {
		t.Fatal(err)
	}
	r.Folder.Force = true
	if _, err := r.run(t.Context()); !errors.Is(err, fault.Exists) || len(r.runs) > 0 {
		t.Errorf("a folder of others: %v after %q", err, r.runs)
	}
	if err := os.Remove(mine); err != nil {
		t.Fatal(err)
	}
	r.Folder.Force = false
	if _, err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.run(t.Context()); !errors.Is(err, fault.Exists) {
		t.Errorf("another lab's folder: %v", err)
	}
	r.Folder.Force = true
	if _, err := r.run(t.Context()); err != nil {
		t.Errorf("another lab's folder, to be replaced: %v", err)
	}
}
