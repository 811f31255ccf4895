package push

import (
	"slices"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
)

// TestReceiptsAreOfThoseWhoHaveItFirst: the soonest before the others, and those
// that came at once in the order of the nodes.
func TestReceiptsAreOfThoseWhoHaveItFirst(t *testing.T) {
	node := func(name, id string, seconds float64) labdir.Node {
		return labdir.Node{Host: labdir.Host{Machine: name}, DoneSeconds: &seconds, Receipt: &labdir.Receipt{ID: id, KeptBytes: 3}}
	}
	run := &labdir.Run{Error: "stopped", Nodes: []labdir.Node{
		{Host: labdir.Host{Machine: "origin"}}, {Host: labdir.Host{Machine: "failed"}, Failed: "it ended"}, node("late", "a", 2), node("other", "b", 1),
		node("first", "a", 1), node("second", "a", 1), {Host: labdir.Host{Machine: "excused"}, Excused: "its machine left"}, {Host: labdir.Host{Machine: "none"}},
	}}
	var names, whys []string
	for _, r := range receipts(run, 10, "a") {
		names, whys = append(names, r.Node), append(whys, r.Why)
		if has := r.Why == ""; r.Verified != has || has && (r.Bytes != 10 || r.Kept != 3) {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{"first", "second", "late", "failed", "excused", "none", "other"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if want := []string{"", "", "", "it ended", "its machine left", "stopped", "it says that it has another file"}; !slices.Equal(whys, want) {
		t.Errorf("%q, want %q", whys, want)
	}
}
