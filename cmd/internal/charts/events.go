package charts

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// An Event is a moment on an x axis that is a time.
type Event struct {
	At   float64
	Name string
}

// eventHeight is the room for letters above the data.
const eventHeight = vg.Length(8)

// addEvents marks moments with a letter each, which the legend explains.
func (c *Chart) addEvents(events []Event) {
	if len(events) == 0 {
		return
	}
	c.headroom = eventHeight
	c.plot.Add(eventsPlot(events))
	for i, e := range events {
		c.legend = append(c.legend, entry{name: letter(i) + ": " + shorten(clean(e.Name), 40), look: Look{Color: Ink, Stroke: Dotted}})
	}
}

func letter(i int) string { return string(rune('a' + i%26)) }

// eventsPlot draws a thin line at each moment, with its letter above.
type eventsPlot []Event

// Plot draws the lines from bottom to top. Letters that would run into the one
// before are left out; their lines are close enough.
func (all eventsPlot) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	style := words(fontSize - 1)
	style.XAlign = draw.XCenter
	last := vg.Length(-100)
	for i, e := range all {
		at := x(e.At)
		c.StrokeLine2(draw.LineStyle{Color: Ink, Width: vg.Points(0.7), Dashes: []vg.Length{1, 2}}, at, c.Min.Y, at, c.Max.Y)
		if at-last >= 6 || last-at >= 6 {
			c.FillText(style, vg.Point{X: at, Y: c.Max.Y + 1}, letter(i))
			last = at
		}
	}
}
