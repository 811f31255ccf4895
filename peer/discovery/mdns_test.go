package discovery

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/peer/p2phost"
)

func TestServiceNamesAreWellFormedAndTellNothingOfTheKey(t *testing.T) {
	open, one, other := mdnsName(p2phost.NetworkKey{}), mdnsName(testKey(t, "one")), mdnsName(testKey(t, "other"))
	if open != "_starmesh._udp" || one == other || one == open {
		t.Errorf("%s %s %s", open, one, other)
	}
	for _, name := range []string{open, one, other} {
		label, isUDP := strings.CutSuffix(name, "._udp")
		if !isUDP || label[0] != '_' || len(label) > 16 {
			t.Errorf("%s is no service name", name)
		}
	}
}

// TestAPassphraseIsNotHintedAt: whoever hears a name that was computed from it
// could try guesses, with one dictionary for all meshes.
func TestAPassphraseIsNotHintedAt(t *testing.T) {
	h := startHost(t, func(c *p2phost.Config) { c.Listen = everywhere })
	key := keyOf(t, "a passphrase of some length")
	err := newMDNS(h.Host, key).Run(testContext(t), func(peer.AddrInfo) {})
	if err == nil || !strings.Contains(err.Error(), "passphrase") || mdnsName(key) != "" {
		t.Errorf("announced as %q, %v", mdnsName(key), err)
	}
}

var everywhere = []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}

// TestTheNetworkIsToldNothingOfTheMachineInside, and believed nothing about it.
func TestTheNetworkIsToldNothingOfTheMachineInside(t *testing.T) {
	inner, wide := startHost(t, nil), startHost(t, func(c *p2phost.Config) { c.Listen = everywhere })
	if said := newMDNS(inner.Host, p2phost.NetworkKey{}).addrs(); len(said) > 0 {
		t.Errorf("a node on the loopback announces %v", said)
	}
	said, err := onNetwork{wide.Host}.Network().InterfaceListenAddresses()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range said {
		if manet.IsIPLoopback(a) {
			t.Errorf("%s is announced", a)
		}
	}
	var heard []peer.AddrInfo
	n := notifiee{found: func(info peer.AddrInfo) { heard = append(heard, info) }, ctx: t.Context()}
	n.HandlePeerFound(peer.AddrInfo{ID: inner.ID(), Addrs: addrsOf(
		"/ip4/127.0.0.1/tcp/22", "/dns4/localhost/tcp/22", "/dns4/printer.local/tcp/80", "/ip6/::1/tcp/22", "/ip4/192.168.1.7/tcp/4001")})
	if len(heard) != 1 || len(heard[0].Addrs) != 1 || heard[0].Addrs[0].String() != "/ip4/192.168.1.7/tcp/4001" {
		t.Errorf("of what was heard %v is believed", heard)
	}
}

// TestTwoMachinesMeetByMDNSAlone runs two processes of this test in network
// namespaces that are joined by a cable.
func TestTwoMachinesMeetByMDNSAlone(t *testing.T) {
	t.Parallel()
	needsNamespaces(t)
	one, two := cabledNamespaces(t)
	outOne, outTwo := mdnsProcess(t, one, "right"), mdnsProcess(t, two, "right")
	stranger := mdnsProcess(t, two, "wrong")
	idOne, idTwo := next(t, outOne, "id"), next(t, outTwo, "id")
	if got := next(t, outOne, "met"); got != idTwo {
		t.Errorf("one met %s, want %s", got, idTwo)
	}
	if got := next(t, outTwo, "met"); got != idOne {
		t.Errorf("two met %s, want %s", got, idOne)
	}
	if got := next(t, stranger, "nobody"); got != "heard of" {
		t.Errorf("the stranger: %s", got)
	}
}

// needsNamespaces skips a test where it can make no network namespaces.
func needsNamespaces(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the program ip")
	}
}

// cabledNamespaces makes two namespaces with an address each.
func cabledNamespaces(t *testing.T) (one, two string) {
	t.Helper()
	tag := fmt.Sprintf("sm%d", os.Getpid()%100000)
	one, two = tag+"a", tag+"b"
	ip := func(args string) {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("no network namespaces here: ip %s: %s", args, out)
		}
	}
	t.Cleanup(func() {
		for _, ns := range []string{one, two} {
			_ = exec.Command("ip", "netns", "del", ns).Run() // it may not exist
		}
	})
	ip("netns add " + one)
	ip("netns add " + two)
	ip("link add " + one + " type veth peer name " + two)
	for i, ns := range []string{one, two} {
		ip("link set " + ns + " netns " + ns)
		ip(fmt.Sprintf("-n %s addr add 10.77.0.%d/24 dev %s", ns, i+1, ns))
		ip("-n " + ns + " link set " + ns + " up")
		ip("-n " + ns + " link set lo up")
	}
	return one, two
}

const mdnsHelper = "STARMESH_TEST_MDNS"

// mdnsProcess runs TestMDNSProcess in a namespace and gives its lines.
func mdnsProcess(t *testing.T, namespace, key string) *bufio.Scanner {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", namespace, os.Args[0], "-test.run=^TestMDNSProcess$")
	cmd.Env = append(os.Environ(), mdnsHelper+"="+key)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close() // ends the process
		_ = cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// next reads up to the line that begins with word.
func next(t *testing.T, lines *bufio.Scanner, word string) string {
	t.Helper()
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), word+" "); ok {
			return rest
		}
	}
	t.Fatalf("no line with %s: %v", word, lines.Err())
	return ""
}

// TestMDNSProcess is no test of its own but one of the processes above.
func TestMDNSProcess(t *testing.T) {
	secret := os.Getenv(mdnsHelper)
	if secret == "" {
		t.Skip("only run by another test")
	}
	key := testKey(t, secret)
	h := startHost(t, func(c *p2phost.Config) {
		c.Key, c.Listen = key, everywhere
	})
	fmt.Println("id", h.ID())
	c := newConnector(h.Host)
	run(t, running(c))
	heard := make(chan peer.ID, 100)
	run(t, func(ctx context.Context) error {
		return newMDNS(h.Host, key).Run(ctx, func(info peer.AddrInfo) {
			c.found(info)
			if info.ID != h.ID() {
				heard <- info.ID
			}
		})
	})
	select {
	case p := <-heard:
		eventually(t, func() bool { return len(h.Network().Peers()) > 0 })
		fmt.Println("met", p)
	case <-time.After(3 * time.Second):
		fmt.Println("nobody heard of")
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until the other process closes it
}

func TestWithoutMulticastItIsSaidSo(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	want := false
	for _, i := range all {
		want = want || i.Flags&net.FlagUp != 0 && i.Flags&net.FlagMulticast != 0
	}
	if hasMulticast() != want {
		t.Errorf("multicast: %v, want %v", hasMulticast(), want)
	}
	if want {
		t.Skip("this machine has multicast")
	}
	h := startHost(t, nil)
	if err := newMDNS(h.Host, p2phost.NetworkKey{}).Run(testContext(t), func(peer.AddrInfo) {}); err == nil || !strings.Contains(err.Error(), "no network interface with multicast") {
		t.Errorf("got %v", err)
	}
}
