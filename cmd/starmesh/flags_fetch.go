package main

import (
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
)

// fetchFlags say where files are put that are fetched.
type fetchFlags struct {
	output string
	force  bool
}

func (f *fetchFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write to `PATH`: a file, or a folder if it is one or ends in /; - is standard output; devices and pipes are written to in order")
	flags.BoolVarP(&f.force, "force", "f", false, "replace files that are there and differ")
}

func (f *fetchFlags) check(cmd *cobra.Command) error {
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON && f.output == "-" {
		return cli.Usagef(cmd, "-o - and --json both want standard output")
	}
	return nil
}

// open opens the destination, which may have to take several files.
func (f *fetchFlags) open(cmd *cobra.Command, several bool) (*fetch.Destination, error) {
	return fetch.OpenDestination(cmd.Context(), f.output, cmd.OutOrStdout(), several)
}

// place is where a node puts what it fetches.
func (f *fetchFlags) place(n *node, to *fetch.Destination) fetch.Place {
	return fetch.Place{To: to, Force: f.force, Meter: n.meter, Out: told{n.out}}
}

// told is a command's output as package fetch knows it.
type told struct{ *cli.Output }

func (t told) Bar(title string, kept, total int64) fetch.Bar {
	bar := t.Output.Bar(title, kept+total)
	bar.Kept(kept)
	bar.Start()
	return bar
}

func (told) Words(err error) string { return cli.OneLine(err) }
