package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/peer"
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
						return cli.Usagef(cmd, "%.200q is no ticket (mesh:…); a node is named with --join", arg)
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

// list waits for nodes to be found and prints what they share, and what is in the
// folders of tickets.
func (n *meshNode) list(ctx context.Context, wait time.Duration, tickets []fetch.Sought) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(wait):
	}
	all := n.List(ctx)
	for _, l := range all {
		n.listed(l)
	}
	nodes := len(n.Links())
	if nodes == 0 {
		return fault.Wrapf(fault.NoSource, "no node of the mesh is in reach: give --join or a ticket, or a longer --wait")
	}
	for _, ticket := range tickets {
		if err := n.listFolder(ctx, wait, ticket, all); err != nil {
			return err
		}
	}
	n.out.Note("%d shared by %s in reach", len(all), units.Counted(nodes, "node"))
	return nil
}

// listFolder prints what is in the folder of a ticket: all who share the folder
// have it.
func (n *meshNode) listFolder(ctx context.Context, wait time.Duration, ticket fetch.Sought, all []peer.Listed) error {
	mesh := fetch.NewMesh(n.Node, fetch.Place{Meter: n.meter, Out: told{n.out}}, fetch.Patience{For: wait})
	defer mesh.Close(ctx)
	entries, err := mesh.Files(ctx, ticket)
	if err != nil {
		return err
	}
	folder := slices.IndexFunc(all, func(l peer.Listed) bool { return ticket.Is(l.ID) })
	for _, e := range entries {
		l := peer.Listed{Shared: peer.Shared{ID: e.ID, Name: e.Path, Size: e.Size, Held: content.ChunkCount(e.Size)}}
		if folder >= 0 {
			l.Nodes, l.Partly = all[folder].Nodes, all[folder].Partly
		}
		n.listed(l)
	}
	return nil
}

func (n *meshNode) listed(l peer.Listed) {
	e := sharedEvent{l.ID.String(), l.Name, l.Size, l.Folder, l.Nodes, l.Partly, l.Held, content.ChunkCount(l.Size)}
	if l.Folder {
		e.Size = l.Total
	}
	n.out.Event("file", e)
	if n.out.Mode() != cli.JSON {
		n.out.Result(sharedLine(e))
	}
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
