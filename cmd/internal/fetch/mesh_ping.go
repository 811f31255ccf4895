package fetch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"starmesh/common/fault"
	"starmesh/common/retry"
	"starmesh/peer"
)

// ParseNode reads who a node is: its id, an address that ends in it, or a ticket.
// find is where to look for it; "" for an id, which says nothing of that.
func ParseNode(arg string) (id p2ppeer.ID, find string, err error) {
	if id, err := p2ppeer.Decode(arg); err == nil {
		return id, "", nil
	}
	if strings.HasPrefix(strings.TrimSpace(arg), "mesh:") {
		ticket, err := peer.ParseTicket(arg)
		if err == nil && len(ticket.Peers) == 0 {
			err = errors.New("the ticket names no node")
		}
		if err != nil {
			return "", "", err
		}
		return ticket.Peers[0].ID, arg, nil
	}
	addr, err := multiaddr.NewMultiaddr(arg)
	if err != nil {
		return "", "", fault.Wrapf(fault.Invalid, "%.200q is no peer id (12D3Koo…), no address (/ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…) and no ticket (mesh:…)", arg)
	}
	_, id = p2ppeer.SplitAddr(addr)
	if id == "" {
		err = fault.Wrapf(fault.Invalid, "%s does not end in the node's id, /p2p/12D3Koo…: without it anybody could answer", arg)
	}
	return id, arg, err
}

// Pinging says how round trips are measured.
type Pinging struct {
	Wait  time.Duration // for the node to be found
	Count int
	Pause time.Duration // between two
}

// Pings waits until there is a link with the node id, and measures round trips to
// it. ctx may end it before.
func (n *Node) Pings(ctx context.Context, id p2ppeer.ID, how Pinging, tell func(number int, took time.Duration)) error {
	if err := n.await(ctx, id, how.Wait); err != nil {
		return err
	}
	var failed error
	number := 0
	n.Ping(ctx, id, func(took time.Duration, err error) bool {
		if failed = err; err != nil {
			return false
		}
		number++
		tell(number, took)
		return number < how.Count && retry.Wait(ctx, how.Pause) == nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return failed
}

// await waits until there is a link with a node.
func (n *Node) await(ctx context.Context, id p2ppeer.ID, wait time.Duration) error {
	for began := time.Now(); !slices.Contains(n.Links(), id); {
		if time.Since(began) >= wait {
			return fault.Wrapf(fault.NoSource, "no node %s in reach; waited %s", id, wait)
		}
		if err := retry.Wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
