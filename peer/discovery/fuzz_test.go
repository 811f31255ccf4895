package discovery

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/peer/p2phost"
)

// FuzzReadNode: what lies in the folder of a machine's nodes may be anybody's. What is
// taken of it can be dialled, and is not too much.
func FuzzReadNode(f *testing.F) {
	f.Add("/ip4/127.0.0.1/tcp/4001\n/ip4/127.0.0.1/udp/4001/quic-v1\n")
	f.Add("/ip4/0.0.0.0/tcp/1\n\n/dns4/a\x1b.example/tcp/1\n/ip6zone/lo/ip6/fe80::1/tcp/1\r\nnonsense\n/ip4/127.0.0.1/tcp/1/p2p-circuit")
	id, err := peer.Decode("12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		info := parseNode(id, text)
		if info.ID != id || len(info.Addrs) > 8 {
			t.Errorf("%d addresses of %s", len(info.Addrs), info.ID)
		}
		for _, a := range info.Addrs {
			if err := p2phost.CheckDialable(a); err != nil {
				t.Error(err)
			}
		}
	})
}
