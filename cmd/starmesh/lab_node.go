package main

import (
	"github.com/spf13/cobra"
)

// newLabNode lets a lab's manager use this machine.
func newLabNode() *cobra.Command {
	var f joinFlags
	cmd := &cobra.Command{
		Use:   "node ADDR",
		Short: "Join a lab that is run on another machine",
		Long: `node joins the manager of a lab, 'starmesh lab run --nodes N --listen ADDR', which
prints the code to join with. The code is taken from $STARMESH_LAB_CODE or typed,
never from the command line, which others can read. Both sides prove that they
know it, over TLS 1.3. Only the manager must be reachable.

The manager can have this program's own transfers started and stopped here, in a
temporary folder, and nothing else. When it is over, or the manager is gone, node
ends, and nothing of it stays.`,
		Example: `  STARMESH_LAB_CODE=… starmesh lab node 192.0.2.1:7300
  starmesh lab node 192.0.2.1:7300 --name rack3 --max-size 4GiB`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.join(cmd, args[0]) },
	}
	f.add(cmd)
	return cmd
}
