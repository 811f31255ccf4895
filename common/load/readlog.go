package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"starmesh/common/readable"
)

// Bounds of what ReadLog reads.
const (
	maxLine  = 4 << 20 // bytes in a line: a final one with 4096 remotes is a tenth of it
	maxLines = 1 << 20 // in a log: twelve days of samples every second
	// maxProblems bounds how many broken lines are told of one by one.
	maxProblems = 100
)

// A Log is one node's load log.
type Log struct {
	Start   *Report // nil if missing
	Samples []Report
	Final   *Report // nil if missing: the node was killed, or is still running
}

// Last returns the latest report there is, nil if none: the totals of the node.
func (l *Log) Last() *Report {
	switch {
	case l.Final != nil:
		return l.Final
	case len(l.Samples) > 0:
		return &l.Samples[len(l.Samples)-1]
	}
	return l.Start
}

// A Problem is something in a log that is not as it should be.
type Problem struct {
	Line int    // counted from 1; 0 is about the log as a whole
	Text string // what it is, and what was done about it
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// ReadLog reads a load log back. Lines that cannot be used are left out and
// told of as problems, as is whatever makes the log doubtful: no start or no
// final, time that goes backwards, totals that shrink, a second run in the
// same file (only the first is read). The error is that of r alone; what was
// read before it is given too.
func ReadLog(r io.Reader) (Log, []Problem, error) {
	reader := &logReader{lines: bufio.NewReaderSize(r, 64<<10)}
	err := reader.readAll()
	reader.conclude()
	if err != nil {
		err = fmt.Errorf("cannot read the load log: %w", err)
	}
	return reader.log, reader.problems, err
}

// logReader is the state of one ReadLog.
type logReader struct {
	lines    *bufio.Reader
	log      Log
	problems []Problem
	unsaid   int // problems past maxProblems
	line     int
	skipped  int // lines after the end of the first run
	second   int // the line where a second run begins
}

func (l *logReader) problem(line int, format string, args ...any) {
	if len(l.problems) >= maxProblems {
		l.unsaid++
		return
	}
	l.problems = append(l.problems, Problem{line, fmt.Sprintf(format, args...)})
}

func (l *logReader) readAll() error {
	for {
		text, whole, err := l.next()
		if len(text) > 0 {
			l.line++
			if l.line > maxLines {
				l.problem(l.line, "a log has %d lines at the most; this one and all after it were left out", maxLines)
				return nil
			}
			l.take(text, whole)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// next returns the next line; whole reports whether it ended with a newline. Of a
// line that is too long only the beginning is given.
func (l *logReader) next() (text []byte, whole bool, err error) {
	for {
		part, err := l.lines.ReadSlice('\n')
		if room := maxLine + 1 - len(text); len(part) > 0 && room > 0 {
			text = append(text, part[:min(len(part), room)]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err == nil, err
		}
	}
}

// take reads one line.
func (l *logReader) take(text []byte, whole bool) {
	switch {
	case len(text) > maxLine:
		l.problem(l.line, "longer than %d bytes; left out", maxLine)
		return
	case len(bytes.TrimSpace(text)) == 0:
		return
	case l.second > 0:
		l.skipped++
		return
	}
	var report Report
	if err := json.Unmarshal(readable.PlainJSON(text), &report); err != nil {
		if !whole {
			l.problem(l.line, "the last line is cut off: the node was killed while it wrote, or is still writing; left out")
		} else {
			l.problem(l.line, "not a report: %v; left out", err)
		}
		return
	}
	l.place(report)
}

// place puts a report where it belongs.
func (l *logReader) place(report Report) {
	switch report.Kind {
	case Start, Sample, Final:
	default:
		l.problem(l.line, "of kind %q, which is none of start, sample and final; left out", readable.Cut(string(report.Kind), maxQuoted))
		return
	}
	last := l.log.Last()
	if last != nil && (report.Kind == Start || l.log.Final != nil || !sameRun(last, &report)) {
		l.second, l.skipped = l.line, 1
		return
	}
	if wrong := implausible(&report); wrong != "" {
		l.problem(l.line, "%s; left out", wrong)
		return
	}
	if last != nil && !l.follows(last, &report) {
		return
	}
	switch report.Kind {
	case Start:
		l.log.Start = &report
	case Sample:
		l.log.Samples = append(l.log.Samples, report)
	case Final:
		l.log.Final = &report
	}
}

// sameRun reports whether two reports are of one process.
func sameRun(a, b *Report) bool {
	return a.Node == b.Node && a.PID == b.PID && a.Host == b.Host
}

// conclude notes what is missing from the whole.
func (l *logReader) conclude() {
	if l.second > 0 {
		l.problem(l.second, "another run or node begins here; it was left out with what follows (%d lines): give each its own file", l.skipped)
	}
	switch {
	case l.log.Last() == nil:
		l.problem(0, "there is no report in it")
	case l.log.Start == nil:
		l.problem(0, "the start is missing: the beginning of the log has been lost")
	}
	if l.log.Last() != nil && l.log.Final == nil {
		l.problem(0, "the final report is missing: the node was killed or is still running; its totals are those of the last line")
	}
	if l.unsaid > 0 {
		l.problems = append(l.problems, Problem{0, fmt.Sprintf("and %d more problems", l.unsaid)})
	}
}
