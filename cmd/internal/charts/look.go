package charts

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Color is one of the palette, by the names of which a page can give it
// another value in the dark.
type Color struct {
	Name        string // of the variable in a style sheet, without --
	Light, Dark string // #rrggbb
	rgb         color.NRGBA
}

// RGBA is the colour on white paper.
func (c Color) RGBA() (r, g, b, a uint32) { return c.rgb.RGBA() }

// The palette: systems have those of Okabe and Ito, which people who see
// colours differently can tell apart.
var (
	starColor  = Color{"star", "#d55e00", "#f28a3c", color.NRGBA{0xd5, 0x5e, 0x00, 0xff}}
	meshColor  = Color{"mesh", "#0072b2", "#56b4e9", color.NRGBA{0x00, 0x72, 0xb2, 0xff}}
	httpColor  = Color{"http", "#009e73", "#2fc79b", color.NRGBA{0x00, 0x9e, 0x73, 0xff}}
	closeColor = Color{"http-close", "#aa4499", "#dd99cc", color.NRGBA{0xaa, 0x44, 0x99, 0xff}}
	otherColor = Color{"other", "#666666", "#aaaaaa", color.NRGBA{0x66, 0x66, 0x66, 0xff}}
	gridColor  = Color{"grid", "#dddddd", "#3a3f46", color.NRGBA{0xdd, 0xdd, 0xdd, 0xff}}
	// Ink is the colour of words and axes.
	Ink = Color{"ink", "#222222", "#e6e6e6", color.NRGBA{0x22, 0x22, 0x22, 0xff}}
)

// Palette lists the colours that charts are drawn with.
func Palette() []Color {
	return []Color{starColor, meshColor, httpColor, closeColor, otherColor, gridColor, Ink}
}

// SystemColor gives the colour of a system.
func SystemColor(system string) Color {
	switch system {
	case "star":
		return starColor
	case "mesh":
		return meshColor
	case "http":
		return httpColor
	case "http-close":
		return closeColor
	}
	return otherColor
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

// A Mark is what stands at the points of a line.
type Mark int

// The marks.
const (
	NoMark Mark = iota
	Disc
	Square
	Triangle
	Diamond
	Cross
)

// A Look is how a series looks.
type Look struct {
	Color  Color
	Stroke Stroke
	Mark   Mark
	Hollow bool // the mark is only an outline
	Faint  bool // one of many, or behind another
	AtEnd  bool // only the last point has a mark
	// Under is how many series may lie upon this one: it is drawn so much wider
	// that it is seen on both sides of them.
	Under int

	wide bool // the mark goes around another
}

// SystemLook gives the look of what was measured of a system. Several series
// of one system, as of two folders, are told apart by which: 0 is the first.
func SystemLook(system string, which int) Look {
	marks := map[string]Mark{"star": Disc, "mesh": Square, "http": Triangle, "http-close": Diamond}
	l := Look{Color: SystemColor(system), Mark: Cross}
	if mark, ok := marks[system]; ok {
		l.Mark = mark
	}
	if which > 0 {
		l.Hollow = true
		l.Stroke = []Stroke{DashDot, Dotted}[(which-1)%2]
	}
	return l
}

// Bound gives the look of the bound that belongs to a series of look l: drawn
// in ink, so that it is seen where it meets what was measured, with the mark of
// the system around its points.
func (l Look) Bound() Look {
	return Look{Color: Ink, Stroke: Dashed, Mark: l.Mark, Hollow: true, Under: l.Under, wide: true}
}

// Behind gives the look of other runs than the one that is shown.
func (l Look) Behind() Look {
	l.Faint, l.Mark = true, NoMark
	return l
}

func (l Look) color() color.Color {
	if l.Faint {
		c := l.Color.rgb
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
	case Disc:
		s.Shape = polygon{sides: 24, hollow: l.Hollow}
	case Square:
		s.Shape = polygon{sides: 4, turn: math.Pi / 4, grow: 1.15, hollow: l.Hollow}
	case Triangle:
		s.Shape = polygon{sides: 3, turn: math.Pi / 2, grow: 1.2, hollow: l.Hollow}
	case Diamond:
		s.Shape = polygon{sides: 4, turn: math.Pi / 2, grow: 1.2, hollow: l.Hollow}
	case Cross:
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
