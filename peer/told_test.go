package peer

import (
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
	"starmesh/common/frame"
)

// TestWhoJoinsIsToldOfOthersBeforeIdentify: nodes that join at the same moment
// would not learn of each other if that had to wait for libp2p's identify,
// which these here never bring.
func TestWhoJoinsIsToldOfOthersBeforeIdentify(t *testing.T) {
	file := makeFile(t, 4*chunk)
	origin := startNode(t, nil)
	origin.host.RemoveStreamHandler(identify.IDPush) // by which they would say it unasked
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	list := file.Chunks()
	where := ma.StringCast("/ip4/127.0.0.1/tcp/4009")
	joins := join{what: typeJoin, Topic: 1, ID: list.ID(), Size: list.Size(), Has: content.NewSet(list.Len())}
	first := loose(t, origin, mute)
	first.say(hello{Version: version, Addrs: []ma.Multiaddr{where}}, joins)
	first.await(typeJoin)
	second := loose(t, origin, mute)
	second.say(hello{Version: version}, joins)
	told, err := decodePeers(second.await(typePeers))
	if err != nil {
		t.Fatal(err)
	}
	is := func(p peer.AddrInfo) bool { return p.ID == first.host.ID() && ma.Contains(p.Addrs, where) }
	if !slices.ContainsFunc(told.Places, is) {
		t.Errorf("told of %v, not of %s at %s", told.Places, first.host.ID(), where)
	}
}

// mute keeps a host from saying who it is.
func mute(h testHost) { h.RemoveStreamHandler(identify.ID) }

// await reads until a message of that type, and gives its body.
func (r *rogue) await(want frame.Type) []byte {
	r.t.Helper()
	for {
		kind, body, err := frame.Read(r.control, maxJoin, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		if kind == want {
			return body
		}
	}
}
