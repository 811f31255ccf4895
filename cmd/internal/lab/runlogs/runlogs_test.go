package runlogs_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
)

const fileBytes = 1000

// made is a node whose log a test writes: it begins at start (seconds of some
// clock), and lives for 10 s in which payload flows evenly.
type made struct {
	name, role, host string
	start            float64
	out, in          int64
	file             string // id of the file it fetches; "" none
	doneAt           float64
	pid              int
}

// lines returns the node's log: a start, samples at 2, 4, 6 and 8 s, a final.
func (m made) lines(t testing.TB) []string {
	t.Helper()
	var lines []string
	for i := range 6 {
		at := float64(i) * 2
		r := load.Report{Head: load.Head{
			Kind: load.Sample, ElapsedSeconds: at, PID: m.pid, Host: m.host,
			Time: time.Unix(1_800_000_000, 0).Add(time.Duration((m.start + at) * 1e9)).UTC().Format(time.RFC3339Nano),
			Info: load.Info{Node: m.name, System: "star", Role: m.role, Version: "v1", LimitUp: 100},
		}}
		switch i {
		case 0:
			r.Kind = load.Start
		case 5:
			r.Kind = load.Final
		}
		r.PayloadOutBytes, r.PayloadInBytes = m.out*int64(i)/5, m.in*int64(i)/5
		if m.file != "" {
			transfer := load.TransferReport{ID: m.file, Name: m.file, SizeBytes: fileBytes, HaveBytes: min(fileBytes, r.PayloadInBytes),
				State: load.Running, Chunks: 10}
			if m.doneAt > 0 && at >= m.doneAt {
				transfer.State, transfer.HaveBytes, transfer.EndSeconds = load.Done, fileBytes, &m.doneAt
			}
			r.Transfers = append(r.Transfers, transfer)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	return lines
}

func write(t testing.TB, dir, name string, lines []string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
}

// set is the logs of a folder.
type set map[string]made

func server(at float64, out int64) made {
	return made{name: "server", role: "server", host: "h", start: at, out: out, pid: 1}
}

func client(name string, at float64) made {
	return made{name: name, role: "client", host: "h", start: at, in: fileBytes, file: "f", doneAt: 9, pid: 2}
}

func (m made) on(host string) made        { m.host = host; return m }
func (m made) of(file string) made        { m.file = file; return m }
func (m made) ended(after float64) made   { m.doneAt = after; return m }
func (m made) carried(out, in int64) made { m.out, m.in = out, in; return m }
func (m made) as(role string) made        { m.role = role; return m }

// read writes the logs of s into a folder and reads it.
func read(t *testing.T, s set) ([]*runlogs.Run, []runlogs.Finding) {
	t.Helper()
	dir := t.TempDir()
	for name, m := range s {
		write(t, dir, name, m.lines(t))
	}
	return readDir(t, dir)
}

func readDir(t *testing.T, dir string) ([]*runlogs.Run, []runlogs.Finding) {
	t.Helper()
	nodes, findings, err := runlogs.Read(context.Background(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	runs, more := runlogs.Runs(nodes, runlogs.Links{}, system.All())
	return runs, append(findings, more...)
}

func parts(r *runlogs.Run) string {
	var all []string
	for _, n := range r.Nodes {
		all = append(all, n.Name+":"+string(n.Part))
	}
	return strings.Join(all, " ")
}

func TestASoundRunIsReadWithoutAWord(t *testing.T) {
	runs, findings := read(t, set{
		"s.jsonl": server(0, 3000), "10.jsonl": client("r10", 0.1), "2.jsonl": client("r2", 0.3), "1.jsonl": client("r1", 0.2),
	})
	if len(runs) != 1 || len(findings) != 0 || len(runs[0].Doubts) != 0 {
		t.Fatalf("%d runs, findings %v, doubts %v", len(runs), findings, runs[0].Doubts)
	}
	r := runs[0]
	if got, want := parts(r), "server:origin r1:receiver r2:receiver r10:receiver"; got != want {
		t.Errorf("the nodes are %s, want %s", got, want)
	}
	if r.FileBytes != fileBytes || r.FileID != "f" || r.Chunks != 10 || r.Version != "v1" || r.System.Name != "star" {
		t.Errorf("%+v", r.Head)
	}
	report := metrics.Compute(&r.Run)
	// The first receiver starts at 0.1 s; the last is done at 0.3 + 9 s.
	if got, _ := report.Value(metrics.Distribution); math.Abs(got-9.2) > 1e-6 {
		t.Errorf("distribution time %v, want 9.2", got)
	}
	if got, _ := report.Value(metrics.OriginCopies); got != 3 {
		t.Errorf("origin copies %v", got)
	}
}

func TestPartsAreToldFromRoleTransfersAndPayload(t *testing.T) {
	for name, c := range map[string]struct {
		node made
		want metrics.Part
	}{
		"a server":                       {server(0, 1000), metrics.Origin},
		"a server that was uploaded to":  {server(0, 1000).carried(1000, 500), metrics.Origin},
		"a silent server":                {server(0, 0), metrics.Origin},
		"an origin of a mesh":            {server(0, 1000).as("origin"), metrics.Origin},
		"a peer that only sent":          {server(0, 1000).as("peer"), metrics.Origin},
		"a client":                       {client("x", 0), metrics.Receiver},
		"a peer that passes on":          {client("x", 0).carried(700, 1000).as("peer"), metrics.Receiver},
		"a client that got nothing":      {client("x", 0).carried(0, 0).of("").ended(0), metrics.Receiver},
		"a client that had it all":       {client("x", 0).carried(0, 0), metrics.Idle},
		"a peer that had it and sent it": {client("x", 0).carried(1000, 0).as("peer"), metrics.Origin},
		"a client that failed":           {client("x", 0).carried(0, 0).ended(0), metrics.Receiver},
		"a stranger that received":       {client("x", 0).of("").as("probe"), metrics.Receiver},
		"a stranger":                     {client("x", 0).carried(0, 0).of("").as("probe"), metrics.Idle},
	} {
		t.Run(name, func(t *testing.T) {
			runs, _ := read(t, set{"a.jsonl": c.node})
			if got := runs[0].Nodes[0].Part; got != c.want {
				t.Errorf("it is taken for %s, want %s", got, c.want)
			}
		})
	}
}

// TestWhatIsWrongIsToldAndMarksTheFigures: each kind of trouble has words, and
// the figures that rest on it carry a doubt, those that do not carry none.
func TestWhatIsWrongIsToldAndMarksTheFigures(t *testing.T) {
	carried, clock := metrics.OriginCopies, metrics.Distribution
	for name, c := range map[string]struct {
		logs    set
		says    string
		doubted []metrics.Key
		sound   []metrics.Key
	}{
		"a receiver ended before the origin began": {
			set{"s.jsonl": server(100, 1000).on("a"), "r.jsonl": client("r", 0).on("b")},
			"r ended before any origin started: the clocks of the machines disagree", []metrics.Key{clock, metrics.P50}, []metrics.Key{carried}},
		"payload came before it was sent": {
			set{"s.jsonl": server(5, 1000).on("a"), "r.jsonl": client("r", 0).on("b")},
			"r received payload before it was sent", []metrics.Key{clock}, []metrics.Key{carried}},
		"only the one with the wrong clock is blamed": {
			set{"s.jsonl": server(5, 2000).on("a"), "q.jsonl": client("q", 5).on("a"), "r.jsonl": client("r", 0).on("b")},
			"r received payload before it was sent", []metrics.Key{clock}, []metrics.Key{carried}},
		"payload came after all others had ended": {
			set{"s.jsonl": server(0, 1000).on("a"), "r.jsonl": client("r", 9).on("b")},
			"r received payload after all others had ended", []metrics.Key{clock}, []metrics.Key{carried}},
		"on one machine it is no matter of clocks": {
			set{"s.jsonl": server(5, 1000), "r.jsonl": client("r", 0)},
			"these logs are not of one run", []metrics.Key{clock}, []metrics.Key{carried}},
		"a sender's log is missing": {
			set{"s.jsonl": server(0, 1000), "r.jsonl": client("r", 0), "q.jsonl": client("q", 0)},
			"the log of a sender is missing", []metrics.Key{carried, metrics.Jain}, []metrics.Key{clock}},
		"a receiver's log is missing": {
			set{"s.jsonl": server(0, 3000), "r.jsonl": client("r", 0)},
			"the log of a receiver is missing", []metrics.Key{carried}, []metrics.Key{clock, metrics.PeakMemory}},
		"two nodes of one name": {
			set{"s.jsonl": server(0, 2000), "r.jsonl": client("r", 0), "q.jsonl": client("r", 0.1)},
			"two logs are of a node called r", []metrics.Key{carried, clock}, nil},
		"two rounds through one server": {
			set{"s.jsonl": {name: "server", role: "server", host: "h", start: 0, out: 2000, pid: 1},
				"s2.jsonl": {name: "second", role: "server", host: "h", start: 9.5, pid: 9}, // keeps the time between them
				"r.jsonl":  client("r", 0), "q.jsonl": client("q", 11)},
			"two runs through one origin?", []metrics.Key{clock}, []metrics.Key{carried}},
	} {
		t.Run(name, func(t *testing.T) {
			runs, findings := read(t, c.logs)
			if len(runs) != 1 {
				t.Fatalf("%d runs; findings %v", len(runs), findings)
			}
			if !slices.ContainsFunc(runs[0].Doubts, func(d metrics.Doubt) bool { return strings.Contains(d.Text, c.says) }) {
				t.Errorf("no doubt says %q: %v", c.says, runs[0].Doubts)
			}
			report := metrics.Compute(&runs[0].Run)
			for _, key := range c.doubted {
				if len(report.Figure(key).Doubts) == 0 {
					t.Errorf("%s is not doubted", key)
				}
			}
			for _, key := range c.sound {
				if f := report.Figure(key); len(f.Doubts) > 0 {
					t.Errorf("%s is doubted: %v", key, f.Doubts)
				}
			}
		})
	}
}

func TestWhatDoesNotBelongIsLeftOutByName(t *testing.T) {
	for name, c := range map[string]struct {
		logs  set
		says  string
		file  string
		parts string
	}{
		"another file": {set{"s.jsonl": server(0, 3000), "1.jsonl": client("r1", 0), "2.jsonl": client("r2", 0), "x.jsonl": client("x", 0).of("other")},
			"other files", "x.jsonl", "server:origin r1:receiver r2:receiver"},
		"a log of last week": {set{"s.jsonl": server(0, 1000), "1.jsonl": client("r1", 0), "x.jsonl": client("x", -6e5)},
			"left over from another run", "x.jsonl", "server:origin r1:receiver"},
	} {
		t.Run(name, func(t *testing.T) {
			runs, findings := read(t, c.logs)
			if len(runs) != 1 || parts(runs[0]) != c.parts {
				t.Fatalf("%d runs, %s", len(runs), parts(runs[0]))
			}
			if len(findings) != 1 || !strings.Contains(findings[0].Text, c.says) || !findings[0].LeftOut ||
				!strings.HasSuffix(findings[0].File, "/"+c.file) {
				t.Errorf("findings: %v", findings)
			}
		})
	}
}

func TestRunsAreToldApart(t *testing.T) {
	star := func(at float64) set {
		return set{"s.jsonl": server(at, 2000), "1.jsonl": client("r1", at), "2.jsonl": client("r2", at)}
	}
	logs := func(prefix string, s set, into set) {
		for name, m := range s {
			into[prefix+name] = m
		}
	}
	t.Run("by folder", func(t *testing.T) {
		all := set{}
		logs("a/", star(0), all)
		logs("b/", star(0.01), all) // at the same time
		if runs, findings := read(t, all); len(runs) != 2 || len(findings) != 0 || len(runs[0].Nodes) != 3 {
			t.Errorf("%d runs, %v", len(runs), findings)
		}
	})
	t.Run("by time", func(t *testing.T) {
		all := set{}
		logs("first-", star(0), all)
		logs("second-", star(20), all)
		runs, findings := read(t, all)
		if len(runs) != 2 || len(findings) != 0 || len(runs[1].Nodes) != 3 || runs[0].Name == runs[1].Name {
			t.Errorf("%d runs, %v", len(runs), findings)
		}
	})
	t.Run("each machine in a folder of its own is one run", func(t *testing.T) {
		runs, findings := read(t, set{
			"a/s.jsonl": server(0, 2000).on("a"), "b/1.jsonl": client("r1", 0).on("b"), "c/2.jsonl": client("r2", 0.5).on("c"),
		})
		if len(runs) != 1 || len(findings) != 0 || len(runs[0].Nodes) != 3 {
			t.Errorf("%d runs, %v", len(runs), findings)
		}
	})
	t.Run("a machine whose clock is a day off too", func(t *testing.T) {
		runs, _ := read(t, set{
			"s.jsonl": server(0, 2000).on("a"), "1.jsonl": client("r1", 0).on("a"), "2.jsonl": client("r2", 86400).on("c"),
		})
		if len(runs) != 1 || len(runs[0].Nodes) != 3 || len(runs[0].Doubts) == 0 {
			t.Errorf("%d runs, %+v", len(runs), runs[0].Doubts)
		}
	})
}

func TestBrokenLogsAreToldWithFileAndLine(t *testing.T) {
	dir := t.TempDir()
	whole := client("r", 0).lines(t)
	write(t, dir, "s.jsonl", server(0, 1000).lines(t))
	write(t, dir, "r.jsonl", append(slices.Clone(whole[:4]), whole[4][:100])) // cut off: no final
	write(t, dir, "junk.jsonl", []string{"not", "a", "log"})
	write(t, dir, "copy.jsonl", server(0, 1000).lines(t))
	runs, findings := readDir(t, dir)
	for _, want := range []string{
		"r.jsonl, line 5: not a report", "junk.jsonl, line 2: not a report", "junk.jsonl: not a load log; left out",
		"s.jsonl: the same log as", "r.jsonl: the final report is missing",
	} {
		if !slices.ContainsFunc(findings, func(f runlogs.Finding) bool { return strings.Contains(f.String(), want) }) {
			t.Errorf("nobody says %q: %v", want, findings)
		}
	}
	if len(runs) != 1 || parts(runs[0]) != "server:origin r:receiver" {
		t.Fatalf("runs: %+v", runs)
	}
	report := metrics.Compute(&runs[0].Run)
	if f := report.Figure(metrics.Distribution); f.Value != nil {
		t.Errorf("a receiver whose log breaks off is done after %v s", *f.Value)
	}
	if f := report.Figure(metrics.OriginCopies); len(f.Doubts) == 0 {
		t.Error("totals of a log that breaks off pass without a doubt")
	}
}

func TestLinksFromOutsideFillWhatLogsLack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "s.jsonl", server(0, 1000).lines(t))
	write(t, dir, "r.jsonl", client("r", 0).lines(t))
	nodes, _, err := runlogs.Read(context.Background(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	runs, _ := runlogs.Runs(nodes, runlogs.Links{OriginUp: 5, Up: 6, Down: 50}, system.All())
	origin, receiver := runs[0].Nodes[0], runs[0].Nodes[1]
	if origin.Up != 100 || receiver.Up != 100 { // the logs know better
		t.Errorf("uplinks %v and %v", origin.Up, receiver.Up)
	}
	if receiver.Down != 50 {
		t.Errorf("downlink %v", receiver.Down)
	}
}

func TestPathsThatNameNothingAreErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/s.jsonl", server(0, 0).lines(t))
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"nope": "no such file", "empty": "no load log", "no*": "no such file", "[": "no such file",
	} {
		_, _, err := runlogs.Read(context.Background(), []string{filepath.Join(dir, path)})
		if err == nil || !strings.Contains(err.Error(), want) && path != "[" {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	for _, path := range []string{"sub/s.jsonl", "sub", "", "sub/*.jsonl", "s*"} {
		nodes, _, err := runlogs.Read(context.Background(), []string{filepath.Join(dir, path), filepath.Join(dir, "sub", "s.jsonl")})
		if err != nil || len(nodes) != 1 {
			t.Errorf("%q: %d nodes, %v", path, len(nodes), err)
		}
	}
}

func TestNamesFromLogsCannotPlayTricks(t *testing.T) {
	runs, _ := read(t, set{"s.jsonl": {name: "\x1b[2J" + strings.Repeat("x", 500), role: "server", host: "h\n"}})
	if name := runs[0].Nodes[0].Name; strings.ContainsRune(name, '\x1b') || len(name) > 100 {
		t.Errorf("the name is %q", name)
	}
}

// FuzzRuns: whatever is in the logs, nothing crashes and no figure is negative
// or no number.
func FuzzRuns(f *testing.F) {
	f.Add([]byte(strings.Join(server(0, 1000).lines(f), "\n")), []byte(strings.Join(client("r", 0).lines(f), "\n")))
	f.Add([]byte(strings.Join(server(0, 1000).lines(f), "\n")), []byte(`{"kind":"start","time":"2026-11-21T09:00:00Z"}`))
	f.Add([]byte(`{"kind":"final","time":"0001-01-01T00:00:00Z","elapsed_s":1e300,"payload_in_bytes":9223372036854775807}`),
		[]byte(`{"kind":"final","time":"9999-01-01T00:00:00Z","payload_out_bytes":9223372036854775807,"transfers":[{"state":"done","end_s":1e300}]}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		dir := t.TempDir()
		write(t, dir, "a.jsonl", []string{string(a)})
		write(t, dir, "b.jsonl", []string{string(b)})
		runs, _ := readDir(t, dir)
		for i := range runs {
			report := metrics.Compute(&runs[i].Run)
			if _, err := json.Marshal(report); err != nil {
				t.Errorf("the report cannot be written: %v", err)
			}
			for _, figure := range report.Figures {
				if figure.Value != nil && *figure.Value < 0 {
					t.Errorf("%s is %v", figure.Key, *figure.Value)
				}
				if figure.Value == nil && figure.Absent == "" {
					t.Errorf("%s is absent without a word", figure.Key)
				}
			}
		}
	})
}
