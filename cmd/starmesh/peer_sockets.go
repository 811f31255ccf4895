package main

import (
	"github.com/spf13/cobra"
)

func newPeerSockets() *cobra.Command {
	cmd := newCentralSockets()
	cmd.Short = "Show the sockets of a running node"
	cmd.Long = `sockets asks the agent of a running command (started with --agent ADDR) for its
socket table: descriptor, role, protocol, local IP, port and its class, remote IP
and port, state, bytes and age. Each TCP connection is a socket of its own. With
QUIC one UDP socket carries all remotes: it has no remote of its own, and those
it carries are told apart by IP and port.`
	cmd.Example = `  starmesh peer serve model.bin --agent 127.0.0.1:7071 &
  starmesh peer sockets 127.0.0.1:7071`
	return cmd
}
