package load

import (
	"fmt"
	"math"
	"starmesh/common/readable"
	"time"
)

// follows tells of a report that does not fit the one before it, and whether
// it can be used all the same.
func (l *logReader) follows(before, r *Report) bool {
	if r.ElapsedSeconds < before.ElapsedSeconds {
		l.problem(l.line, "time goes backwards, from %.3f s to %.3f s after the start; left out", before.ElapsedSeconds, r.ElapsedSeconds)
		return false
	}
	if shrunk := shrinking(before, r); shrunk != "" {
		l.problem(l.line, "%s, but totals only grow; left out", shrunk)
		return false
	}
	// Both parse: implausible has seen to it.
	was, _ := time.Parse(time.RFC3339Nano, before.Time)
	is, _ := time.Parse(time.RFC3339Nano, r.Time)
	drift := is.Sub(was).Seconds() - (r.ElapsedSeconds - before.ElapsedSeconds)
	if math.Abs(drift) > 1 {
		l.problem(l.line, "the wall clock was set by %+.3f s here; only times since the start are reliable", drift)
	}
	return true
}

// total is a figure that only grows.
type total struct {
	name  string
	value int64
}

// totals lists the figures of a report that are there and only grow.
func totals(r *Report) []total {
	all := []total{
		{"payload_out_bytes", r.PayloadOutBytes}, {"payload_in_bytes", r.PayloadInBytes},
		{"other_out_bytes", r.OtherOutBytes}, {"other_in_bytes", r.OtherInBytes},
		{"again_in_bytes", r.AgainInBytes},
		{"chunks_out", r.ChunksOut}, {"chunks_in", r.ChunksIn}, {"chunks_bad", r.ChunksBad},
		{"conns_peak", r.ConnsPeak}, {"conns_total", r.ConnsTotal}, {"conns_refused", r.ConnsRefused},
	}
	for _, maybe := range []struct {
		name  string
		value *int64
	}{{"wire_out_bytes", r.WireOutBytes}, {"wire_in_bytes", r.WireInBytes}} {
		if maybe.value != nil {
			all = append(all, total{maybe.name, *maybe.value})
		}
	}
	return all
}

// shrinking names a total that is less than it was; "" if none is.
func shrinking(before, after *Report) string {
	was := make(map[string]int64)
	for _, t := range totals(before) {
		was[t.name] = t.value
	}
	for _, t := range totals(after) {
		if t.value < was[t.name] {
			return fmt.Sprintf("%s goes down from %d to %d", t.name, was[t.name], t.value)
		}
	}
	if before.CPUSeconds != nil && after.CPUSeconds != nil && *after.CPUSeconds < *before.CPUSeconds {
		return fmt.Sprintf("cpu_seconds goes down from %g to %g", *before.CPUSeconds, *after.CPUSeconds)
	}
	return ""
}

// implausible says what in a report alone cannot be; "" if nothing.
func implausible(r *Report) string {
	if _, err := time.Parse(time.RFC3339Nano, r.Time); err != nil {
		return fmt.Sprintf("its time %q is not as RFC 3339 has it", readable.Cut(r.Time, maxQuoted))
	}
	if r.ElapsedSeconds < 0 {
		return fmt.Sprintf("it is of %g s before the start", -r.ElapsedSeconds)
	}
	for _, t := range totals(r) {
		if t.value < 0 {
			return fmt.Sprintf("%s is %d, less than nothing", t.name, t.value)
		}
	}
	for _, t := range r.Transfers {
		if wrong := implausibleTransfer(&t); wrong != "" {
			return wrong
		}
	}
	return ""
}

func implausibleTransfer(t *TransferReport) string {
	name := readable.Cut(t.Name, maxQuoted)
	switch {
	case t.SizeBytes < 0 || t.HaveBytes < 0 || t.HaveBytes > t.SizeBytes:
		return fmt.Sprintf("the transfer of %q holds %d of %d bytes", name, t.HaveBytes, t.SizeBytes)
	case t.EndSeconds != nil && *t.EndSeconds < t.BeginSeconds:
		return fmt.Sprintf("the transfer of %q ends before it begins", name)
	case t.State == Done && t.EndSeconds == nil:
		return fmt.Sprintf("the transfer of %q is done, but nobody knows when", name)
	case t.State == Done && t.HaveBytes != t.SizeBytes:
		return fmt.Sprintf("the transfer of %q is done with %d of %d bytes", name, t.HaveBytes, t.SizeBytes)
	}
	return ""
}

// maxQuoted is how much of a text from a file is shown, in characters.
const maxQuoted = 60
