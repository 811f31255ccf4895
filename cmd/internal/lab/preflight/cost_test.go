package preflight_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/preflight"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/common/load"
)

func TestAForecastWorkedByHand(t *testing.T) {
	// 0.03 CPU seconds for each MiB.
	sample := preflight.Sample{CPUSeconds: 0.3, Bytes: 10 * mib, RSSBytes: 40 * mib}
	for name, c := range map[string]struct {
		demand preflight.Demand
		cores  int
		share  float64
		memory float64
	}{
		"one receiver at 2 MiB/s":           {preflight.Demand{Nodes: 2, Rate: 2 * mib}, 2, 0.06 / 2, 104},
		"32 receivers at 2 MiB/s each":      {preflight.Demand{Nodes: 33, Rate: 64 * mib}, 2, (64*0.03 + 31*0.004) / 2, 1716},
		"the same on a machine of 16 cores": {preflight.Demand{Nodes: 33, Rate: 64 * mib}, 16, (64*0.03 + 31*0.004) / 16, 1716},
		"links without limits":              {preflight.Demand{Nodes: 2}, 64, 1, 104},
	} {
		got := sample.Foresee(c.demand, c.cores)
		if math.Abs(got.BusyShare-c.share) > 1e-9 || math.Abs(float64(got.MemoryBytes)/mib-c.memory) > 0.01 {
			t.Errorf("%s: %.4f busy, %.2f MiB; want %.4f, %.2f", name, got.BusyShare, float64(got.MemoryBytes)/mib, c.share, c.memory)
		}
	}
}

// line is a line of a log: seconds, payload received, CPU time.
type line struct{ at, in, cpu float64 }

func logOf(name string, start time.Time, lines ...line) *runlogs.Node {
	n := &runlogs.Node{Start: start, Info: load.Info{Node: name}}
	for _, l := range lines {
		n.Points = append(n.Points, runlogs.Point{Seconds: l.at, InBytes: int64(l.in), CPUSeconds: new(l.cpu)})
	}
	n.Last.PayloadInBytes = int64(lines[len(lines)-1].in)
	n.Last.RSSPeakBytes = new(int64(50 + len(name)))
	return n
}

// pair is an origin that started a second before its receiver.
func pair() *runlogs.Run {
	start := time.Unix(1_800_000_000, 0)
	return &runlogs.Run{
		Run: metrics.Run{Nodes: []metrics.Node{
			{Name: "o", Part: metrics.Origin},
			{Name: "r1", Part: metrics.Receiver, DoneSeconds: new(4.0)},
		}},
		Logs: []*runlogs.Node{
			logOf("o", start, line{0, 0, 0}, line{2, 0, 0.5}, line{4, 0, 0.7}, line{8, 0, 1.5}),
			logOf("r1", start.Add(time.Second), line{0, 0, 0}, line{1, 200, 0.9}, line{2, 400, 1}, line{3, 600, 1.1}, line{4, 1000, 1.3}, line{9, 1000, 2}),
		},
	}
}

// TestASampleIsOfTheTransferAlone: from 200 bytes (a quarter, at 1 s of the
// receiver and 2 s of the origin) to 1000 (at 4 and 5 s); the costs of getting
// to know each other and of what came after the transfer do not count.
func TestASampleIsOfTheTransferAlone(t *testing.T) {
	got, err := preflight.SampleOf(pair())
	if err != nil {
		t.Fatal(err)
	}
	cpu := (0.9 - 0.5) + (1.3 - 0.9) // the origin at 5 s: 0.7 + a quarter of 0.8
	if got.Bytes != 800 || math.Abs(got.CPUSeconds-cpu) > 1e-6 || got.RSSBytes != 52 {
		t.Errorf("%+v, want 800 bytes, %g s", got, cpu)
	}
}

func TestWhatCannotBeSampledIsTold(t *testing.T) {
	for want, spoil := range map[string]func(*runlogs.Run){
		"did not get the file":            func(r *runlogs.Run) { r.Nodes[1].DoneSeconds = nil },
		"too few lines":                   func(r *runlogs.Run) { r.Logs[1].Points = r.Logs[1].Points[:1] },
		"does not tell the CPU time of o": func(r *runlogs.Run) { r.Logs[0].Points[1].CPUSeconds = nil },
	} {
		run := pair()
		spoil(run)
		if got, err := preflight.SampleOf(run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v; want %q", got, err, want)
		}
	}
}

func TestThereIsRoomSomewhere(t *testing.T) {
	if r := preflight.RoomAt(t.Context(), t.TempDir()); r.MemoryBytes <= 0 || r.DiskBytes <= 0 {
		t.Errorf("%+v", r)
	}
}
