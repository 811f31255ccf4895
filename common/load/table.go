package load

import (
	"net"
	"net/netip"
	"strings"
	"time"
)

// A SocketRow is one line of the socket table. The five parts of a socket are
// protocol, local IP, local port, remote IP and remote port; a listening and a
// datagram socket have no remote.
type SocketRow struct {
	FD          int    `json:"fd"` // descriptor number, -1 where unknown
	Role        Role   `json:"role"`
	Protocol    string `json:"protocol"` // tcp, udp, or what is carried by one: quic
	LocalIP     string `json:"local_ip"`
	LocalPort   int    `json:"local_port"`
	LocalClass  string `json:"local_class,omitempty"` // of the port, see PortClass
	RemoteIP    string `json:"remote_ip,omitempty"`
	RemotePort  int    `json:"remote_port,omitempty"`
	RemoteClass string `json:"remote_class,omitempty"`

	State       string  `json:"state"`                  // ESTABLISHED, LISTEN, …; open where unknown
	OutBytes    *int64  `json:"out_bytes,omitempty"`    // absent where unknown
	InBytes     *int64  `json:"in_bytes,omitempty"`     // absent where unknown
	Waiting     *int    `json:"waiting,omitempty"`      // listening: connections in the accept queue
	Backlog     *int    `json:"backlog,omitempty"`      // listening: how many have room in it
	AgeSeconds  float64 `json:"age_s"`                  // since the socket was opened
	Via         string  `json:"via,omitempty"`          // the socket that carries it
	ClosedFirst Side    `json:"closed_first,omitempty"` // of a closed one: here or there
}

// PortClass names the class of a port (RFC 6335, §6): well-known 1–1023,
// registered 1024–49151, dynamic 49152–65535; "" for what is no port.
func PortClass(port int) string {
	switch {
	case port < 1 || port > 65535:
		return ""
	case port <= 1023:
		return "well-known"
	case port <= 49151:
		return "registered"
	}
	return "dynamic"
}

// row returns the socket as it is now.
func (k *Socket) row() SocketRow {
	info, known := k.kernel()
	row := SocketRow{
		FD: k.fd, Role: k.role, Protocol: k.protocol, State: "open", Via: k.Via,
		AgeSeconds: time.Since(k.opened).Seconds(),
	}
	row.LocalIP, row.LocalPort, row.LocalClass = columns(k.local)
	row.RemoteIP, row.RemotePort, row.RemoteClass = columns(k.remote)
	if known {
		row.State = info.state
	}
	if k.role == Listening {
		if known {
			row.Waiting, row.Backlog = &info.waiting, &info.backlog
		}
		return row
	}
	if carried := k.bytes(info, known); !carried.unknown {
		row.OutBytes, row.InBytes = &carried.out, &carried.in
	}
	return row
}

func columns(a netip.AddrPort) (ip string, port int, class string) {
	if !a.IsValid() {
		return "", 0, ""
	}
	return a.Addr().String(), int(a.Port()), PortClass(int(a.Port()))
}

// addrPort reads IP and port from an address of any kind; the zero value if it
// has none.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case nil:
	case interface{ AddrPort() netip.AddrPort }: // *net.TCPAddr, *net.UDPAddr
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String()) // the zero value says: none
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// protocolOf takes the address family off a network's name: tcp4 is tcp.
func protocolOf(network string) string { return strings.TrimRight(network, "46") }
