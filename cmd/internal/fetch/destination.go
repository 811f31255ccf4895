package fetch

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/atomicfile"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// Destination is where fetched files go: a folder, one file in a folder, or
// what takes bytes in order, such as standard output.
type Destination struct {
	root   *os.Root // nil: the bytes of one file go to stream
	dir    string   // what root or stream is, for people
	rename string   // the name of the one file in root; "" when names are kept
	stream io.Writer
	close  func() error // of a stream that was opened here
}

// OpenDestination understands -o. "" is the folder we are in, "-" is stdout; a
// device, a pipe or a descriptor is written to in order; any other path is a
// folder when it is one, ends in a slash, or has to take several files. Folders
// are made when they are missing. A named pipe is waited for until ctx ends.
func OpenDestination(ctx context.Context, output string, stdout io.Writer, several bool) (*Destination, error) {
	switch {
	case output == "-":
		return &Destination{dir: "-", stream: stdout}, nil
	case output != "" && atomicfile.IsStream(output):
		return openStream(ctx, output)
	}
	dir, rename := output, ""
	if output == "" {
		dir = "."
	}
	info, err := os.Stat(dir)
	isDir := err == nil && info.IsDir()
	if !isDir && !several && !strings.HasSuffix(filepath.ToSlash(output), "/") {
		dir, rename = filepath.Split(output)
		if dir == "" {
			dir = "."
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fileerr.Named(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fileerr.Named(dir, err)
	}
	return &Destination{root: root, dir: dir, rename: rename}, nil
}

// openStream opens what takes bytes in order. A pipe that nobody reads makes the
// system wait; ctx ends that for us.
func openStream(ctx context.Context, name string) (*Destination, error) {
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		opened <- result{f, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-opened:
		if r.err != nil {
			return nil, fileerr.Named(name, r.err)
		}
		return &Destination{dir: name, stream: r.f, close: r.f.Close}, nil
	}
}

// expect checks that what is to come fits the destination. A single file that
// was to be renamed may turn out to be a folder: then the name is the folder's.
func (d *Destination) expect(wishes []wish) error {
	return d.expectFiles(len(wishes), len(wishes) == 1 && path.Base(wishes[0].as) == wishes[0].as)
}

// expectFiles is expect for so many files; alone says that there is one, in no
// folder.
func (d *Destination) expectFiles(n int, alone bool) error {
	switch {
	case d.isStream() && n != 1:
		return fault.Wrapf(fault.Invalid, "-o %s takes one file, these are %d", d.dir, n)
	case d.rename == "" || alone:
		return nil
	}
	if info, err := d.root.Stat(d.rename); err == nil && !info.IsDir() {
		return fault.Wrapf(fault.Exists, "%s is a file, but %d files are to be put there", d.path(d.rename), n)
	}
	if err := d.root.MkdirAll(d.rename, 0o777); err != nil {
		return fileerr.Named(d.path(d.rename), err)
	}
	root, err := d.root.OpenRoot(d.rename)
	if err != nil {
		return fileerr.Named(d.path(d.rename), err)
	}
	d.root.Close()
	d.root, d.dir, d.rename = root, d.path(d.rename), ""
	return nil
}

// name returns the name within root of a file that is called as.
func (d *Destination) name(as string) string {
	if d.rename != "" {
		return d.rename
	}
	return as
}

func (d *Destination) isStream() bool { return d.stream != nil }

// path returns the whole path of a name within root.
func (d *Destination) path(name string) string {
	if d.isStream() {
		return name // which is all that can be said
	}
	return filepath.Join(d.dir, filepath.FromSlash(name))
}

// stat looks at a file within root.
func (d *Destination) stat(name string) (fs.FileInfo, error) {
	return d.root.Lstat(filepath.FromSlash(name))
}

// inFolder is what a folder of the destination has.
type inFolder struct {
	names  map[string]bool
	making bool // some of it is in the making
}

// look reads a folder of root, in one go for all files that are to come there.
func (d *Destination) look(dir string) inFolder {
	here := inFolder{names: map[string]bool{}}
	f, err := d.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return here // it is not there, or whoever writes into it will see why not
	}
	defer f.Close()
	names, _ := f.Readdirnames(0)
	for _, name := range names {
		here.names[name] = true
		here.making = here.making || !store.Visible(name)
	}
	return here
}

// has reports whether something of the file called name is there.
func (h inFolder) has(d *Destination, name string) bool {
	if h.names[path.Base(name)] || !h.making {
		return h.names[path.Base(name)]
	}
	_, saved := store.Saved(d.root, name)
	return saved
}

// Close closes what was opened.
func (d *Destination) Close() {
	if d.root != nil {
		d.root.Close()
	}
	if d.close != nil {
		_ = d.close() // a stream keeps nothing back that could fail now
	}
}
