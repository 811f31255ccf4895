package p2phost

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"

	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/multiformats/go-multistream"

	"starmesh/common/fault"
)

// eager is a dialled connection on which TLS begins without waiting for the
// other side's consent, which would cost a round trip: the dialler is told yes
// before it has been said, and the true answer is compared when it comes. A node
// without TLS can not read what follows and closes; it is asked first the next
// time.
type eager struct {
	net.Conn
	told, owed []byte       // what is left to tell the dialler, and to be said
	refused    *atomic.Bool // set when something else was said
}

// consent is how a listener agrees to TLS (multistream-select).
var consent = line(multistream.ProtocolID) + line(tls.ID)

func line(text string) string { return string(byte(len(text)+1)) + text + "\n" }

func newEager(c net.Conn, refused *atomic.Bool) net.Conn {
	if refused.Load() {
		return c
	}
	return &eager{Conn: c, told: []byte(consent), owed: []byte(consent), refused: refused}
}

func (e *eager) Read(p []byte) (int, error) {
	if len(e.told) > 0 {
		n := copy(p, e.told)
		e.told = e.told[n:]
		return n, nil
	}
	if len(e.owed) > 0 {
		said := make([]byte, len(e.owed))
		n, err := io.ReadFull(e.Conn, said)
		if !bytes.HasPrefix(e.owed, said[:n]) {
			e.refused.Store(true)
			return 0, fault.Wrapf(fault.Protocol, "it does not begin with TLS")
		}
		if e.owed = e.owed[n:]; err != nil {
			return 0, err
		}
	}
	return e.Conn.Read(p)
}
