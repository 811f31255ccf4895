package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"starmesh/central"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/common/store"
)

// Upload is one file and the name it will have at the server.
type Upload struct {
	dir, base string // where it is here
	as        string // slash-separated
}

func (u Upload) path() string { return filepath.Join(u.dir, u.base) }

// Uploads lists the files that names stand for, to go into a folder at the
// server; as is the name of the only one there, "" if it keeps its own.
// left is what is left out of folders.
func Uploads(ctx context.Context, names []string, into, as string) (all []Upload, left load.LeftOut, err error) {
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, left, fileerr.Named(name, err)
		}
		dir, base := filepath.Split(filepath.Clean(name))
		switch {
		case info.IsDir():
			files, _, out, err := ListFolder(ctx, name)
			if err != nil {
				return nil, left, err
			}
			left.Count, left.Files = left.Count+out.Count, append(left.Files, out.Files...)
			for _, file := range files {
				all = append(all, Upload{name, filepath.FromSlash(file.Path), path.Join(into, folderName(name), file.Path)})
			}
		case !info.Mode().IsRegular():
			return nil, left, fileerr.Named(name, errors.New("is neither a file nor a folder"))
		case as != "":
			all = append(all, Upload{dir, base, path.Join(into, as)})
		default:
			all = append(all, Upload{dir, base, path.Join(into, base)})
		}
	}
	return all, left, nil
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

// Put uploads files to a server.
type Put struct {
	Client central.ClientConfig
	Force  bool // replaces files that are there and differ
	Retry  Patience
	Cache  *store.Cache // of ids; nil: every file is hashed anew
	Out    Output

	session *session[*central.Client]
}

// Put uploads files to the server at addr, one after the other. One that fails
// does not keep the others from theirs.
func (p *Put) Put(ctx context.Context, addr central.Address, files []Upload) error {
	p.session = &session[*central.Client]{addr: addr, client: p.Client, dial: central.Dial, retry: p.Retry, out: p.Out}
	defer p.session.close()
	var failed failures
	for _, u := range files {
		if err := p.one(ctx, u); err != nil {
			if err := failed.take(fmt.Errorf("%s: %w", u.path(), err)); err != nil {
				return endedBy(ctx, err, "stopped; what has arrived at the server is kept there, the same command goes on from there")
			}
		}
	}
	return failed.err(len(files))
}

func (p *Put) one(ctx context.Context, u Upload) error {
	began := time.Now()
	entry, err := p.try(ctx, u, content.ID{})
	for tries := 1; errors.Is(err, fault.Changed) && !entry.ID.IsZero() && tries < maxTouches && ctx.Err() == nil; tries++ {
		entry, err = p.try(ctx, u, entry.ID)
	}
	if errors.Is(err, fault.Exists) && p.sameThere(ctx, entry) {
		p.Out.Note("%s is there already", readable.Text(entry.Name))
		p.Out.Event("done", doneEvent{Name: entry.Name, Path: u.path(), ID: entry.ID, Size: entry.Size, Kept: entry.Size})
		return nil
	}
	if err != nil {
		return err
	}
	took := time.Since(began)
	p.Out.Note("%s  %s in %s", p.session.addr.At(entry.Name), units.Bytes(entry.Size), units.Duration(took))
	p.Out.Event("done", doneEvent{Name: entry.Name, Path: u.path(), ID: entry.ID, Size: entry.Size, Seconds: took.Seconds()})
	return nil
}

// maxTouches is how often an upload begins that ends because its file was
// touched: its time is another one, its content the same.
const maxTouches = 3

// try uploads a file as it is now; only is the id it must have, if it is not zero.
func (p *Put) try(ctx context.Context, u Upload, only content.ID) (store.Entry, error) {
	held, entry, err := p.open(ctx, u)
	if err != nil {
		return entry, err
	}
	defer held.Close()
	if !only.IsZero() && entry.ID != only {
		return entry, fault.Wrapf(fault.Changed, "it has changed since it was hashed")
	}
	return entry, p.send(ctx, held, entry)
}

// open hashes a file and opens it as it was when it was hashed.
func (p *Put) open(ctx context.Context, u Upload) (*store.Held, store.Entry, error) {
	info, err := os.Stat(u.path())
	if err != nil {
		return nil, store.Entry{}, err
	}
	list, err := hashFile(ctx, p.Out, u.path(), u.path(), info.Size(), p.Cache)
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

func (p *Put) send(ctx context.Context, held *store.Held, entry store.Entry) error {
	bar := p.Out.Bar("put "+readable.Text(entry.Name), 0, entry.Size)
	p.session.settle() // a file that changed may have ended the connection
	err := p.session.do(ctx, func(c *central.Client) error {
		err := c.Put(ctx, held, entry, p.Force, func(done, _ int64) {
			bar.Set(done)
			p.session.progress(done)
		})
		if errors.Is(err, fault.InUse) { // perhaps by our own last try, which the server has not seen end
			err = fault.Later(fault.Wrapf(fault.Busy, "%w", err), time.Second)
		}
		return err
	})
	bar.Finish(err)
	return err
}

// sameThere returns whether the server has the very file under that name.
func (p *Put) sameThere(ctx context.Context, entry store.Entry) bool {
	same := false
	err := p.session.do(ctx, func(c *central.Client) error {
		there, err := c.Describe(ctx, entry.Name, content.ID{}, nil)
		same = err == nil && there.ID == entry.ID
		return err
	})
	return err == nil && same
}
