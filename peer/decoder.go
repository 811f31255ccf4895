package peer

import (
	"encoding/binary"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/peer/p2phost"
)

// decoder reads a message's body. Every number and length is checked here,
// once; after the first that is wrong it gives zeros, and end the error.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fault.Wrapf(fault.Protocol, format, args...)
	}
	d.b = nil
}

// number reads an integer below limit.
func (d *decoder) number(what string, limit uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("message cut off before its %s", what)
		return 0
	}
	if v >= limit {
		d.fail("%s %d is over the limit", what, v)
		return 0
	}
	d.b = d.b[n:]
	return v
}

// take reads exactly n bytes; they belong to the message.
func (d *decoder) take(n int) []byte {
	if len(d.b) < n {
		d.fail("message cut off: %d bytes missing", n-len(d.b))
		return make([]byte, n)
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

// bytes reads a length, at most max, and as many bytes, copied.
func (d *decoder) bytes(what string, max int) []byte {
	n := d.number("length of "+what, uint64(max)+1)
	return slices.Clone(d.take(int(n)))
}

func (d *decoder) text(what string) string { return string(d.bytes(what, maxText)) }

func (d *decoder) topic() topic { return topic(d.number("topic", 1<<32)) }

// place reads where a node can be reached.
func (d *decoder) place() peer.AddrInfo {
	id, err := peer.IDFromBytes(d.bytes("peer id", p2phost.MaxAddrBytes))
	if err != nil {
		d.fail("a peer id that is none: %v", err)
	}
	return peer.AddrInfo{ID: id, Addrs: d.addrs()}
}

// addrs reads the addresses of one node.
func (d *decoder) addrs() []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for range d.number("count of addresses", maxAddrs+1) {
		a, err := ma.NewMultiaddrBytes(d.bytes("address", p2phost.MaxAddrBytes))
		if err != nil {
			d.fail("an address that is none: %v", err)
		}
		addrs = append(addrs, a)
	}
	return addrs
}

// end fails unless the body was read to its end without a fault.
func (d *decoder) end(t frame.Type) error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many in a message of type %#x", len(d.b), byte(t))
	}
	return d.err
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
