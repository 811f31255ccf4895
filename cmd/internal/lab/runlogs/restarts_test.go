package runlogs_test

import (
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/runlogs"
)

// node finds the node of that name in a run, and its place.
func node(t *testing.T, run runlogs.Run, name string) (*runlogs.Node, int) {
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
