package scheduler

import "time"

// smoothingSamples is the weight of what was measured before against one
// new sample, as in TCP's round trip estimate (RFC 6298).
const smoothingSamples = 8

// smooth blends a sample into what was measured before; 0 is nothing.
func smooth(old, sample time.Duration) time.Duration { return smoothPart(old, sample, 1) }

// smoothPart is smooth with a sample of a part of what is measured.
func smoothPart(old, sample time.Duration, part float64) time.Duration {
	if old == 0 {
		return time.Duration(float64(sample) / part)
	}
	return old + (sample-time.Duration(part*float64(old)))/smoothingSamples
}
