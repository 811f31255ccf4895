package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
	"starmesh/common/readable"
)

// peerServeFlags say what is shared and how.
type peerServeFlags struct {
	mesh       peerFlags
	ticketFile string
	cache      cacheFlags
}

func newPeerServe() *cobra.Command {
	f := peerServeFlags{mesh: peerFlags{inside: true}}
	cmd := &cobra.Command{
		Use:   "serve PATH...",
		Short: "Share files and folders with the mesh",
		Long: `serve shares files and folders where they are, without changing or copying them,
and prints one ticket for each: give it to those who are to have it. A file that
changes while it is shared is noticed and no longer shared. Ctrl-C ends.`,
		Example: `  starmesh peer serve model.bin
  starmesh peer serve model.bin ./photos --ticket-file tickets --load-log origin.jsonl
  starmesh peer serve model.bin --listen /ip4/0.0.0.0/tcp/4001 --listen /ip4/0.0.0.0/udp/4001/quic-v1 --identity origin.key`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.mesh.live(cmd, load.RoleOrigin, func(ctx context.Context, n *meshNode) error {
				return f.serve(ctx, n, args)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.ticketFile, "ticket-file", "", "write the tickets to `FILE` too, one a line, when all are ready")
	f.cache.add(cmd, "hash every file anew")
	f.mesh.addMisbehave(cmd)
	f.mesh.add(cmd)
	return cmd
}

// relayWait is how long a node behind a NAT waits for a relay, so that its
// tickets lead there.
const relayWait = 5 * time.Second

// serve shares what is at paths until ctx ends.
func (f *peerServeFlags) serve(ctx context.Context, n *meshNode, paths []string) error {
	n.health.Check(agent.Starting)
	outside, cancel := context.WithTimeout(ctx, relayWait)
	n.Outside(outside)
	cancel()
	n.sayAddresses()
	s := fetch.NewSharer(n.Node, f.cache.open(n.out), told{n.out})
	defer s.Close(ctx)
	var tickets []string
	var left load.LeftOut
	for _, path := range paths {
		shared, err := s.Share(ctx, path)
		if err != nil {
			return stoppedIsFine(ctx, err)
		}
		sayShared(n.out, shared)
		fetch.SayLeftOut(told{n.out}, "shared", shared.Left)
		left.Count, left.Files = left.Count+shared.Left.Count, append(left.Files, shared.Left.Files...)
		n.report.LeaveOut(left)
		tickets = append(tickets, shared.Ticket)
	}
	if f.ticketFile != "" {
		if err := fileerr.Write(f.ticketFile, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(tickets, "\n")+"\n")
			return err
		}); err != nil {
			return err
		}
	}
	n.health.Check(nil)
	where := "fetch with"
	if n.OnThisMachine() {
		n.out.Note("only this machine can reach it; for others: --listen /ip4/0.0.0.0/tcp/4001 --listen /ip4/0.0.0.0/udp/4001/quic-v1")
		where = "fetch on this machine with"
	}
	n.out.Note("%s: starmesh peer get TICKET -o FOLDER; Ctrl-C ends the sharing", where)
	return stoppedIsFine(ctx, s.Watch(ctx))
}

// stoppedIsFine makes the end that the user asked for none that failed.
func stoppedIsFine(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// sayShared tells of a share.
func sayShared(out *cli.Output, s fetch.Shared) {
	out.Event(system.TicketEvent, s)
	what := units.Bytes(s.Size)
	if s.Collection {
		what = units.Counted(s.Files, "file") + ", " + what
	}
	out.Note("sharing %s (%s), id %s", readable.Text(s.Name), what, s.ID)
	if out.Mode() != cli.JSON {
		out.Result(s.Ticket)
	}
}
