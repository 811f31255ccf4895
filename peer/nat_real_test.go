package peer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// natFile is the size of the file that has to get out of one private network
// and into another: far more than a relay carries.
const natFile = 6 << 20

// Three processes of this test: a public node, and two that are each behind a
// router of their own, made of Linux's address translation. What they see of
// each other are addresses that libp2p takes for public.
func TestNodesBehindNATsMeetOverAThirdAndMoveTheFileDirectly(t *testing.T) {
	t.Parallel()
	for i, c := range []struct{ name, key, routers, taker, want string }{
		{"an open mesh", "", sameEverywhere, "b", "all over /ip4/1.2.3.2/udp/"},
		{"a private mesh", "key", sameEverywhere, "b", "all over /ip4/1.2.3.2/udp/"},
		{"the taker can be reached", "", anotherForEach, "q", "all over /ip4/1.2.3.2/"},
		{"no hole can be punched", "", anotherForEach, "b", "nothing: nobody in reach has file; waited 25s; what has arrived is kept; node "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			world := newNATWorld(t, i, c.routers)
			public := world.node(t, "p", "public", c.key)
			where := next(t, public.out, "addr")
			origin := world.node(t, "a", "serve", c.key, where)
			ticket := next(t, origin.out, "ticket")
			taker := world.node(t, c.taker, "get", c.key, where, ticket)
			if how := next(t, taker.out, "got"); !strings.HasPrefix(how, c.want) {
				t.Errorf("the taker got %s; want %s", how, c.want)
			}
			taker.end()
			origin.end()
			public.end()
			var carried int
			if _, err := fmt.Sscan(next(t, public.out, "carried"), &carried); err != nil || carried > natFile/20 {
				t.Errorf("the public node carried %d bytes, the file has %d (%v)", carried, natFile, err)
			}
		})
	}
}

// How routers translate what leaves from one port: to the same port whomever
// it is for, as most do, or to another one for each ("symmetric").
const (
	sameEverywhere = ""
	anotherForEach = "fully-random"
)

// natWorld is an internet of one cable with four hosts on it: public ones, p
// and q, and two routers, behind each of which is a private network with one
// host, a and b.
type natWorld struct{ tag string }

// newNATWorld builds the world with a number of its own.
func newNATWorld(t *testing.T, number int, routers string) natWorld {
	t.Helper()
	needsNamespaces(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("a NAT in network namespaces needs the program nft")
	}
	w := natWorld{fmt.Sprintf("sn%d-%d", os.Getpid()%100000, number)}
	t.Cleanup(func() {
		for _, ns := range []string{"p", "q", "ra", "rb", "a", "b", "w"} {
			_ = exec.Command("ip", "netns", "del", w.tag+ns).Run() // it may not exist
		}
	})
	if out, err := exec.Command("ip", "netns", "add", w.ns("w")).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %s", out)
	}
	w.ip(t, "-n "+w.ns("w")+" link add wire type bridge")
	w.ip(t, "-n "+w.ns("w")+" link set wire up")
	for i, host := range []string{"p", "ra", "rb", "q"} {
		w.host(t, host)
		w.cable(t, host, "w", fmt.Sprintf("1.2.3.%d/24", i+1))
		w.ip(t, "-n "+w.ns("w")+" link set dev "+host+" master wire")
	}
	for i, host := range []string{"a", "b"} {
		router := "r" + host
		w.host(t, host)
		w.cable(t, host, router, fmt.Sprintf("192.168.%d.2/24", i+1))
		w.ip(t, fmt.Sprintf("-n %s addr add 192.168.%d.1/24 dev %s", w.ns(router), i+1, host))
		w.ip(t, fmt.Sprintf("-n %s route add default via 192.168.%d.1", w.ns(host), i+1))
		w.translate(t, router, host, routers)
	}
	return w
}

func (w natWorld) ns(host string) string { return w.tag + host }

func (w natWorld) ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %s", args, out)
	}
}

func (w natWorld) host(t *testing.T, name string) {
	w.ip(t, "netns add "+w.ns(name))
	w.ip(t, "-n "+w.ns(name)+" link set lo up")
}

// cable joins host, whose end is called uplink and has the address, with other,
// whose end is called host.
func (w natWorld) cable(t *testing.T, host, other, addr string) {
	t.Helper()
	w.ip(t, fmt.Sprintf("-n %s link add name uplink type veth peer name %s netns %s", w.ns(host), host, w.ns(other)))
	w.ip(t, fmt.Sprintf("-n %s addr add %s dev uplink", w.ns(host), addr))
	w.ip(t, "-n "+w.ns(host)+" link set dev uplink up")
	w.ip(t, fmt.Sprintf("-n %s link set dev %s up", w.ns(other), host))
}

// translate makes a router of a host: what comes from inside goes out under
// the router's address, and nothing comes in that nobody inside has asked for.
func (w natWorld) translate(t *testing.T, router, inside, how string) {
	t.Helper()
	rules := fmt.Sprintf(`
table ip nat {
	chain out { type nat hook postrouting priority 100; oifname "uplink" masquerade %s; }
}
table ip filter {
	chain in { type filter hook input priority 0; policy drop; iifname %q accept; ct state established,related accept; }
	chain through { type filter hook forward priority 0; policy drop; iifname %q accept; ct state established,related accept; }
}`, how, inside, inside)
	load := exec.Command("ip", "netns", "exec", w.ns(router), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward && nft -f -")
	load.Stdin = strings.NewReader(rules)
	if out, err := load.CombinedOutput(); err != nil {
		t.Skipf("no address translation here: %s", out)
	}
}

const natHelper = "STARMESH_TEST_NAT"

// natProcess is a node in another process.
type natProcess struct {
	out *bufio.Scanner
	end func() // has it leave
}

// node runs TestNATProcess at a host and gives its lines.
func (w natWorld) node(t *testing.T, host, role, key string, args ...string) natProcess {
	t.Helper()
	return helperProcess(t, w.ns(host), "TestNATProcess", natHelper+"="+strings.Join(append([]string{role, key}, args...), " "))
}

// helperProcess runs a test that is none of its own in a namespace.
func helperProcess(t *testing.T, namespace, test, env string) natProcess {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", namespace, os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = os.Stderr
	out, err1 := cmd.StdoutPipe()
	stdin, err2 := cmd.StdinPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	return natProcess{out: bufio.NewScanner(out), end: func() { stdin.Close() }}
}

// TestNATProcess is no test of its own but one of the processes above.
func TestNATProcess(t *testing.T) {
	args := strings.Split(os.Getenv(natHelper), " ")
	if len(args) < 2 {
		t.Skip("only run by another test")
	}
	role, key, args := args[0], args[1], args[2:]
	sockets := new(load.Sockets)
	n := startNode(t, func(c *Config) {
		c.Sockets, c.Public = sockets, role == "public"
		c.Listen = nil
		if c.Follow = len(args) > 0; !c.Follow { // else on the network that leads outside
			c.Listen = []string{"/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1"}
		}
		if key != "" {
			c.Key = testKey(t, key)
		}
		if len(args) > 0 {
			c.Join = args[:1]
		}
	})
	switch role {
	case "public":
		fmt.Printf("addr %s\n", n.Addrs()[0])
	case "serve":
		natServe(t, n)
	case "get":
		natGet(t, n, args[1])
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends it
	sum := load.NewReporter(load.Info{}, n.meter, sockets).Sample(load.Sample)
	fmt.Printf("carried %d\n", *sum.WireOutBytes)
}

// natServe shares the file and prints a ticket with which it can be reached.
func natServe(t *testing.T, n testNode) {
	file := makeFile(t, natFile)
	if _, err := n.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	n.Outside(testContext(t))
	ticket := n.Ticket("file", file.Chunks())
	fmt.Printf("ticket %s\n", ticket)
}

// natGet fetches the file and prints over which connection it came.
func natGet(t *testing.T, n testNode, text string) {
	ticket, err := ParseTicket(text)
	if err != nil {
		t.Fatal(err)
	}
	n.Meet(ticket.Peers...)
	file := makeFile(t, natFile)
	got := store.NewMemory(file.Chunks())
	err = n.Fetch(t.Context(), "file", got, transfer.Config{RetryFor: 25 * time.Second})
	if err != nil {
		fmt.Println("got nothing:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	same(t, got, file)
	fmt.Println("got all over", n.directly(ticket.Peers[0].ID))
}

// directly returns the address at which p's link is.
func (n testNode) directly(p peer.ID) string {
	if l := n.links.with(p); l != nil {
		_, to, _ := strings.Cut(fmt.Sprint(l.conn), "→ ")
		return to
	}
	return "nothing"
}
