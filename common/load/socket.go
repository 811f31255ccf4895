package load

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// A Role says what a socket is for.
type Role string

// The roles. Accepting on a listening socket gives a new data socket with the
// same local IP and port; the pair of both ends tells those apart. UDP knows
// neither: one datagram socket talks with every remote.
const (
	Listening Role = "listening"
	Data      Role = "data"
	Datagram  Role = "datagram"
)

// A Side is one end of a connection, seen from this node.
type Side string

// Who closed a connection first.
const (
	Unknown Side = ""
	Here    Side = "here"
	There   Side = "there"
)

// A Socket is one row of Sockets: protocol, local IP and port, remote IP and
// port, and the descriptor by which the kernel knows it. Set Via, if at all,
// before anyone else sees the socket.
type Socket struct {
	Via string // what carries it, when it is not a socket of its own

	table         *Sockets
	number        int
	protocol      string
	role          Role
	local, remote netip.AddrPort
	fd            int // -1 where unknown
	raw           syscall.RawConn
	carried       bool
	opened        time.Time

	mu      sync.Mutex
	counted traffic // by the owner; unknown until it has counted
	count   func() (out, in int64)
	first   Side
	final   *traffic // once closed
}

// kernelInfo is what the kernel tells of a TCP socket.
type kernelInfo struct {
	state            string
	out, in          int64
	unsent           int64 // bytes that are still to leave
	waiting, backlog int   // of a listening socket
}

func newSocket(role Role, local, remote net.Addr) *Socket {
	k := &Socket{
		role: role, fd: -1, opened: time.Now(),
		local: addrPort(local), remote: addrPort(remote), counted: traffic{unknown: true},
	}
	if local != nil {
		k.protocol = protocolOf(local.Network())
	}
	return k
}

// attach finds the descriptor of c, if it has one.
func (k *Socket) attach(c any) {
	holder, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := holder.SyscallConn()
	if err != nil {
		return
	}
	k.raw = raw
	// An error means that it is closed already: then it stays unknown.
	_ = raw.Control(func(fd uintptr) { k.fd = int(fd) })
}

// Count adds bytes that the owner of the socket has sent and received.
func (k *Socket) Count(out, in int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counted.out += out
	k.counted.in += in
	k.counted.unknown = false
}

// CountedBy has the socket's bytes told by totals, instead of Count. It is
// called for each reading and once by Close.
func (k *Socket) CountedBy(totals func() (out, in int64)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count = totals
}

// ClosedBy says who closed first, where the owner knows better than the
// kernel's state tells. Call it before Close.
func (k *Socket) ClosedBy(first Side) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.first = first
}

// Close takes the last reading and the socket out of the table, and says who
// closed the connection first. Call it just before the connection itself is
// closed: afterwards the kernel no longer tells. Further calls do nothing more.
func (k *Socket) Close() Side {
	info, _ := k.kernel()
	k.mu.Lock()
	if k.final != nil {
		defer k.mu.Unlock()
		return k.first
	}
	if k.first == Unknown {
		k.first = closedFirst(info.state)
	}
	k.mu.Unlock()
	total := k.wire()
	total.out += info.unsent // the kernel sends it after the close
	row := k.row()
	row.State = "closed"

	k.mu.Lock()
	k.final = &total
	row.ClosedFirst = k.first
	k.mu.Unlock()
	k.table.leave(k, total, row)
	return row.ClosedFirst
}

// closedFirst reads from the state of a TCP connection which side has ended
// it (RFC 9293, §3.3.2).
func closedFirst(state string) Side {
	switch state {
	case "CLOSE_WAIT", "LAST_ACK", "CLOSE":
		return There
	case "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSING", "TIME_WAIT":
		return Here
	}
	return Unknown
}

// wire returns what the socket adds to the node's traffic.
func (k *Socket) wire() traffic {
	if k.role == Listening || k.carried {
		return traffic{}
	}
	info, known := k.kernel()
	return k.bytes(info, known)
}

// bytes returns what the socket carried, given what the kernel said.
func (k *Socket) bytes(info kernelInfo, known bool) traffic {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.final != nil:
		return *k.final
	case k.protocol == "tcp":
		return traffic{out: info.out, in: info.in, unknown: !known}
	case k.count != nil:
		out, in := k.count()
		return traffic{out: out, in: in}
	}
	return k.counted
}

// kernel asks the kernel about a TCP socket; it does not know about others,
// nor about one whose connection is closed.
func (k *Socket) kernel() (info kernelInfo, known bool) {
	if k.raw == nil || k.protocol != "tcp" || k.carried {
		return kernelInfo{}, false
	}
	err := k.raw.Control(func(fd uintptr) { info, known = tcpInfo(int(fd)) })
	return info, known && err == nil
}
