package p2phost

import (
	"encoding/binary"
	"net"
)

const (
	recordHeader = 5        // of TLS (RFC 8446, §5.1)
	maxRecord    = 16640    // bytes in one TLS record (16 KiB and 256)
	minWaiting   = 2 * 1448 // bytes: two packets
	maxWaiting   = 64 << 10 // bytes: what the kernel is let collect
	sealing      = 17       // bytes that TLS 1.3 adds to what a record carries
)

// records is a connection that carries TLS and wakes its reader once per
// record, or once per several when it is known that they belong together,
// instead of once per packet: half a record is of no use to anyone. On a link
// of 20 Mbit/s packets come one by one, eleven to a record, and to be woken
// for each costs more than all else this process does.
//
// It follows the lengths of the records as they are read, and tells the kernel
// for how many bytes the next read waits (socket(7), SO_RCVLOWAT); never for
// more than is certain to come. Where that can not be told, or what comes is
// no TLS, reads are as ever.
type records struct {
	net.Conn
	tell func(bytes int) error // sets how many bytes the next read waits for
	told int

	// Used by the one Read at a time.
	head   []byte // of a header that has come in part
	left   int    // bytes of the record, or line, that are still to come
	length int    // of the record in all, without its header
	more   int    // bytes that the user of TLS is certain to get, beyond those it has
	failed bool
}

// newRecords returns c itself where there is nothing to gain.
func newRecords(c net.Conn) net.Conn {
	tell := lowWater(c)
	if tell == nil {
		return c
	}
	return &records{Conn: c, tell: tell, told: 1}
}

// NetConn returns the connection underneath.
func (r *records) NetConn() net.Conn { return r.Conn }

func (r *records) Read(p []byte) (int, error) {
	want := r.certain()
	if want != r.told && !r.failed {
		r.failed = r.tell(want) != nil
		r.told = want
	}
	n, err := r.Conn.Read(p)
	r.follow(p[:n])
	return n, err
}

// certain is for how many bytes to wait: those of this record, and of the next
// ones as far as the frame they carry is known. When TLS reads here, it has
// handed on all that it could decrypt.
func (r *records) certain() int {
	sure := r.left
	if beyond := r.more - max(0, r.length-sealing); r.left > 0 && beyond > 0 {
		sure += recordHeader + sealing + beyond
	}
	if r.left == 0 && len(r.head) == 0 && r.more > 0 {
		sure = recordHeader + sealing + r.more
	}
	if sure < minWaiting {
		return 1
	}
	return min(sure, maxWaiting)
}

// follow keeps track of where in a record the reader is.
func (r *records) follow(p []byte) {
	for len(p) > 0 && !r.failed {
		if r.left > 0 {
			n := min(r.left, len(p))
			p = p[n:]
			r.left -= n
			continue
		}
		n := min(recordHeader-len(r.head), len(p))
		r.head = append(r.head, p[:n]...)
		p = p[n:]
		r.begin()
	}
}

// begin reads a header, if it is there. Before TLS the two sides agree on it
// in lines that begin with their length (multistream-select), which look like
// no record: their second byte is a slash.
func (r *records) begin() {
	h := r.head
	switch {
	case len(h) < 2:
	case h[1] == '/':
		r.left, r.length = int(h[0])+1-len(h), 0
		r.head = h[:0]
	case len(h) < recordHeader:
	default:
		r.left = int(binary.BigEndian.Uint16(h[3:]))
		r.length = r.left
		r.head = h[:0]
		r.failed = h[0] < 20 || h[0] > 23 || h[1] != 3 || r.left > maxRecord
	}
	if r.left < 0 || r.failed {
		r.giveUp()
	}
}

// giveUp reads as ever from now on.
func (r *records) giveUp() {
	r.failed, r.left = true, 0
	if r.told != 1 {
		r.told = 1
		_ = r.tell(1) // the socket is closed then
	}
}
