package predict_test

import (
	"math"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/predict"
	"starmesh/cmd/internal/lab/system"
)

var unlimited = math.Inf(1)

// exactly expects the bound itself.
type exactly struct{}

func (exactly) Of(*system.System, int) predict.Multiple { return predict.Multiple{Value: 1} }

func TestPlansWorkedByHand(t *testing.T) {
	const mb = 1e6
	for name, c := range map[string]struct {
		q          predict.Question
		star, mesh float64 // expected, of the first row
		origin     float64 // bytes from the mesh's origin
		crossover  int
		says       string
	}{
		// 16 MB at 2 MB/s is 8 s; star 4·8 = 32 s. The star is 8·N, the mesh 8
		// (with 256 chunks 8·(1+2/245)): from N = 2 on.
		"equal links": {predict.Question{Receivers: []int{4}, FileBytes: 16 * mb, OriginUp: 2 * mb, Up: 2 * mb, Down: unlimited},
			32, 8 * (1 + 2./245), 16 * mb, 2, "For 4 receivers: the mesh"},
		// 16 MB at the receivers' 1 MB/s is 16 s for both; the star's own 4·N s
		// are more than that by 5 % from N = 5 on (20 s).
		"slow downlinks": {predict.Question{Receivers: []int{2}, FileBytes: 16 * mb, OriginUp: 4 * mb, Up: 2 * mb, Down: mb},
			16, 16, 16 * mb, 5, "the receivers' downlinks decide"},
		"no uplinks": {predict.Question{Receivers: []int{5}, FileBytes: 10 * mb, OriginUp: mb, Up: 0, Down: unlimited},
			50, 50, 50 * mb, 0, "receivers without an uplink pass nothing on"},
		// Mesh: max(10/10, 30/(10+3·1)) = 30/13; the receivers carry 3·30/13,
		// the origin the rest: 30 − 90/13. From N·F/(u_s+N·u) < 0.95·N·F/u_s:
		// 10/(10+N) < 0.95, so N > 0.526: but at N = 1 the origin's 1 s decides.
		"weak uplinks": {predict.Question{Receivers: []int{3}, FileBytes: 10 * mb, OriginUp: 10 * mb, Up: mb, Down: unlimited},
			3, 30. / 13, (30 - 90./13) * mb, 2, "For 3 receivers: the mesh"},
		// In 10/5 = 2 s the receivers carry 3·1·2 of the 30 MB, the origin the rest.
		"an origin without limit": {predict.Question{Receivers: []int{3}, FileBytes: 10 * mb, OriginUp: unlimited, Up: mb, Down: 5 * mb},
			2, 2, 24 * mb, 0, "the origin's uplink has no limit"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.q.Check(); err != nil {
				t.Fatal(err)
			}
			p := predict.Make(&c.q, exactly{})
			row := p.Rows[0]
			for what, pair := range map[string][2]float64{
				"star": {row.Hub.ExpectedSeconds, c.star}, "mesh": {row.Relay.ExpectedSeconds, c.mesh},
				"origin bytes": {row.Relay.OriginBytes, c.origin},
			} {
				if math.Abs(pair[0]-pair[1]) > 1e-9*pair[1] {
					t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
				}
			}
			if p.Crossover != c.crossover {
				t.Errorf("the crossover is %d, want %d", p.Crossover, c.crossover)
			}
			if all := strings.Join(p.Advice, "\n"); !strings.Contains(all, c.says) {
				t.Errorf("the advice does not say %q:\n%s", c.says, all)
			}
		})
	}
}

func TestQuestionsWithoutAnswerAreRefused(t *testing.T) {
	good := predict.Question{Receivers: []int{1}, FileBytes: 1, OriginUp: 1, Up: 1, Down: 1}
	for name, change := range map[string]func(*predict.Question){
		"no file":          func(q *predict.Question) { q.FileBytes = 0 },
		"nobody":           func(q *predict.Question) { q.Receivers = nil },
		"none":             func(q *predict.Question) { q.Receivers = []int{0} },
		"a billion":        func(q *predict.Question) { q.Receivers = []int{1e9} },
		"a silent origin":  func(q *predict.Question) { q.OriginUp = 0 },
		"nothing to limit": func(q *predict.Question) { q.OriginUp, q.Down = unlimited, unlimited },
	} {
		q := good
		if change(&q); q.Check() == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func TestTheModelSaysWhereItDoesNotHold(t *testing.T) {
	for says, q := range map[string]predict.Question{
		"round trips":             {Receivers: []int{4}, FileBytes: 1e6, OriginUp: 1e6, Up: 1e6, Down: unlimited},
		"only 2 chunks":           {Receivers: []int{4}, FileBytes: 1e5, OriginUp: 1e3, Up: 1e3, Down: unlimited},
		"CPU and disks":           {Receivers: []int{4}, FileBytes: 1e12, OriginUp: 1e9, Up: 1e9, Down: unlimited},
		"12000 connections":       {Receivers: []int{20000}, FileBytes: 1e12, OriginUp: 1e6, Up: 1e6, Down: unlimited},
		"rest on assumed":         {Receivers: []int{4}, FileBytes: 1e9, OriginUp: 1e6, Up: 1e6, Down: unlimited},
		"no latency, no loss, no": {Receivers: []int{4}, FileBytes: 1e9, OriginUp: 1e6, Up: 1e6, Down: unlimited},
	} {
		if all := strings.Join(predict.Make(&q, predict.Assumed{}).Caveats, "\n"); !strings.Contains(all, says) {
			t.Errorf("nothing says %q:\n%s", says, all)
		}
	}
}

func run(of string, n int, multiple float64, doubts ...string) *metrics.Report {
	return &metrics.Report{Head: metrics.Head{System: system.Named(of), Receivers: n},
		Figures: []metrics.Figure{{Key: metrics.BoundMultiple, Value: &multiple, Doubts: doubts}}}
}

func TestMeasuredMultiplesAreThoseOfTheNearestRuns(t *testing.T) {
	m := predict.NewMeasured(&metrics.Document{Runs: []*metrics.Report{
		run("mesh", 4, 1.2), run("mesh", 4, 1.4), run("mesh", 4, 1.1), run("mesh", 32, 1.5), run("mesh", 16, 9, "a doubt"),
		{Head: metrics.Head{System: system.Named("mesh"), Receivers: 8}},
	}}, "here")
	for n, want := range map[int]float64{1: 1.2, 4: 1.2, 11: 1.2, 12: 1.5, 1000: 1.5} { // √(4·32) = 11.3
		if got := m.Of(system.Named("mesh"), n); got.Value != want || !got.Measured {
			t.Errorf("for %d receivers: %+v, want %v", n, got, want)
		}
	}
	if got := m.Of(system.Named("star"), 4); got.Measured || !strings.Contains(got.From, "assumed") {
		t.Errorf("nothing was measured of the star, but %+v", got)
	}
	q := predict.Question{Receivers: []int{500}, FileBytes: 1e9, OriginUp: 1e6, Up: 1e6, Down: unlimited}
	if all := strings.Join(predict.Make(&q, m).Caveats, "\n"); !strings.Contains(all, "farther than measurements reach") {
		t.Errorf("nobody says that 500 is far from 32:\n%s", all)
	}
}

// TestCaveatsDoNotContradictTheAdvice: what start-up costs decides only where
// two times are close.
func TestCaveatsDoNotContradictTheAdvice(t *testing.T) {
	const ahead = "the star to be ahead"
	for n, want := range map[int]bool{1: true, 100: false} {
		q := predict.Question{Receivers: []int{n}, FileBytes: 1e6, OriginUp: 1e6, Up: 1e6, Down: unlimited}
		p := predict.Make(&q, predict.Assumed{})
		if all := strings.Join(p.Caveats, "\n"); strings.Contains(all, ahead) != want {
			t.Errorf("for %d receivers it says %q and\n%s", n, p.Advice, all)
		}
	}
}

func TestWhatNobodyMeasuredIsSaidToBeSo(t *testing.T) {
	for n, want := range map[int]bool{32: false, 200: true} {
		q := predict.Question{Receivers: []int{n}, FileBytes: 1e9, OriginUp: 1e6, Up: 1e6, Down: unlimited}
		all := strings.Join(predict.Make(&q, predict.Assumed{}).Caveats, "\n")
		if strings.Contains(all, "nobody has measured") != want {
			t.Errorf("for %d receivers:\n%s", n, all)
		}
	}
}
