package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"lukechampine.com/blake3"

	"starmesh/cmd/internal/b3sum"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/store"
)

// hasher hashes files for one run of the command.
type hasher struct {
	in      io.Reader
	out     *cli.Output
	cache   *store.Cache
	noNames bool
	failed  bool // some file could not be hashed, or is not what it should be
}

func newHash() *cobra.Command {
	var check, noCache bool
	var collection, cacheDir string
	h := &hasher{}
	cmd := &cobra.Command{
		Use:   "hash [FILE]...",
		Short: "Print the ids of files, as b3sum does",
		Long: `hash prints the BLAKE3 hash of each file, which is its id, exactly as b3sum
prints it. Without a file, or for "-", it reads standard input. Ids are
remembered by path, size, time and inode, so that a file is read once.
--check always reads; with it, --quiet leaves out the files that are as they
should be.`,
		Example: `  starmesh hash model.bin
  starmesh hash *.iso > sums && starmesh hash --check sums
  starmesh hash --collection ./photos
  tar c photos | starmesh hash`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			h.in, h.out = cmd.InOrStdin(), cli.ForCommand(cmd)
			if !noCache && !check { // a check that trusts its memory would miss what rotted
				h.cache = openCache(cacheDir, h.out)
			}
			return h.run(cmd, args, check, collection)
		},
	}
	cmd.Flags().BoolVarP(&check, "check", "c", false, "read ids and names from FILE and check each file named there")
	cmd.Flags().StringVar(&collection, "collection", "", "print the id of the folder `DIR` with all files in it")
	cmd.Flags().BoolVar(&h.noNames, "no-names", false, "print ids only")
	cmd.Flags().BoolVar(&noCache, "no-cache", false, "read every file, and remember nothing")
	cmd.Flags().StringVar(&cacheDir, "cache", "", "remember ids in the folder `DIR` (default: in the user's cache folder)")
	cmd.MarkFlagsMutuallyExclusive("check", "no-names")
	cmd.MarkFlagsMutuallyExclusive("check", "collection")
	cmd.MarkFlagsMutuallyExclusive("cache", "no-cache")
	cli.AddFlags(cmd)
	return cmd
}

// openCache opens the cache in dir, or the user's. Without one, ids are
// computed anew: slower, and no reason to fail.
func openCache(dir string, out *cli.Output) *store.Cache {
	err := error(nil)
	if dir == "" {
		dir, err = store.DefaultCacheDir()
	}
	if err == nil {
		cache, openErr := store.OpenCache(dir)
		if openErr == nil {
			return cache
		}
		err = openErr
	}
	out.Warn("ids are not remembered: %s", cli.OneLine(err))
	return nil
}

func (h *hasher) run(cmd *cobra.Command, args []string, check bool, collection string) error {
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
		err = h.check(cmd.Context(), args)
	default:
		err = h.list(cmd.Context(), args)
	}
	if err == nil && h.failed {
		return cli.ErrReported
	}
	return err
}

// list prints the id of each file. One that can not be read is reported, and
// the rest done.
func (h *hasher) list(ctx context.Context, names []string) error {
	for _, name := range names {
		id, size, err := h.hash(ctx, name)
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

func (h *hasher) fail(name string, err error) {
	h.failed = true
	h.out.Warn("%s", cli.OneLine(err))
	h.out.Event("error", map[string]any{"name": name, "error": cli.OneLine(err)})
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

// hash gives the id of the file called name, or of standard input for "-".
func (h *hasher) hash(ctx context.Context, name string) (content.ID, int64, error) {
	if name == "-" {
		return h.stream(ctx, "standard input", h.in)
	}
	info, err := os.Stat(name)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	if info.IsDir() {
		return content.ID{}, 0, fileerr.Named(name, errors.New("is a folder; --collection gives its id"))
	}
	// What has no size, like a pipe or a file of /proc, can only be read to
	// its end.
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return h.open(ctx, name)
	}
	bar := h.out.Bar("hash "+name, info.Size())
	bar.Start()
	list, err := store.HashFile(ctx, name, h.cache, bar.Add)
	bar.Finish(err)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	return list.ID(), list.Size(), nil
}

func (h *hasher) open(ctx context.Context, name string) (content.ID, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	defer f.Close()
	return h.stream(ctx, name, f)
}

// stream hashes what can not be read twice nor in parallel. A read that waits
// for a person or a pipe can not be ended: when ctx ends it is left behind, for
// the end of the process.
func (h *hasher) stream(ctx context.Context, name string, r io.Reader) (content.ID, int64, error) {
	bar := h.out.Bar("hash "+name, -1)
	bar.Start()
	sum := blake3.New(32, nil)
	read := int64(0)
	copied := make(chan error, 1)
	go func() {
		var err error
		read, err = io.CopyBuffer(io.MultiWriter(sum, counter{bar}), r, make([]byte, 1<<20))
		copied <- err
	}()
	var err error
	select {
	case err = <-copied:
	case <-ctx.Done():
		err = ctx.Err()
	}
	bar.Finish(err)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	return content.ID(sum.Sum(nil)), read, nil
}

// counter moves a bar with what is written.
type counter struct{ bar *cli.Bar }

func (c counter) Write(p []byte) (int, error) {
	c.bar.Add(int64(len(p)))
	return len(p), nil
}
