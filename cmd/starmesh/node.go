package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/fault"
)

// newNode lets files be pushed to this machine.
func newNode() *cobra.Command {
	var f joinFlags
	cmd := &cobra.Command{
		Use:   "node ADDR",
		Short: "Take files that are pushed from another machine",
		Long: `node joins 'starmesh push', which waits at ADDR, and keeps what it brings below the
folder --allow-push, and nowhere else. The code that push prints is taken from
$STARMESH_LAB_CODE or typed. When all is brought, or the manager is gone, node
ends.`,
		Example: `  STARMESH_LAB_CODE=… starmesh node 192.0.2.1:7300 --allow-push /srv/models`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := os.Stat(f.keep)
			if err != nil {
				return fileerr.Named(f.keep, err)
			}
			if !info.IsDir() {
				return fault.Wrapf(fault.Invalid, "%s is no folder", f.keep)
			}
			if f.keep, err = filepath.Abs(f.keep); err != nil {
				return err
			}
			return f.join(cmd, args[0])
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.keep, "allow-push", "", "keep what is pushed below the folder `DIR`")
	_ = cmd.MarkFlagRequired("allow-push") // it was added above
	return cmd
}
