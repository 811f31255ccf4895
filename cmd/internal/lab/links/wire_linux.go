package links

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"time"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"starmesh/cmd/internal/units"
)

// What every access link is like.
const (
	mtu   = 1500           // bytes of an IP packet
	frame = mtu + 14       // with its Ethernet header
	burst = 10 * frame     // bytes that may leave at once after a pause
	late  = 1e-3           // seconds a timer may be late: a faster link's burst
	queue = 0.050          // seconds of packets that wait before one is dropped
	inner = "eth0"         // the node's end
	outer = "p%d"          // the hub's
	nodes = "10.77.0.0/16" // all of them, see hostOf
)

// accessLink is the hub's end of a node's link.
type accessLink struct {
	hub   *hub
	index int
}

// counted is what the hub's end has counted: what arrived there has left the
// node's shaper, what left there has passed the hub's.
func (s *space) counted() (out, in int64, ok bool) {
	end, err := s.link.hub.LinkByIndex(s.link.index)
	if err != nil || end.Attrs().Statistics == nil {
		return 0, 0, false
	}
	count := end.Attrs().Statistics
	return int64(count.RxBytes), int64(count.TxBytes), true
}

// connect makes node i's namespace and its link to the hub. usual tells that
// TCP uses the congestion control that all labs are to use.
func (h *hub) connect(i int, r Rates) (s *space, usual bool, err error) {
	if s, err = newSpace(); err != nil {
		return nil, false, err
	}
	if usual, err = h.wire(s, i, r); err != nil {
		return nil, false, errors.Join(err, s.close())
	}
	return s, usual, nil
}

func (h *hub) wire(s *space, i int, r Rates) (usual bool, err error) {
	quietIPv6(s)
	name := fmt.Sprintf(outer, i)
	// One segment at a time: the shaper is to see packets, as a wire would.
	attrs := netlink.LinkAttrs{Name: name, MTU: mtu, TxQLen: 1000, MasterIndex: h.bridge.Attrs().Index}
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: inner, PeerMTU: mtu, PeerTxQLen: 1000, PeerNamespace: netlink.NsFd(s.handle)}
	if err := h.LinkAdd(pair); err != nil {
		return false, fmt.Errorf("cannot make a pair of links (does this kernel have the module veth?): %w", err)
	}
	end, err := h.LinkByName(name)
	if err != nil {
		return false, fmt.Errorf("cannot find the link %s: %w", name, err)
	}
	s.link = &accessLink{h, end.Attrs().Index}
	if err := raise(h.space, h.Handle, end, r.Down, 0); err != nil {
		return false, err
	}
	node, err := netlink.NewHandleAt(s.handle, unix.NETLINK_ROUTE)
	if err != nil {
		return false, fmt.Errorf("cannot speak to the kernel: %w", err)
	}
	defer node.Close()
	return furnish(s, node, i, r.Up, h.delay)
}

// furnish gives the node's end its address, its shaper and its routes.
func furnish(s *space, node *netlink.Handle, i int, up units.Rate, delay time.Duration) (usual bool, err error) {
	lo, err := node.LinkByName("lo")
	if err == nil {
		err = node.LinkSetUp(lo)
	}
	if err != nil {
		return false, fmt.Errorf("cannot start the loopback of a namespace: %w", err)
	}
	end, err := node.LinkByName(inner)
	if err != nil {
		return false, fmt.Errorf("cannot find the node's end of its link: %w", err)
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: hostOf(i), Mask: net.CIDRMask(16, 32)}}
	if err := node.AddrAdd(end, address); err != nil {
		return false, fmt.Errorf("cannot give a node the address %s: %w", address.IP, err)
	}
	if err := raise(s, node, end, up, delay); err != nil {
		return false, err
	}
	return routes(node, end, hostOf(i))
}

// raise shapes and delays what leaves by a link, then starts the link.
func raise(s *space, in *netlink.Handle, link netlink.Link, r units.Rate, delay time.Duration) error {
	if err := s.do(func() error { return onePacketAtATime(link.Attrs().Name) }); err != nil {
		return err
	}
	if err := in.LinkSetGSOMaxSegs(link, 1); err != nil {
		return fmt.Errorf("cannot keep TCP from sending more than a packet at a time: %w", err)
	}
	parent := uint32(netlink.HANDLE_ROOT)
	if delay > 0 {
		if err := in.QdiscReplace(delayer(link.Attrs().Index, delay)); err != nil {
			return fmt.Errorf("cannot delay a link by %v: %w", delay, err)
		}
		parent = netlink.MakeHandle(delays, 1)
	}
	if r > 0 {
		if err := in.QdiscReplace(shaper(link.Attrs().Index, parent, float64(r))); err != nil {
			return fmt.Errorf("cannot limit a link to %v (does this kernel have the module sch_tbf?): %w", r, err)
		}
	}
	if err := in.LinkSetUp(link); err != nil {
		return fmt.Errorf("cannot start a link: %w", err)
	}
	return nil
}

// delays is the number of the queue that delays; the shaper hangs below it.
const delays = 2

// delayer is a queue (tc-netem(8)) that holds all that leaves a link for so long.
func delayer(link int, delay time.Duration) *netlink.Netem {
	return netlink.NewNetem(
		netlink.QdiscAttrs{LinkIndex: link, Handle: netlink.MakeHandle(delays, 0), Parent: netlink.HANDLE_ROOT},
		netlink.NetemQdiscAttrs{Latency: uint32(delay.Microseconds()), Limit: 100_000}) // packets: none is lost for being many
}

// canDelay reports whether the kernel has a queue that delays. It is tried on the
// bridge, over which nothing goes yet.
func (h *hub) canDelay() bool {
	try := delayer(h.bridge.Attrs().Index, time.Millisecond)
	return h.QdiscReplace(try) == nil && h.QdiscDel(try) == nil
}

// shaper is a token bucket (tc-tbf(8)) that lets rate bytes a second leave a
// link.
func shaper(link int, parent uint32, rate float64) *netlink.Tbf {
	size := max(burst, rate*late)
	return &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link, Handle: netlink.MakeHandle(1, 0), Parent: parent},
		Rate:       uint64(math.Round(rate)),
		Buffer:     netlink.Xmittime(uint64(rate), uint32(min(size, math.MaxUint32))),
		Limit:      uint32(min(max(rate*queue, size)+size, math.MaxUint32)),
	}
}

// bundling are the features by which a link carries several packets as one.
var bundling = []string{
	"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation",
	"tx-udp-segmentation", "tx-generic-segmentation", "tx-gso-list", "rx-gro", "rx-gro-list", "rx-udp-gro-forwarding",
}

// onePacketAtATime switches off what would let a link of this namespace carry
// several packets as one, with one header: they would be shaped and counted as
// fewer bytes than a wire has to carry.
func onePacketAtATime(name string) error {
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("cannot set up a link: %w", err)
	}
	defer tool.Close()
	has, err := tool.Features(name)
	if err != nil {
		return fmt.Errorf("cannot tell what a link does: %w", err)
	}
	off := make(map[string]bool)
	for _, feature := range bundling {
		if has[feature] {
			off[feature] = false
		}
	}
	if err := tool.Change(name, off); err != nil {
		return fmt.Errorf("cannot switch off segmentation on a link: %w", err)
	}
	return nil
}

// routes make nodes reach each other and multicast go out. TCP is to use cubic
// on all machines, whatever they are set to, so that labs can be compared; not
// usual where the kernel has none. (The route decides: a namespace may not
// choose its default.)
func routes(node *netlink.Handle, end netlink.Link, from net.IP) (usual bool, err error) {
	_, all, err := net.ParseCIDR(nodes)
	if err != nil {
		return false, err
	}
	_, group, err := net.ParseCIDR("224.0.0.0/4")
	if err != nil {
		return false, err
	}
	index := end.Attrs().Index
	direct := netlink.Route{LinkIndex: index, Dst: all, Src: from, Scope: netlink.SCOPE_LINK, Protocol: unix.RTPROT_KERNEL}
	cubic := direct
	cubic.Congctl = "cubic"
	if usual = node.RouteReplace(&cubic) == nil; !usual {
		if err := node.RouteReplace(&direct); err != nil {
			return false, fmt.Errorf("cannot set the route between nodes: %w", err)
		}
	}
	if err := node.RouteReplace(&netlink.Route{LinkIndex: index, Dst: group, Scope: netlink.SCOPE_LINK}); err != nil {
		return false, fmt.Errorf("cannot set the route for multicast: %w", err)
	}
	return usual, nil
}

// quietIPv6 switches IPv6 off in a namespace, so that its own chatter is not
// counted. Where that is not allowed, or there is none, it stays as it is: a
// few hundred bytes a link.
func quietIPv6(s *space) {
	_ = s.do(func() error {
		for _, which := range []string{"all", "default"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0); err != nil {
				return err
			}
		}
		return nil
	})
}
