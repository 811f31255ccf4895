package charts

import (
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Bar is one bar of a chart of bars.
type Bar struct {
	Name  string
	Value float64
	// Low and High, when they differ, are how far several measurements were
	// from each other.
	Low, High float64
	Bound     float64 // drawn across the bar when larger than 0
	Color     Color
	Missing   bool // nothing is known: no bar at all
}

// Bars draws bars beside each other, all from 0. Names are left out where there
// is no room for them.
func Bars(x, unit string, bars []Bar, highest float64) *Chart {
	p := newPlot(x)
	c := &Chart{plot: p, unit: unit, height: 150}
	bounded := false
	for _, b := range bars {
		highest = max(highest, b.Value, b.High, b.Bound)
		bounded = bounded || b.Bound > 0
	}
	if highest <= 0 {
		highest = 1
	}
	highest *= 1.05
	ticks := evenTicks(highest, 5, false)
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.X.Tick.Marker = plot.ConstantTicks(barTicks(bars))
	p.X.Tick.LineStyle.Width, p.X.Tick.Length = 0, 2
	p.Add(gridAt(ticks), barsPlot(bars))
	p.X.Min, p.X.Max = -0.6, float64(max(1, len(bars)))-0.4
	p.Y.Min, p.Y.Max = 0, highest
	if bounded {
		c.legend = []entry{{name: "least possible (bound)", look: Look{Color: Ink, Stroke: Dashed}}}
	}
	return c
}

func barTicks(bars []Bar) []plot.Tick {
	style := words(fontSize)
	ticks := make([]plot.Tick, 0, len(bars))
	widest := vg.Length(0)
	for i, b := range bars {
		name := shorten(clean(b.Name), 14)
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
		if i > 0 {
			widest = max(widest, style.Width(name))
		}
	}
	keep := evenly(len(ticks), widest)
	kept := make([]plot.Tick, 0, len(keep))
	for _, i := range keep {
		kept = append(kept, ticks[i])
	}
	return without(kept, forward(len(kept)), -0.6, float64(max(1, len(bars)))-0.4)
}

// shorten cuts a text to so many letters.
func shorten(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return strings.TrimSpace(string(r[:limit-1])) + "…"
	}
	return s
}

// barsPlot draws the bars.
type barsPlot []Bar

// Plot draws each bar, its bound and its spread.
func (bars barsPlot) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	half := min(vg.Points(18), (x(1)-x(0))*0.38)
	for i, b := range bars {
		at := x(float64(i))
		if b.Missing {
			style := words(fontSize)
			style.XAlign = draw.XCenter
			c.FillText(style, vg.Point{X: at, Y: y(0) + 2}, "?")
			continue
		}
		c.FillPolygon(b.Color, []vg.Point{
			{X: at - half, Y: y(0)}, {X: at + half, Y: y(0)}, {X: at + half, Y: y(b.Value)}, {X: at - half, Y: y(b.Value)}})
		if b.Bound > 0 {
			c.StrokeLine2(Look{Color: Ink, Stroke: Dashed}.line(), at-half-4, y(b.Bound), at+half+4, y(b.Bound))
		}
		if b.High > b.Low {
			whisker{float64(i), b.Low, b.High, Ink}.Plot(c, p)
		}
	}
}
