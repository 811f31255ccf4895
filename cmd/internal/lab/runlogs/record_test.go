package runlogs_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
)

// noted is what a lab has noted about a server and two clients, of which
// nothing is doubtful.
func noted() *labdir.Run {
	return &labdir.Run{
		Format: labdir.RunFormat, Name: "star-2-1", System: "star", Receivers: 2, Links: "netns",
		DistributionSeconds: new(9.0), Verified: 2,
		Nodes: []labdir.Node{
			{Name: "server", Part: "origin", Up: new(50.0), Down: new(500.0), LinkOut: new(int64(2200)), LinkIn: new(int64(30))},
			{Name: "c1", Part: "receiver", Up: new(60.0), Down: new(250.0), LinkOut: new(int64(15)), LinkIn: new(int64(1100))},
			{Name: "c2", Part: "receiver", Up: new(200.0), Down: new(250.0), LinkOut: new(int64(15)), LinkIn: new(int64(1100)), Trait: "slow"},
		},
	}
}

// readNoted reads the logs of those three with what is noted beside them. Their
// own limit is 100 bytes per second up, and none down.
func readNoted(t *testing.T, record any) ([]*runlogs.Run, []runlogs.Finding) {
	t.Helper()
	dir := t.TempDir()
	for _, m := range []made{server(0, 2*fileBytes), client("c1", 0), client("c2", 0).process(3)} {
		write(t, dir, m.name+".jsonl", m.lines(t))
	}
	text, isText := record.(string)
	if !isText {
		encoded, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	if err := os.WriteFile(filepath.Join(dir, labdir.RunFile), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return readDir(t, dir)
}

// TestRunsThatALabNotedStayApart, though the second begins as soon as the first
// has ended, by the same commands, and even if the log of its origin is lost.
func TestRunsThatALabNotedStayApart(t *testing.T) {
	record, err := json.Marshal(noted())
	if err != nil {
		t.Fatal(err)
	}
	for _, lost := range []bool{false, true} {
		dir := t.TempDir()
		want := []string{"star server:origin c1:receiver c2:receiver", "star server:origin c1:receiver c2:receiver"}
		for i, at := range []float64{0, 10.1} {
			run := []made{client("c1", at), client("c2", at).process(3), server(at, 2*fileBytes)}
			if i == 1 && lost {
				run, want[1] = run[:2], "star c1:receiver c2:receiver"
			}
			folder := strconv.Itoa(i) + "/"
			write(t, dir, folder+labdir.RunFile, []string{string(record)})
			for _, m := range run {
				write(t, dir, folder+m.name+".jsonl", m.command(t, "starmesh of "+m.name))
			}
		}
		if runs, _ := readDir(t, dir); !slices.Equal(systems(runs), want) {
			t.Errorf("lost: %v: %q, not %q", lost, systems(runs), want)
		}
	}
}

// one returns the only run there is.
func one(t *testing.T, runs []*runlogs.Run) *runlogs.Run {
	t.Helper()
	if len(runs) != 1 {
		t.Fatalf("%d runs, want 1: %v", len(runs), systems(runs))
	}
	return runs[0]
}

func TestLinksThatALabNotedAreThoseOfTheNodes(t *testing.T) {
	runs, findings := readNoted(t, noted())
	r := one(t, runs)
	for i, want := range []struct{ up, down float64 }{
		{50, 500},
		{60, 250},
		{100, 250}, // the log's own limit is narrower than the link
	} {
		if n := r.Nodes[i]; n.Up != want.up || n.Down != want.down {
			t.Errorf("%s: up %g, down %g; want %v", n.Name, n.Up, n.Down, want)
		}
	}
	report := metrics.Compute(&r.Run)
	for key, want := range map[metrics.Key]float64{
		metrics.BoundSeconds: 40,           // 2·1000/50
		metrics.LinkOverhead: 230.0 / 2000, // 2200 + 15 + 15 − 2000
		metrics.Distribution: 9,
	} {
		if got, ok := report.Value(key); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g (%v), want %g", key, got, ok, want)
		}
	}
	if row := report.Nodes[2]; row.Trait != "slow" || row.LinkInBytes == nil || *row.LinkInBytes != 1100 {
		t.Errorf("%+v", row)
	}
	if len(r.Doubts)+len(findings) > 0 {
		t.Errorf("doubts %v, findings %v", r.Doubts, findings)
	}
}

func TestAllLogsOfARunAreOfItsSystem(t *testing.T) {
	record := noted()
	record.System = "http-close"
	runs, _ := readNoted(t, record)
	if r := one(t, runs); r.System.Name != "http-close" || parts(r) != "server:origin c1:receiver c2:receiver" {
		t.Errorf("%s %s", r.System.Name, parts(r))
	}
}

func TestWhatALabFoundDoubtfulIsADoubt(t *testing.T) {
	for want, change := range map[string]func(*labdir.Run){
		"server has sent 2000 bytes of payload, but its link has counted only 1999": func(r *labdir.Run) { *r.Nodes[0].LinkOut = 1999 },
		"c1 has received 1000 bytes of payload, but its link":                       func(r *labdir.Run) { *r.Nodes[1].LinkIn = 999 },
		"the poll of c1 hung":            func(r *labdir.Run) { r.Doubts = []string{"the poll of c1 hung"} },
		"the processors were 99 % busy":  func(r *labdir.Run) { r.CPU = labdir.CPU{Limit: true, Why: "the processors were 99 % busy"} },
		"the run failed: c2 never began": func(r *labdir.Run) { r.Error = "c2 never began" },
		"by the lab's clock the last receiver had the file after 3.00 s, by the logs after 9.00 s": func(r *labdir.Run) { *r.DistributionSeconds = 3 },
	} {
		record := noted()
		change(record)
		runs, _ := readNoted(t, record)
		r := one(t, runs)
		if len(r.Doubts) != 1 || !strings.Contains(r.Doubts[0].Text, want) {
			t.Errorf("%q\nwant one doubt, %q", r.Doubts, want)
		}
	}
}

func TestExcusedReceiversAreLeftOutOfTimes(t *testing.T) {
	dir := t.TempDir()
	killed := client("c2", 0).process(3).ended(0).carried(0, 400)
	for _, m := range []made{server(0, 1400), client("c1", 0), killed} {
		write(t, dir, m.name+".jsonl", m.lines(t))
	}
	record := noted()
	record.Nodes[2].Excused = "killed on purpose"
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, labdir.RunFile, []string{string(text)})
	runs, _ := readDir(t, dir)
	report := metrics.Compute(&one(t, runs).Run)
	if got, ok := report.Value(metrics.Distribution); !ok || got != 9 {
		t.Errorf("distribution time %g (%v), want 9: %+v", got, ok, report.Figure(metrics.Distribution))
	}
}

// TestAReceiverThatWasKilledWithTheFileHasIt: its log breaks off, the lab has
// seen it.
func TestAReceiverThatWasKilledWithTheFileHasIt(t *testing.T) {
	dir := t.TempDir()
	for _, m := range []made{server(0, 2*fileBytes), client("c1", 0)} {
		write(t, dir, m.name+".jsonl", m.lines(t))
	}
	cut := client("c2", 0).process(3).lines(t)
	write(t, dir, "c2.jsonl", cut[:len(cut)-1])
	record := noted()
	record.Began = time.Unix(1_800_000_000, 0).Add(500 * time.Millisecond)
	record.Nodes[2].DoneSeconds = new(8.0)
	record.DistributionSeconds = nil
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, labdir.RunFile, []string{string(text)})
	runs, _ := readDir(t, dir)
	r := one(t, runs)
	if done := r.Nodes[2].DoneSeconds; done == nil || math.Abs(*done-8.5) > 1e-9 {
		t.Errorf("c2 has the file after %v s, want 8.5", done)
	}
}

// TestALogThatAFaultBrokeOffIsNoDoubt: it would hide those that are.
func TestALogThatAFaultBrokeOffIsNoDoubt(t *testing.T) {
	for _, c := range []struct {
		fault string
		nodes []string
		doubt bool
	}{
		{"kill-receivers:1@30%", []string{"c2"}, false},
		{"churn:10s", []string{"c2", "c1"}, false},
		{"kill-receivers:1@30%", []string{"c1"}, true},
		{"slow:1", []string{"c2"}, true},
	} {
		dir := t.TempDir()
		for _, m := range []made{server(0, 2*fileBytes), client("c1", 0)} {
			write(t, dir, m.name+".jsonl", m.lines(t))
		}
		cut := client("c2", 0).process(3).lines(t)
		write(t, dir, "c2.jsonl", cut[:len(cut)-1])
		record := noted()
		record.Faults = []labdir.Fault{{Fault: c.fault, Nodes: c.nodes, Met: true}}
		text, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, labdir.RunFile, []string{string(text)})
		runs, findings := readDir(t, dir)
		if got := has(one(t, runs).Doubts, "the log of c2 has no final report"); got != c.doubt {
			t.Errorf("%s of %v: a doubt about the log of c2 is %v, want %v", c.fault, c.nodes, got, c.doubt)
		}
		if got := len(findings) > 0; got != c.doubt {
			t.Errorf("%s of %v: it is found that the log of c2 breaks off: %v, want %v: %v", c.fault, c.nodes, got, c.doubt, findings)
		}
	}
}

func has(doubts []metrics.Doubt, text string) bool {
	for _, d := range doubts {
		if strings.Contains(d.Text, text) {
			return true
		}
	}
	return false
}

func TestANoteThatCannotBeReadIsAFindingAndNoMore(t *testing.T) {
	for text, want := range map[string]string{
		"{":                           "it is broken",
		`{"format":"starmesh-run/9"}`: `"starmesh-run/9"`,
		"null":                        "it is of format",
	} {
		runs, findings := readNoted(t, text)
		r := one(t, runs)
		if r.Record != nil || r.Nodes[0].Up != 100 {
			t.Errorf("%s: %+v", text, r.Nodes[0])
		}
		if len(findings) != 1 || !strings.Contains(findings[0].Text, want) || !strings.HasSuffix(findings[0].File, "/run.json") {
			t.Errorf("%s: findings %q, want one with %q", text, findings, want)
		}
	}
}

func TestALogBesideARunThatIsNotOfItStaysWhatItIs(t *testing.T) {
	record := noted()
	record.System, record.Nodes = "mesh", record.Nodes[:1]
	record.Nodes[0].Name = "origin"
	runs, _ := readNoted(t, record)
	if r := one(t, runs); r.System.Name != "star" || r.Record != nil {
		t.Errorf("%s, %+v", r.System.Name, r.Record)
	}
}

// TestWhatAKilledNodeCarriedAtTheEndMayBeMissing: 1920 of 2000 bytes that were
// sent are in a log.
func TestWhatAKilledNodeCarriedAtTheEndMayBeMissing(t *testing.T) {
	for fault, trait := range map[string]string{"churn:3s": "", "free-rider:1": "free-rider"} {
		doubt := trait != "" // such a node was not killed
		dir := t.TempDir()
		for _, m := range []made{server(0, 2*fileBytes), client("c1", 0), client("c2", 0).process(3).carried(0, 920)} {
			write(t, dir, m.name+".jsonl", m.lines(t))
		}
		record := noted()
		record.Faults = []labdir.Fault{{Fault: fault, Nodes: []string{"c2"}, Met: true}}
		record.Node("c2").Trait = trait
		text, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, labdir.RunFile, []string{string(text)})
		runs, _ := readDir(t, dir)
		if got := has(one(t, runs).Doubts, "but received only"); got != doubt {
			t.Errorf("%s: a doubt about what was received is %v, want %v", fault, got, doubt)
		}
	}
}
