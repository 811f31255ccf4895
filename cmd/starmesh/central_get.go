package main

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// getFlags say what is fetched, how, and where it goes.
type getFlags struct {
	connectFlags
	output string
	conns  int
	force  bool

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
			return f.run(cmd, "client", func(ctx context.Context, n *node) error {
				if err := n.gate.wait(ctx); err != nil {
					return err
				}
				return f.get(ctx, cmd, n, targets)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write to `PATH`: a file, or a folder if it is one or ends in /; - is standard output")
	flags.IntVarP(&f.conns, "conns", "n", 1, "connections to the server, 1 to 16")
	flags.BoolVarP(&f.force, "force", "f", false, "replace files that are there and differ")
	flags.BoolVar(&f.connPerRequest, "http-close", false, "over http://, make a new connection for each request instead of using one again")
	f.addRetry(cmd)
	f.addHold(cmd)
	f.add(cmd)
	return cmd
}

// target is something to fetch from a server: a name, a folder or an id.
type target struct {
	addr central.Address
	name string
	id   content.ID // zero: name counts
}

// targets reads the arguments: an address, names, and URLs that are both.
func (f *getFlags) targets(cmd *cobra.Command, args []string) ([]target, error) {
	if f.conns < 1 || f.conns > 16 {
		return nil, cli.Usagef(cmd, "--conns %d: from 1 to 16", f.conns)
	}
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON && f.output == "-" {
		return nil, cli.Usagef(cmd, "-o - and --json both want standard output")
	}
	var all []target
	var addr central.Address
	named := true // whether addr has something to fetch
	for i, arg := range args {
		if i > 0 && !strings.Contains(arg, "://") {
			all, named = append(all, newTarget(addr, arg)), true
			continue
		}
		if !named {
			break
		}
		var err error
		if addr, err = f.address(cmd, arg); err != nil {
			return nil, err
		}
		if named = addr.Name != ""; named {
			all = append(all, newTarget(addr, addr.Name))
		}
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
func (f *getFlags) oneSystem(cmd *cobra.Command, targets []target) error {
	web := 0
	for _, t := range targets {
		if t.addr.HTTP {
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
		f.system = "http-close"
	default:
		f.system = "http"
	}
	return nil
}

func newTarget(addr central.Address, name string) target {
	id, err := content.ParseID(strings.ToLower(name))
	if err != nil {
		id = content.ID{}
	}
	addr.Name = ""
	return target{addr: addr, name: name, id: id}
}

// wish is one file to fetch and the name it will have here.
type wish struct {
	entry store.Entry // without id while the server has not hashed it
	as    string      // slash-separated
}

// get fetches all targets, one server after the other.
func (f *getFlags) get(ctx context.Context, cmd *cobra.Command, n *node, targets []target) error {
	cfg, err := f.config(cmd, n)
	if err != nil {
		return err
	}
	cfg.ConnPerRequest = f.connPerRequest
	to, err := openDestination(f.output, cmd.OutOrStdout(), len(targets) > 1)
	if err != nil {
		return err
	}
	defer to.close()
	g := &getter{getFlags: f, placer: placer{n, to}}
	for from := 0; from < len(targets); {
		until := from
		for until < len(targets) && targets[until].addr == targets[from].addr {
			until++
		}
		g.session = newSession(cmd, &f.connectFlags, n, targets[from].addr, cfg, dialReader)
		err := g.server(ctx, targets[from:until])
		g.session.close()
		if err != nil {
			return g.explain(ctx, err)
		}
		from = until
	}
	return nil
}

// explain says how to go on when the user stopped it.
func (g *getter) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return fault.Wrapf(context.Canceled, "stopped; what has arrived is kept, the same command goes on from there")
	}
	return err
}

// server fetches the targets that are on one server.
func (g *getter) server(ctx context.Context, targets []target) error {
	var wishes []wish
	for _, t := range targets {
		more, err := g.look(ctx, t)
		if err != nil {
			return err
		}
		wishes = append(wishes, more...)
	}
	if err := g.to.expect(wishes); err != nil {
		return err
	}
	began, bytes := time.Now(), int64(0)
	for _, w := range wishes {
		size, err := g.fetch(ctx, w)
		if err != nil {
			return err
		}
		bytes += size
	}
	if len(wishes) > 1 {
		g.out.Note("%s, %s in %s", counted(len(wishes), "file"), units.Bytes(bytes), units.Duration(time.Since(began)))
	}
	return nil
}

// look finds out which files a target stands for.
func (g *getter) look(ctx context.Context, t target) ([]wish, error) {
	var wishes []wish
	err := g.session.do(ctx, func(c reader) error {
		wishes = nil
		if !t.id.IsZero() {
			entry, err := c.Describe(ctx, "", t.id, nil)
			if err == nil && !store.Visible(entry.Name) {
				err = fault.Wrapf(fault.Refused, "%s offers it as the hidden file %s", t.addr.HostPort, printableName(entry.Name))
			}
			wishes = []wish{{entry, path.Base(entry.Name)}}
			return err
		}
		prefix := trimSlashes(t.name)
		for entry, err := range c.List(ctx, prefix) {
			if err != nil {
				return err
			}
			if !store.Visible(entry.Name) {
				// No server of ours lists such a name: it might be meant for
				// a place like .ssh/authorized_keys.
				g.out.Warn("%s offers the hidden file %s; left out", t.addr.HostPort, printableName(entry.Name))
				continue
			}
			wishes = append(wishes, wish{entry, relative(prefix, entry.Name)})
		}
		if len(wishes) == 0 {
			return fault.Wrapf(fault.NotFound, "%s has no file or folder %q", t.addr.HostPort, t.name)
		}
		return nil
	})
	return wishes, err
}

// relative gives the name a file gets here when it was found under prefix:
// with the folder that was asked for, without those above it.
func relative(prefix, name string) string {
	above := path.Dir(prefix)
	if prefix == "" || above == "." {
		return name
	}
	return strings.TrimPrefix(name, above+"/")
}
