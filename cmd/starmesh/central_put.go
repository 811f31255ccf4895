package main

import (
	"context"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/common/load"
)

// putFlags say how files are uploaded.
type putFlags struct {
	server connectFlags
	as     string
	force  bool
}

func newCentralPut() *cobra.Command {
	var f putFlags
	cmd := &cobra.Command{
		Use:   "put ADDR FILE...",
		Short: "Upload files to a server that allows it",
		Long: `put uploads files and folders. The server verifies every chunk as it arrives and
shows a file only when it is whole. Run again after an interruption, it goes on
where it stopped. With a URL star://host:port/FOLDER the files go there.` + addressHelp(),
		Example: `  starmesh central put 192.0.2.1:7070 model.bin
  starmesh central put star://192.0.2.1:7070/builds app.tar docs/
  starmesh central put 192.0.2.1:7070 model.bin --as models/v2.bin --force`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.as != "" && len(args) != 2 {
				return cli.Usagef(cmd, "--as names one file, but there are %d", len(args)-1)
			}
			return f.put(cmd, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.as, "as", "", "call the file `NAME` at the server")
	flags.BoolVarP(&f.force, "force", "f", false, "replace files that are there and differ")
	f.server.addRetry(cmd)
	f.server.add(cmd)
	return cmd
}

func (f *putFlags) put(cmd *cobra.Command, server string, names []string) error {
	addr, err := f.server.address(cmd, server)
	if err != nil {
		return err
	}
	into := addr.Name
	addr.Name = ""
	uploads, left, err := fetch.Uploads(cmd.Context(), names, into, f.as)
	if err != nil {
		return err
	}
	return f.server.node.run(cmd, load.RoleClient, func(ctx context.Context, n *node) error {
		fetch.SayLeftOut(told{n.out}, "put", left)
		cfg, err := f.server.config(cmd, n)
		if err != nil {
			return err
		}
		p := &fetch.Put{Client: cfg, Force: f.force, Retry: f.server.patience(cmd), Cache: new(cacheFlags).open(n.out), Out: told{n.out}}
		return p.Put(ctx, addr, uploads)
	})
}
