package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"starmesh/cmd/internal/b3sum"
	"starmesh/cmd/internal/beside"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/common/content"
)

// hasher hashes files for one run of the command.
type hasher struct {
	b3sum.Hasher
	beside  beside.Writer
	out     *cli.Output
	noNames bool
	failed  bool // some file could not be hashed, or is not what it should be
}

func newHash() *cobra.Command {
	var check bool
	var collection string
	var cache cacheFlags
	h := &hasher{}
	cmd := &cobra.Command{
		Use:   "hash [FILE]...",
		Short: "Print the ids of files, as b3sum does",
		Long: `hash prints the BLAKE3 hash of each file, which is its id, exactly as b3sum
prints it. Without a file, or for "-", it reads standard input. Ids are
remembered by path, size, time and inode, so that a file is read once.
--check always reads; with it, --quiet leaves out the files that are as they
should be.

--sidecar writes FILE.starmesh beside each file, by which 'starmesh get' verifies
what any web server sends. --torrent writes FILE.torrent, which names the file's
address on a web server, for programs that speak BitTorrent.`,
		Example: `  starmesh hash model.bin
  starmesh hash --sidecar model.bin
  starmesh hash *.iso > sums && starmesh hash --check sums
  starmesh hash --collection ./photos
  tar c photos | starmesh hash`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			h.In, h.out = cmd.InOrStdin(), cli.ForCommand(cmd)
			h.Bar = func(title string, total int64) b3sum.Bar { return told{h.out}.Bar(title, 0, total) }
			if !check { // a check that trusts its memory would miss what rotted
				h.Cache = cache.open(h.out)
			}
			h.beside.Cache = h.Cache
			return h.run(cmd, args, check, collection)
		},
	}
	h.flags(cmd.Flags())
	cmd.Flags().BoolVarP(&check, "check", "c", false, "read ids and names from FILE and check each file named there")
	cmd.Flags().StringVar(&collection, "collection", "", "print the id of the folder `DIR` with all files in it")
	cache.add(cmd, "read every file, and remember nothing")
	cmd.MarkFlagsMutuallyExclusive("check", "no-names")
	cmd.MarkFlagsMutuallyExclusive("check", "collection")
	for _, what := range []string{"check", "collection"} {
		cmd.MarkFlagsMutuallyExclusive(what, "sidecar")
		cmd.MarkFlagsMutuallyExclusive(what, "torrent")
	}
	cli.AddFlags(cmd)
	return cmd
}

func (h *hasher) flags(f *pflag.FlagSet) {
	f.BoolVar(&h.noNames, "no-names", false, "print ids only")
	f.BoolVar(&h.beside.Sidecar, "sidecar", false, "write what each file is verified by into FILE.starmesh")
	f.StringVar(&h.beside.Ticket, "ticket", "", "with --sidecar, name nodes of a mesh that have the file: `TICKET`, as 'starmesh peer serve' prints it")
	f.StringVar(&h.beside.Torrent, "torrent", "", "write FILE.torrent for the file that a web server has at `URL`")
}

func (h *hasher) run(cmd *cobra.Command, args []string, check bool, collection string) error {
	if err := h.beside.Check(); err != nil {
		return cli.Usage(cmd, err)
	}
	if h.beside.Torrent != "" && len(args) != 1 {
		return cli.Usagef(cmd, "--torrent is about one file, whose address it names; these are %d", len(args))
	}
	if len(args) == 0 {
		args = []string{"-"}
	} else if collection != "" {
		return cli.Usagef(cmd, "--collection takes one folder and no files, but there is %q too", args[0])
	}
	var err error
	switch {
	case collection != "":
		err = h.collection(cmd.Context(), collection)
	case check:
		err = h.checkAll(cmd.Context(), args)
	default:
		err = h.list(cmd.Context(), args)
	}
	if err == nil && h.failed {
		return cli.ErrReported
	}
	return err
}

// collection prints the id of a folder: that of its manifest.
func (h *hasher) collection(ctx context.Context, dir string) error {
	files, total, left, err := fetch.ListFolder(ctx, dir)
	if err != nil {
		return err
	}
	fetch.SayLeftOut(told{h.out}, "part of it", left)
	id, err := h.Folder(ctx, dir, files, total)
	if err != nil {
		return err
	}
	h.print(dir, id, total)
	return nil
}

// list prints the id of each file. One that can not be read is reported, and
// the rest done.
func (h *hasher) list(ctx context.Context, names []string) error {
	for _, name := range names {
		id, size, err := h.Sum(ctx, name)
		if err == nil && h.beside.Wanted() {
			err = h.writeBeside(ctx, name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			h.fail(name, err)
			continue
		}
		h.print(name, id, size)
	}
	return nil
}

func (h *hasher) writeBeside(ctx context.Context, name string) error {
	written, err := h.beside.Write(ctx, name)
	for _, name := range written {
		h.out.Note("wrote %s", name)
		h.out.Event("wrote", map[string]string{"path": name})
	}
	return err
}

func (h *hasher) fail(name string, err error) {
	h.failed = true
	h.out.Warn("%s", cli.OneLine(err))
	h.out.Event("error", map[string]any{"name": name, "error": cli.OneLine(err), "kind": cli.Kind(err)})
}

func (h *hasher) print(name string, id content.ID, size int64) {
	switch {
	case h.out.Mode() == cli.JSON:
		h.out.Event("hash", map[string]any{"name": name, "id": id, "size": size})
	case h.noNames:
		h.out.Result(id.String())
	default:
		h.out.Result(b3sum.Line(id, name))
	}
}

// checkAll checks the files that are named in lists.
func (h *hasher) checkAll(ctx context.Context, lists []string) error {
	for _, name := range lists {
		if err := h.Check(ctx, name, h.checked, func(err error) { h.fail(name, err) }); err != nil {
			return err
		}
	}
	return nil
}

func (h *hasher) checked(c b3sum.Checked) {
	h.failed = h.failed || !c.OK
	text := ""
	if c.Err != nil {
		text = cli.OneLine(c.Err)
	}
	h.out.Event("check", map[string]any{"name": c.Name, "ok": c.OK, "error": text})
	if h.out.Mode() != cli.JSON && (h.out.Mode() != cli.Quiet || !c.OK) {
		h.out.Result(c.String())
	}
}
