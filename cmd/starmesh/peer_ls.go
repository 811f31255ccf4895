package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
)

// sharedEvent is a file that nodes of the mesh share, for programs.
type sharedEvent struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Size   int64  `json:"size"` // of a folder: of all its files
	Folder bool   `json:"folder"`
	Nodes  int    `json:"nodes"`       // that have all of it
	Partly int    `json:"partly"`      // that have some of it
	Held   int    `json:"held_chunks"` // of a folder: of its list of files
	Chunks int    `json:"chunks"`
}

func newPeerList() *cobra.Command {
	var f peerFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ls [TICKET]...",
		Short: "List what the reachable nodes of the mesh share",
		Long: `ls asks the nodes in reach what they share, and merges it by id: id, size, how many
nodes have all of it (and how many have some), and name. Nodes are found with the
ticket, with --join, on the local network, or with --dht. A folder's size is that
of all its files.`,
		Example: `  starmesh peer ls
  starmesh peer ls mesh:4kQ… --json
  starmesh peer ls --join /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo… --wait 5s`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.join = append(f.join, args...)
			return f.live(cmd, load.RolePeer, func(ctx context.Context, n *meshNode) error {
				return n.list(ctx, wait)
			})
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Second, "look for nodes for so long")
	f.add(cmd)
	return cmd
}

// list waits for nodes to be found and prints what they share.
func (n *meshNode) list(ctx context.Context, wait time.Duration) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(wait):
	}
	all := n.List(ctx)
	for _, l := range all {
		e := sharedEvent{l.ID.String(), l.Name, l.Size, l.Folder, l.Nodes, l.Partly, l.Held, content.ChunkCount(l.Size)}
		if l.Folder {
			e.Size = l.Total
		}
		n.out.Event("file", e)
		if n.out.Mode() != cli.JSON {
			n.out.Result(sharedLine(e))
		}
	}
	nodes := len(n.Links())
	if nodes == 0 {
		return fault.Wrapf(fault.NoSource, "no node of the mesh is in reach: give --join or a ticket, or a longer --wait")
	}
	n.out.Note("%d shared by %s in reach", len(all), units.Counted(nodes, "node"))
	return nil
}

func sharedLine(e sharedEvent) string {
	copies := fmt.Sprintf("%d nodes", e.Nodes)
	if e.Nodes == 1 {
		copies = "1 node"
	}
	if e.Partly > 0 {
		copies += fmt.Sprintf(" +%d in part", e.Partly)
	}
	name := readable.Text(e.Name)
	if e.Folder {
		name += "/"
	}
	return fmt.Sprintf("%s  %12d  %-18s  %s", e.ID, e.Size, copies, name)
}
