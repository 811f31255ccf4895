package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
	"starmesh/common/store"
)

func newCentralWatch() *cobra.Command {
	var f connectFlags
	cmd := &cobra.Command{
		Use:   "watch ADDR [FOLDER]",
		Short: "Tell of files as they appear, change and go at a server",
		Long: `watch keeps a connection open, and the server speaks on it whenever a file
appears, changes or goes: a raw socket lets either side speak first. It ends
with Ctrl-C, or when the server does.` + addressHelp(),
		Example: `  starmesh central watch 192.0.2.1:7070
  starmesh central watch 192.0.2.1:7070 builds --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, args[0], func(ctx context.Context, n *node, c *central.Client, a central.Address) error {
				return n.watch(ctx, c, a, folderOf(a, args[1:]))
			})
		},
	}
	f.add(cmd)
	return cmd
}

// watch tells of what happens in a folder until ctx ends, or nobody listens.
func (n *node) watch(ctx context.Context, c *central.Client, a central.Address, folder string) error {
	begun := func() {
		n.out.Note("watching %s; Ctrl-C ends", a)
		n.out.Event("watching", map[string]string{"address": a.String(), "folder": folder})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := c.Watch(ctx, folder, begun, func(e store.Event) {
		if n.tell(e); n.out.Lost() {
			stop()
		}
	})
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// tell prints what happened to a file.
func (n *node) tell(e store.Event) {
	words := map[store.EventKind]string{
		store.Appeared: "appeared", store.Changed: "changed", store.Gone: "gone", store.Lost: "lost",
	}
	what := words[e.Kind]
	switch {
	case n.out.Mode() == cli.JSON && e.Kind == store.Lost:
		n.out.Event(what, nil)
	case n.out.Mode() == cli.JSON:
		n.out.Event(what, newEntryEvent(e.Entry))
	case e.Kind == store.Lost:
		n.out.Warn("some changes were missed: list again")
	case e.Kind == store.Gone:
		n.out.Result("gone      " + readable.Text(e.Entry.Name))
	default:
		n.out.Result(fmt.Sprintf("%-8s  %s  %s  %s", what, readable.Text(e.Entry.Name), units.Bytes(e.Entry.Size), e.Entry.ID))
	}
}
