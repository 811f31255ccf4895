package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab"
	"starmesh/common/load"
)

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which build of the program this is",
		Example: `  starmesh version
  starmesh version --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := cli.ThisBuild()
			if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), cli.EventLine("version", b))
				return nil
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), b)
			return err
		},
	}
	cmd.Flags().Bool("json", false, "print one JSON object")
	return cmd
}

// thisProgram is how reports name this program.
func thisProgram() lab.Program {
	return lab.Program{Version: cli.ThisBuild().Version, Command: load.WithoutSecrets(os.Args)}
}
