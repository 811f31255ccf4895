package main

import (
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/common/load"
)

func newCentralSockets() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sockets AGENT",
		Short: "Show the sockets of a running server or client",
		Long: `sockets asks the agent of a running command (started with --agent ADDR) for its
socket table: descriptor, role (listening or data), protocol, local IP, port and
its class, remote IP and port, state, bytes and age. All data sockets of a server
have the same local IP and port as its listening socket: the pair of both ends
tells them apart.`,
		Example: `  starmesh central serve ./files --agent 127.0.0.1:7071 &
  starmesh central sockets 127.0.0.1:7071`,
		Args: cobra.ExactArgs(1),
		RunE: showSockets,
	}
	cli.AddFlags(cmd)
	return cmd
}

func showSockets(cmd *cobra.Command, args []string) error {
	if err := agent.CheckAddress(args[0]); err != nil {
		return cli.Usage(cmd, err)
	}
	var rows []load.SocketRow
	if err := agent.Fetch(cmd.Context(), args[0], "/sockets", &rows); err != nil {
		return err
	}
	out := cli.ForCommand(cmd)
	if out.Mode() != cli.JSON {
		return agent.WriteSockets(cmd.OutOrStdout(), rows)
	}
	for _, row := range rows {
		out.Event("socket", row)
	}
	return nil
}
