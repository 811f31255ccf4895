package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/store"
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

// upload is one file and the name it will have at the server.
type upload struct {
	dir, base string // where it is here
	as        string // slash-separated
}

func (u upload) path() string { return filepath.Join(u.dir, u.base) }

func (f *putFlags) put(cmd *cobra.Command, server string, names []string) error {
	addr, err := f.server.address(cmd, server)
	if err != nil {
		return err
	}
	into := addr.Name
	addr.Name = ""
	uploads, err := f.uploads(names, into)
	if err != nil {
		return err
	}
	return f.server.node.run(cmd, "client", func(ctx context.Context, n *node) error {
		cfg, err := f.server.config(cmd, n)
		if err != nil {
			return err
		}
		p := &putter{
			out: told{n.out}, force: f.force, cache: openCache("", n.out),
			session: fetch.Session[*central.Client]{Addr: addr, Client: cfg, Dial: central.Dial, Retry: f.server.patience(cmd), Out: told{n.out}},
		}
		defer p.session.Close()
		for _, u := range uploads {
			if err := p.upload(ctx, u); err != nil {
				return fmt.Errorf("%s: %w", u.path(), err)
			}
		}
		return nil
	})
}

// uploads lists the files that names stand for.
func (f *putFlags) uploads(names []string, into string) ([]upload, error) {
	var all []upload
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fileerr.Named(name, err)
		}
		dir, base := filepath.Split(filepath.Clean(name))
		switch {
		case info.IsDir():
			files, _, err := fetch.ListFolder(name)
			if err != nil {
				return nil, err
			}
			for _, file := range files {
				all = append(all, upload{name, filepath.FromSlash(file.Path), path.Join(into, folderName(name), file.Path)})
			}
		case !info.Mode().IsRegular():
			return nil, fileerr.Named(name, errors.New("is neither a file nor a folder"))
		case f.as != "":
			all = append(all, upload{dir, base, path.Join(into, f.as)})
		default:
			all = append(all, upload{dir, base, path.Join(into, base)})
		}
	}
	return all, nil
}

// folderName is what a folder is called: that of "." too.
func folderName(name string) string {
	if whole, err := filepath.Abs(name); err == nil {
		name = whole
	}
	base := filepath.Base(name)
	if base == string(filepath.Separator) {
		return ""
	}
	return base
}

// putter uploads files to one server.
type putter struct {
	out     told
	force   bool
	session fetch.Session[*central.Client]
	cache   *store.Cache
}

func (p *putter) upload(ctx context.Context, u upload) error {
	held, entry, err := p.open(ctx, u)
	if err != nil {
		return err
	}
	defer held.Close()
	began := time.Now()
	err = p.send(ctx, held, entry)
	if errors.Is(err, fault.Exists) && p.sameThere(ctx, entry) {
		p.out.Note("%s is there already", readable.Text(entry.Name))
		p.out.Event("done", fetch.Done{Name: entry.Name, Path: u.path(), ID: entry.ID, Size: entry.Size, Kept: entry.Size})
		return nil
	}
	if err != nil {
		return err
	}
	took := time.Since(began)
	p.out.Note("%s  %s in %s", p.session.Addr.At(entry.Name), units.Bytes(entry.Size), units.Duration(took))
	p.out.Event("done", fetch.Done{Name: entry.Name, Path: u.path(), ID: entry.ID, Size: entry.Size, Seconds: took.Seconds()})
	return nil
}

// open hashes a file and opens it as it was when it was hashed.
func (p *putter) open(ctx context.Context, u upload) (*store.Held, store.Entry, error) {
	info, err := os.Stat(u.path())
	if err != nil {
		return nil, store.Entry{}, err
	}
	bar := p.out.Bar("hash "+u.path(), 0, info.Size())
	list, err := store.HashFile(ctx, u.path(), p.cache, bar.Add)
	bar.Finish(err)
	if err != nil {
		return nil, store.Entry{}, err
	}
	root, err := os.OpenRoot(filepath.Join(u.dir, "."))
	if err != nil {
		return nil, store.Entry{}, err
	}
	defer root.Close()
	held, err := store.OpenHeld(root, filepath.ToSlash(u.base), list, store.StampOf(info))
	entry := store.Entry{Name: u.as, Size: list.Size(), ID: list.ID(), ModTime: info.ModTime(), Mode: info.Mode() & fs.ModePerm}
	return held, entry, err
}

func (p *putter) send(ctx context.Context, held *store.Held, entry store.Entry) error {
	bar := p.out.Bar("put "+readable.Text(entry.Name), 0, entry.Size)
	err := p.session.Do(ctx, func(c *central.Client) error {
		return c.Put(ctx, held, entry, p.force, func(done, _ int64) {
			bar.Set(done)
			p.session.Progress(done)
		})
	})
	bar.Finish(err)
	return err
}

// sameThere tells whether the server has the very file under that name.
func (p *putter) sameThere(ctx context.Context, entry store.Entry) bool {
	same := false
	err := p.session.Do(ctx, func(c *central.Client) error {
		there, err := c.Describe(ctx, entry.Name, content.ID{}, nil)
		same = err == nil && there.ID == entry.ID
		return err
	})
	return err == nil && same
}
