package main

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/peer"
)

// peerGetFlags say what is fetched from the mesh and where it goes.
type peerGetFlags struct {
	peerFlags
	output   string
	force    bool
	stay     patience
	retryFor patience
	waits    bool // --retry-for was given
}

func newPeerGet() *cobra.Command {
	f := peerGetFlags{retryFor: patience{time: 2 * time.Minute}}
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
			if asJSON, _ := cmd.Flags().GetBool("json"); asJSON && f.output == "-" {
				return cli.Usagef(cmd, "-o - and --json both want standard output")
			}
			sought, err := parseSought(cmd, args)
			if err != nil {
				return err
			}
			f.waits = cmd.Flags().Changed("retry-for")
			to, err := openDestination(f.output, cmd.OutOrStdout(), len(sought) > 1)
			if err != nil {
				return err
			}
			defer to.close() // after the node: it shares what is there until its end
			return f.live(cmd, "peer", func(ctx context.Context, n *meshNode) error {
				n.tellAddresses()
				if err := n.gate.wait(ctx); err != nil {
					return err
				}
				g := &meshGetter{peerGetFlags: &f, placer: placer{n.node, to}, mesh: n.sharingNode, shares: newShares(n.sharingNode)}
				return g.get(ctx, sought)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write to `PATH`: a file, or a folder if it is one or ends in /; - is standard output")
	flags.BoolVarP(&f.force, "force", "f", false, "replace files that are there and differ")
	flags.Var(&f.stay, "stay", "share for so long after all is there, or forever")
	f.addHold(cmd)
	flags.Var(&f.retryFor, "retry-for", "while nothing arrives from anywhere, wait for so long, or forever")
	f.addMisbehave(cmd)
	f.add(cmd)
	return cmd
}

// sought is something to fetch from the mesh: a ticket, an id or a name.
type sought struct {
	text   string
	ticket peer.Ticket // its id is zero: there is none
	id     content.ID  // zero: the name counts
}

// parseSought reads the arguments. One argument may hold several tickets, one
// a line, as a ticket file does.
func parseSought(cmd *cobra.Command, args []string) ([]sought, error) {
	var all []sought
	for _, arg := range args {
		if strings.TrimSpace(arg) == "" {
			return nil, cli.Usagef(cmd, "an empty argument: a ticket, an id or a name was to be there")
		}
		if !strings.HasPrefix(strings.TrimSpace(arg), "mesh:") {
			id, err := content.ParseID(strings.ToLower(arg))
			if err != nil {
				id = content.ID{}
			}
			all = append(all, sought{text: arg, id: id})
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(arg), "\nmesh:") {
			ticket, err := peer.ParseTicket("mesh:" + strings.TrimPrefix(line, "mesh:"))
			if err != nil {
				return nil, cli.Usage(cmd, err)
			}
			all = append(all, sought{text: ticket.Name, ticket: ticket, id: ticket.ID})
		}
	}
	return all, nil
}

// get fetches all that is sought, one after the other, and stays for a while.
func (g *meshGetter) get(ctx context.Context, all []sought) error {
	defer func() {
		settle(ctx, g.mesh, g.out)
		for _, do := range g.cleanUp {
			do()
		}
	}()
	for _, s := range all {
		if err := g.seek(ctx, s); err != nil {
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return fault.Wrapf(context.Canceled, "stopped; what has arrived is kept, the same command goes on from there")
			}
			return err
		}
	}
	g.linger(ctx)
	return nil
}

// linger shares what was fetched for as long as asked, or until ctx ends.
func (g *meshGetter) linger(ctx context.Context) {
	if g.stay.forever {
		g.out.Note("sharing it until Ctrl-C")
		<-ctx.Done()
		return
	}
	if g.stay.time > 0 {
		g.out.Note("sharing it for %s more", g.stay.time)
	}
	select {
	case <-ctx.Done():
	case <-time.After(g.stay.time):
	}
}

// seek fetches one thing that is sought.
func (g *meshGetter) seek(ctx context.Context, s sought) error {
	if !s.ticket.ID.IsZero() {
		g.mesh.Meet(s.ticket.Peers...)
		if s.ticket.Collection {
			return g.collection(ctx, s.ticket.Name, s.id)
		}
		return g.one(ctx, path.Base(s.ticket.Name), s.id, s.ticket.Size)
	}
	found, err := g.find(ctx, s)
	if err != nil {
		return err
	}
	if found.Folder {
		return g.collection(ctx, found.Name, found.ID)
	}
	return g.one(ctx, path.Base(found.Name), found.ID, found.Size)
}

// one fetches a single file.
func (g *meshGetter) one(ctx context.Context, name string, id content.ID, size int64) error {
	w := wish{entry: store.Entry{Name: name, ID: id, Size: size}, as: name}
	if err := g.to.expect([]wish{w}); err != nil {
		return err
	}
	if g.to.stdout != nil {
		return g.toStdout(ctx, w)
	}
	if !store.Visible(name) && g.to.name(name) == name {
		return fault.Wrapf(fault.Refused, "the file would be hidden here, as %s: choose a name with -o", printableName(name))
	}
	return g.fetch(ctx, w, nil)
}
