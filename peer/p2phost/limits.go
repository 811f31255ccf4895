package p2phost

import (
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/load"
)

// The limits of a node. libp2p's own allow 8 connections for each address,
// and 16 new ones at once: a lab on one machine or an office behind one NAT
// does not get past that. These do, and still keep one address from taking
// everything.
const (
	maxConns        = 2048 // in all
	maxConnsAddress = 512  // from or to one IPv4 address, or one IPv6 /56
	maxConnsPeer    = 16   // with one peer: all its addresses may be dialled at once
	maxHandshakes   = 1024 // that have not said yet who they are; over TCP the oldest make way
	newConnsBurst   = 512  // new connections from one address at once …
	newConnsRate    = 50   // … and after that each second
	maxStreams      = 16384
	maxStreamsPeer  = 128
	maxMemory       = 1 << 30  // what libp2p may hold in buffers, in bytes
	maxMemoryPeer   = 64 << 20 // of it for one peer; a stream's window is 32 MiB at most

	// When more than connsHigh connections are open, the least useful are
	// closed until connsLow are left; a mesh of 128 stays whole.
	connsLow  = 256
	connsHigh = 320
)

// scaledLimits are libp2p's own limits, for this machine.
func scaledLimits() rcmgr.ConcreteLimitConfig {
	base := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&base)
	return base.AutoScale()
}

// maxFiles is how many descriptors sockets may take: half of what the system
// lets us open.
func maxFiles() int { return int(scaledLimits().ToPartialLimitConfig().System.FD) }

// newLimits returns libp2p's resource manager with the limits above.
func newLimits(meter *load.Meter, metrics bool) (network.ResourceManager, error) {
	scaled := scaledLimits()
	all := limit(maxConns, maxStreams, maxMemory)
	all.FD = rcmgr.LimitVal(maxFiles())
	peer := limit(maxConnsPeer, maxStreamsPeer, maxMemoryPeer)
	config := rcmgr.PartialLimitConfig{
		System:              all,
		Transient:           limit(2*maxHandshakes, maxStreams, maxMemory/8), // those that make way need a moment
		ProtocolDefault:     all,
		ServiceDefault:      all,
		PeerDefault:         peer,
		ProtocolPeerDefault: peer,
		ServicePeerDefault:  peer,
	}.Build(scaled)
	opts := []rcmgr.Option{
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: maxConnsAddress}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: maxConnsAddress}}),
		// No network is exempt, as the loopback would be.
		rcmgr.WithNetworkPrefixLimit([]rcmgr.NetworkPrefixLimit{}, []rcmgr.NetworkPrefixLimit{}),
		rcmgr.WithConnRateLimiters(newConnsLimiter()),
	}
	if !metrics {
		opts = append(opts, rcmgr.WithMetricsDisabled())
	}
	m, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(config), opts...)
	if err != nil {
		return nil, err
	}
	return countingLimits{ResourceManager: m, meter: meter}, nil
}

// limit returns the same bound for both directions and for each of them.
func limit(conns, streams rcmgr.LimitVal, memory rcmgr.LimitVal64) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{
		Conns: conns, ConnsInbound: conns, ConnsOutbound: conns,
		Streams: streams, StreamsInbound: streams, StreamsOutbound: streams,
		FD: conns, Memory: memory,
	}
}

// newConnsLimiter bounds how fast one address may open connections.
func newConnsLimiter() *rate.Limiter {
	one := rate.Limit{RPS: newConnsRate, Burst: newConnsBurst}
	return &rate.Limiter{SubnetRateLimiter: rate.SubnetLimiter{
		IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: one}},
		IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: one}},
	}}
}

// countingLimits counts the connections it turns away.
type countingLimits struct {
	network.ResourceManager
	meter *load.Meter
}

func (l countingLimits) OpenConnection(dir network.Direction, usefd bool, remote ma.Multiaddr) (network.ConnManagementScope, error) {
	scope, err := l.ResourceManager.OpenConnection(dir, usefd, remote)
	if err != nil && dir == network.DirInbound {
		l.meter.ConnRefused()
	}
	return scope, err
}
