package system

// The bounds say in which least time a file can reach all its receivers over
// given access links, whatever the protocol.
//
// The model is the textbook's: every node has one uplink and one downlink, the
// network between them is never the limit, and bytes flow like a fluid: no
// latency, no headers, no CPU, no chunks (but for ChunkedBound). Real transfers
// take longer; how much longer is what a comparison tells.

import (
	"fmt"
	"math"
	"math/bits"
)

// Links are the access links of one origin and its receivers, in bytes per
// second. math.Inf(1) is a link without a limit; an uplink may be 0 (a node
// that never sends), a downlink may not.
type Links struct {
	Origin   float64   // the origin's uplink
	Up, Down []float64 // of each receiver; both of the same length
}

// Equal returns n receivers with the same links.
func Equal(n int, origin, up, down float64) Links {
	l := Links{Origin: origin, Up: make([]float64, n), Down: make([]float64, n)}
	for i := range n {
		l.Up[i], l.Down[i] = up, down
	}
	return l
}

// Check returns what is wrong with the links; nil if nothing.
func (l Links) Check() error {
	if len(l.Up) != len(l.Down) {
		return fmt.Errorf("%d uplinks but %d downlinks", len(l.Up), len(l.Down))
	}
	if !(l.Origin > 0) {
		return fmt.Errorf("an origin with an uplink of %v bytes per second sends nothing", l.Origin)
	}
	for i := range l.Up {
		if !(l.Up[i] >= 0) {
			return fmt.Errorf("receiver %d has an uplink of %v bytes per second", i+1, l.Up[i])
		}
		if !(l.Down[i] > 0) {
			return fmt.Errorf("receiver %d has a downlink of %v bytes per second", i+1, l.Down[i])
		}
	}
	return nil
}

// The links that can decide a bound.
const (
	ByOrigin   = "the origin's uplink"
	ByDownlink = "the slowest downlink"
	ByUplinks  = "all uplinks together"
	ByNothing  = "nothing: no link has a limit"
)

// A Bound is a least time and what decides it.
type Bound struct {
	Seconds float64
	By      string
}

// starBound is the bound of one server that sends every copy itself:
//
//	max(N·F/u_s, F/d_min)
//
// with N receivers, size F in bytes, the server's uplink u_s and the slowest
// downlink d_min. Kurose & Ross, Computer Networking, §2.5. Links must have
// passed Check.
func starBound(size float64, l Links) Bound {
	return largest(
		Bound{float64(len(l.Up)) * size / l.Origin, ByOrigin},
		Bound{size / slowest(l.Down), ByDownlink},
	)
}

// meshBound is the bound when every receiver passes on what it has:
//
//	max(F/u_s, F/d_min, N·F/(u_s + Σu_i))
//
// Each byte must leave the origin once, the slowest receiver must take all of
// them, and all copies must pass through all uplinks together. Kumar & Ross,
// Peer-Assisted File Distribution: The Minimum Distribution Time (2006), show
// that a fluid reaches it. Links must have passed Check.
func meshBound(size float64, l Links) Bound {
	sum := l.Origin
	for _, up := range l.Up {
		sum += up
	}
	return largest(
		Bound{size / l.Origin, ByOrigin},
		Bound{size / slowest(l.Down), ByDownlink},
		Bound{float64(len(l.Up)) * size / sum, ByUplinks},
	)
}

// ChunkedBound is the bound, in seconds, when the origin and all receivers have the
// same uplink up (bytes per second), downlinks do not matter, and a node can
// pass on only whole chunks, one at a time, of which the file has so many of
// equal size:
//
//	(F/u)·(1 + ⌊log2 N⌋/M)
//
// Mundinger, Weber & Weiss, Optimal Scheduling of Peer-to-Peer File
// Dissemination (Journal of Scheduling 11, 2008), theorem 1. It is 0 when there
// are no receivers, no chunks or no limit.
func ChunkedBound(size, up float64, receivers, chunks int) float64 {
	if receivers < 1 || chunks < 1 || math.IsInf(up, 1) || size == 0 {
		return 0
	}
	rounds := bits.Len(uint(receivers)) - 1 // ⌊log2 N⌋
	return size / up * (1 + float64(rounds)/float64(chunks))
}

// largest returns the first of the largest bounds. Without receivers, bytes or
// limits it is 0.
func largest(all ...Bound) Bound {
	highest := Bound{0, ByNothing}
	for _, b := range all {
		if b.Seconds > highest.Seconds {
			highest = b
		}
	}
	return highest
}

// slowest returns the least rate, no limit if there is none.
func slowest(rates []float64) float64 {
	lowest := math.Inf(1)
	for _, r := range rates {
		lowest = min(lowest, r)
	}
	return lowest
}
