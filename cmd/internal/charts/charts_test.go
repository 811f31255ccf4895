package charts_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"starmesh/cmd/internal/charts"
	"starmesh/cmd/internal/lab/system"
)

// drawn are charts of every kind, with names and numbers that logs may hold.
func drawn() map[string]*charts.Chart {
	all := make(map[string]*charts.Chart)
	add := func(name string, c *charts.Chart) {
		c.Title, c.Describe = `<b>"`+name+`" & more</b>`, "\x00 what <it> shows"
		all[name] = c
	}
	star, mesh := charts.SystemLook(system.Named("star"), 0), charts.SystemLook(system.Named("mesh"), 1)
	add("lines", charts.Lines(charts.Axes{X: "x & y", Unit: "a < b", At: []float64{1, 2, 64}, Events: []charts.Event{{At: 60, Name: "<it>"}, {At: 1, Name: "b"}}}, []charts.Series{
		{Name: "<s>", Look: star, Points: []charts.Point{{X: 1, Y: 2, Low: 1, High: 3}, {X: 2, Y: 3}, {X: math.NaN(), Y: math.Inf(1)}}},
		{Name: "bound", Look: mesh.Bound(), Points: []charts.Point{{X: 1, Y: 1}}},
		{Name: "nothing", Look: mesh},
	}))
	add("no lines", charts.Lines(charts.Axes{}, nil))
	var many []charts.Bar
	var lanes []charts.Lane
	done := 2.0
	for i := range 65 {
		many = append(many, charts.Bar{Name: fmt.Sprintf("peer-%d", i), Value: float64(i), Color: star.Color})
		lanes = append(lanes, charts.Lane{Name: "<lane>", Color: mesh.Color, Done: &done, Limit: 8, Area: []charts.Step{{From: 0, To: 1, Level: 5}}, Line: []charts.Step{{From: 0, To: 2, Level: 50}}})
	}
	add("bars", charts.Bars("<nodes>", "MiB", []charts.Bar{{Name: "<a>", Value: 3, Low: 2, High: 4, Bound: 1, Color: star.Color}, {Name: "b", Missing: true}}, 0))
	add("many bars", charts.Bars("", "", many, 0))
	add("no bars", charts.Bars("", "", nil, 0))
	add("lanes", charts.Lanes(charts.LaneScale{Highest: 10, Area: "sent", Line: "received", DoneName: "done", LimitName: "<limit>", Events: []charts.Event{{At: 1, Name: "<it>"}}}, lanes))
	add("no lanes", charts.Lanes(charts.LaneScale{}, nil))
	return all
}

func TestChartsAreWellFormedSVG(t *testing.T) {
	for name, c := range drawn() {
		file, err := c.SVG()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inline, err := c.Inline(`id"<`, charts.Palette(system.All()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, svg := range [][]byte{file, inline} {
			d := xml.NewDecoder(bytes.NewReader(svg))
			err = nil
			for err == nil {
				_, err = d.Token()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("%s is not well-formed: %v\n%.300s", name, err, svg)
			}
			for _, never := range []string{"<b>", "<s>", "<a>", "<lane>", "<limit>", "<it>", "\x00", "NaN", "Inf", "#-"} {
				if bytes.Contains(svg, []byte(never)) {
					t.Errorf("%s holds %q", name, never)
				}
			}
		}
		if bytes.Contains(inline, []byte("http")) {
			t.Errorf("%s: the inline drawing names an address", name)
		}
	}
}

func TestInlineChartsTakeTheColoursOfThePage(t *testing.T) {
	text, err := drawn()["lines"].Inline("x", charts.Palette(system.All()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"stroke:var(--star)", "fill:var(--ink)", "stroke:var(--grid)"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, color := range charts.Palette(system.All()) {
		if strings.Contains(string(text), strings.ToUpper(color.Light)) {
			t.Errorf("%s has its colour by day even in the dark", color.Name)
		}
	}
}

// TestTextsKeepTheirRoom: a text says how wide it is, so that one shown in
// another font neither runs over the edge nor into what is beside it. It reads
// what gonum.org/v1/plot v0.17.0 writes.
func TestTextsKeepTheirRoom(t *testing.T) {
	for name, c := range drawn() {
		file, err := c.SVG()
		if err != nil {
			t.Fatal(err)
		}
		texts := strings.Count(string(file), "<text ")
		if fixed := strings.Count(string(file), `<text textLength="`); texts != fixed {
			t.Errorf("%s: %d of %d texts have a width", name, fixed, texts)
		}
	}
}

func TestPNGsAreSharp(t *testing.T) {
	for name, c := range drawn() {
		picture, err := c.PNG()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if image, err := png.Decode(bytes.NewReader(picture)); err != nil || image.Bounds().Dx() != 810 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNamesOfBarsDoNotRunIntoEachOther: of many, every so many is named.
func TestNamesOfBarsDoNotRunIntoEachOther(t *testing.T) {
	text, err := drawn()["many bars"].SVG()
	if err != nil {
		t.Fatal(err)
	}
	named := strings.Count(string(text), ">peer-")
	if named < 3 || named > 12 {
		t.Errorf("%d of 65 bars are named", named)
	}
}

func TestTheSameChartGivesTheSameBytes(t *testing.T) {
	one, two := drawn(), drawn()
	for name := range one {
		a, errA := one[name].Inline("x", charts.Palette(system.All()))
		b, errB := two[name].Inline("x", charts.Palette(system.All()))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v, %v", name, errA, errB)
		}
	}
}

// TestLanesBesideEachOtherHaveOneAxisOfTime: whatever their nodes are called, and
// however long each took.
func TestLanesBesideEachOtherHaveOneAxisOfTime(t *testing.T) {
	long := []charts.Lane{{Name: "client-of-a-long-name", Area: []charts.Step{{From: 0, To: 7, Level: 1}}}}
	short := []charts.Lane{{Name: "p", Area: []charts.Step{{From: 0, To: 2, Level: 1}}}}
	places := func(lanes []charts.Lane) (all []string) {
		c := charts.Lanes(charts.LaneScale{X: "seconds", MaxX: 7, Highest: 1, Beside: append(long, short...)}, lanes)
		svg, err := c.SVG()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`x="([0-9.]+)"[^>]*>[0-7]</text>`).FindAllStringSubmatch(string(svg), -1) {
			all = append(all, m[1])
		}
		return all
	}
	if a, b := places(long), places(short); len(a) < 6 || !slices.Equal(a, b) {
		t.Errorf("whole seconds are at %v in one and at %v in the other", a, b)
	}
}
