package report_test

import (
	"bytes"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
)

// reports are of a star and a mesh with two numbers of receivers.
func reports() []*metrics.Report {
	var all []*metrics.Report
	for _, of := range []string{"star", "mesh"} {
		for n := 1; n <= 2; n++ {
			done := float64(n)
			run := metrics.Run{Head: metrics.Head{Name: "run", System: system.Named(of), FileBytes: 1000}}
			run.Nodes = append(run.Nodes, metrics.Node{Name: `<script>alert("x")</script>`, Part: metrics.Origin,
				Traffic: load.Traffic{PayloadOutBytes: 1000 * int64(n)}, Up: 1000, Down: 1000})
			for range n {
				run.Nodes = append(run.Nodes, metrics.Node{Name: "r", Part: metrics.Receiver, Up: 1000, Down: 1000,
					Traffic: load.Traffic{PayloadInBytes: 1000}, DeliveredBytes: 1000, DoneSeconds: &done})
			}
			all = append(all, metrics.Compute(&run))
		}
	}
	return all
}

func TestThePageStandsAloneAndTrustsNoName(t *testing.T) {
	var b bytes.Buffer
	p := report.Page{Systems: system.All(), Program: "starmesh", Command: []string{"starmesh", "<u>"}, Cases: metrics.Compare(reports()),
		Findings: []string{"a.jsonl, line 3: <i>broken</i>"}}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(b.String(), "\u00a0", " ")
	for _, never := range []string{"<script", "<u>", "<i>", "src=", `href="http`, "url(http"} {
		if strings.Contains(text, never) {
			t.Errorf("%s is in the page", never)
		}
	}
	// Two over the number of receivers; of each case two of bars, the Lorenz
	// curve and the completion; CPU and memory of the larger one.
	if got := strings.Count(text, "<svg"); got != 14 {
		t.Errorf("%d plots, want 14", got)
	}
	for _, want := range []string{"the mesh took 2.00 s and the star 2.00 s", "&lt;script&gt;", "Gini coefficient"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

func TestAPageOfNothingSaysSo(t *testing.T) {
	var b bytes.Buffer
	p := report.Page{}
	if err := p.Write(&b); err != nil || !strings.Contains(b.String(), "No run could be read.") {
		t.Errorf("%v", err)
	}
}

// TestTheHeadlineTellsOfWhatWasRun: of one system alone, of several without a
// mesh, of one receiver, of a run in which somebody did not get the file.
func TestTheHeadlineTellsOfWhatWasRun(t *testing.T) {
	run := func(of string, n int, seconds float64) *metrics.Report {
		r := metrics.Run{Head: metrics.Head{Name: of, System: system.Named(of), FileBytes: 1000}}
		r.Nodes = append(r.Nodes, metrics.Node{Name: "origin", Part: metrics.Origin, Up: 1000, Down: 1000,
			Traffic: load.Traffic{PayloadOutBytes: 1000 * int64(n)}})
		for range n {
			receiver := metrics.Node{Name: "r", Part: metrics.Receiver, Up: 1000, Down: 1000,
				Traffic: load.Traffic{PayloadInBytes: 1000}, DeliveredBytes: 1000}
			if seconds > 0 {
				receiver.DoneSeconds = &seconds
			}
			r.Nodes = append(r.Nodes, receiver)
		}
		return metrics.Compute(&r)
	}
	const never = 0
	for _, c := range []struct {
		runs []*metrics.Report
		want string
	}{
		{[]*metrics.Report{run("star", 2, 2)},
			"The star took 2.00 s to bring 1000 B to 2 receivers, 1.00 times the bound; its origin sent 2.00 copies of the file."},
		{[]*metrics.Report{run("mesh", 1, 1), run("mesh", 4, 3)},
			"The mesh took 3.00 s to bring 1000 B to 4 receivers, 3.00 times the bound; its origin sent 4.00 copies of the file."},
		{[]*metrics.Report{run("star", 1, 1), run("mesh", 1, 1.02)},
			"To bring 1000 B to 1 receiver, the mesh took 1.02 s and the star 1.00 s: about the same (within 2 %)."},
		{[]*metrics.Report{run("star", 2, 2), run("http", 2, 2.1), run("http-close", 2, 2.2)},
			"To bring 1000 B to 2 receivers, the star took 2.00 s; HTTP over one kept connection took 2.10 s; HTTP with a connection for each request took 2.20 s."},
		{[]*metrics.Report{run("star", 2, 2), run("mesh", 2, never)},
			"To bring 1000 B to 2 receivers, the star took 2.00 s; the mesh did not bring it to everyone."},
		{[]*metrics.Report{run("mesh", 2, never)}, "The mesh did not bring 1000 B to all of 2 receivers."},
	} {
		p := report.Page{Systems: system.All(), Cases: metrics.Compare(c.runs)}
		if got := p.Sentences()[0]; got != c.want {
			t.Errorf("the headline is\n%s, want\n%s", got, c.want)
		}
		if err := p.Write(&bytes.Buffer{}); err != nil {
			t.Errorf("%q: %v", c.want, err)
		}
	}
}

// TestWhatIsRunOnceHasNoSpread: the page does not speak of medians.
func TestWhatIsRunOnceHasNoSpread(t *testing.T) {
	for _, c := range []struct {
		runs   []*metrics.Report
		spread bool
	}{{reports(), false}, {append(reports(), reports()...), true}} {
		var b bytes.Buffer
		p := report.Page{Systems: system.All(), Cases: metrics.Compare(c.runs)}
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "hiskers") || strings.Contains(b.String(), "least–most of several"); got != c.spread {
			t.Errorf("%d runs: of spread is spoken: %v, want %v", len(c.runs), got, c.spread)
		}
	}
}

// TestABusyMachineIsAReasonForDoubt: what was said when the lab began is not
// forgotten in its report.
func TestABusyMachineIsAReasonForDoubt(t *testing.T) {
	for share, want := range map[float64]string{0.1: "none found", 0.74: "the machine was 74 % busy with something else"} {
		lab := &labdir.Lab{Machine: labdir.Machine{LoadBefore: share}}
		p := report.Page{Cases: metrics.Compare(reports()), Folders: []*report.Folder{{Lab: lab}}}
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("busy to %.0f %%, and the page does not say %q", 100*share, want)
		}
	}
}

// TestThatSomethingIsMissingStandsAtTheHead: "no doubts" would be read as "all
// is well".
func TestThatSomethingIsMissingStandsAtTheHead(t *testing.T) {
	const all = "none found"
	for note, want := range map[string]string{"": all, "mesh-2-1 has no run.json": "something is missing"} {
		p := report.Page{Systems: system.All(), Cases: metrics.Compare(reports()), Folders: []*report.Folder{{}}}
		if note != "" {
			p.Folders[0].Notes = []string{note}
		}
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		if text := b.String(); !strings.Contains(text, want) || want != all && strings.Contains(text, all) {
			t.Errorf("with the note %q the page does not say %q at its head", note, want)
		}
	}
}

// TestEachTimeHasItsOwnDoubt: that the star was disturbed is not said of the mesh.
func TestEachTimeHasItsOwnDoubt(t *testing.T) {
	var all []*metrics.Report
	for name, doubt := range map[string]string{"star": "it was stopped by hand", "mesh": "the processors were busy", "hybrid": "the processors were busy"} {
		seconds := 2.0
		r := &metrics.Report{Head: metrics.Head{Name: name, System: system.Named(name), Receivers: 2, FileBytes: 1000}}
		r.Figures = []metrics.Figure{{Key: metrics.Distribution, Value: &seconds, Doubts: []string{doubt}}}
		all = append(all, r)
	}
	var b bytes.Buffer
	if err := (&report.Page{Systems: system.All(), Cases: metrics.Compare(all)}).Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "the time of star (it was stopped by hand); the time of mesh, hybrid (the processors were busy)."
	if !strings.Contains(strings.ReplaceAll(b.String(), "\u00a0", " "), want) {
		t.Errorf("%q is not in the page", want)
	}
	for _, s := range system.All() { // the dots beside the names
		_, style, found := strings.Cut(b.String(), ".dot."+s.Name+" {")
		style, _, _ = strings.Cut(style, "}")
		if !found || s.Look.Mark != system.Disc && !strings.Contains(style, "border-radius:") {
			t.Errorf("%s has no shape of its own", s.Name)
		}
	}
}
