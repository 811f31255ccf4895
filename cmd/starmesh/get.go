package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/content"
	"starmesh/common/load"
)

// hybridFlags say from where one file is fetched, and where it goes.
type hybridFlags struct {
	peerGetFlags
	server    connectFlags
	sidecar   string
	strangers bool // servers introduce nobody
}

func newGet() *cobra.Command {
	var f hybridFlags
	cmd := &cobra.Command{
		Use:   "get SOURCE...",
		Short: "Fetch one file from servers and the mesh at once, verified and resumable",
		Long: `get fetches one file from all that have it: servers of starmesh (star://host/FILE,
stars://…), any web servers (http://host/FILE, https://…), and nodes of the mesh (a
ticket, or an id). What comes from a server is passed on in the mesh, and those who
fetch the same agree who asks the server for what, so that it sends hardly more
than one copy. With nobody else in reach it is a plain download.

Of a file on a web server, what it is verified by is taken from FILE.starmesh beside
it ('starmesh hash --sidecar' writes that), from --sidecar, or, when an id is given,
from any node that knows it.`,
		Example: `  starmesh get https://192.0.2.1/model.bin
  starmesh get star://192.0.2.1/model.bin https://192.0.2.2/model.bin -o /data/
  starmesh get https://192.0.2.1/model.bin mesh:4kQ… --stay 10m`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.get(cmd, args) },
	}
	flags := cmd.Flags()
	f.to.add(cmd)
	flags.StringVar(&f.sidecar, "sidecar", "", "verify the file by the sidecar in `FILE`")
	flags.BoolVar(&f.strangers, "no-introduce", false, "do not have servers tell other receivers where this one is")
	f.addSharing(cmd)
	f.server.addLogin(cmd)
	f.mesh.add(cmd)
	return cmd
}

func (f *hybridFlags) get(cmd *cobra.Command, args []string) error {
	if err := f.to.check(cmd); err != nil {
		return err
	}
	from, err := fetch.ParseSources(args)
	if err != nil {
		return cli.Usage(cmd, err)
	}
	sidecar, err := readSidecar(f.sidecar)
	if err != nil {
		return err
	}
	to, err := f.to.open(cmd, false)
	if err != nil {
		return err
	}
	defer to.Close() // after the node: it shares what is there until its end
	f.mesh.join = append(f.mesh.join, from.Tickets()...)
	f.mesh.node.system = system.Hybrid
	f.server.retryFor, f.server.node.trace = time.Duration(f.retryFor), f.mesh.node.trace
	retry := fetch.Patience{For: time.Duration(f.retryFor), ToBegin: cmd.Flags().Changed("retry-for")}
	return f.mesh.live(cmd, load.RolePeer, func(ctx context.Context, n *meshNode) error {
		n.tellAddresses()
		n.SayWhere(told{n.out})
		cfg, err := f.server.config(cmd, n.node)
		if err != nil {
			return err
		}
		if err := n.mayBegin(ctx); err != nil {
			return err
		}
		mesh := fetch.NewMesh(n.Node, f.to.place(n.node, to), retry)
		defer mesh.Close(ctx)
		h := &fetch.Hybrid{Mesh: mesh, Client: cfg, Sidecar: sidecar, Introduce: !f.strangers}
		if err := h.Get(ctx, from); err != nil {
			return err
		}
		f.linger(ctx, n.node)
		return nil
	})
}

// readSidecar reads the sidecar called name, "" for none.
func readSidecar(name string) (content.Sidecar, error) {
	if name == "" {
		return content.Sidecar{}, nil
	}
	return fileerr.Read(name, func(f *os.File) (content.Sidecar, error) { return content.ReadSidecar(f) })
}
