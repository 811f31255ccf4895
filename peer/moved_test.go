package peer

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/common/store"
	"starmesh/common/transfer"
)

// TestAMachineThatChangesItsAddressGoesOn: a file is under way between two
// machines when one of them, the giver or the taker, loses its address and is
// given another. Nothing but what they know of each other leads them together
// again.
func TestAMachineThatChangesItsAddressGoesOn(t *testing.T) {
	t.Parallel()
	for _, mover := range []string{"giver", "taker"} {
		t.Run(mover, func(t *testing.T) {
			needsNamespaces(t)
			one, two := cabledNamespaces(t)
			giver := moveProcess(t, one, "giver")
			taker := moveProcess(t, two, "taker "+next(t, giver.out, "addr"))
			next(t, taker.out, "some")
			ns, addr := one, "10.77.0.1/24"
			if mover == "taker" {
				ns, addr = two, "10.77.0.2/24"
			}
			for _, change := range []string{"del " + addr, "add 10.77.0.99/24"} {
				args := strings.Fields(fmt.Sprintf("-n %s addr %s dev %s", ns, change, ns))
				if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
					t.Fatalf("ip %v: %s", args, out)
				}
			}
			if got := next(t, taker.out, "all"); !strings.Contains(got, "/10.77.0.99/") {
				t.Errorf("it came %s", got)
			}
		})
	}
}

const moveHelper = "STARMESH_TEST_MOVE"

// moveProcess runs TestMoveProcess in a namespace.
func moveProcess(t *testing.T, namespace, args string) natProcess {
	t.Helper()
	return helperProcess(t, namespace, "TestMoveProcess", moveHelper+"="+args)
}

// TestMoveProcess is no test of its own but one of the processes above.
func TestMoveProcess(t *testing.T) {
	args := strings.Fields(os.Getenv(moveHelper))
	if len(args) == 0 {
		t.Skip("only run by another test")
	}
	file := makeFile(t, 160*chunk)
	n := startNode(t, func(c *Config) {
		c.Listen = []string{"/ip4/0.0.0.0/tcp/4001"}
		c.Join = args[1:]
		c.Limits = limitUp(4 << 20) // 2.5 s
	})
	if len(args) == 1 {
		if _, err := n.Publish("file", file); err != nil {
			t.Fatal(err)
		}
		fmt.Println("addr", n.Addrs()[0])
	} else {
		moveGet(t, n, file)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends it
}

// moveGet fetches the file, says when some of it is there, and when all is.
func moveGet(t *testing.T, n testNode, file *store.Memory) {
	got := store.NewMemory(file.Chunks())
	some := sync.OnceFunc(func() { fmt.Println("some is there") })
	cfg := transfer.Config{RetryFor: forEver, OnChunk: func(transfer.Chunk) {
		if got.Have().Count() >= 10 {
			some()
		}
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second) // TCP alone takes longer to notice
	defer cancel()
	if err := n.Fetch(ctx, "file", got, cfg); err != nil {
		fmt.Printf("some failed\nall failed: %v\n", err)
		return
	}
	same(t, got, file)
	for _, l := range n.links.all() {
		fmt.Println("all over", l.conn)
	}
}
