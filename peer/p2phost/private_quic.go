package p2phost

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/transport"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
)

// QUIC has its own streams, so the proof of the network key can not stand
// between security and multiplexing, as it does for TCP: it is the first
// stream of the connection, before libp2p gets to see it.

// newQUIC returns the constructor of the QUIC transport.
func (g *gate) newQUIC(key crypto.PrivKey, m *quicreuse.ConnManager, psk pnet.PSK, gater connmgr.ConnectionGater, rm network.ResourceManager) (transport.Transport, error) {
	t, err := quic.NewTransport(key, m, psk, gater, rm)
	if err != nil {
		return nil, err
	}
	return &provenTransport{Transport: t, gate: g}, nil
}

// provenTransport gives connections on which the key has been proved, if there
// is one.
type provenTransport struct {
	transport.Transport
	gate *gate
}

// ListenOrder is that of the transport inside.
func (t *provenTransport) ListenOrder() int {
	if o, ok := t.Transport.(interface{ ListenOrder() int }); ok {
		return o.ListenOrder()
	}
	return 0
}

// Close closes the transport inside.
func (t *provenTransport) Close() error {
	if c, ok := t.Transport.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Dial dials and proves. When a hole is punched, both sides dial, and one
// accepts: that one says so when it is asked (acceptedByDial).
func (t *provenTransport) Dial(ctx context.Context, raddr ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	c, err := t.Transport.Dial(ctx, raddr, p)
	if err != nil {
		return nil, err
	}
	punched, isClient, _ := network.GetSimultaneousConnect(ctx)
	accepted := punched && !isClient
	if t.gate.key.set {
		if err := t.gate.provenQUIC(ctx, c, !accepted); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if accepted {
		return acceptedConn{c}, nil
	}
	return c, nil
}

// acceptedConn is a connection that came about by Dial, and yet the other side
// has dialled it: libp2p calls it outbound on both sides.
type acceptedConn struct{ transport.CapableConn }

// acceptedByDial is what a connection's As is asked for.
type acceptedByDial bool

// As says that the other side has dialled.
func (c acceptedConn) As(target any) bool {
	if yes, ok := target.(*acceptedByDial); ok {
		*yes = true
		return true
	}
	return c.CapableConn.As(target)
}

// Listen accepts and proves.
func (t *provenTransport) Listen(laddr ma.Multiaddr) (transport.Listener, error) {
	inner, err := t.Transport.Listen(laddr)
	if err != nil || !t.gate.key.set {
		return inner, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &provenListener{Listener: inner, gate: t.gate, ctx: ctx, cancel: cancel, proven: make(chan transport.CapableConn)}
	l.group.Go(l.acceptAll)
	return l, nil
}

// provenListener proves connections, several at a time, before it gives them.
type provenListener struct {
	transport.Listener
	gate   *gate
	ctx    context.Context // ends with Close; Accept has none
	cancel context.CancelFunc
	group  sync.WaitGroup
	proven chan transport.CapableConn
}

// maxProving bounds the connections that are being proved at a time; others
// wait in QUIC's own accept queue.
const maxProving = 32

func (l *provenListener) acceptAll() {
	defer l.cancel()
	slots := make(chan struct{}, maxProving)
	for {
		select {
		case slots <- struct{}{}:
		case <-l.ctx.Done():
			return
		}
		c, err := l.Listener.Accept()
		if err != nil {
			return
		}
		l.group.Go(func() {
			defer func() { <-slots }()
			l.admit(c)
		})
	}
}

// admit proves c and hands it to Accept.
func (l *provenListener) admit(c transport.CapableConn) {
	if err := l.gate.provenQUIC(l.ctx, c, false); err != nil {
		_ = c.Close() // it has failed already
		return
	}
	select {
	case l.proven <- c:
	case <-l.ctx.Done():
		_ = c.Close() // nobody waits for it any more
	}
}

// Accept returns the next proven connection.
func (l *provenListener) Accept() (transport.CapableConn, error) {
	select {
	case c := <-l.proven:
		return c, nil
	case <-l.ctx.Done():
		return nil, transport.ErrListenerClosed
	}
}

// Close ends all that the listener has started.
func (l *provenListener) Close() error {
	l.cancel()
	err := l.Listener.Close()
	l.group.Wait()
	return err
}

// provenQUIC proves the network key in the first stream of c.
func (g *gate) provenQUIC(ctx context.Context, c transport.CapableConn, dialler bool) error {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	err := g.overStream(ctx, c, dialler)
	if ctx.Err() != nil && err != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return g.judge(c.RemotePeer(), dialler, err)
}

func (g *gate) overStream(ctx context.Context, c transport.CapableConn, dialler bool) error {
	open := c.AcceptStream
	if dialler {
		open = func() (network.MuxedStream, error) { return c.OpenStream(ctx) }
	}
	s, err := open()
	if err != nil {
		return err
	}
	if err := s.SetDeadline(time.Now().Add(proofTime)); err != nil {
		return err
	}
	if err := g.key.prove(s, dialler, c.LocalPeer(), c.RemotePeer()); err != nil {
		_ = s.Reset() // what matters is told already
		return err
	}
	_ = s.Close() // all is said; the other side may have closed it before
	return nil
}
