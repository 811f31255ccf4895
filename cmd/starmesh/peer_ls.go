package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
)

func newPeerList() *cobra.Command {
	var f peerFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ls [TICKET]...",
		Short: "List what the reachable nodes of the mesh share",
		Long: `ls asks the nodes in reach what they share, and merges it by id: id, size, how many
nodes have all of it (and how many have some), and name; below it the servers that
nodes draw on for it now, as far as they tell. Nodes are found with the
ticket, with --join, on the local network, or with --dht. A folder's size is that
of all its files; of a folder whose ticket is given, its files are listed too.
'peer get' takes each name, and TICKET/PATH.`,
		Example: `  starmesh peer ls
  starmesh peer ls mesh:4kQ… --json
  starmesh peer ls --join /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo… --wait 5s`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var tickets []fetch.Sought
			for _, arg := range args {
				some, err := fetch.ParseSought(arg)
				if err != nil {
					return cli.Usage(cmd, err)
				}
				for _, s := range some {
					if s.Tickets() == nil {
						return cli.Usagef(cmd, "%.200q is no ticket (mesh:…); a node is named with --join", load.WithoutPassword(arg))
					}
					f.join = append(f.join, s.Tickets()...)
				}
				tickets = append(tickets, some...)
			}
			return f.live(cmd, load.RolePeer, func(ctx context.Context, n *meshNode) error {
				return n.list(ctx, wait, tickets)
			})
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Second, "look for nodes for so long")
	f.add(cmd)
	return cmd
}

// list prints what the nodes in reach share.
func (n *meshNode) list(ctx context.Context, wait time.Duration, tickets []fetch.Sought) error {
	shared, nodes, err := n.ListAll(ctx, wait, tickets, fetch.Place{Meter: n.meter, Out: told{n.out}}, func(l fetch.Listed) {
		n.out.Event("file", l)
		if n.out.Mode() != cli.JSON {
			n.out.Result(l.String())
		}
	})
	if err == nil {
		n.out.Note("%s, shared by %s in reach", units.Counted(shared, "id"), units.Counted(nodes, "node"))
	}
	return stoppedIsFine(ctx, err)
}
