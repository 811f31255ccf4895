package links_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/links"
)

// needNetns skips a test where namespaces cannot be made.
func needNetns(t *testing.T) {
	t.Helper()
	if err := links.Check(links.Netns); err != nil {
		t.Skipf("not tested here: %v", err)
	}
}

func openNetns(t *testing.T, rates ...links.Rates) *links.Network {
	t.Helper()
	needNetns(t)
	n, err := links.Open(links.Netns, rates, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// play starts this program in a place. It ends with the test at the latest.
func play(t *testing.T, place *links.Place, part string, environment ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "LINKS_TEST_PART="+part, "LINKS_TEST_HOST="+place.Host()), environment...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := place.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(stdout)
}

// transfer sends size bytes from one place to another, through their links. It
// is timed from before the sender's start: the receiver may notice late, on a
// busy machine, that something has come.
func transfer(t *testing.T, from, to *links.Place, size int64) arrived {
	t.Helper()
	_, sink := play(t, to, "sink")
	var address string
	hear(t, sink, &address)
	began := time.Now()
	_, source := play(t, from, "source", "LINKS_TEST_TO="+address, fmt.Sprint("LINKS_TEST_BYTES=", size))
	for source.Scan() {
		t.Logf("source: %s", source.Text())
	}
	var got arrived
	hear(t, sink, &got)
	got.Seconds = time.Since(began).Seconds()
	return got
}

// TestTheKernelShapesAndCountsLinks compares a transfer with what its link
// allows: it may take longer on a busy machine, but not less.
func TestTheKernelShapesAndCountsLinks(t *testing.T) {
	const size = 1 << 19
	for name, rates := range map[string][2]links.Rates{
		"the sender's uplink":     {{Up: 1 << 20}, {}},
		"the receiver's downlink": {{}, {Down: 1 << 20}},
		"the slower of both":      {{Up: 8 << 20, Down: 1 << 17}, {Up: 1 << 17, Down: 1 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			n := openNetns(t, rates[0], rates[1])
			got := transfer(t, n.Place(0), n.Place(1), size)
			if got.Bytes != size {
				t.Fatalf("%d bytes arrived of %d", got.Bytes, size)
			}
			// Half a MiB at 1 MiB/s, less the burst at the start; more for headers.
			if got.Seconds < 0.47 {
				t.Errorf("half a MiB took %.3f s over a link of 1 MiB/s", got.Seconds)
			}
			checkCounts(t, n, size)
		})
	}
}

// checkCounts: what has crossed the links is the payload, its headers and
// acknowledgements; the shaper sees packets, so that every one has its header.
func checkCounts(t *testing.T, n *links.Network, payload int64) {
	t.Helper()
	back, in, ok := n.Place(1).Counted()
	out, _, ok1 := n.Place(0).Counted() // later, so that nothing is on its way
	if !ok || !ok1 {
		t.Fatal("the links are not counted")
	}
	// 1448 of each 1514 bytes are payload.
	least := payload * 1514 / 1448
	if in < least || in > least*11/10 {
		t.Errorf("the receiver's link has carried %d bytes for %d of payload, want %d or a little more", in, payload, least)
	}
	if out < in {
		t.Errorf("%d bytes have left, and %d arrived", out, in)
	}
	if back <= 0 || back > payload/5 {
		t.Errorf("%d bytes of acknowledgements", back)
	}
	t.Logf("payload %d, link %d out, %d in, %d back", payload, out, in, back)
}

func TestAnAgentInANamespaceIsReachedOverItsOwnLoopback(t *testing.T) {
	n := openNetns(t, links.Rates{Up: 1e6, Down: 1e6})
	place := n.Place(0)
	_, sink := play(t, place, "sink", "LINKS_TEST_HOST=127.0.0.1")
	var address string
	hear(t, sink, &address)
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Errorf("%s is reached from outside the namespace", address)
	}
	before, _, _ := place.Counted()
	conn, err := place.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("reading")); err != nil {
		t.Error(err)
	}
	conn.Close()
	var got arrived
	hear(t, sink, &got)
	if after, _, _ := place.Counted(); got.Bytes != 7 || after != before {
		t.Errorf("%d bytes arrived and %d are counted on the access link; want 7 and none", got.Bytes, after-before)
	}
}

func TestAddressesHaveToBeAddressesInANamespace(t *testing.T) {
	n := openNetns(t, links.Rates{})
	if conn, err := n.Place(0).Dial(t.Context(), "tcp", "nowhere"); err == nil {
		conn.Close()
		t.Error("nowhere is reached")
	}
}

// namespace is the network namespace this process is in.
func namespace(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNothingOfANetworkIsInTheManagersOwn(t *testing.T) {
	needNetns(t)
	home, before := namespace(t), interfaces(t)
	n := openNetns(t, links.Rates{Up: 1e6}, links.Rates{}, links.Rates{})
	if during := interfaces(t); during != before {
		t.Errorf("links of this machine: %s, before %s", during, before)
	}
	cmd := exec.Command("readlink", "/proc/self/ns/net")
	var said strings.Builder
	cmd.Stdout = &said
	if err := n.Place(1).Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if there := strings.TrimSpace(said.String()); there == home || !strings.HasPrefix(there, "net:[") {
		t.Errorf("the node is in %s, the manager in %s", there, home)
	}
	for range 50 { // whichever thread this runs on
		if now := namespace(t); now != home {
			t.Fatalf("the manager has moved from %s to %s", home, now)
		}
	}
}

func interfaces(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return strings.Join(names, " ")
}
