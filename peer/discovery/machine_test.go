package discovery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// TestNodesOfOneMachineMeetByTheirFolderAlone, though they listen on nothing but
// the loopback; and what has been left behind by others harms nobody.
func TestNodesOfOneMachineMeetByTheirFolderAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "nodes")
	a, b, gone, huge := startHost(t, nil), startHost(t, nil), startHost(t, nil), startHost(t, nil)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no id": "x", gone.ID().String(): "/ip4/127.0.0.1/tcp/1\n", huge.ID().String(): strings.Repeat("/ip4/127.0.0.1/tcp/1\n", 1000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * machineStale)
	if err := os.Chtimes(filepath.Join(dir, gone.ID().String()), long, long); err != nil {
		t.Fatal(err)
	}
	seek(t, a, &machineFinder{a.Host, dir})
	c := seek(t, b, &machineFinder{b.Host, dir})
	eventually(t, func() bool { return a.knows(b) && b.knows(a) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range []peer.ID{gone.ID(), huge.ID(), b.ID()} {
		if c.known.peers[p] != nil {
			t.Errorf("%s is dialled", p)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, gone.ID().String())); err == nil {
		t.Error("what a node has left behind stays")
	}
}
