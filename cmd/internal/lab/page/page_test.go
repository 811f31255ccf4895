package page_test

import (
	"bytes"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/comparison"
	"starmesh/cmd/internal/lab/figures"
	"starmesh/cmd/internal/lab/page"
	"starmesh/common/load"
)

// reports are of a star and a mesh with two numbers of receivers.
func reports() []figures.Report {
	var all []figures.Report
	for _, system := range []string{"star", "mesh"} {
		for n := 1; n <= 2; n++ {
			done := float64(n)
			run := figures.Run{Head: figures.Head{Name: "run", System: system, FileBytes: 1000}}
			run.Nodes = append(run.Nodes, figures.Node{Name: `<script>alert("x")</script>`, Part: figures.Origin,
				Traffic: load.Traffic{PayloadOutBytes: 1000 * int64(n)}, Up: 1000, Down: 1000})
			for range n {
				run.Nodes = append(run.Nodes, figures.Node{Name: "r", Part: figures.Receiver, Up: 1000, Down: 1000,
					Traffic: load.Traffic{PayloadInBytes: 1000}, DeliveredBytes: 1000, DoneSeconds: &done})
			}
			all = append(all, figures.Of(&run))
		}
	}
	return all
}

func TestThePageStandsAloneAndTrustsNoName(t *testing.T) {
	var b bytes.Buffer
	p := page.Page{Program: "starmesh", Command: []string{"starmesh", "<u>"}, Scenes: comparison.Of(reports()),
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
	// Two over the number of receivers; of each scene two of bars, the Lorenz
	// curve and the completion; CPU and memory of the larger one.
	if got := strings.Count(text, "<svg"); got != 14 {
		t.Errorf("%d plots, want 14", got)
	}
	for _, want := range []string{"the mesh took 2 s and the star 2 s", "&lt;script&gt;", "Gini coefficient"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

func TestAPageOfNothingSaysSo(t *testing.T) {
	var b bytes.Buffer
	p := page.Page{}
	if err := p.Write(&b); err != nil || !strings.Contains(b.String(), "No run could be read.") {
		t.Errorf("%v", err)
	}
}
