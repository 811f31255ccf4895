package main

import (
	"github.com/spf13/cobra"
)

// newPeer groups the commands of the mesh: nodes that are all alike.
func newPeer() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "peer",
		Short: "The mesh: equals that pass on what they have",
		Long: `peer is the mesh: every node that fetches a file serves what it has of it from
the first chunk on. No node is special; the first one may leave once a full copy
is out.`,
		Example: `  starmesh peer serve model.bin
  starmesh peer get mesh:4kQ… -o /data/
  starmesh peer ls`,
	}
	cmd.AddCommand(newPeerServe(), newPeerGet(), newPeerList(), newPeerPing(),
		newPeerSockets(), newPeerID(), newPeerKey())
	return cmd
}
