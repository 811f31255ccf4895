package links_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/links"
	"starmesh/common/fault"
)

func TestTheProgramLimitsItselfOnRateLinks(t *testing.T) {
	n, err := links.Open(links.Rate, []links.Rates{{Up: 2.5e6, Down: 1.25e7}, {Up: 1e6}, {}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []links.Rates{{Up: 2.5e6, Down: 1.25e7}, {Up: 1e6}, {}} {
		place := n.Place(i)
		if got := place.Limits(); got != want {
			t.Errorf("node %d keeps %v, want %v", i, got, want)
		}
		if place.Host() != "127.0.0.1" {
			t.Errorf("node %d is at %s", i, place.Host())
		}
		if _, _, ok := place.Counted(); ok {
			t.Errorf("node %d has counted bytes on a link that nobody counts", i)
		}
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestANodeOnRateLinksIsStartedAndReached(t *testing.T) {
	n, err := links.Open(links.Rate, []links.Rates{{}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	cmd := exec.Command("go", "version")
	if err := n.Place(0).Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	address := listen(t)
	conn, err := n.Place(0).Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestLinksThatDoNotExistAreNamed(t *testing.T) {
	if err := links.Check("wifi"); !errors.Is(err, fault.Invalid) {
		t.Errorf("Check says %v, want fault.Invalid", err)
	}
	if n, err := links.Open("wifi", nil, 0); err == nil {
		t.Errorf("Open gives %v", n)
	}
}

// TestADelayIsKeptByTheKernelOrByTheNodes: and which of them is said.
func TestADelayIsKeptByTheKernelOrByTheNodes(t *testing.T) {
	for _, kind := range []string{links.Rate, links.Netns} {
		if err := links.Check(kind); err != nil {
			t.Logf("%s: %v", kind, err)
			continue
		}
		n, err := links.Open(kind, []links.Rates{{Up: 1e6}, {}}, 25*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		said := map[time.Duration]string{0: "25ms later on its way (netem)", 25 * time.Millisecond: "seen 25ms later, and to connect takes 50ms"}[n.Delay()]
		if said == "" || !strings.Contains(n.About(), said) || kind == links.Rate && n.Delay() == 0 {
			t.Errorf("%s: the nodes keep %v; it says %q", kind, n.Delay(), n.About())
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}
