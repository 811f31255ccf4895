package discovery

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/fault"
	"starmesh/peer/p2phost"
)

// machineFinder finds the nodes that the same user runs on this machine, which
// may listen on the loopback only: nobody hears of those on the network. Each
// keeps a file, named after its id, with its addresses in a folder of the user's.
type machineFinder struct {
	host *p2phost.Host
	dir  string // "": the user has no cache folder
}

func newMachine(h *p2phost.Host) *machineFinder {
	cache, err := os.UserCacheDir()
	if err != nil {
		return &machineFinder{host: h}
	}
	return &machineFinder{h, filepath.Join(cache, "starmesh", "nodes")}
}

const (
	// machineLook is how often the folder is looked at, and one's own file
	// written.
	machineLook = time.Second
	// machineStale is the age of the file of a node that has ended without
	// removing it.
	machineStale = time.Minute
	maxMachine   = 256     // nodes that are looked at
	maxNodeFile  = 4 << 10 // bytes
)

// Run tells of the others, and others of this node, until ctx ends. It fails
// with fault.NoSource when there can be no such folder.
func (m *machineFinder) Run(ctx context.Context, found func(peer.AddrInfo)) error {
	root, err := m.open()
	if err != nil {
		return fault.Wrapf(fault.NoSource, "nodes on this machine are not found: %w", err)
	}
	defer root.Close() // only looked at
	own := m.host.ID().String()
	defer root.Remove(own) // or it is stale soon
	tick := time.NewTicker(machineLook)
	defer tick.Stop()
	for {
		if err := root.WriteFile(own, m.text(), 0o600); err != nil {
			return fault.Wrapf(fault.NoSource, "nodes on this machine do not find this one: %w", err)
		}
		for _, info := range others(root, own) {
			found(info)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *machineFinder) open() (*os.Root, error) {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(m.dir)
}

// text is the node's addresses, one a line.
func (m *machineFinder) text() []byte {
	var b strings.Builder
	for _, a := range m.host.Own() {
		b.WriteString(a.String() + "\n")
	}
	return []byte(b.String())
}

// others reads what the other nodes have written, and removes what is stale.
func others(root *os.Root, own string) []peer.AddrInfo {
	dir, err := root.Open(".")
	if err != nil {
		return nil
	}
	defer dir.Close() // only read
	entries, _ := dir.ReadDir(maxMachine)
	var all []peer.AddrInfo
	for _, e := range entries {
		id, err := peer.Decode(e.Name())
		info, gone := e.Info()
		switch {
		case err != nil || e.Name() == own || gone != nil || info.Size() > maxNodeFile:
		case time.Since(info.ModTime()) > machineStale:
			_ = root.Remove(e.Name()) // another may have done so
		default:
			all = append(all, readNode(root, e.Name(), id))
		}
	}
	return all
}

// readNode reads a node's addresses; none while it writes them.
func readNode(root *os.Root, name string, id peer.ID) peer.AddrInfo {
	text, _ := root.ReadFile(name) // none: it has just ended
	return parseNode(id, string(text))
}

// parseNode reads what another node has written of itself.
func parseNode(id peer.ID, text string) peer.AddrInfo {
	info := peer.AddrInfo{ID: id}
	for line := range strings.Lines(text) {
		if a, err := ma.NewMultiaddr(strings.TrimSpace(line)); err == nil {
			info.Addrs = append(info.Addrs, a)
		}
	}
	return p2phost.Usable(info)
}
