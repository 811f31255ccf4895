package charts

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// evenTicks returns about count ticks from 0 to highest, at multiples of 1, 2 or
// 5 times a power of ten; whole numbers alone if only those make sense.
func evenTicks(highest float64, count int, whole bool) []plot.Tick {
	if !(highest > 0) || math.IsInf(highest, 0) {
		return []plot.Tick{{Value: 0, Label: "0"}}
	}
	rough := highest / float64(count)
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step := power
	for _, m := range []float64{2, 5, 10} { // the one that comes closest
		if math.Abs(highest/(power*m)-float64(count)) < math.Abs(highest/step-float64(count)) {
			step = power * m
		}
	}
	if whole {
		step = max(1, math.Round(step))
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var ticks []plot.Tick
	for i := 0; float64(i)*step <= highest*1.0001; i++ {
		v := float64(i) * step
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', digits, 64)})
	}
	return ticks
}

// room is about how wide the data area of a chart is.
const room = width - 2*margin - vg.Length(38)

// without takes the labels off ticks that would run into others, those earlier
// in order being kept; the ticks stay. Positions run from low to high.
func without(ticks []plot.Tick, order []int, low, high float64) []plot.Tick {
	style := words(fontSize)
	type span struct{ from, to vg.Length }
	var taken []span
	for _, i := range order {
		if ticks[i].Label == "" {
			continue
		}
		at := room * vg.Length((ticks[i].Value-low)/(high-low))
		half := style.Width(ticks[i].Label)/2 + 2
		s := span{at - half, at + half}
		if slices.ContainsFunc(taken, func(o span) bool { return s.from < o.to && o.from < s.to }) {
			ticks[i].Label = ""
			continue
		}
		taken = append(taken, s)
	}
	return ticks
}

// forward and backward are orders of n ticks.
func forward(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func backward(n int) []int {
	all := forward(n)
	slices.Reverse(all)
	return all
}

// evenly returns every k-th of n ticks, beginning with the first: so many that
// labels of the widest have room.
func evenly(n int, widest vg.Length) []int {
	k := 1
	for _, step := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		k = step
		if vg.Length(step)*room/vg.Length(max(1, n)) > widest+4 {
			break
		}
	}
	var all []int
	for i := 0; i < n; i++ {
		if i%k == 0 {
			all = append(all, i)
		}
	}
	return all
}
