package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/common/load"
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
			return f.ping(cmd, args[0], fetch.Pinging{Wait: wait, Count: ping.count, Pause: ping.interval})
		},
	}
	ping.add(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "look for the node for so long")
	f.add(cmd)
	return cmd
}

// ping measures round trips to a node, named as people name it.
func (f *peerFlags) ping(cmd *cobra.Command, node string, how fetch.Pinging) error {
	id, find, err := fetch.ParseNode(node)
	if err != nil {
		return cli.Usage(cmd, err)
	}
	if find != "" {
		f.join = append(f.join, find)
	}
	return f.live(cmd, load.RolePeer, func(ctx context.Context, n *meshNode) error {
		return n.Pings(ctx, id, how, func(number int, took time.Duration) {
			sayPong(n.out, id.String(), number, took)
		})
	})
}
