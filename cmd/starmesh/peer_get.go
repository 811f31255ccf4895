package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
	"starmesh/common/retry"
)

// peerGetFlags say what is fetched from the mesh and where it goes.
type peerGetFlags struct {
	mesh     peerFlags
	to       fetchFlags
	stay     units.Wait
	retryFor units.Wait
}

func newPeerGet() *cobra.Command {
	var f peerGetFlags
	cmd := &cobra.Command{
		Use:   "get TICKET|ID|NAME...",
		Short: "Fetch files and folders from the mesh, verified and resumable",
		Long: `get fetches what a ticket stands for, from all nodes that have some of it, and
passes on what has arrived from the first chunk on. An id (64 hex digits) or a
name does as well when nodes that know it can be found: with --join, on the local
network, or with --dht. Every chunk is verified as it arrives. Run again after an
interruption, it goes on where it stopped, whoever has the file then; a file
begun with 'central get' too.

When it is whole, get ends; --stay has it share the file for a time.`,
		Example: `  starmesh peer get mesh:4kQ… -o /data/
  starmesh peer get "$(cat tickets)" --stay 10m
  starmesh peer get model.bin --join /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…
  starmesh peer get mesh:4kQ… -o - | tar t`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.get(cmd, args)
		},
	}
	f.to.add(cmd)
	f.addSharing(cmd)
	f.mesh.add(cmd)
	return cmd
}

// addSharing adds the flags of a node that fetches, and shares what it has.
func (f *peerGetFlags) addSharing(cmd *cobra.Command) {
	f.retryFor = units.Wait(2 * time.Minute)
	cmd.Flags().Var(&f.stay, "stay", "share for so long after all is there, or forever")
	cmd.Flags().Var(&f.retryFor, "retry-for", "while nothing arrives from anywhere, wait for so long, or forever")
	f.mesh.node.managed.addHold(cmd)
	f.mesh.addMisbehave(cmd)
}

func (f *peerGetFlags) get(cmd *cobra.Command, args []string) error {
	if err := f.to.check(cmd); err != nil {
		return err
	}
	var all []fetch.Sought
	for _, arg := range args {
		more, err := fetch.ParseSought(arg)
		if err != nil {
			return cli.Usage(cmd, err)
		}
		all = append(all, more...)
	}
	for _, s := range all {
		f.mesh.join = append(f.mesh.join, s.Tickets()...)
	}
	to, err := f.to.open(cmd, len(all) > 1)
	if err != nil {
		return err
	}
	defer to.Close() // after the node: it shares what is there until its end
	retry := fetch.Patience{For: time.Duration(f.retryFor), ToBegin: cmd.Flags().Changed("retry-for")}
	return f.mesh.live(cmd, load.RolePeer, func(ctx context.Context, n *meshNode) error {
		n.tellAddresses()
		n.SayWhere(told{n.out})
		if err := n.mayBegin(ctx); err != nil {
			return err
		}
		mesh := fetch.NewMesh(n.Node, f.to.place(n.node, to), retry)
		defer mesh.Close(ctx)
		if err := mesh.Get(ctx, all); err != nil {
			return err
		}
		n.out.Event(runner.AllEvent, map[string]any{"id": all[0].ID()})
		f.linger(ctx, n.node)
		return nil
	})
}

// linger shares what was fetched for as long as asked, or until ctx ends.
func (f *peerGetFlags) linger(ctx context.Context, n *node) {
	n.health.Check(nil)
	if f.stay < 0 {
		n.out.Note("sharing it until Ctrl-C")
		<-ctx.Done()
		return
	}
	if f.stay > 0 {
		n.out.Note("sharing it for %s more", &f.stay)
	}
	_ = retry.Wait(ctx, time.Duration(f.stay)) // however it ends, that was it
}
