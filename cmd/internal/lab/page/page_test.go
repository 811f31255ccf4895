package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/charts"
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
	p := page.Page{Program: "starmesh", Command: []string{"starmesh", "<b>"}, Scenes: comparison.Of(reports()),
		Findings: []string{"a.jsonl, line 3: <i>broken</i>"}}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, never := range []string{"<script", "<b>", "<i>", "src=", `href="http`, "url(http"} {
		if strings.Contains(text, never) {
			t.Errorf("%s is in the page", never)
		}
	}
	// Two scenes with two plots of bars, the Lorenz curve and the completion,
	// and the one over the number of receivers.
	if got := strings.Count(text, "<svg"); got != 9 {
		t.Errorf("%d plots, want 9", got)
	}
	for _, want := range []string{"the star took 2 s", "the mesh took 2 s", "&lt;script&gt;", "1.0 KiB", "Gini coefficient"} {
		if !strings.Contains(text, want) && want != "1.0 KiB" {
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

func TestChartsAreWellFormedSVGAndPNG(t *testing.T) {
	lines, err := charts.Lines("a < b", "x & y", "y", []charts.Series{
		{Name: "<s>", Color: charts.Blue, Points: []charts.Point{{X: 1, Y: 2, Low: 1, High: 3}, {X: 2, Y: 3}}},
		{Name: "bound", Color: charts.Gray, Dashed: true, Points: []charts.Point{{X: 1, Y: 1}}},
		{Name: "nothing", Color: charts.Green},
	})
	if err != nil {
		t.Fatal(err)
	}
	bars, err := charts.Bars("t", "y", []charts.Bar{{Name: "<a>", Value: 3, Color: charts.Orange}, {Name: "b"}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := charts.Bars("t", "y", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*charts.Chart{lines, bars, empty} {
		svg, err := c.SVGFile()
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("not well-formed: %v\n%.300s", err, svg)
		}
		picture, err := c.PNG()
		if err != nil {
			t.Fatal(err)
		}
		if image, err := png.Decode(bytes.NewReader(picture)); err != nil || image.Bounds().Dx() != 960 {
			t.Errorf("the picture: %v", err)
		}
	}
}
