package p2phost

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
)

// mute is an accepted connection on which nothing is said.
type mute struct {
	net.Conn
	port   int
	closed bool
}

func (*mute) LocalAddr() net.Addr    { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4001} }
func (m *mute) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: m.port} }
func (m *mute) Close() error         { m.closed = true; return nil }

// relayed is a connection over a relay, as libp2p has it.
type relayed struct{ net.Conn }

func (relayed) LocalAddr() net.Addr  { return nil }
func (relayed) RemoteAddr() net.Addr { return nil }

func TestTheOldestHandshakeMakesWay(t *testing.T) {
	h := newHandshakes(3)
	all := make([]*mute, 6)
	for i := range all {
		all[i] = &mute{port: i}
		h.begin(all[i])
		if i == 1 {
			h.end(&mute{port: 1}) // what was made of it has the same ends
		}
	}
	for i, closed := range []bool{true, false, true, false, false, false} {
		if all[i].closed != closed {
			t.Errorf("connection %d is closed: %v", i, all[i].closed)
		}
	}
	for _, c := range all {
		h.end(c)
		h.end(c) // closed as well
	}
	h.end(relayed{})
	if h.queue.Len() != 0 || len(h.of) != 0 {
		t.Errorf("%d and %d are remembered", h.queue.Len(), len(h.of))
	}
}

// TestVisitorsAreForgotten: libp2p's address book keeps what it knew of them for
// ever, as the second half shows: when that fails, letExpire is needed no more.
func TestVisitorsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mended := range []bool{true, false} {
			book := pstoremem.NewAddrBook()
			for i := range 1000 {
				p := peer.ID(string(rune('a' + i)))
				book.AddAddrs(p, addrsOf(inner), peerstore.ConnectedAddrTTL) // as identify does
				book.UpdateAddrs(p, peerstore.ConnectedAddrTTL, peerstore.TempAddrTTL)
				book.AddAddrs(p, book.Addrs(p), peerstore.RecentlyConnectedAddrTTL)
				if mended {
					letExpire(book, p)
				}
			}
			time.Sleep(peerstore.RecentlyConnectedAddrTTL + 2*time.Minute)
			if left := len(book.PeersWithAddrs()); (left == 0) != mended {
				t.Errorf("mended: %v, and %d of 1000 visitors are remembered", mended, left)
			}
			if err := book.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
