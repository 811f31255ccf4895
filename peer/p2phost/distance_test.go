package p2phost

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestOnlyAddressesThatCanBeUsedFromAfarAreKept(t *testing.T) {
	near := peer.AddrInfo{ID: decodeID(t, anID), Addrs: addrsOf("/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/8.8.8.8/tcp/1")}
	for far, want := range map[int]int{onMachine: 3, onSite: 2, anywhere: 1} {
		if got := within(far, near); len(got.Addrs) != want {
			t.Errorf("from %d away, %v can be used", far, got.Addrs)
		}
	}
}
