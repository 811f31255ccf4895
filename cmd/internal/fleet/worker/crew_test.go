package worker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/cmd/internal/fleet"
	"starmesh/common/fault"
)

// heard is what a manager says: nothing but where it is.
type heard struct{ addr chan string }

func (*heard) Note(string, ...any) {}
func (*heard) Warn(string, ...any) {}

func (h *heard) Event(name string, fields any) {
	if name == "invite" {
		h.addr <- fields.(map[string]any)["address"].(string)
	}
}

// gather gathers nodes of these names, which answer nothing. leave ends one.
func gather(t *testing.T, wanted Wanted, names ...string) (c *Crew, leave func(name string)) {
	t.Helper()
	h := &heard{addr: make(chan string, 1)}
	code, leaving := fleet.NewCode(), make(map[string]context.CancelFunc)
	wanted.Listen, wanted.Nodes, wanted.Given = "127.0.0.1:0", len(names), []fleet.Code{code}
	var joining sync.WaitGroup
	joining.Go(func() {
		addr := <-h.addr
		for _, name := range names {
			ctx, stop := context.WithCancel(context.Background())
			leaving[name] = stop
			joined := make(chan struct{})
			joining.Go(func() {
				_ = fleet.Join(ctx, fleet.Joining{
					Manager: addr, Code: code, Hello: fleet.Hello{Name: name, Host: "here"}, Handler: http.NotFoundHandler(),
					Joined: func(fleet.Welcome) { close(joined) },
				})
			})
			<-joined
		}
	})
	c, err := Gather(t.Context(), wanted, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Dismiss(); err != nil {
			t.Error(err)
		}
		joining.Wait()
	})
	return c, func(name string) {
		_, changed := c.roster.Members()
		leaving[name]()
		<-changed
	}
}

func TestItGoesOnWithoutNodesThatLeaveIfItMay(t *testing.T) {
	for _, least := range []int{0, 2} {
		c, leave := gather(t, Wanted{Min: least}, "a", "b", "c")
		if here, err := c.Await(t.Context(), 3); err != nil || !slices.Equal(names(here), []string{"a", "b", "c"}) {
			t.Fatalf("all are here: %v, %v", names(here), err)
		}
		leave("a")
		if here, err := c.Await(t.Context(), 2); err != nil || !slices.Equal(names(here), []string{"b", "c"}) {
			t.Errorf("two are enough: %v, %v", names(here), err)
		}
		c.late = time.Millisecond
		here, err := c.Await(t.Context(), 3)
		if least == 0 && (!errors.Is(err, fault.NoSource) || !strings.Contains(err.Error(), "2 of 3 nodes are left, without a; --min-nodes 2 would go on")) {
			t.Errorf("all are needed: %v, %v", names(here), err)
		}
		if least > 0 && (err != nil || !slices.Equal(names(here), []string{"b", "c", "a"})) {
			t.Errorf("two of three will do: %v, %v", names(here), err)
		}
		c.late = time.Hour // in vain it is waited for once
		if _, again := c.Await(t.Context(), 3); (again == nil) != (err == nil) {
			t.Errorf("again: %v", again)
		}
		leave("b")
		c.late = time.Millisecond
		if here, err := c.Await(t.Context(), 3); !errors.Is(err, fault.NoSource) {
			t.Errorf("one is left: %v, %v", names(here), err)
		}
	}
}
