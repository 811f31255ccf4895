package peer

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/peer/p2phost"
)

// decoder reads a message's body, whose numbers are varints.
type decoder struct{ frame.Decoder }

func newDecoder(body []byte) *decoder { return &decoder{frame.Decoder{Rest: body}} }

// bytes reads a length, at most max, and as many bytes, copied.
func (d *decoder) bytes(what string, max int) []byte {
	return slices.Clone(d.Take(int(d.Uvarint("length of "+what, uint64(max)))))
}

func (d *decoder) text(what string) string { return string(d.bytes(what, maxText)) }

func (d *decoder) topic() topic { return topic(d.Uvarint("topic", 1<<32-1)) }

// place reads where a node can be reached.
func (d *decoder) place() peer.AddrInfo {
	id, err := peer.IDFromBytes(d.bytes("peer id", p2phost.MaxAddrBytes))
	if err != nil {
		d.Fail(fault.Protocol, "a peer id that is none: %w", err)
	}
	return peer.AddrInfo{ID: id, Addrs: d.addrs()}
}

// addrs reads the addresses of one node. One of a kind that is not known here
// is left out: a newer node may have others beside. So are more than maxAddrs:
// a machine with many networks has more.
func (d *decoder) addrs() []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for range d.Uvarint("count of addresses", maxControl) {
		raw := d.bytes("address", p2phost.MaxAddrBytes)
		if d.Err != nil {
			break
		}
		if a, err := ma.NewMultiaddrBytes(raw); err == nil && len(addrs) < maxAddrs {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// end returns the first fault, or one if the body was not read to its end.
func (d *decoder) end(t frame.Type) error {
	if err := d.End(); err != nil {
		return fmt.Errorf("bad %s: %w", typeName(t), err)
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	s = cut(s)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendAddrs(b []byte, addrs []ma.Multiaddr) []byte {
	addrs = addrs[:min(len(addrs), maxAddrs)]
	b = binary.AppendUvarint(b, uint64(len(addrs)))
	for _, a := range addrs {
		b = appendText(b, string(a.Bytes()))
	}
	return b
}
