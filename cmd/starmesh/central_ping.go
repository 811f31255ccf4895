package main

import (
	"context"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/common/retry"
)

func newCentralPing() *cobra.Command {
	var f connectFlags
	var ping pingFlags
	cmd := &cobra.Command{
		Use:   "ping ADDR",
		Short: "Measure round trips to a server",
		Long:  `ping connects once and measures round trips on that connection.` + addressHelp(),
		Example: `  starmesh central ping 192.0.2.1:7070
  starmesh central ping 192.0.2.1:7070 --count 1 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ping.check(cmd); err != nil {
				return err
			}
			return f.with(cmd, args[0], func(ctx context.Context, n *node, c *central.Client, a central.Address) error {
				return pings(ctx, n, c, a, ping)
			})
		},
	}
	ping.add(cmd)
	f.add(cmd)
	return cmd
}

func pings(ctx context.Context, n *node, c *central.Client, a central.Address, ping pingFlags) error {
	for i := range ping.count {
		if i > 0 && retry.Wait(ctx, ping.interval) != nil {
			return nil
		}
		took, err := c.Ping(ctx)
		if err != nil {
			return err
		}
		sayPong(n.out, a.HostPort, i+1, took)
	}
	return nil
}
