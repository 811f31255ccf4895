package metrics

import (
	"math"
	"slices"
)

// A Point of a Lorenz curve: this share of the nodes, those that sent least
// first, sent this share of all bytes.
type Point struct {
	Nodes float64 `json:"nodes"`
	Sent  float64 `json:"sent"`
}

// EffectiveUploaders is (Σx)² ÷ Σx²: how many equal uploaders would load
// themselves as unevenly as these: 1 if one sends all, n if all send the same.
// It is not ok when nobody sent anything.
func EffectiveUploaders(sent []float64) (float64, bool) {
	var sum, squares float64
	for _, x := range sent {
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return 0, false
	}
	return sum * sum / squares, true
}

// Gini is the mean difference between two nodes over twice the mean: 0 if all
// send the same, (n−1)/n if one sends all. It is not ok when nobody sent.
//
// With x sorted from the least, i from 1: 2·Σ(i·x_i) ÷ (n·Σx) − (n+1) ÷ n.
func Gini(sent []float64) (float64, bool) {
	sorted := slices.Sorted(slices.Values(sent))
	n := float64(len(sorted))
	var sum, weighted float64
	for i, x := range sorted {
		sum += x
		weighted += float64(i+1) * x
	}
	if sum == 0 {
		return 0, false
	}
	return max(0, 2*weighted/(n*sum)-(n+1)/n), true // never −0.0000…1
}

// Lorenz returns the points of the Lorenz curve, from (0, 0) to (1, 1); none
// when nobody sent anything.
func Lorenz(sent []float64) []Point {
	sorted := slices.Sorted(slices.Values(sent))
	sum := 0.0
	for _, x := range sorted {
		sum += x
	}
	if sum == 0 {
		return nil
	}
	points := []Point{{0, 0}}
	below := 0.0
	for i, x := range sorted {
		below += x
		points = append(points, Point{float64(i+1) / float64(len(sorted)), below / sum})
	}
	points[len(points)-1].Sent = 1 // whatever the rounding
	return points
}

// NearestRank returns the percentile p (0 < p ≤ 100) of n values of which those
// in sorted are known and all others are larger: the value at rank ⌈p·n/100⌉.
// It is not ok when that rank is one of the others, or n is 0.
func NearestRank(sorted []float64, n int, p float64) (float64, bool) {
	rank := int(math.Ceil(p * float64(n) / 100))
	if rank < 1 || rank > len(sorted) {
		return 0, false
	}
	return sorted[rank-1], true
}
