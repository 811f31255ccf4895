package main

import (
	"github.com/spf13/cobra"
)

// newCentral groups the commands of the star: one server, many clients.
func newCentral() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "central",
		Short: "The star: one server, many clients",
		Long: `central is the star: one server holds the files, and every client gets them
from it. Simple to control, and the server's load grows with its clients.`,
		Example: `  starmesh central serve ./files
  starmesh central ls 127.0.0.1:7070
  starmesh central get 127.0.0.1:7070 model.bin
  starmesh central get star://127.0.0.1:7070/model.bin`,
	}
	cmd.AddCommand(newCentralServe(), newCentralGet(), newCentralPut(), newCentralList(),
		newCentralWatch(), newCentralPing(), newCentralSockets())
	return cmd
}
