package main

import (
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/peer/p2phost"
)

func newPeerID() *cobra.Command {
	var identity string
	cmd := &cobra.Command{
		Use:   "id",
		Short: "Print the id of the node that an identity file makes",
		Long: `id prints the peer id that belongs to the key in an identity file, as --allow-peer
and addresses want it. When there is no such file, it makes one.`,
		Example: `  starmesh peer id --identity node.key`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := p2phost.LoadIdentity(identity)
			if err != nil {
				return err
			}
			out := cli.ForCommand(cmd)
			out.Event("id", map[string]string{"id": id.ID()})
			if out.Mode() != cli.JSON {
				out.Result(id.ID())
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "the key's `FILE`")
	_ = cmd.MarkFlagRequired("identity") // it is there
	cli.AddFlags(cmd)
	return cmd
}
