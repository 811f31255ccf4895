package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/units"
)

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
