package dashboard_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/labdir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept returns what a hub remembers.
func kept(t *testing.T, hub *dashboard.Hub) (events []labdir.Event, size int) {
	t.Helper()
	lines, size := hub.Kept()
	for _, line := range lines {
		var e labdir.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events, size
}

func TestALongRunIsThinnedOutButItsStoryIsKept(t *testing.T) {
	const limit = 64 << 10
	hub := dashboard.NewSmallHub(limit)
	all := 0
	for _, system := range []string{"star", "mesh"} {
		for _, e := range story(system, 8) {
			hub.Event(e)
			all++
		}
	}
	events, size := kept(t, hub)
	if size > limit || len(events) >= all {
		t.Fatalf("%d of %d events are kept in %d bytes; the limit is %d", len(events), all, size, limit)
	}
	if size < limit/4 {
		t.Errorf("only %d bytes are kept of %d that may be", size, limit)
	}
	told := make(map[string]int)
	states := make(map[string][]string)
	lastPolls := make(map[string]int64)
	for _, e := range events {
		switch {
		case e.Begin != nil, e.Note != nil, e.End != nil:
			told[e.Run]++
		case e.Reading != nil:
			node := e.Run + " " + e.Reading.Node
			states[node] = append(states[node], e.Reading.State)
			lastPolls[node] = e.Reading.Polls
		}
	}
	for run, n := range told {
		if n != 3 {
			t.Errorf("%s: %d of begin, note and end are kept", run, n)
		}
	}
	if len(told) != 2 || len(states) != 18 {
		t.Errorf("kept: %d runs, %d nodes", len(told), len(states))
	}
	for node, s := range states {
		if s[0] != labdir.Running || lastPolls[node] != storyChunks+1 {
			t.Errorf("%s: the first and the last reading are not both kept: %v, %d polls", node, s, lastPolls[node])
		}
	}
}

func TestWhatCannotBeThinnedIsForgottenFromTheOldest(t *testing.T) {
	const limit = 4 << 10
	hub := dashboard.NewSmallHub(limit)
	for i := range 1000 {
		hub.Event(labdir.Event{Run: "mesh-1-1", Note: &labdir.Note{Text: fmt.Sprintf("note %d", i)}})
	}
	events, size := kept(t, hub)
	if size > limit || len(events) == 0 || events[len(events)-1].Note.Text != "note 999" {
		t.Errorf("%d events in %d bytes", len(events), size)
	}
}
