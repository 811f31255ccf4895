package charts

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"starmesh/cmd/internal/lab/system"
)

// A Lane is what one node did over time: an area and a line over it.
type Lane struct {
	Name  string
	Color Color
	Area  []Step
	Line  []Step
	// Done, when not nil, is when it had all.
	Done *float64
	// Limit is a level that the area cannot pass for long; 0 is none.
	Limit float64
}

// A Step is a level between two times.
type Step struct{ From, To, Level float64 }

// A LaneScale says what lanes are drawn on.
type LaneScale struct {
	X, Unit    string
	MaxX       float64
	Beside     []Lane  // of charts that stand beside this one: their names have room, too
	Highest    float64 // fills a lane
	Area, Line string  // names for the legend; "" is none
	DoneName   string
	LimitName  string
	Events     []Event
}

// Lanes draws one band for each node, one below the other, all of one scale.
func Lanes(scale LaneScale, lanes []Lane) *Chart {
	p := newPlot(scale.X)
	each := laneHeight(len(lanes))
	c := &Chart{plot: p, unit: scale.Unit, height: each*vg.Length(max(1, len(lanes))) + 32}
	maxX := scale.MaxX
	for _, l := range lanes {
		for _, s := range append(append([]Step(nil), l.Area...), l.Line...) {
			maxX = max(maxX, s.To)
		}
	}
	if maxX <= 0 {
		maxX = 1
	}
	p.X.Max = maxX * 1.03
	p.X.Tick.Marker = plot.ConstantTicks(xTicks(nil, p.X.Max))
	p.Y.Max = float64(max(1, len(lanes)))
	p.Y.Tick.Marker = plot.ConstantTicks(laneTicks(lanes, each))
	p.Y.Padding = namesWidth(append(slices.Clone(scale.Beside), lanes...), each) - namesWidth(lanes, each)
	p.Add(lanesPlot{lanes, max(scale.Highest, 1e-9)})
	p.X.Min, p.X.Max, p.Y.Min = 0, maxX*1.03, 0
	if len(lanes) > 0 {
		c.legend = laneLegend(scale, lanes)
		c.addEvents(scale.Events)
		p.X.Max = maxX * 1.03 // an event may be later
	}
	return c
}

func laneLegend(scale LaneScale, lanes []Lane) []entry {
	var all []entry
	color := lanes[0].Color
	if scale.Area != "" {
		all = append(all, entry{name: scale.Area, look: Look{Color: color}, area: true})
	}
	if scale.Line != "" {
		all = append(all, entry{name: scale.Line, look: laneLine})
	}
	if scale.LimitName != "" && slices.ContainsFunc(lanes, func(l Lane) bool { return l.limited(scale.Highest) }) {
		all = append(all, entry{name: scale.LimitName, look: laneLimit})
	}
	if scale.DoneName != "" {
		all = append(all, entry{name: scale.DoneName, look: laneDone})
	}
	return all
}

var (
	laneLine  = Look{Color: Ink}
	laneDone  = Look{Color: Ink, Mark: system.Diamond, Stroke: Dotted}
	laneLimit = Look{Color: Ink, Stroke: Dashed}
)

// limited reports whether the lane has a limit that can be seen in it.
func (l Lane) limited(highest float64) bool { return l.Limit > 0 && l.Limit <= highest }

// laneHeight makes lanes of few nodes high, and those of many so low that all
// can be seen at once.
func laneHeight(n int) vg.Length {
	switch {
	case n <= 9:
		return 20
	case n <= 20:
		return 13
	}
	return 7
}

func laneTicks(lanes []Lane, each vg.Length) []plot.Tick {
	every := 1
	if each < fontSize+1 {
		every = 4
	}
	var ticks []plot.Tick
	for i, l := range lanes {
		if i%every == 0 {
			ticks = append(ticks, plot.Tick{Value: float64(len(lanes)-i) - 0.6, Label: shorten(clean(l.Name), 14)})
		}
	}
	return ticks
}

// namesWidth is the room that the names of lanes take.
func namesWidth(lanes []Lane, each vg.Length) (widest vg.Length) {
	for _, tick := range laneTicks(lanes, each) {
		widest = max(widest, words(fontSize).Width(tick.Label))
	}
	return widest
}

type lanesPlot struct {
	lanes   []Lane
	highest float64
}

// Plot draws the lanes from the top.
func (l lanesPlot) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i, lane := range l.lanes {
		base := float64(len(l.lanes) - i - 1)
		level := func(v float64) vg.Length { return y(base + 0.9*min(1, v/l.highest)) }
		c.StrokeLine2(draw.LineStyle{Color: gridColor, Width: vg.Points(0.6)}, c.Min.X, y(base), c.Max.X, y(base))
		if len(lane.Area) > 0 {
			c.FillPolygon(lane.Color, outline(lane.Area, x, level, true))
		}
		if len(lane.Line) > 0 {
			style := laneLine.line()
			style.Width = vg.Points(0.9)
			c.StrokeLines(style, outline(lane.Line, x, level, false))
		}
		if lane.limited(l.highest) {
			style := laneLimit.line()
			style.Width = vg.Points(0.6)
			c.StrokeLine2(style, c.Min.X, level(lane.Limit), c.Max.X, level(lane.Limit))
		}
		if lane.Done != nil {
			style := laneDone.line()
			style.Width = vg.Points(0.8)
			c.StrokeLine2(style, x(*lane.Done), y(base), x(*lane.Done), y(base+0.9))
			c.DrawGlyphNoClip(laneDone.glyph(), vg.Point{X: x(*lane.Done), Y: y(base + 0.45)})
		}
	}
}

// outline walks along steps; a closed one begins and ends on the ground.
func outline(steps []Step, x func(float64) vg.Length, y func(float64) vg.Length, closed bool) []vg.Point {
	var points []vg.Point
	if closed {
		points = append(points, vg.Point{X: x(steps[0].From), Y: y(0)})
	}
	for _, s := range steps {
		points = append(points, vg.Point{X: x(s.From), Y: y(s.Level)}, vg.Point{X: x(s.To), Y: y(s.Level)})
	}
	if closed {
		points = append(points, vg.Point{X: x(steps[len(steps)-1].To), Y: y(0)})
	}
	return points
}
