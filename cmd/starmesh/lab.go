package main

import (
	"github.com/spf13/cobra"
)

// newLab groups the commands of the lab: the comparison as an experiment.
func newLab() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Compare star and mesh by experiment, on this machine",
		Long: `lab sends the same bytes over the same links through a server and through a mesh,
with real processes on this machine, and leaves a folder with the load of every
node and a report.`,
		Example: `  starmesh lab run
  starmesh lab run --receivers 1,4 --size 4MiB --systems star,http,mesh --runs 3
  starmesh lab replay results/lab`,
	}
	cmd.AddCommand(newLabRun(), newLabNode(), newLabReport(), newLabReplay())
	return cmd
}
