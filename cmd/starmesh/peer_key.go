package main

import (
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/peer/p2phost"
)

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
