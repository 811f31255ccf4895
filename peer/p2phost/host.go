package p2phost

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	libp2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"

	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/rate"
)

// Config is what a host is made from. Only Sockets and Meter are needed.
type Config struct {
	Identity Identity        // the zero value: a new one
	Listen   []string        // multiaddrs; none: a free TCP and a free UDP port of the loopback
	Follow   bool            // with no Listen: on the networks instead over which those known are reached
	Announce []string        // multiaddrs under which others reach it besides, through a port mapping
	Allow    []string        // peer ids; none: everybody
	Key      NetworkKey      // the zero value: an open mesh
	Limits   rate.Limits     // of all connections together
	Public   bool            // the operator says that others can reach this node
	Known    []peer.AddrInfo // nodes that it is to dial first
	Sockets  *load.Sockets
	Meter    *load.Meter           // connections are counted here
	Metrics  prometheus.Registerer // nil: libp2p keeps none
	Log      *slog.Logger          // nil: silent
}

// Check fails with fault.Invalid when an address or id in cfg is none, and says
// what the right form is.
func (cfg Config) Check() error {
	_, err1 := parseListen(cfg.Listen)
	_, err2 := parseAllow(cfg.Allow)
	_, err3 := parseAnnounce(cfg.Announce)
	return errors.Join(err1, err2, err3)
}

// Host is a libp2p host whose connections are counted, limited and, with a
// network key, proved before anybody sees them.
type Host struct {
	host.Host
	gate    *gate
	near    *neighbours
	private func() bool // whether it may be behind a NAT
	release func()      // of the identity
}

// New makes a host that listens. Close ends all that it has started. It fails
// with fault.InUse while another host has the identity, and with fault.InUse or
// fault.Invalid when it can not listen, and says what to do.
func New(cfg Config) (*Host, error) {
	release, err := cfg.Identity.hold()
	if err != nil {
		return nil, err
	}
	h, err := start(cfg)
	if err != nil {
		release()
		return nil, err
	}
	h.release = release
	return h, nil
}

// Close ends all that the host has started.
func (h *Host) Close() error {
	defer h.release()
	return h.Host.Close()
}

func start(cfg Config) (*Host, error) {
	if len(cfg.Listen) == 0 && cfg.Follow {
		cfg.Listen = toward(cfg.Known)
	}
	listen, err1 := parseListen(cfg.Listen)
	allow, err2 := parseAllow(cfg.Allow)
	near, err3 := cfg.neighbours()
	if err := errors.Join(err1, err2, err3, cfg.withDefaults()); err != nil {
		return nil, err
	}
	w := newWire(cfg.Sockets, cfg.Limits, min(maxHandshakes, maxFiles()/2))
	limits, err := newLimits(cfg.Meter, cfg.Metrics != nil)
	if err != nil {
		return nil, fault.Wrapf(fault.Internal, "the limits could not be set: %w", err)
	}
	private := perhapsBehindNAT(listen, cfg.Public)
	g := newGate(cfg.Key, allow, cfg.Meter)
	g.near = near
	opts := append(cfg.options(w, g), libp2p.ResourceManager(limits),
		libp2p.SwarmOpts(libp2pswarm.WithDialRanker(dialOrder(private))), libp2p.AddrsFactory(near.tell))
	h, err := libp2p.New(append(opts, natOptions(listen, cfg.Public, near)...)...)
	if err != nil {
		return nil, fault.Wrapf(fault.Internal, "libp2p did not start: %w", err)
	}
	near.set(h)
	if private() {
		if err := assumePrivate(h); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	h.Network().Notify(w.watcher(cfg.Meter))
	// Only now: no connection may come that nobody has counted.
	if err := listenOn(h, listen); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return &Host{Host: h, gate: g, near: near, private: private}, nil
}

// neighbours fails with fault.Invalid.
func (cfg *Config) neighbours() (*neighbours, error) {
	n := &neighbours{}
	for _, info := range cfg.Known {
		for _, a := range info.Addrs {
			n.known = max(n.known, reachOf(a))
		}
	}
	var err error
	n.announced, err = parseAnnounce(cfg.Announce)
	return n, err
}

// withDefaults fills in what was left out.
func (cfg *Config) withDefaults() (err error) {
	quiet(cfg.Log)
	if !cfg.Identity.known() {
		cfg.Identity, err = newIdentity()
	}
	return err
}

// quiet has libp2p and quic-go log to log when it takes debug messages, and
// nowhere else: what they call errors and information is daily life to a mesh.
// GOLOG_LOG_LEVEL gives libp2p its own log on standard error back. Both
// libraries know only settings of the whole process.
func quiet(log *slog.Logger) {
	if os.Getenv("GOLOG_LOG_LEVEL") == "" {
		handler := slog.DiscardHandler
		if log != nil && log.Enabled(context.Background(), slog.LevelDebug) {
			handler = log.Handler()
		}
		gologshim.SetDefaultHandler(handler)
	}
	const warning = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
	if _, set := os.LookupEnv(warning); !set {
		_ = os.Setenv(warning, "true") // a warning at worst
	}
}

// options are those of every node, whatever it listens on.
func (cfg *Config) options(w *wire, g *gate) []libp2p.Option {
	opts := []libp2p.Option{
		libp2p.Identity(cfg.Identity.key),
		libp2p.UserAgent("starmesh"),
		libp2p.ProtocolVersion("starmesh/1"),
		// TCP with TLS is the fast path: a third of QUIC's CPU.
		libp2p.Security(tls.ID, tls.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, newMuxer(g, w.handshakes)),
		libp2p.Transport(w.newTCP),
		libp2p.Transport(g.newQUIC),
		libp2p.QUICReuse(w.quicReuse(cfg.Metrics)),
		libp2p.ConnectionGater(g),
		connectionManager,
	}
	if cfg.Metrics == nil {
		return append(opts, libp2p.DisableMetrics())
	}
	return append(opts, libp2p.PrometheusRegisterer(cfg.Metrics))
}

// connectionManager closes the least useful connections when there are many.
func connectionManager(cfg *libp2p.Config) error {
	m, err := connmgr.NewConnManager(connsLow, connsHigh, connmgr.WithGracePeriod(20*time.Second))
	if err != nil {
		return err
	}
	return cfg.Apply(libp2p.ConnectionManager(m))
}

// Uses notes that connections with p serve a purpose, or that they do no longer:
// when there are many, those that serve the fewest are closed first.
func (h *Host) Uses(p peer.ID, purpose string, yes bool) {
	if yes {
		h.ConnManager().TagPeer(p, purpose, 1)
	} else {
		h.ConnManager().UntagPeer(p, purpose)
	}
}

// quicReuse returns the constructor of what shares UDP sockets among QUIC's
// connections: libp2p's own, on w's sockets.
func (w *wire) quicReuse(metrics prometheus.Registerer) any {
	return func(key quic.StatelessResetKey, token quic.TokenGeneratorKey, rm network.ResourceManager, life fx.Lifecycle) (*quicreuse.ConnManager, error) {
		opts := []quicreuse.Option{
			quicreuse.OverrideListenUDP(w.listenUDP),
			quicreuse.ConnContext(admitQUIC(rm)),
			quicreuse.VerifySourceAddress(rm.VerifySourceAddress),
		}
		if metrics != nil {
			opts = append(opts, quicreuse.EnableMetrics(metrics))
		}
		m, err := quicreuse.NewConnManager(key, token, opts...)
		if err != nil {
			return nil, err
		}
		life.Append(fx.StopHook(m.Close))
		return m, nil
	}
}

// listenOn listens on every one of addrs.
func listenOn(h host.Host, addrs []ma.Multiaddr) error {
	one, ok := h.Network().(interface{ AddListenAddr(ma.Multiaddr) error })
	if !ok {
		return fault.Wrapf(fault.Internal, "this libp2p does not listen: %T", h.Network())
	}
	for _, a := range addrs {
		if err := one.AddListenAddr(a); err != nil {
			return listenFault(a, err)
		}
	}
	return nil
}

// watcher counts connections as they come and go.
func (w *wire) watcher(meter *load.Meter) network.Notifiee {
	return &network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			w.connected(c)
			meter.ConnOpened()
		},
		DisconnectedF: func(n network.Network, c network.Conn) {
			w.disconnected(c)
			meter.ConnClosed()
			if n.Connectedness(c.RemotePeer()) == network.NotConnected {
				letExpire(n.Peerstore(), c.RemotePeer())
			}
		},
	}
}

// letExpire has the addresses of a peer expire that is connected no longer.
// libp2p's address book means to do so, and gives them a time; but those that it
// kept for as long as the connection lasted never get into the order in which it
// looks for what has expired, unless they are added anew.
func letExpire(book peerstore.AddrBook, p peer.ID) {
	addrs := book.Addrs(p)
	book.ClearAddrs(p)
	book.AddAddrs(p, addrs, peerstore.RecentlyConnectedAddrTTL)
}
