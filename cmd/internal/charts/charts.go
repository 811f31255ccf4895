// Package charts draws the plots of a comparison, as SVG to put into a page or
// a file, and as PNG. It knows numbers and names, nothing of logs or runs.
//
// A chart is made for the width of a telephone, 360 CSS pixels, and can be
// shown larger. Its legend stands above the data, never on it. Systems differ
// in colour and in their marks; what was not measured is dashed.
package charts

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Chart is a plot with what stands around it.
type Chart struct {
	// Title heads the chart in a file; in a page a caption does.
	Title string
	// Describe tells those who cannot see the chart what it shows.
	Describe string

	unit   string // over the y axis
	plot   *plot.Plot
	legend []entry
	height vg.Length // of the plot with its axes
	// headroom is for what stands between the unit and the data.
	headroom vg.Length
}

// width of all charts: 360 CSS pixels.
const width = vg.Length(270)

// A Series is a line of a chart.
type Series struct {
	Name   string // in the legend; "" stands in none
	Look   Look
	Points []Point
}

// A Point is a value y at x; Low and High, when they differ, are how far
// several measurements were from each other.
type Point struct{ X, Y, Low, High float64 }

// usable reports whether a point can be drawn.
func (p Point) usable() bool {
	return !math.IsNaN(p.X+p.Y) && !math.IsInf(p.X, 0) && !math.IsInf(p.Y, 0)
}

// newPlot makes an empty plot of our style.
func newPlot(xLabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text = xLabel
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle = words(fontSize)
		axis.Tick.Label = words(fontSize)
		axis.Padding = 0
		axis.Color = Ink
		axis.Tick.Color = Ink
		axis.LineStyle.Width = vg.Points(0.6)
		axis.Tick.LineStyle.Width = vg.Points(0.6)
		axis.Tick.Length = vg.Points(3)
	}
	p.X.Label.Padding = vg.Points(2)
	p.X.Label.TextStyle.XAlign = draw.XCenter
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XCenter, draw.YTop
	p.Y.Tick.Label.XAlign, p.Y.Tick.Label.YAlign = draw.XRight, draw.YCenter
	p.Y.LineStyle.Width, p.Y.Tick.LineStyle.Width = 0, 0
	p.Y.Min, p.X.Min = 0, 0
	return p
}

const fontSize = 8.5

// words is the style of text of that size in points.
func words(size float64) text.Style {
	return text.Style{
		Color:   Ink,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: font.Points(size)},
		Handler: plot.DefaultTextHandler,
		YAlign:  draw.YBottom,
	}
}

// entry is a line of the legend.
type entry struct {
	name string
	look Look
	area bool // a patch of colour, not a line
}

// A thumbnail is as wide as this.
const thumb = vg.Length(17)

// draw draws the chart on a canvas; heading tells whether with its title.
func (c *Chart) draw(canvas draw.Canvas, heading bool) {
	if heading {
		canvas.FillPolygon(color.White, []vg.Point{
			canvas.Min, {X: canvas.Max.X, Y: canvas.Min.Y}, canvas.Max, {X: canvas.Min.X, Y: canvas.Max.Y}})
	}
	top := canvas.Max.Y - vg.Points(3)
	if heading {
		style := titleStyle()
		for _, line := range c.titleLines() {
			top -= titleHeight
			canvas.FillText(style, vg.Point{X: canvas.Min.X + margin, Y: top + 4}, line)
		}
	}
	for _, row := range c.legendRows() {
		top -= legendHeight
		x := canvas.Min.X + margin
		for _, e := range row {
			c.drawEntry(canvas, e, x, top)
			x += e.width()
		}
	}
	if c.unit != "" {
		top -= legendHeight
		canvas.FillText(words(fontSize), vg.Point{X: canvas.Min.X + margin, Y: top + 3}, c.unit)
	}
	c.plot.Draw(draw.Crop(canvas, margin, -vg.Points(8), vg.Points(3), top-canvas.Max.Y-vg.Points(3)-c.headroom))
}

const (
	margin       = vg.Length(3)
	titleHeight  = vg.Length(14)
	legendHeight = vg.Length(13)
)

// size returns how high the chart is, with or without its title.
func (c *Chart) size(heading bool) (w, h vg.Length) {
	h = c.height + c.headroom + vg.Points(6) + legendHeight*vg.Length(len(c.legendRows()))
	if c.unit != "" {
		h += legendHeight
	}
	if heading {
		h += titleHeight * vg.Length(len(c.titleLines()))
	}
	return width, h
}

func (c *Chart) drawEntry(canvas draw.Canvas, e entry, x, bottom vg.Length) {
	middle := bottom + legendHeight/2
	if e.area {
		canvas.FillPolygon(e.look.Color, []vg.Point{
			{X: x + 3, Y: middle - 3}, {X: x + thumb - 4, Y: middle - 3}, {X: x + thumb - 4, Y: middle + 4}, {X: x + 3, Y: middle + 4}})
	} else {
		if e.look.Stroke != Nothing {
			canvas.StrokeLine2(e.look.line(), x, middle, x+thumb, middle)
		}
		if glyph := e.look.glyph(); glyph.Shape != nil {
			canvas.DrawGlyphNoClip(glyph, vg.Point{X: x + thumb/2, Y: middle})
		}
	}
	canvas.FillText(words(fontSize), vg.Point{X: x + thumb + 3, Y: bottom + 3}, e.name)
}

func (e entry) width() vg.Length {
	return thumb + 3 + words(fontSize).Width(e.name) + vg.Points(9)
}

// legendRows breaks the legend into rows that fit.
func (c *Chart) legendRows() [][]entry {
	var rows [][]entry
	room := vg.Length(0)
	for _, e := range c.legend {
		if w := e.width(); len(rows) == 0 || w > room {
			rows, room = append(rows, nil), width-2*margin+vg.Points(9)
		}
		room -= e.width()
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
	}
	return rows
}
