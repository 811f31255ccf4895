package scheduler

import "time"

const (
	// A drawer has so much asked for as comes in drawAhead: 2 chunks at the least,
	// maxShare at the most beside others, maxDrawChunks alone.
	drawAhead     = 2 * time.Second
	maxDrawChunks = 512
	maxShare      = 16
	// minDrawPatience is for how long a server that was asked may bring nothing at
	// all in any case, or patienceFactor times what a chunk usually takes.
	minDrawPatience = 5 * time.Second
)

// flow is how chunks have come, from servers and from the mesh.
type flow struct {
	arrived  time.Time     // the last chunk from anywhere
	got      int           // chunks from the mesh
	passed   time.Time     // the last of those
	interval time.Duration // between two of those
	served   time.Time     // the last chunk from a server
	first    time.Time     // the first of those
	brought  int           // their number
	took     time.Duration // from asking to arrival
}

// Arrived records that a chunk came, from a server or from the mesh; took is the
// time since a server was asked for it, 0 if it was not.
func (f *flow) Arrived(fromServer bool, took time.Duration, now time.Time) {
	f.arrived = now
	if !fromServer {
		if !f.passed.IsZero() {
			f.interval = smooth(f.interval, now.Sub(f.passed))
		}
		f.passed, f.got = now, f.got+1
		return
	}
	if f.brought++; f.brought == 1 {
		f.first = now
	}
	f.served = now
	if took > 0 {
		f.took = smooth(f.took, took)
	}
}

// Empty reports whether nothing has come yet, from anywhere.
func (f *flow) Empty() bool { return f.arrived.IsZero() }

// IsOverdue reports whether what a server was asked for then is not to be waited
// for: another node, or the mesh, may bring it sooner. While a server brings
// anything, it comes to the rest, and would send twice what is asked for again.
func (f *flow) IsOverdue(since, now time.Time) bool {
	return now.Sub(latest(since, f.served)) > max(minDrawPatience, patienceFactor*f.took)
}

// ahead is how many chunks servers may be asked for at a time: one before
// anything has come, for others may ask at the same time, and then one more for
// each that came, up to what comes in drawAhead.
func (f *flow) ahead() int {
	if f.brought < 2 {
		return 1 + f.brought
	}
	gap := f.served.Sub(f.first) / time.Duration(f.brought-1)
	return min(1+f.brought, max(2, int(drawAhead/max(gap, drawAhead/maxDrawChunks))))
}
