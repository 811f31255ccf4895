package links_test

import (
	"errors"
	"os/exec"
	"testing"

	"starmesh/cmd/internal/lab/links"
	"starmesh/common/fault"
)

func TestTheProgramLimitsItselfOnRateLinks(t *testing.T) {
	n, err := links.Open(links.Rate, []links.Rates{{Up: 2.5e6, Down: 1.25e7}, {Up: 1e6}, {}})
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
	n, err := links.Open(links.Rate, []links.Rates{{}})
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
	if n, err := links.Open("wifi", nil); err == nil {
		t.Errorf("Open gives %v", n)
	}
}
