package charts

import (
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"starmesh/cmd/internal/lab/system"
)

// A Color is one of the palette, by the names of which a page can give it
// another value in the dark.
type Color struct {
	Name        string // of the variable in a style sheet, without --
	Light, Dark string // #rrggbb
}

// RGBA is the colour on white paper.
func (c Color) RGBA() (r, g, b, a uint32) { return c.rgb().RGBA() }

func (c Color) rgb() color.NRGBA {
	value, _ := strconv.ParseUint(strings.TrimPrefix(c.Light, "#"), 16, 32) // a test tries every one
	return color.NRGBA{R: uint8(value >> 16), G: uint8(value >> 8), B: uint8(value), A: 0xff}
}

// The palette beside the systems' own colours.
var (
	otherColor = Color{"other", "#666666", "#aaaaaa"} // of a system without one
	gridColor  = Color{"grid", "#dddddd", "#3a3f46"}
	// Ink is the colour of words and axes.
	Ink = Color{"ink", "#222222", "#e6e6e6"}
)

// Palette lists the colours with which charts of these systems are drawn.
func Palette(systems system.Table) []Color {
	var all []Color
	for _, s := range systems {
		if s.Look.Light != "" {
			all = append(all, SystemColor(s))
		}
	}
	return append(all, otherColor, gridColor, Ink)
}

// SystemColor returns the colour of a system.
func SystemColor(s *system.System) Color {
	if s.Look.Light == "" {
		return otherColor
	}
	return Color{s.Name, s.Look.Light, s.Look.Dark}
}

// A Stroke is how a line is drawn.
type Stroke int

// The strokes. Dashed is what was not measured: a bound. The others tell
// measured series of one system apart.
const (
	Solid Stroke = iota
	Dashed
	Dotted
	DashDot
	Nothing // marks alone
)

// A Look is how a series looks.
type Look struct {
	Color  Color
	Stroke Stroke
	Mark   system.Mark
	Hollow bool // the mark is only an outline
	Faint  bool // one of many, or behind another
	AtEnd  bool // only the last point has a mark
	// Under is how many series may lie upon this one: it is drawn so much wider
	// that it is seen on both sides of them.
	Under int

	wide bool // the mark goes around another
}

// SystemLook returns the look of what was measured of a system. Several series
// of one system, as of two folders, are told apart by which: 0 is the first.
func SystemLook(s *system.System, which int) Look {
	l := Look{Color: SystemColor(s), Mark: s.Look.Mark}
	if which > 0 {
		l.Hollow = true
		l.Stroke = []Stroke{DashDot, Dotted}[(which-1)%2]
	}
	return l
}

// Bound returns the look of the bound that belongs to a series of look l: drawn
// in ink, so that it is seen where it meets what was measured, with the mark of
// the system around its points.
func (l Look) Bound() Look {
	return Look{Color: Ink, Stroke: Dashed, Mark: l.Mark, Hollow: true, Under: l.Under, wide: true}
}

// Behind returns the look of other runs than the one that is shown.
func (l Look) Behind() Look {
	l.Faint, l.Mark = true, system.NoMark
	return l
}

func (l Look) color() color.Color {
	if l.Faint {
		c := l.Color.rgb()
		c.A = 0x70
		return c
	}
	return l.Color
}

func (l Look) line() draw.LineStyle {
	s := draw.LineStyle{Color: l.color(), Width: vg.Points(1.6 + 1.5*float64(l.Under))}
	if l.Faint {
		s.Width = vg.Points(0.9)
	}
	switch l.Stroke {
	case Dashed:
		s.Dashes, s.Width = []vg.Length{4, 2.5}, vg.Points(1.1)
	case Dotted:
		s.Dashes = []vg.Length{1.5, 2}
	case DashDot:
		s.Dashes = []vg.Length{7, 2, 1.5, 2}
	}
	return s
}

func (l Look) glyph() draw.GlyphStyle {
	s := draw.GlyphStyle{Color: l.color(), Radius: vg.Points(2.8)}
	s.Radius += vg.Points(1.2 * float64(l.Under))
	if l.wide {
		s.Radius += vg.Points(1.8)
	}
	switch l.Mark {
	case system.Disc:
		s.Shape = polygon{sides: 24, hollow: l.Hollow}
	case system.Square:
		s.Shape = polygon{sides: 4, turn: math.Pi / 4, grow: 1.15, hollow: l.Hollow}
	case system.Triangle:
		s.Shape = polygon{sides: 3, turn: math.Pi / 2, grow: 1.2, hollow: l.Hollow}
	case system.Diamond:
		s.Shape = polygon{sides: 4, turn: math.Pi / 2, grow: 1.2, hollow: l.Hollow}
	case system.Cross:
		s.Shape = draw.CrossGlyph{}
	}
	return s
}

// polygon is a glyph with corners on a circle.
type polygon struct {
	sides  int
	turn   float64 // of the first corner, in radians
	grow   float64 // times the radius; 0 is 1
	hollow bool
}

// DrawGlyph draws the polygon around a point.
func (p polygon) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	radius := float64(s.Radius)
	if p.grow > 0 {
		radius *= p.grow
	}
	var path vg.Path
	for i := range p.sides {
		angle := p.turn + 2*math.Pi*float64(i)/float64(p.sides)
		corner := vg.Point{X: at.X + vg.Length(radius*math.Cos(angle)), Y: at.Y + vg.Length(radius*math.Sin(angle))}
		if i == 0 {
			path.Move(corner)
		} else {
			path.Line(corner)
		}
	}
	path.Close()
	c.SetColor(s.Color)
	if p.hollow {
		c.SetLineStyle(draw.LineStyle{Color: s.Color, Width: vg.Points(0.9)})
		c.Stroke(path)
		return
	}
	c.Fill(path)
}
