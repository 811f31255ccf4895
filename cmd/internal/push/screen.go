package push

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"starmesh/cmd/internal/fleet/worker"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// between is how much time passes between two words on who is last.
const between = 10 * time.Second

// screen shows how far the nodes are. The runner tells it of events one at a
// time.
type screen struct {
	seen     Observer
	bar      Bar
	total    int64
	machines map[string]string // by the names of nodes in the run
	last     map[string]labdir.Reading
	sent     int64 // by this machine
	started  time.Time
	said     time.Time
}

func newScreen(seen Observer, bytes int64, places []*worker.Place) *screen {
	return &screen{
		seen: seen, total: bytes, bar: seen.Bar("to "+units.Counted(len(places), "node"), bytes*int64(len(places)), 0),
		machines: make(map[string]string), last: make(map[string]labdir.Reading), started: time.Now(), said: time.Now(),
	}
}

func (s *screen) end() { s.bar.Drop() }

// event hears what the runner sees.
func (s *screen) event(e labdir.Event) {
	switch {
	case e.Begin != nil:
		for _, n := range e.Begin.Nodes[1:] {
			s.machines[n.Name] = n.Machine
		}
	case e.Note != nil && e.Note.Node != "":
		who := cmp.Or(s.machines[e.Note.Node], "this machine")
		s.seen.Note("%s: %s", who, readable.Text(plainly(e.Note.Text, who)))
	case e.Reading != nil && s.machines[e.Reading.Node] == "":
		s.sent = e.Reading.OutBytes
	case e.Reading != nil:
		s.last[e.Reading.Node] = *e.Reading
		sum := int64(0)
		for _, r := range s.last {
			sum += min(max(r.HaveBytes, 0), s.total)
		}
		s.bar.Set(sum)
		if time.Since(s.said) >= between {
			s.said = time.Now()
			s.standing()
		}
	}
}

// standing says how far half of the nodes and all but a hundredth are, and who
// is last.
func (s *screen) standing() {
	var all []labdir.Reading
	var failed []string
	for _, r := range s.last {
		if r.State == labdir.Gone && r.HaveBytes < s.total {
			failed = append(failed, s.machines[r.Node])
			continue
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b labdir.Reading) int { return cmp.Compare(b.HaveBytes, a.HaveBytes) })
	share := func(r labdir.Reading) string {
		return fmt.Sprintf("%.0f %%", 100*float64(r.HaveBytes)/float64(max(s.total, 1)))
	}
	var last []string
	for _, r := range slices.Backward(all) {
		if len(last) == 3 || r.HaveBytes >= s.total {
			break
		}
		last = append(last, fmt.Sprintf("%s %s (%s)", s.machines[r.Node], share(r), s.why(r)))
	}
	text := fmt.Sprintf("half of the nodes have %s or more, 99 of 100 have %s; %.1f copies were sent from here",
		share(all[len(all)/2]), share(all[len(all)*99/100]), float64(s.sent)/float64(max(s.total, 1)))
	if len(last) > 0 {
		text += "; the last: " + strings.Join(last, ", ")
	}
	if slices.Sort(failed); len(failed) > 0 {
		text += "; failed: " + readable.List(failed, 8)
	}
	s.seen.Note("%s", text)
}

// why says what a node that is late is doing.
func (s *screen) why(r labdir.Reading) string {
	pace := float64(r.InBytes) / time.Since(s.started).Seconds()
	switch {
	case r.InBytes == 0:
		return "nothing has arrived yet"
	case r.CPU > 0.8*time.Since(s.started).Seconds():
		return "its processor is busy"
	}
	return fmt.Sprintf("%s/s arrive", units.Bytes(int64(pace)))
}
