package peer

import (
	"log/slog"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

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
// host sees it.
func newHost(cfg hostConfig) (host.Host, *wire, error) { return nil, nil, nil }
