package runner_test

import (
	"context"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/runner"
)

func TestTheProcessorsAreTheLimitWhenNothingIsLeftOfThem(t *testing.T) {
	for _, c := range []struct {
		name    string
		mean    float64
		seconds []float64
		peak    float64
		limit   bool
		why     string
	}{
		{name: "half of them is idle", mean: 0.5, seconds: []float64{0.4, 0.6, 0.5}, peak: 0.6},
		{name: "shorter than a second", mean: 0.3, peak: 0.3},
		{name: "busy over all", mean: 0.85, seconds: []float64{0.8, 0.9}, peak: 0.9, limit: true, why: "85 % busy"},
		{name: "one full second of eight", mean: 0.5, seconds: []float64{1, .4, .4, .4, .4, .4, .4, .4}, peak: 1},
		{name: "three full seconds of eight", mean: 0.6, seconds: []float64{1, 1, .96, .4, .4, .4, .4, .4}, peak: 1, limit: true, why: "3 of 8 seconds"},
		{name: "too short to speak of seconds", mean: 0.6, seconds: []float64{1, .4}, peak: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runner.JudgeCPU(c.mean, c.seconds)
			if got.BusyShare != c.mean || got.PeakShare != c.peak || got.Limit != c.limit {
				t.Errorf("%+v", got)
			}
			if !strings.Contains(got.Why, c.why) || got.Limit != (got.Why != "") {
				t.Errorf("it says %q, want %q", got.Why, c.why)
			}
		})
	}
}

func TestAMachineThatWorksIsSeenToWork(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
	defer cancel()
	for range runtime.NumCPU() {
		go func() {
			for ctx.Err() == nil {
			}
		}()
	}
	// All cores were asked for; others may have used them, but nobody let them
	// idle.
	if got := runner.WatchCPU(ctx); got.BusyShare < 0.5 || got.PeakShare < 0.5 {
		t.Errorf("with a busy loop for each core: %+v", got)
	}
}

func TestWatchingForNoTimeIsNoNumber(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := runner.WatchCPU(ctx)
	if math.IsNaN(got.BusyShare) || math.IsInf(got.BusyShare, 0) {
		t.Errorf("%+v", got)
	}
}

func TestTheMachineIsDescribed(t *testing.T) {
	m := runner.DescribeMachine(t.Context())
	if !strings.HasPrefix(m.OS, runtime.GOOS) || m.Arch != runtime.GOARCH || m.CPUs < 1 || m.GoVersion == "" || m.MemoryBytes < 1<<20 {
		t.Errorf("%+v", m)
	}
	if m.LoadBefore < 0 || m.LoadBefore > 1 {
		t.Errorf("busy before: %g", m.LoadBefore)
	}
	t.Logf("%+v", m)
}
