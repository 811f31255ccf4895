package peer

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

// hostConfig is what a host is made from. Only Sockets and Meter are needed.
type hostConfig struct {
	Identity Identity       // the zero value: a new one
	Listen   []ma.Multiaddr // none: a free TCP and a free UDP port of the loopback
	Allow    []peer.ID      // none: everybody
	Key      NetworkKey     // the zero value: an open mesh
	Limits   rate.Limits    // of all connections together
	Public   bool           // the operator says that others can reach this node
	Sockets  *load.Sockets
	Meter    *load.Meter           // connections are counted here
	Metrics  prometheus.Registerer // nil: libp2p keeps none
	Log      *slog.Logger          // nil: silent
}

// newHost makes a libp2p host that listens. Closing the host ends all that it
// has started. With a network key every connection has proved it before the
// host sees it. It fails with fault.InUse or fault.Invalid when it can not
// listen, and says what to do.
func newHost(cfg hostConfig) (host.Host, *wire, error) {
	listen, err := cfg.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	w := newWire(cfg.Sockets, cfg.Limits)
	limits, err := newLimits(cfg.Meter, cfg.Metrics != nil)
	if err != nil {
		return nil, nil, fault.Wrapf(fault.Internal, "the limits could not be set: %v", err)
	}
	near := &neighbours{}
	private := perhapsBehindNAT(listen, cfg.Public)
	opts := append(cfg.options(w, newGate(cfg.Key, cfg.Allow, cfg.Meter)), libp2p.ResourceManager(limits),
		libp2p.SwarmOpts(libp2pswarm.WithDialRanker(dialOrder(private))))
	h, err := libp2p.New(append(opts, natOptions(listen, cfg.Public, near)...)...)
	if err != nil {
		return nil, nil, fault.Wrapf(fault.Internal, "libp2p did not start: %v", err)
	}
	near.set(h)
	if private() {
		if err := assumePrivate(h); err != nil {
			return nil, nil, errors.Join(err, h.Close())
		}
	}
	h.Network().Notify(w.watcher(cfg.Meter))
	// Only now: no connection may come that nobody has counted.
	if err := listenOn(h, listen); err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return h, w, nil
}

// withDefaults fills in what was left out and gives the listen addresses.
func (cfg *hostConfig) withDefaults() ([]ma.Multiaddr, error) {
	var err error
	if !cfg.Identity.known() {
		if cfg.Identity, err = newIdentity(); err != nil {
			return nil, err
		}
	}
	quiet(cfg.Log)
	if len(cfg.Listen) > 0 {
		return cfg.Listen, nil
	}
	return parseListen(nil)
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
func (cfg *hostConfig) options(w *wire, g *gate) []libp2p.Option {
	opts := []libp2p.Option{
		libp2p.Identity(cfg.Identity.key),
		libp2p.UserAgent("starmesh"),
		libp2p.ProtocolVersion("starmesh/1"),
		// TCP with TLS is the fast path: a third of QUIC's CPU.
		libp2p.Security(tls.ID, tls.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, muxer{inner: newYamux(), gate: g}),
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

// quicReuse gives the constructor of what shares UDP sockets among QUIC's
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
		DisconnectedF: func(_ network.Network, c network.Conn) {
			w.disconnected(c)
			meter.ConnClosed()
		},
	}
}
