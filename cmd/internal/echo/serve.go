package echo

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/agent"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/trace"
)

const (
	// Port is the port that RFC 862 gives to the service. It is a well-known
	// one, for which many systems want privileges.
	Port = 7
	// DefaultAddress is where the service listens unless told otherwise: a
	// registered port, for this machine only.
	DefaultAddress = "127.0.0.1:7007"
)

// Config says where and how the service listens. Meter and Sockets must be
// there; all else may be zero.
type Config struct {
	Address  string                              // HOST:PORT; "" is DefaultAddress
	TCP, UDP bool                                // which of them; neither means both
	MaxConns int                                 // TCP connections at once; 0 means 1024
	Idle     time.Duration                       // after which a silent TCP connection is closed; 0 means a minute
	Trace    *trace.Trace                        // of each socket step; nil: none
	Ready    func(network string, addr net.Addr) // called for each once it listens
	Meter    *load.Meter
	Sockets  *load.Sockets
}

func (c Config) withDefaults() Config {
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	if !c.TCP && !c.UDP {
		c.TCP, c.UDP = true, true
	}
	if c.MaxConns == 0 {
		c.MaxConns = 1024
	}
	if c.Idle == 0 {
		c.Idle = time.Minute
	}
	if c.Ready == nil {
		c.Ready = func(string, net.Addr) {}
	}
	return c
}

// Serve sends back what it is sent until ctx ends, and then returns nil. With
// port 0, TCP and UDP share the port that the kernel chooses.
func Serve(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	stream, datagram, err := open(ctx, &cfg)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if stream != nil {
		group.Go(func() error { return newStreams(cfg, stream).serve(ctx) })
	}
	if datagram != nil {
		group.Go(func() error { return newDatagrams(cfg, datagram).serve(ctx) })
	}
	return group.Wait()
}

// open makes the sockets that cfg asks for, or none.
func open(ctx context.Context, cfg *Config) (stream net.Listener, datagram *net.UDPConn, err error) {
	if err := agent.CheckAddress(cfg.Address); err != nil {
		return nil, nil, err
	}
	if cfg.TCP {
		if stream, err = openTCP(ctx, *cfg); err != nil {
			return nil, nil, err
		}
		cfg.Address = samePort(cfg.Address, stream.Addr())
	}
	if cfg.UDP {
		if datagram, err = openUDP(ctx, *cfg); err != nil {
			if stream != nil {
				err = errors.Join(err, stream.Close())
			}
			return nil, nil, err
		}
	}
	return stream, datagram, nil
}

// samePort puts the port that the kernel has chosen in place of port 0.
func samePort(address string, bound net.Addr) string {
	host, _, err := net.SplitHostPort(address)
	tcp, ok := bound.(*net.TCPAddr)
	if err != nil || !ok {
		return address
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

func openTCP(ctx context.Context, cfg Config) (net.Listener, error) {
	ln, err := (&net.ListenConfig{Control: traceSocket(cfg.Trace)}).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, fault.Listen(cfg.Address, err)
	}
	fd := trace.Descriptor(ln)
	cfg.Trace.Step("bind(fd %d, %s): port class %s", fd, ln.Addr(), portClass(ln.Addr()))
	cfg.Trace.Step("listen(fd %d): the kernel now completes handshakes and queues connections", fd)
	cfg.Ready("tcp", ln.Addr())
	return ln, nil
}

func openUDP(ctx context.Context, cfg Config) (*net.UDPConn, error) {
	conn, err := (&net.ListenConfig{Control: traceSocket(cfg.Trace)}).ListenPacket(ctx, "udp", cfg.Address)
	if err != nil {
		return nil, fault.Listen(cfg.Address, err)
	}
	fd := trace.Descriptor(conn)
	cfg.Trace.Step("bind(fd %d, %s): port class %s; UDP needs no listen and no accept", fd, conn.LocalAddr(), portClass(conn.LocalAddr()))
	cfg.Ready("udp", conn.LocalAddr())
	return conn.(*net.UDPConn), nil // which is what ListenPacket gives for udp
}
