package main

import (
	"context"
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
