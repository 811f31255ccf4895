package main

import (
	"context"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
)

// getFlags say what is fetched from servers, how, and where it goes.
type getFlags struct {
	server         connectFlags
	to             fetchFlags
	conns          int
	connPerRequest bool
}

func newCentralGet() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get ADDR NAME...",
		Short: "Download files from a server, verified and resumable",
		Long: `get downloads files. NAME is a file, a folder (all files in it), "/" for
everything, or an id (64 hex digits). A URL star://host:port/NAME is address and
name in one. From the server's --http port, http://host:port/FILE or https://…
fetches the same file over HTTP, one request for each chunk. Every chunk is verified as it arrives. Run again after an
interruption, it goes on where it stopped.` + addressHelp(),
		Example: `  starmesh central get 192.0.2.1:7070 model.bin
  starmesh central get star://192.0.2.1:7070/model.bin -o /data/
  starmesh central get 192.0.2.1:7070 photos/2024 readme.txt -o here
  starmesh central get 192.0.2.1:7070 notes.tar -o - | tar t
  starmesh central get http://192.0.2.1:8080/model.bin
  starmesh central get http://192.0.2.1:8080/model.bin --http-close`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, err := f.targets(cmd, args)
			if err != nil {
				return err
			}
			return f.server.node.run(cmd, load.RoleClient, func(ctx context.Context, n *node) error {
				if err := n.mayBegin(ctx); err != nil {
					return err
				}
				return f.get(ctx, cmd, n, targets)
			})
		},
	}
	flags := cmd.Flags()
	f.to.add(cmd)
	flags.IntVarP(&f.conns, "conns", "n", 1, "connections to the server, 1 to 16")
	flags.BoolVar(&f.connPerRequest, "http-close", false, "over http://, make a new connection for each request instead of using one again")
	f.server.addRetry(cmd)
	f.server.node.managed.addHold(cmd)
	f.server.add(cmd)
	return cmd
}

// targets reads the arguments: an address, names, and URLs that are both.
func (f *getFlags) targets(cmd *cobra.Command, args []string) ([]fetch.Target, error) {
	if f.conns < 1 || f.conns > 16 {
		return nil, cli.Usagef(cmd, "--conns %d: from 1 to 16", f.conns)
	}
	if err := f.to.check(cmd); err != nil {
		return nil, err
	}
	all, addr, named, err := fetch.ParseTargets(args, func(arg string) (central.Address, error) { return f.server.address(cmd, arg) })
	if err != nil {
		return nil, err
	}
	switch {
	case !named && addr.HTTP:
		return nil, cli.Usagef(cmd, "which file of %s? Name it; over HTTP files are fetched one by one", addr)
	case !named:
		return nil, cli.Usagef(cmd, "which file of %s? Name it, or / for all; 'starmesh central ls %s' lists them", addr.HostPort, addr.HostPort)
	}
	return all, f.oneSystem(cmd, all)
}

// oneSystem sees to it that the load report is of one way to fetch.
func (f *getFlags) oneSystem(cmd *cobra.Command, targets []fetch.Target) error {
	web := 0
	for _, t := range targets {
		if t.HTTP() {
			web++
		}
	}
	switch {
	case web == 0 && f.connPerRequest:
		return cli.Usagef(cmd, "--http-close is about http:// addresses, of which there is none")
	case web == 0:
		return nil
	case web < len(targets):
		return cli.Usagef(cmd, "star:// and http:// in one command: fetch with two, so that each has its own load report")
	case f.connPerRequest:
		f.server.node.system = system.HTTPClose
	default:
		f.server.node.system = system.HTTP
	}
	return nil
}

// get fetches all targets.
func (f *getFlags) get(ctx context.Context, cmd *cobra.Command, n *node, targets []fetch.Target) error {
	cfg, err := f.server.config(cmd, n)
	if err != nil {
		return err
	}
	cfg.ConnPerRequest = f.connPerRequest
	to, err := f.to.open(cmd, len(targets) > 1)
	if err != nil {
		return err
	}
	defer to.Close()
	star := &fetch.Star{Place: f.to.place(n, to), Client: cfg, Conns: f.conns, Retry: f.server.patience(cmd)}
	return star.Get(ctx, targets)
}
