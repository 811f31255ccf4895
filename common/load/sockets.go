package load

import (
	"maps"
	"net"
	"slices"
	"sync"
)

// Sockets is the table of a node's sockets. The zero value is an empty table.
type Sockets struct {
	mu     sync.Mutex
	open   map[*Socket]struct{}
	closed traffic     // what closed sockets carried
	recent []SocketRow // the latest closed ones, oldest first
	last   int         // number of the socket opened last
}

// maxRecent is how many closed sockets the table still shows.
const maxRecent = 64

// traffic is a number of bytes each way; unknown if somebody could not tell.
type traffic struct {
	out, in int64
	unknown bool
}

func (t *traffic) add(more traffic) {
	t.out += more.out
	t.in += more.in
	t.unknown = t.unknown || more.unknown
}

// Listening enters a listening socket.
func (s *Sockets) Listening(ln net.Listener) *Socket {
	k := newSocket(Listening, ln.Addr(), nil)
	k.attach(ln)
	return s.enter(k)
}

// Data enters a connected socket: one that was accepted or dialled. Wrapped
// connections are unwrapped by their NetConn method, as *tls.Conn has one.
func (s *Sockets) Data(c net.Conn) *Socket {
	k := newSocket(Data, c.LocalAddr(), c.RemoteAddr())
	k.attach(unwrap(c))
	return s.enter(k)
}

// Datagram enters an unconnected UDP socket, which carries all its remotes.
// Kernels do not count the bytes of such a socket: its owner does, with
// Socket.Count or Socket.CountedBy.
func (s *Sockets) Datagram(c net.PacketConn) *Socket {
	k := newSocket(Datagram, c.LocalAddr(), nil)
	k.attach(c)
	return s.enter(k)
}

// Carried enters a remote that has no socket of its own but is carried by one
// (a QUIC connection by a UDP socket), under a protocol name such as "quic".
// It shows in the table. Its bytes are those of the carrying socket, and do
// not count again in Wire.
func (s *Sockets) Carried(by *Socket, remote net.Addr, protocol string) *Socket {
	k := newSocket(Data, nil, remote)
	k.local, k.protocol, k.carried = by.local, protocol, true
	k.fd, k.Via = by.fd, by.protocol+" socket "+by.local.String()
	return s.enter(k)
}

func (s *Sockets) enter(k *Socket) *Socket {
	k.table = s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*Socket]struct{})
	}
	s.last++
	k.number = s.last
	s.open[k] = struct{}{}
	return k
}

// leave takes a closed socket out, keeping what it carried.
func (s *Sockets) leave(k *Socket, carried traffic, row SocketRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, here := s.open[k]; !here {
		return
	}
	delete(s.open, k)
	s.closed.add(carried)
	if len(s.recent) == maxRecent {
		s.recent = slices.Delete(s.recent, 0, 1)
	}
	s.recent = append(s.recent, row)
}

// snapshot returns the open sockets in the order in which they were opened,
// with what all others had carried at that moment.
func (s *Sockets) snapshot() ([]*Socket, traffic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.open)), s.closed
}

// Table lists the open sockets in the order in which they were opened, and
// after them the 64 closed last.
func (s *Sockets) Table() []SocketRow {
	open, _ := s.snapshot()
	slices.SortFunc(open, func(a, b *Socket) int { return a.number - b.number })
	rows := make([]SocketRow, 0, len(open)+maxRecent)
	for _, k := range open {
		rows = append(rows, k.row())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(rows, s.recent...)
}

// Wire returns the bytes that crossed all sockets so far, in both directions,
// closed ones included. For TCP that is what the kernel counted: the stream's
// bytes, what was sent again included, without TCP and IP headers. For UDP it
// is what the socket's owner counted. It is not ok when some socket could not
// tell, which on systems without TCP_INFO is always so.
func (s *Sockets) Wire() (out, in int64, ok bool) {
	open, sum := s.snapshot()
	for _, k := range open {
		sum.add(k.wire())
	}
	if sum.unknown || !kernelCounts {
		return 0, 0, false
	}
	return sum.out, sum.in, true
}

// AcceptQueue returns how many connections wait to be accepted now and for how
// many there is room, over all listening sockets. It is not ok where the
// kernel does not tell or nothing listens.
func (s *Sockets) AcceptQueue() (length, backlog int, ok bool) {
	open, _ := s.snapshot()
	for _, k := range open {
		if k.role != Listening {
			continue
		}
		if info, known := k.kernel(); known {
			length, backlog, ok = length+info.waiting, backlog+info.backlog, true
		}
	}
	return length, backlog, ok
}

// unwrap follows NetConn down to the connection that has the descriptor.
func unwrap(c net.Conn) net.Conn {
	for range 8 { // deeper than anything sensible; ends a circle
		outer, ok := c.(interface{ NetConn() net.Conn })
		if !ok || outer.NetConn() == nil {
			return c
		}
		c = outer.NetConn()
	}
	return c
}
