// Package charts draws the plots of a comparison, as SVG to put into a page and
// as PNG. It knows numbers and names, nothing of logs or runs.
package charts

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Chart is a plot with its size.
type Chart struct {
	plot          *plot.Plot
	width, height vg.Length
}

// A Series is a line of a chart, or a group of bars.
type Series struct {
	Name   string
	Color  color.Color
	Points []Point
	Dashed bool // what was not measured: a bound
}

// A Point is a value y at x; Low and High, when they differ, are how far
// several measurements were from each other.
type Point struct{ X, Y, Low, High float64 }

// The colours of systems, from the palette of Okabe and Ito, which people who
// see colours differently can tell apart.
var (
	Orange = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	Blue   = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	Green  = color.NRGBA{0x00, 0x9e, 0x73, 0xff}
	Purple = color.NRGBA{0xcc, 0x79, 0xa7, 0xff}
	Gray   = color.NRGBA{0x80, 0x80, 0x80, 0xff}
)

// SystemColor gives the colour of a system.
func SystemColor(system string) color.Color {
	switch system {
	case "star":
		return Orange
	case "mesh":
		return Blue
	case "http":
		return Green
	}
	return Purple
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	for _, style := range []*draw.TextStyle{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle,
		&p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font.Variant = "Sans"
		style.Font.Size = font.Points(10)
	}
	p.Title.TextStyle.Font.Size = font.Points(12)
	p.Title.Padding = vg.Points(6)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(2)
	return p
}

// Lines draws series over a common x axis; y begins at 0.
func Lines(title, x, y string, series []Series) (*Chart, error) {
	p := newPlot(title, x, y)
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal.Color = color.Gray{0xdd}
	p.Add(grid)
	for _, s := range series {
		if err := addLine(p, s); err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
	}
	p.Y.Min = min(0, p.Y.Min)
	p.Y.Max = max(p.Y.Max*1.05, p.Y.Min+1e-9)
	if p.X.Max <= p.X.Min {
		p.X.Max = p.X.Min + 1
	}
	return &Chart{p, vg.Points(480), vg.Points(300)}, nil
}

func addLine(p *plot.Plot, s Series) error {
	xys := make(plotter.XYs, 0, len(s.Points))
	for _, point := range s.Points {
		if math.IsNaN(point.X+point.Y) || math.IsInf(point.X+point.Y, 0) {
			continue
		}
		xys = append(xys, plotter.XY{X: point.X, Y: point.Y})
	}
	if len(xys) == 0 {
		return nil
	}
	line, dots, err := plotter.NewLinePoints(xys)
	if err != nil {
		return err
	}
	line.Color, line.Width = s.Color, vg.Points(1.5)
	dots.Color, dots.Shape, dots.Radius = s.Color, draw.CircleGlyph{}, vg.Points(2)
	if s.Dashed {
		line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		p.Add(line)
		p.Legend.Add(s.Name, line)
		return nil
	}
	p.Add(line)
	if len(xys) <= 40 {
		p.Add(dots)
	}
	p.Legend.Add(s.Name, line)
	return addSpread(p, s)
}

// addSpread draws how far measurements were from each other.
func addSpread(p *plot.Plot, s Series) error {
	for _, point := range s.Points {
		if point.High <= point.Low {
			continue
		}
		bar, err := plotter.NewLine(plotter.XYs{{X: point.X, Y: point.Low}, {X: point.X, Y: point.High}})
		if err != nil {
			return err
		}
		bar.Color, bar.Width = s.Color, vg.Points(1)
		p.Add(bar)
	}
	return nil
}

// A Bar is one bar of a chart of bars.
type Bar struct {
	Name  string
	Value float64
	Color color.Color
}

// Bars draws bars beside each other, all from 0. Names are left out where
// there is no room for them.
func Bars(title, y string, bars []Bar, highest float64) (*Chart, error) {
	p := newPlot(title, "", y)
	width := vg.Points(480)
	thick := max(vg.Points(1), min(vg.Points(36), width*0.7/vg.Length(max(1, len(bars)))))
	names := make([]string, len(bars))
	for i, b := range bars {
		chart, err := plotter.NewBarChart(plotter.Values{b.Value}, thick)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
		chart.XMin, chart.Color, chart.LineStyle.Width = float64(i), b.Color, 0
		p.Add(chart)
		if len(bars) <= 40 {
			names[i] = b.Name
		}
	}
	if len(names) > 0 { // it takes one for granted
		p.NominalX(names...)
	}
	if len(bars) > 5 {
		p.X.Tick.Label.Rotation = math.Pi / 3
		p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YCenter
	}
	p.Y.Min, p.Y.Max = 0, max(highest, 1e-9)
	p.X.Min, p.X.Max = -0.6, float64(max(1, len(bars)))-0.4
	return &Chart{p, width, vg.Points(240)}, nil
}

// SVG gives the chart as an <svg> element, to stand in a page or, with
// SVGFile's head, in a file of its own.
func (c *Chart) SVG() ([]byte, error) {
	canvas := vgsvg.New(c.width, c.height)
	c.plot.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("cannot draw: %w", err)
	}
	text := b.Bytes()
	if at := bytes.Index(text, []byte("<svg")); at > 0 {
		text = text[at:] // without what belongs to a file alone
	}
	return text, nil
}

// SVGFile gives the chart as an SVG document.
func (c *Chart) SVGFile() ([]byte, error) {
	text, err := c.SVG()
	return append([]byte("<?xml version=\"1.0\"?>\n"), text...), err
}

// PNG gives the chart as a picture, two pixels to a point.
func (c *Chart) PNG() ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(c.width, c.height), vgimg.UseDPI(144))
	c.plot.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&b); err != nil {
		return nil, fmt.Errorf("cannot draw: %w", err)
	}
	return b.Bytes(), nil
}
