package p2phost

import (
	"errors"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/common/fault"
	"starmesh/common/load"
)

// MaxAddrBytes is the longest address; the longest sensible one (a DNS name of
// 253 bytes, relayed) has about 350.
const MaxAddrBytes = 512

// defaultListen is the loopback, on free ports: a node that listens to the
// world is something to ask for.
var defaultListen = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}

// parseListen reads the addresses to listen at; with none given, the loopback's free ports. It
// fails with fault.Invalid and says which form is right.
func parseListen(args []string) ([]ma.Multiaddr, error) {
	if len(args) == 0 {
		args = defaultListen
	}
	addrs := make([]ma.Multiaddr, 0, len(args))
	for _, arg := range args {
		a, err := parseAddr("the listen address", arg, "/ip4/0.0.0.0/tcp/4001 or /ip4/0.0.0.0/udp/4001/quic-v1")
		if err != nil {
			return nil, err
		}
		if err := checkListen(arg, a); err != nil {
			return nil, err
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// parseAddr reads one multiaddr; for a host:port it says how to write it.
func parseAddr(what, arg, form string) (ma.Multiaddr, error) {
	if !strings.HasPrefix(arg, "/") {
		return nil, fault.Wrapf(fault.Invalid, "%s %.200q is no multiaddr; %s", what, load.WithoutPassword(arg), meant(arg, form))
	}
	a, err := ma.NewMultiaddr(arg)
	if err != nil {
		return nil, fault.Wrapf(fault.Invalid, "%s %.200q is no multiaddr (%w); the form is %s", what, arg, err, form)
	}
	return a, nil
}

// meant turns host:port into what was meant.
func meant(arg, form string) string {
	host, port, err := net.SplitHostPort(arg)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		return "the form is " + form
	}
	kind := "dns"
	if ip := net.ParseIP(host); ip != nil {
		kind = "ip6"
		if ip.To4() != nil {
			kind = "ip4"
		}
	} else if host == "" {
		kind, host = "ip4", "0.0.0.0"
	}
	return "did you mean /" + kind + "/" + host + "/tcp/" + port + "? The form is " + form
}

// checkListen refuses what a node can not listen on: anything but an IP
// address with TCP or QUIC.
func checkListen(arg string, a ma.Multiaddr) error {
	switch transportOf(a) {
	case overTCP, overQUIC:
	default:
		return fault.Wrapf(fault.Invalid, "the listen address %s: a node listens on TCP or QUIC, as /ip4/0.0.0.0/tcp/4001 or /ip4/0.0.0.0/udp/4001/quic-v1", arg)
	}
	if first := a[0].Protocol().Code; first != ma.P_IP4 && first != ma.P_IP6 && first != ma.P_IP6ZONE {
		return fault.Wrapf(fault.Invalid, "the listen address %s: a node listens on an IP address, not on a name", arg)
	}
	if _, err := a.ValueForProtocol(ma.P_P2P); err == nil {
		return fault.Wrapf(fault.Invalid, "the listen address %s: leave out /p2p/…, the id is the node's own", arg)
	}
	return nil
}

// How an address is reached.
const (
	overNothing = iota // not in a way that is built in
	overTCP
	overQUIC
	overRelay
)

// transportOf returns how a is reached, of the ways that are built in.
func transportOf(a ma.Multiaddr) int {
	how := overNothing
	for i, part := range a {
		switch part.Protocol().Code {
		case ma.P_CIRCUIT:
			if how == overNothing {
				return overNothing // a relay without an address
			}
			return overRelay
		case ma.P_TCP:
			how = overTCP
		case ma.P_QUIC_V1:
			how = overQUIC
		case ma.P_P2P:
		case ma.P_IP4, ma.P_IP6, ma.P_IP6ZONE, ma.P_DNS, ma.P_DNS4, ma.P_DNS6, ma.P_UDP:
			if how != overNothing {
				return overNothing // something stands behind the transport
			}
			if i == 0 && len(a) == 1 {
				return overNothing
			}
		default:
			return overNothing
		}
	}
	return how
}

// CheckDialable refuses addresses, without /p2p/ at the end, that could never
// be dialled. Port 0 and the unspecified address are such.
func CheckDialable(a ma.Multiaddr) error {
	if len(a) == 0 || len(a.Bytes()) > MaxAddrBytes {
		return fault.Wrapf(fault.Invalid, "an address is missing or too long")
	}
	if transportOf(a) == overNothing {
		return fault.Wrapf(fault.Invalid, "%s is reached neither by TCP nor by QUIC", a)
	}
	if strings.ContainsFunc(a.String(), func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fault.Wrapf(fault.Invalid, "%q is no address: a name in it can not be read", a)
	}
	if ip, err := manet.ToIP(a); err == nil && ip.IsUnspecified() {
		return fault.Wrapf(fault.Invalid, "%s is no address one can dial: put the machine's own in", a)
	}
	if port(a) == "0" {
		return fault.Wrapf(fault.Invalid, "%s: nobody can be reached on port 0", a)
	}
	return nil
}

// port returns the TCP or UDP port of a.
func port(a ma.Multiaddr) string {
	for _, part := range a {
		if code := part.Protocol().Code; code == ma.P_TCP || code == ma.P_UDP {
			return part.Value()
		}
	}
	return ""
}

const joinForm = "/ip4/203.0.113.7/tcp/4001/p2p/12D3Koo… (what the other node printed), or a ticket"

// ParsePeer reads a multiaddr that ends in /p2p/ID. It fails with
// fault.Invalid and says which form is right.
func ParsePeer(arg string) (peer.AddrInfo, error) {
	a, err := parseAddr("the node to join,", arg, joinForm)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	info, err := peer.AddrInfoFromP2pAddr(a)
	if err != nil {
		return peer.AddrInfo{}, fault.Wrapf(fault.Invalid, "the node to join, %s, does not end in the node's id, /p2p/12D3Koo…: without it anybody could answer. The form is %s", arg, joinForm)
	}
	if len(info.Addrs) == 0 {
		return peer.AddrInfo{}, fault.Wrapf(fault.Invalid, "the node to join, %s, is an id without an address; the form is %s", arg, joinForm)
	}
	if err := CheckDialable(info.Addrs[0]); err != nil {
		return peer.AddrInfo{}, fault.Wrapf(fault.Invalid, "the node to join, %s: %w; the form is %s", arg, err, joinForm)
	}
	return *info, nil
}

// parseAnnounce reads the addresses under which others reach a node. It fails
// with fault.Invalid and says which form is right.
func parseAnnounce(args []string) ([]ma.Multiaddr, error) {
	var addrs []ma.Multiaddr
	for _, arg := range args {
		const what, form = "the address to announce", "/ip4/203.0.113.7/tcp/4001 or /dns4/example.org/udp/4001/quic-v1"
		a, err := parseAddr(what+",", arg, form)
		if err != nil {
			return nil, err
		}
		if err := CheckDialable(a); err != nil {
			return nil, fault.Wrapf(fault.Invalid, "%s, %s: %w; the form is %s", what, arg, err, form)
		}
		if _, err := a.ValueForProtocol(ma.P_P2P); err == nil {
			return nil, fault.Wrapf(fault.Invalid, "%s, %s: leave out /p2p/…, the id is the node's own", what, arg)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// parseAllow reads the ids of allowed peers. It fails with fault.Invalid.
func parseAllow(args []string) ([]peer.ID, error) {
	ids := make([]peer.ID, 0, len(args))
	for _, arg := range args {
		id, err := peer.Decode(arg)
		if err != nil {
			return nil, fault.Wrapf(fault.Invalid, "the allowed peer %.200q is no peer id (12D3Koo…)", arg)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// beyondLoopback returns whether any of the listen addresses can be reached from
// another machine.
func beyondLoopback(listen []ma.Multiaddr) bool {
	for _, a := range listen {
		if !manet.IsIPLoopback(a) {
			return true
		}
	}
	return false
}

// listenFault says why a node can not listen on a, and what to do.
func listenFault(a ma.Multiaddr, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fault.Wrapf(fault.InUse, "%s is in use by another program: take another port, or 0 for a free one", a)
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrapf(fault.Refused, "%s may not be used: ports below 1024 are for the administrator; take 4001, or 0 for a free one", a)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fault.Wrapf(fault.Invalid, "%s is not an address of this machine: use one of its own, or /ip4/0.0.0.0/… for all of them", a)
	}
	return fault.Wrapf(fault.Invalid, "this node can not listen on %s: %w", a, err)
}
