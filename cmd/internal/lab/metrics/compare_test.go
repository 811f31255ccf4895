package metrics_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
)

// run returns a report with a distribution time and origin copies; a time of 0
// is absent.
func oneRun(name, of string, n int, up, seconds, copies float64) *metrics.Report {
	r := &metrics.Report{Head: metrics.Head{Name: name, System: system.Named(of), Receivers: n, FileBytes: 1000, FileID: "f", Version: "v"}}
	r.Links.OriginUp = &up
	distribution := metrics.Figure{Key: metrics.Distribution, Value: &seconds, Doubts: []string{}}
	if seconds == 0 {
		distribution = metrics.Figure{Key: metrics.Distribution, Absent: "somebody failed"}
	}
	r.Figures = []metrics.Figure{distribution, {Key: metrics.OriginCopies, Value: &copies}}
	return r
}

func TestSystemsStandSideBySideRelativeToTheStar(t *testing.T) {
	cases := metrics.Compare([]*metrics.Report{
		oneRun("m1", "mesh", 4, 10, 11, 1.1), oneRun("s1", "star", 4, 10, 40, 4), oneRun("m2", "mesh", 4, 10, 13, 1.3),
		oneRun("s3", "star", 4, 10, 44, 4), oneRun("s2", "star", 4, 10, 41, 4), oneRun("x", "star", 2, 10, 20, 2),
	})
	if len(cases) != 2 || cases[0].Receivers != 2 || cases[1].Base() != "star" {
		t.Fatalf("%+v", cases)
	}
	star, mesh := cases[1].Series[0], cases[1].Series[1]
	s, m := star.Get(metrics.Distribution), mesh.Get(metrics.Distribution)
	if *s.Median != 41 || *s.Min != 40 || *s.Max != 44 || s.Have != 3 {
		t.Errorf("star: %+v", s)
	}
	if *m.Median != 12 || *m.Min != 11 || *m.Max != 13 { // the mean of both
		t.Errorf("mesh: %+v", m)
	}
	if *s.Relative != 1 || math.Abs(*m.Relative-12./41) > 1e-12 {
		t.Errorf("relative %v and %v", *s.Relative, *m.Relative)
	}
	if got := star.Typical().Name; got != "s2" {
		t.Errorf("the run in the middle is %s", got)
	}
	if mesh.Get("nope") != nil {
		t.Error("a figure that is not there")
	}
}

func TestRunsThatFailedAreCountedAndNotAveraged(t *testing.T) {
	cases := metrics.Compare([]*metrics.Report{oneRun("a", "mesh", 4, 10, 0, 1), oneRun("b", "mesh", 4, 10, 12, 1)})
	f := cases[0].Series[0].Get(metrics.Distribution)
	if f.Have != 1 || f.Of != 2 || *f.Median != 12 || f.Absent != "somebody failed" {
		t.Errorf("%+v", f)
	}
	if got := cases[0].Series[0].Typical().Name; got != "b" {
		t.Errorf("a run that failed stands for all: %s", got)
	}
	cases = metrics.Compare([]*metrics.Report{oneRun("a", "star", 4, 10, 0, 1), oneRun("b", "mesh", 4, 10, 12, 1)})
	if f := cases[0].Series[1].Get(metrics.Distribution); f.Relative != nil {
		t.Errorf("relative to nothing: %v", *f.Relative)
	}
}

func TestDifferentLinksAreDifferentCasesOrAWarning(t *testing.T) {
	cases := metrics.Compare([]*metrics.Report{oneRun("a", "star", 4, 10, 40, 4), oneRun("b", "star", 4, 20, 20, 4)})
	if len(cases) != 2 {
		t.Errorf("runs over different links were taken together: %+v", cases)
	}
	other := oneRun("b", "mesh", 4, 20, 12, 1)
	other.FileID, other.Version = "g", "w"
	cases = metrics.Compare([]*metrics.Report{oneRun("a", "star", 4, 10, 40, 4), other})
	if len(cases) != 1 {
		t.Fatalf("two systems are not side by side: %+v", cases)
	}
	for _, want := range []string{"links were not the same", "files were not the same", "different versions"} {
		if !slices.ContainsFunc(cases[0].Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning says %q: %q", want, cases[0].Warnings)
		}
	}
}
