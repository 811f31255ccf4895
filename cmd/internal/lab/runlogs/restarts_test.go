package runlogs_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/runlogs"
)

// node finds the node of that name in a run, and its place.
func node(t *testing.T, run *runlogs.Run, name string) (*runlogs.Node, int) {
	t.Helper()
	for i, n := range run.Logs {
		if n.Node == name {
			return n, i
		}
	}
	t.Fatalf("there is no %s", name)
	return nil, 0
}

// TestANodeThatWasStartedAgainIsOneNode: killed after 6 s with 600 bytes, it
// went on at 8 s, got the other 400 and had all 9 s later.
func TestANodeThatWasStartedAgainIsOneNode(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "server.jsonl", server(0, 2000).lines(t))
	write(t, dir, "b.jsonl", client("b", 0).lines(t))
	write(t, dir, "a.jsonl", client("a", 0).lines(t)[:4])
	write(t, dir, "a.2.jsonl", client("a", 8).carried(0, 400).lines(t))
	runs, _ := readDir(t, dir)
	if len(runs) != 1 || len(runs[0].Nodes) != 3 {
		t.Fatalf("%d runs: %v", len(runs), runs)
	}
	a, i := node(t, runs[0], "a")
	if a.Starts != 2 || a.Whole || a.EndSeconds != 18 || a.Last.PayloadInBytes != 1000 {
		t.Errorf("%d starts, whole %v, until %v s, %d bytes", a.Starts, a.Whole, a.EndSeconds, a.Last.PayloadInBytes)
	}
	last := a.Points[len(a.Points)-1]
	if last.Seconds != 18 || last.InBytes != 1000 || len(a.Points) != 4+6 {
		t.Errorf("%d points, the last at %v s with %d bytes", len(a.Points), last.Seconds, last.InBytes)
	}
	if done := runs[0].Nodes[i].DoneSeconds; done == nil || *done != 17 {
		t.Errorf("done after %v", done)
	}
	told := false
	for _, d := range runs[0].Doubts {
		told = told || strings.Contains(d.Text, "a was killed and started again")
		if strings.Contains(d.Text, "two logs") || strings.Contains(d.Text, "clock") {
			t.Error(d.Text)
		}
	}
	if !told {
		t.Errorf("nothing of the start in between: %v", runs[0].Doubts)
	}
}

// TestWhoWasStartedAgainBeganWithNothing: the 50 bytes that came after the last
// line of the log that broke off are no part that was there before the run.
func TestWhoWasStartedAgainBeganWithNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "server.jsonl", server(0, 2000).lines(t))
	write(t, dir, "b.jsonl", client("b", 0).lines(t))
	write(t, dir, "a.jsonl", client("a", 0).lines(t)[:4])
	write(t, dir, "a.2.jsonl", client("a", 8).carried(0, 350).lines(t))
	runs, _ := readDir(t, dir)
	_, i := node(t, runs[0], "a")
	if got := runs[0].Nodes[i].DeliveredBytes; got != fileBytes {
		t.Errorf("a got %d bytes in this run, want %d", got, fileBytes)
	}
}

func TestWhatOnlyLooksLikeAnotherStartIsAnotherNode(t *testing.T) {
	for name, second := range map[string]made{
		"of another name":  client("c", 1),
		"at the same time": client("a", 1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "server.jsonl", server(0, 3000).lines(t))
			write(t, dir, "a.jsonl", client("a", 0).lines(t))
			write(t, dir, "a.2.jsonl", second.lines(t))
			runs, _ := readDir(t, dir)
			count := 0
			for _, run := range runs {
				count += len(run.Logs)
			}
			if count != 3 {
				t.Errorf("%d nodes of three logs", count)
			}
		})
	}
}

// command is the node's log with a command line.
func (m made) command(t *testing.T, line string) []string {
	t.Helper()
	words, err := json.Marshal(strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	lines := m.lines(t)
	for i := range lines {
		lines[i] = strings.Replace(lines[i], `"version":`, `"command":`+string(words)+`,"version":`, 1)
	}
	return lines
}

func (m made) called(name string) made { m.name = name; return m }

// TestARestartedServerIsOneOrigin, whatever its process and the file of its log:
// two would have twice the uplink.
func TestARestartedServerIsOneOrigin(t *testing.T) {
	first, second := server(0, 1000).called("server-h-1"), server(11, 1000).called("server-h-7").process(7)
	for name, logs := range map[string]map[string][]string{
		"the next start's log": {"server.jsonl": first.lines(t), "server.2.jsonl": second.lines(t)},
		"another log": {
			"one.jsonl":   first.command(t, "starmesh central serve x --load-log one.jsonl"),
			"other.jsonl": second.command(t, "starmesh central serve x --load-log=other.jsonl"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, lines := range logs {
				write(t, dir, file, lines)
			}
			write(t, dir, "a.jsonl", client("a", 5).lines(t)) // while the server was away, and after
			write(t, dir, "b.jsonl", client("b", 9).lines(t))
			runs, _ := readDir(t, dir)
			if len(runs) != 1 || parts(runs[0]) != "server-h-1:origin a:receiver b:receiver" {
				t.Fatalf("%d runs, %s", len(runs), parts(runs[0]))
			}
			if n, _ := node(t, runs[0], "server-h-1"); n.Starts != 2 || n.Last.PayloadOutBytes != 2000 {
				t.Errorf("%d starts, %d bytes", n.Starts, n.Last.PayloadOutBytes)
			}
		})
	}
}

// TestAnExperimentDoneAgainIsAnotherRun, although its commands are the same.
func TestAnExperimentDoneAgainIsAnotherRun(t *testing.T) {
	dir := t.TempDir()
	for i, at := range []float64{0, 100} {
		n := strconv.Itoa(i)
		write(t, dir, "s"+n+".jsonl", server(at, 1000).called("server-h-"+n).process(i).command(t, "starmesh central serve x"))
		write(t, dir, "a"+n+".jsonl", client("client-h-"+n, at).process(i).command(t, "starmesh central get x"))
	}
	if runs, _ := readDir(t, dir); len(runs) != 2 {
		t.Errorf("%d runs", len(runs))
	}
}
