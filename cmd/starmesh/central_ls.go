package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
	"starmesh/common/store"
)

// entryEvent is a file of a server, for programs.
type entryEvent struct {
	Name    string    `json:"name"`
	ID      string    `json:"id,omitempty"` // absent while the server has not hashed it
	Size    int64     `json:"size"`
	ModTime time.Time `json:"time"`
}

func newEntryEvent(e store.Entry) entryEvent {
	event := entryEvent{Name: e.Name, Size: e.Size, ModTime: e.ModTime.UTC()}
	if !e.ID.IsZero() {
		event.ID = e.ID.String()
	}
	return event
}

func newCentralList() *cobra.Command {
	var f connectFlags
	cmd := &cobra.Command{
		Use:   "ls ADDR [FOLDER]",
		Short: "List the files of a server",
		Long: `ls lists the files of a server, or those in one of its folders: id, size, time
and name.` + addressHelp(),
		Example: `  starmesh central ls 192.0.2.1:7070
  starmesh central ls star://192.0.2.1:7070/photos
  starmesh central ls 192.0.2.1:7070 photos --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, args[0], func(ctx context.Context, n *node, c *central.Client, a central.Address) error {
				return list(ctx, n, c, folderOf(a, args[1:]))
			})
		},
	}
	f.add(cmd)
	return cmd
}

// folderOf is the one named after the address, or in it.
func folderOf(a central.Address, args []string) string {
	if len(args) > 0 {
		return fetch.TrimSlashes(args[0])
	}
	return fetch.TrimSlashes(a.Name)
}

func list(ctx context.Context, n *node, c *central.Client, prefix string) error {
	count, bytes := 0, int64(0)
	for e, err := range c.List(ctx, prefix) {
		if err != nil {
			return err
		}
		count++
		bytes += e.Size
		n.out.Event("file", newEntryEvent(e))
		if n.out.Mode() != cli.JSON {
			n.out.Result(entryLine(e))
		}
	}
	n.out.Note("%s, %s", units.Counted(count, "file"), units.Bytes(bytes))
	return nil
}

func entryLine(e store.Entry) string {
	id := "(being hashed)"
	if !e.ID.IsZero() {
		id = e.ID.String()
	}
	return fmt.Sprintf("%-64s  %12d  %s  %s", id, e.Size, e.ModTime.Local().Format("2006-01-02 15:04"), readable.Text(e.Name))
}

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
				n.out.Note("watching %s; Ctrl-C ends", a)
				err := c.Watch(ctx, folderOf(a, args[1:]), func(e store.Event) { n.tell(e) })
				if errors.Is(err, context.Canceled) && ctx.Err() != nil {
					return nil
				}
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
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

func newCentralPing() *cobra.Command {
	var f connectFlags
	var count int
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "ping ADDR",
		Short: "Measure round trips to a server",
		Long:  `ping connects once and measures round trips on that connection.` + addressHelp(),
		Example: `  starmesh central ping 192.0.2.1:7070
  starmesh central ping 192.0.2.1:7070 --count 1 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 1 || interval < 0 {
				return cli.Usagef(cmd, "--count must be 1 or more and --interval not negative")
			}
			return f.with(cmd, args[0], func(ctx context.Context, n *node, c *central.Client, a central.Address) error {
				return pings(ctx, n, c, a, count, interval)
			})
		},
	}
	cmd.Flags().IntVarP(&count, "count", "c", 4, "how many round trips")
	cmd.Flags().DurationVarP(&interval, "interval", "i", time.Second, "time between two")
	f.add(cmd)
	return cmd
}

func pings(ctx context.Context, n *node, c *central.Client, a central.Address, count int, interval time.Duration) error {
	for i := range count {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(interval):
			}
		}
		took, err := c.Ping(ctx)
		if err != nil {
			return err
		}
		n.out.Event("pong", map[string]any{"number": i + 1, "seconds": took.Seconds()})
		if n.out.Mode() != cli.JSON && n.out.Mode() != cli.Quiet {
			n.out.Result(fmt.Sprintf("%s: %d, %s", a.HostPort, i+1, units.Duration(took)))
		}
	}
	return nil
}
