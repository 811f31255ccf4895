package agent

import (
	"net"
	"net/netip"
	"sync"
)

// Places are what one address may take only so many of, so that nobody shuts
// the others out. An IPv6 network of 64 bits is one address; this machine's own
// may take all there are.
type Places struct {
	limit int

	mu    sync.Mutex
	taken map[netip.Addr]int
}

// NewPlaces returns places of which one address may take up to limit.
func NewPlaces(limit int) *Places { return &Places{limit: limit, taken: map[netip.Addr]int{}} }

// Take takes a place for the remote HOST:PORT, until leave is called, once; ok
// is false when it has all that it may have.
func (p *Places) Take(remote string) (leave func(), ok bool) {
	from, err := netip.ParseAddrPort(remote)
	addr := from.Addr().Unmap().WithZone("")
	if err != nil || addr.IsLoopback() {
		return func() {}, true
	}
	if addr.Is6() {
		network, _ := addr.Prefix(64)
		addr = network.Addr()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[addr] >= p.limit {
		return nil, false
	}
	p.taken[addr]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.taken[addr]--; p.taken[addr] == 0 {
			delete(p.taken, addr)
		}
	}, true
}

// fairListener closes connections of addresses that have all they may have.
type fairListener struct {
	net.Listener
	places *Places
}

func (l fairListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if leave, ok := l.places.Take(conn.RemoteAddr().String()); ok {
			return &placedConn{conn, sync.OnceFunc(leave)}, nil
		}
		_ = conn.Close() // without a word: an answer would cost more than the place
	}
}

type placedConn struct {
	net.Conn
	leave func()
}

func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
