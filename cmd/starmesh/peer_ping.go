package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/peer"
)

func newPeerPing() *cobra.Command {
	var f peerFlags
	var ping pingFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ping ID|ADDR|TICKET",
		Short: "Measure round trips to a node",
		Long: `ping measures round trips to a node on one connection. ADDR is a multiaddr that
ends in the node's id; an ID alone does when the node can be found with --join, on
the local network, or with --dht.`,
		Example: `  starmesh peer ping /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…
  starmesh peer ping mesh:4kQ… --count 1 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ping.check(cmd); err != nil {
				return err
			}
			id, err := f.pinged(cmd, args[0])
			if err != nil {
				return err
			}
			return f.live(cmd, load.RolePeer, func(ctx context.Context, n *meshNode) error {
				return n.pings(ctx, id, ping, wait)
			})
		},
	}
	ping.add(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "look for the node for so long")
	f.add(cmd)
	return cmd
}

// pinged reads the argument of ping, and has the node look for who it names.
func (f *peerFlags) pinged(cmd *cobra.Command, arg string) (p2ppeer.ID, error) {
	if id, err := p2ppeer.Decode(arg); err == nil {
		return id, nil
	}
	f.join = append(f.join, arg)
	if strings.HasPrefix(strings.TrimSpace(arg), "mesh:") {
		ticket, err := peer.ParseTicket(arg)
		if err == nil && len(ticket.Peers) == 0 {
			err = errors.New("the ticket names no node")
		}
		if err != nil {
			return "", cli.Usage(cmd, err)
		}
		return ticket.Peers[0].ID, nil
	}
	addr, err := multiaddr.NewMultiaddr(arg)
	if err != nil {
		return "", cli.Usagef(cmd, "%.200q is no peer id (12D3Koo…), no address (/ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…) and no ticket (mesh:…)", arg)
	}
	_, id := p2ppeer.SplitAddr(addr)
	if id == "" {
		return "", cli.Usagef(cmd, "%s does not end in the node's id, /p2p/12D3Koo…: without it anybody could answer", arg)
	}
	return id, nil
}

func (n *meshNode) pings(ctx context.Context, id p2ppeer.ID, ping pingFlags, wait time.Duration) error {
	if err := n.await(ctx, id, wait); err != nil {
		return err
	}
	var failed error
	number := 0
	n.Ping(ctx, id, func(took time.Duration, err error) bool {
		if failed = err; err != nil {
			return false
		}
		number++
		sayPong(n.out, id.String(), number, took)
		if number == ping.count {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(ping.interval):
			return true
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return failed
}

// await waits until there is a link with a node.
func (n *meshNode) await(ctx context.Context, id p2ppeer.ID, wait time.Duration) error {
	for began := time.Now(); !slices.Contains(n.Links(), id); {
		if time.Since(began) >= wait {
			return fault.Wrapf(fault.NoSource, "no node %s in reach; waited %s", id, wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
