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

func newPeerKey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key FILE",
		Short: "Make the secret of a private mesh",
		Long: `key makes a new random secret and keeps it in FILE, for its owner only. Give the
file, over a safe way, to all who are to belong to the mesh; they start their
nodes with --network-key FILE.`,
		Example: `  starmesh peer key office.key
  starmesh peer serve model.bin --network-key office.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := p2phost.GenerateNetworkKey(args[0]); err != nil {
				return err
			}
			out := cli.ForCommand(cmd)
			out.Event("key", map[string]string{"file": args[0]})
			out.Note("a new network key is in %s; whoever has it belongs to the mesh", args[0])
			return nil
		},
	}
	cli.AddFlags(cmd)
	return cmd
}
