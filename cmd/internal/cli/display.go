package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
)

// display is one way to show progress. Its methods are called one at a time.
type display interface {
	interval() time.Duration // between two updates
	update(progress)
	clear() // takes off the screen what the next update will overwrite
	end(progress, error)
}

// nothing shows nothing.
type nothing struct{}

func (nothing) interval() time.Duration { return time.Hour }
func (nothing) update(progress)         {}
func (nothing) clear()                  {}
func (nothing) end(progress, error)     {}

// terminal is a bar that moves on one line.
type terminal struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	total int64      // what bar was made for
	seen  []progress // of the last seconds
}

// maxSeen is over how many updates the rate that is shown is measured.
const maxSeen = 30

func (t *terminal) interval() time.Duration { return 100 * time.Millisecond }

// update says amount, rate and time left in the words before the bar: the bar's
// own would take what was there before for something that has just arrived.
func (t *terminal) update(p progress) {
	if t.bar == nil || t.total != p.total {
		t.clear()
		t.total = p.total
		t.bar = progressbar.NewOptions64(p.total,
			progressbar.OptionSetWriter(t.w),
			progressbar.OptionFullWidth(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSpinnerType(14),
			progressbar.OptionSetSpinnerChangeInterval(0), // it would start a goroutine; update turns it
		)
	}
	before := progress{}
	if len(t.seen) > 0 {
		before = t.seen[0]
	}
	if t.seen = append(t.seen, p); len(t.seen) > maxSeen {
		t.seen = t.seen[1:]
	}
	rate := rate(p, before)
	text := fmt.Sprintf("%s: %s, %s/s", label(p), amount(p), inBytes(rate))
	if left, ok := left(p, rate); ok {
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	if p.total > 0 {
		p.done = min(p.done, p.total-1) // the bar ends itself when full; end does that here
	}
	_ = t.bar.Set64(p.done) // fails only past the total
	t.bar.Describe(text + inAll(p))
}

func (t *terminal) clear() {
	if t.bar != nil {
		_ = t.bar.Clear() // a terminal that cannot be written to shows nothing
	}
}

func (t *terminal) end(progress, error) { t.clear() }

// plain is one line now and then, for logs.
type plain struct {
	w    io.Writer
	last progress
}

func (l *plain) interval() time.Duration { return 10 * time.Second }

func (l *plain) update(p progress) {
	if p.elapsed < l.interval() {
		return // the first look comes after patience
	}
	rate := rate(p, l.last)
	l.last = p
	done := amount(p)
	if p.total > 0 {
		done += fmt.Sprintf(" (%d%%)", percent(p))
	}
	line := fmt.Sprintf("%s: %s, %s/s", label(p), done, inBytes(rate))
	if left, ok := left(p, rate); ok {
		line += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	fmt.Fprintln(l.w, line+inAll(p))
}

func (l *plain) clear() {}

func (l *plain) end(p progress, err error) {
	how := "done"
	if err != nil {
		how = "stopped"
	}
	fmt.Fprintf(l.w, "%s: %s, %s in %s, %s/s\n", label(p), how, inBytes(float64(p.done-p.kept)),
		p.elapsed.Round(time.Second/10), inBytes(rate(p, progress{})))
}

// events is progress for programs.
type events struct {
	w    io.Writer
	last progress
}

func (e *events) interval() time.Duration { return time.Second }

func (e *events) update(p progress) {
	rate := rate(p, e.last)
	e.last = p
	fields := progressEvent{Name: p.title, Bytes: p.done, Kept: p.kept, Rate: int64(rate), Seconds: p.elapsed.Seconds(), Files: p.files, All: p.all}
	if p.total >= 0 {
		fields.Total = &p.total
	}
	if left, ok := left(p, rate); ok {
		seconds := left.Seconds()
		fields.Left = &seconds
	}
	fmt.Fprintln(e.w, EventLine("progress", fields))
}

func (e *events) clear()                  {}
func (e *events) end(p progress, _ error) { e.update(p) }

type progressEvent struct {
	Files   int64    `json:"files,omitempty"`
	All     int64    `json:"total_files,omitempty"`
	Name    string   `json:"name"`
	Bytes   int64    `json:"bytes"`
	Total   *int64   `json:"total_bytes,omitempty"`
	Kept    int64    `json:"kept_bytes"`
	Rate    int64    `json:"bytes_per_second"`
	Seconds float64  `json:"seconds"`
	Left    *float64 `json:"seconds_left,omitempty"`
}

// rate returns bytes per second since the progress before, without those that
// were kept.
func rate(now, before progress) float64 {
	seconds := (now.elapsed - before.elapsed).Seconds()
	if seconds <= 0 {
		return 0
	}
	return max(0, float64((now.done-now.kept)-(before.done-before.kept))/seconds)
}

// left guesses the time that is left; ok is false when there is no telling.
func left(p progress, rate float64) (d time.Duration, ok bool) {
	if p.total < 0 || rate <= 0 {
		return 0, false
	}
	seconds := float64(max(0, p.total-p.done)) / rate
	if seconds > (1000 * time.Hour).Seconds() {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// inAll returns how much time is left with all that follows; "" if nothing does,
// or there is no telling.
func inAll(p progress) string {
	left, ok := left(p, rate(p, progress{}))
	if p.after <= 0 || !ok {
		return ""
	}
	return fmt.Sprintf(", %s in all", (left + p.after).Round(time.Second))
}

func label(p progress) string {
	label := p.title
	if p.all > 0 {
		label += fmt.Sprintf(" (%s of %s files)", humanize.Comma(p.files), humanize.Comma(p.all))
	}
	if p.kept > 0 {
		label += fmt.Sprintf(" (%s kept)", inBytes(float64(p.kept)))
	}
	return label
}

func amount(p progress) string {
	if p.total <= 0 {
		return inBytes(float64(p.done))
	}
	return fmt.Sprintf("%s of %s", inBytes(float64(p.done)), inBytes(float64(p.total)))
}

// percent is for work whose total is known and not zero.
func percent(p progress) int64 { return min(100, int64(100*float64(p.done)/float64(p.total))) }

func inBytes(n float64) string { return humanize.IBytes(uint64(max(0, n) + 0.5)) }
