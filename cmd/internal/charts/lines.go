package charts

import (
	"image/color"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Axes say what a chart of lines is drawn on. Both begin at 0.
type Axes struct {
	X, Unit string // what x is, and what y is counted in
	// At are the places on x that get ticks: those that were measured. None:
	// evenly.
	At []float64
	// MaxX and MaxY, when larger than all points, are where the axes end, for
	// charts that stand beside each other.
	MaxX, MaxY float64
	Whole      bool // y counts things
	Events     []Event
}

// Lines draws series over a common x axis.
func Lines(axes Axes, series []Series) *Chart {
	p := newPlot(axes.X)
	c := &Chart{plot: p, unit: axes.Unit, height: 175}
	p.X.Max, p.Y.Max = axes.MaxX, axes.MaxY
	for _, s := range series {
		for _, point := range s.Points {
			if point.usable() {
				p.X.Max = max(p.X.Max, point.X)
				p.Y.Max = max(p.Y.Max, point.Y, point.High)
			}
		}
	}
	if p.X.Max == 0 {
		p.X.Max = 1
	}
	if p.Y.Max == 0 {
		p.Y.Max = 1
	}
	p.X.Max *= 1.03
	p.Y.Max *= 1.05
	highX, highY := p.X.Max, p.Y.Max
	ticks := evenTicks(highY, 5, axes.Whole)
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.X.Tick.Marker = plot.ConstantTicks(xTicks(axes.At, highX))
	p.Add(gridAt(ticks))
	for _, s := range series {
		c.addLine(s)
	}
	c.addEvents(axes.Events)
	// What was added may have moved the ends.
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, highX, 0, highY
	return c
}

func xTicks(at []float64, highest float64) []plot.Tick {
	if len(at) == 0 {
		ticks := evenTicks(highest, 6, false)
		return without(ticks, forward(len(ticks)), 0, highest)
	}
	var ticks []plot.Tick
	for _, x := range slices.Compact(slices.Sorted(slices.Values(at))) {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', -1, 64)})
	}
	return without(ticks, backward(len(ticks)), 0, highest)
}

// grid draws level lines.
type grid []plot.Tick

func gridAt(ticks []plot.Tick) grid { return ticks }

// Plot draws the lines over the whole width.
func (g grid) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	for _, tick := range g {
		c.StrokeLine2(draw.LineStyle{Color: gridColor, Width: vg.Points(0.6)}, c.Min.X, y(tick.Value), c.Max.X, y(tick.Value))
	}
}

// maxMarks is how many points of a line get marks.
const maxMarks = 40

func (c *Chart) addLine(s Series) {
	xys := make(plotter.XYs, 0, len(s.Points))
	for _, point := range s.Points {
		if point.usable() {
			xys = append(xys, plotter.XY{X: point.X, Y: point.Y})
		}
	}
	if s.Name != "" && len(xys) > 0 {
		c.legend = append(c.legend, entry{name: clean(s.Name), look: s.Look})
	}
	if len(xys) > 1 && s.Look.Stroke != Nothing {
		c.plot.Add(&plotter.Line{XYs: xys, LineStyle: s.Look.line()})
	}
	if s.Look.AtEnd && len(xys) > 0 {
		c.plot.Add(marks{xys[len(xys)-1:], s.Look.glyph()})
	} else if glyph := s.Look.glyph(); glyph.Shape != nil && (len(xys) <= maxMarks || s.Look.Stroke == Nothing) {
		c.plot.Add(marks{xys, glyph})
	}
	if len(xys) == 1 && s.Look.Stroke == Dashed { // a bound at one place
		c.plot.Add(dash{xys[0], s.Look.line()})
	}
	for _, point := range s.Points {
		if point.usable() && point.High > point.Low {
			c.plot.Add(whisker{x: point.X, low: point.Low, high: point.High, color: s.Look.color()})
		}
	}
}

// marks draws glyphs that may reach over the edge of the data.
type marks struct {
	at    plotter.XYs
	glyph draw.GlyphStyle
}

// Plot draws the marks.
func (m marks) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, at := range m.at {
		c.DrawGlyphNoClip(m.glyph, vg.Point{X: x(at.X), Y: y(at.Y)})
	}
}

// dash is a short level line.
type dash struct {
	at    plotter.XY
	style draw.LineStyle
}

// Plot draws the dash.
func (d dash) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	c.StrokeLine2(d.style, x(d.at.X)-12, y(d.at.Y), x(d.at.X)+12, y(d.at.Y))
}

// whisker shows how far measurements were from each other.
type whisker struct {
	x, low, high float64
	color        color.Color
}

// Plot draws the whisker with a bar at each end.
func (w whisker) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.LineStyle{Color: w.color, Width: vg.Points(1)}
	const half = 3
	c.StrokeLine2(style, x(w.x), y(w.low), x(w.x), y(w.high))
	for _, end := range []float64{w.low, w.high} {
		c.StrokeLine2(style, x(w.x)-half, y(end), x(w.x)+half, y(end))
	}
}
