package links

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"time"

	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
)

// The kinds of links.
const (
	Rate  = "rate"
	Netns = "netns"
	// Real links are those that machines which have joined have. Nobody makes
	// them.
	Real = "real"
)

// Rates are those of one node's access link; 0 is no limit.
type Rates struct{ Up, Down units.Rate }

// A Network is what the nodes of one run are connected by.
type Network struct {
	kind   string
	places []*Place
	about  string
	delay  time.Duration
	close  func() error
}

// Check returns why links of that kind cannot be had here, and what to do:
// fault.Invalid for a kind that does not exist, fault.Refused without the
// rights, and other errors.
func Check(kind string) error {
	switch kind {
	case Rate:
		return nil
	case Netns:
		return checkNetns()
	}
	return fault.Wrapf(fault.Invalid, "there are no %q links: rate (the program limits itself) or netns (shaped by the kernel; Linux, as root)", kind)
}

// Open makes a place for each of rates; from one to another everything takes the
// delay besides. The caller closes the network after the last process in it has
// ended.
func Open(kind string, rates []Rates, delay time.Duration) (*Network, error) {
	if err := Check(kind); err != nil {
		return nil, err
	}
	if kind == Netns {
		return openNetns(rates, delay)
	}
	n := &Network{kind: Rate, delay: delay, about: "every node on 127.0.0.1, limited by itself (--up, --down)" + ByItself(delay), close: func() error { return nil }}
	for _, r := range rates {
		n.places = append(n.places, &Place{host: "127.0.0.1", limits: r})
	}
	return n, nil
}

// ByItself says of a delay that the nodes keep by themselves.
func ByItself(delay time.Duration) string {
	if delay == 0 {
		return ""
	}
	return fmt.Sprintf("; what comes over TCP is seen %v later, and to connect takes %v (--delay: by the program, not on the way)", delay, 2*delay)
}

// Delay is what the nodes have to keep by themselves: none where the kernel does.
func (n *Network) Delay() time.Duration { return n.delay }

// Place returns the place of node i; the network's rates had its number.
func (n *Network) Place(i int) *Place { return n.places[i] }

// About says in a sentence how the nodes are connected, for reports.
func (n *Network) About() string { return n.about }

// Close takes the network down. It may be called more than once.
func (n *Network) Close() error { return n.close() }

// A Place is where one node lives.
type Place struct {
	host   string
	limits Rates
	space  *space // nil: the network of this process
}

// At is a place on this machine, on links that it has and nobody limits.
func At(host string) *Place { return &Place{host: host} }

// Host is the IP address other nodes reach this one at, and it listens on.
func (p *Place) Host() string { return p.host }

// Limits are the rates that the node has to keep by itself; none where the
// kernel keeps them.
func (p *Place) Limits() Rates { return p.limits }

// Start is cmd.Start, in the place.
func (p *Place) Start(cmd *exec.Cmd) error {
	if p.space == nil {
		return cmd.Start()
	}
	return p.space.do(cmd.Start)
}

// Dial connects to addr as if from within the place, so that the node's agent
// is reached over its own loopback. The address is an IP address with a port.
func (p *Place) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := new(net.Dialer)
	if p.space == nil {
		return dialer.DialContext(ctx, network, addr)
	}
	if _, err := net.ResolveTCPAddr(network, addr); err != nil {
		return nil, fmt.Errorf("cannot dial %s in the namespace of %s: %w", addr, p.host, err)
	}
	var conn net.Conn
	err := p.space.do(func() (err error) {
		conn, err = dialer.DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// Counted returns the bytes that crossed the node's link since it was made: of
// IP packets and their Ethernet headers, sent and received by the node. Not ok
// where links are not counted.
func (p *Place) Counted() (out, in int64, ok bool) {
	if p.space == nil {
		return 0, 0, false
	}
	return p.space.counted()
}
