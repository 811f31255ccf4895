package central

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
)

func TestReceiversOfAFileAreToldOfEachOther(t *testing.T) {
	s := startServer(t)
	s.add(t, "x", noise(1000))
	s.add(t, "y", noise(2000))
	one, two, three := dial(t, s), dial(t, s), dial(t, s)
	x, _ := describeFile(t, one, "x")
	y, _ := describeFile(t, one, "y")
	meet := func(c *Client, id content.ID, own string, want ...string) {
		t.Helper()
		got, err := c.Meet(t.Context(), id, []string{own, strings.Repeat("x", maxPlace+1)})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is told of %q, not %q; %v", own, got, want, err)
		}
	}
	meet(one, x.ID, "a")
	meet(two, x.ID, "b", "a")
	meet(three, y.ID, "c")
	meet(two, x.ID, "b", "a") // not of itself
	meet(three, x.ID, "c", "b", "a")
	meet(one, y.ID, "a") // three does not fetch y any longer
	one.Close()
	two.Close()
	eventually(t, "those who have gone are forgotten", func() bool {
		got, err := three.Meet(t.Context(), x.ID, []string{"c"})
		return err == nil && len(got) == 0
	})
	if _, err := three.Meet(t.Context(), content.ID{9}, nil); !errors.Is(err, fault.NotFound) {
		t.Errorf("of a file that is not here: %v", err)
	}
	if _, err := three.Ping(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAServerTellsOfFew(t *testing.T) {
	var f meetings
	for i := range 20 {
		said := meet{ID: content.ID{1}, Places: []string{fmt.Sprint(i), fmt.Sprint(i, " too")}}
		for range 2 { // over two connections: told once, and not of itself
			if got := f.enter(&session{}, said); len(got) != min(2*i, MaxPlaces) || slices.Contains(got, said.Places[0]) {
				t.Fatalf("the %dth is told of %q", i, got)
			}
		}
	}
}

// TestMeetingACrowdCostsLittle: many may say that they are at one place.
func TestMeetingACrowdCostsLittle(t *testing.T) {
	var f meetings
	for range 5000 {
		f.enter(&session{}, meet{ID: content.ID{1}, Places: []string{"a"}})
	}
	s := &session{}
	n := testing.AllocsPerRun(10, func() {
		if got := f.enter(s, meet{ID: content.ID{1}, Places: []string{"b"}}); len(got) != 1 {
			t.Fatal(got)
		}
	})
	if n > 2*maxMeetings {
		t.Errorf("%.0f allocations to meet one", n)
	}
}

func TestAServerMayIntroduceNobody(t *testing.T) {
	s := startServer(t, func(c *ServerConfig) { c.NoIntroduce = true })
	s.add(t, "x", noise(1000))
	c := dial(t, s)
	x, _ := describeFile(t, c, "x")
	if _, err := c.Meet(t.Context(), x.ID, []string{"a"}); !errors.Is(err, fault.Refused) {
		t.Error(err)
	}
}
