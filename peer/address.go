package peer

import (
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// parseListen reads --listen; none means the loopback.
func parseListen(args []string) ([]ma.Multiaddr, error) { return nil, nil }

// parseJoin reads --join: multiaddrs with /p2p/, or tickets.
func parseJoin(args []string) ([]peer.AddrInfo, error) { return nil, nil }

// parseAllow reads --allow-peer.
func parseAllow(args []string) ([]peer.ID, error) { return nil, nil }

// ticketAddrs gives h's addresses as others can use them, best first.
func ticketAddrs(h host.Host) peer.AddrInfo { return peer.AddrInfo{} }
