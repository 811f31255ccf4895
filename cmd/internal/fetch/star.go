package fetch

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"starmesh/central"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// Star fetches files from servers.
type Star struct {
	Place
	Client central.ClientConfig
	Conns  int // at once, to one server
	Retry  Patience

	session *session[reader]      // with the server whose turn it is
	here    map[content.ID]string // a name here of what is whole
}

// Target is something to fetch from a server: a name, a folder or an id.
type Target struct {
	addr central.Address
	name string
	id   content.ID // zero: name counts
}

// newTarget returns what is called name at a server, be that an id.
func newTarget(addr central.Address, name string) Target {
	id, err := content.ParseID(strings.ToLower(name))
	if err != nil {
		id = content.ID{}
	}
	addr.Name = ""
	return Target{addr: addr, name: name, id: id}
}

// ParseTargets reads an address, names, and URLs that are both. named is whether
// the last address, addr, has something to fetch.
func ParseTargets(args []string, address func(string) (central.Address, error)) (all []Target, addr central.Address, named bool, err error) {
	named = true
	for i, arg := range args {
		if i > 0 && !strings.Contains(arg, "://") {
			all, named = append(all, newTarget(addr, arg)), true
			continue
		}
		if !named {
			break
		}
		if addr, err = address(arg); err != nil {
			return nil, addr, false, err
		}
		if named = addr.Name != ""; named {
			all = append(all, newTarget(addr, addr.Name))
		}
	}
	return all, addr, named, nil
}

// HTTP returns whether it comes over HTTP.
func (t Target) HTTP() bool { return t.addr.HTTP }

// Get fetches all targets, one server after the other. A file that fails does
// not keep the others from coming.
func (s *Star) Get(ctx context.Context, targets []Target) error {
	s.here = map[content.ID]string{}
	var failed failures
	all := 0
	for from := 0; from < len(targets); {
		until := from
		for until < len(targets) && targets[until].addr == targets[from].addr {
			until++
		}
		s.session = &session[reader]{addr: targets[from].addr, client: s.Client, dial: dialReader, retry: s.Retry, out: s.Out}
		n, err := s.server(ctx, targets[from:until], &failed)
		s.session.close()
		if err != nil {
			return s.stopped(ctx, err)
		}
		from, all = until, all+n
	}
	return failed.err(all)
}

// server fetches the targets that are on one server, and returns how many files
// they are, or would be.
func (s *Star) server(ctx context.Context, targets []Target, failed *failures) (all int, err error) {
	var wishes []wish
	for _, t := range targets {
		more, err := s.look(ctx, t)
		if err == nil {
			wishes, all = append(wishes, more...), all+len(more)
			continue
		}
		if all++; failed.take(err) != nil {
			return all, err
		}
	}
	if len(wishes) == 0 {
		return all, nil
	}
	if err := s.To.expect(wishes); err != nil {
		return all, err
	}
	return all, s.files(ctx, s.apart(wishes, failed), failed)
}

// apart returns the wishes whose names the disk tells from each other.
func (s *Star) apart(wishes []wish, failed *failures) []wish {
	if s.To.isStream() || len(wishes) == 1 {
		return wishes
	}
	names := make([]string, len(wishes))
	for i, w := range wishes {
		names[i] = s.To.name(w.as)
	}
	clashes := store.Clashes(s.To.root, names)
	return slices.DeleteFunc(wishes, func(w wish) bool {
		why := clashes[s.To.name(w.as)]
		return why != nil && failed.take(why) == nil
	})
}

// many is what is kept of several files while they are fetched.
type many struct {
	bar    Bar // of all of them; nil: there is but one, which has its own
	failed *failures
	files  int // that came
	of     int
	bytes  int64
}

func (m *many) came(w wish) {
	m.files++
	m.bytes += w.entry.Size
	if m.bar != nil {
		m.bar.Files(m.files, m.of)
	}
}

// files fetches the files that are wished for: small ones together, the others
// one after the other.
func (s *Star) files(ctx context.Context, wishes []wish, failed *failures) (err error) {
	began, of := time.Now(), &many{failed: failed, of: len(wishes)}
	if len(wishes) > 1 {
		total := int64(0)
		for _, w := range wishes {
			total += w.entry.Size
		}
		of.bar = s.Out.Bar("get", 0, total)
		of.bar.Files(0, of.of)
		defer func() {
			of.bar.Finish(err)
			s.Out.Note("%s, %s in %s", units.Counted(of.files, "file"), units.Bytes(of.bytes), units.Duration(time.Since(began)))
		}()
	}
	rest, err := s.small(ctx, wishes, of)
	for _, w := range rest {
		if err != nil {
			return err
		}
		if err = s.describe(ctx, &w); err == nil {
			err = s.one(ctx, w, of.bar)
		}
		if err == nil {
			of.came(w)
		}
		err = failed.take(err)
	}
	return err
}

// one fetches a single file.
func (s *Star) one(ctx context.Context, w wish, bar Bar) error {
	if !s.To.isStream() {
		_, err := s.fetch(ctx, s, w, bar)
		if err == nil {
			s.here[w.entry.ID] = s.To.name(w.as)
		}
		return err
	}
	return s.toStdout(ctx, s, w, func(list content.ChunkList, read <-chan struct{}) (store.File, error) {
		return newWindow(list, read), nil
	})
}

// look finds out which files a target stands for.
func (s *Star) look(ctx context.Context, t Target) ([]wish, error) {
	var wishes []wish
	err := s.session.do(ctx, func(c reader) error {
		wishes = nil
		if !t.id.IsZero() {
			entry, err := c.Describe(ctx, "", t.id, nil)
			if err == nil && !store.Visible(entry.Name) {
				err = fault.Wrapf(fault.Refused, "%s offers it as the hidden file %s", t.addr.HostPort, readable.Text(entry.Name))
			}
			wishes = []wish{{entry, path.Base(entry.Name)}}
			return err
		}
		prefix := TrimSlashes(t.name)
		var err error
		if wishes, err = s.listed(ctx, c, t, prefix); err != nil || len(wishes) > 0 {
			return err
		}
		if prefix != "" { // a file that is new to the server, which looks for it now
			entry, err := c.Describe(ctx, prefix, content.ID{}, nil)
			if err == nil || !errors.Is(err, fault.NotFound) {
				wishes = []wish{{entry, relative(prefix, prefix)}}
				return err
			}
		}
		return fault.Wrapf(fault.NotFound, "%s has no file or folder %q", t.addr.HostPort, t.name)
	})
	return wishes, err
}

// listed are the files that a server has below a name, or of that name.
func (s *Star) listed(ctx context.Context, c reader, t Target, prefix string) (wishes []wish, err error) {
	for entry, err := range c.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if !store.Visible(entry.Name) {
			// No server of ours lists such a name: it might be meant for
			// a place like .ssh/authorized_keys.
			s.Out.Warn("%s offers the hidden file %s; left out", t.addr.HostPort, readable.Text(entry.Name))
			continue
		}
		wishes = append(wishes, wish{entry, relative(prefix, entry.Name)})
	}
	return wishes, nil
}

// TrimSlashes returns a folder's name as servers know it: "photos/" and
// "/photos" are photos, "/" and "." everything.
func TrimSlashes(name string) string {
	name = strings.Trim(name, "/")
	if name == "." {
		return ""
	}
	return strings.TrimPrefix(name, "./")
}

// relative returns the name a file gets here when it was found under prefix:
// with the folder that was asked for, without those above it.
func relative(prefix, name string) string {
	above := path.Dir(prefix)
	if prefix == "" || above == "." {
		return name
	}
	return strings.TrimPrefix(name, above+"/")
}

// describe asks for what a listing left out because the server was still
// hashing the file.
func (s *Star) describe(ctx context.Context, w *wish) error {
	if !w.entry.ID.IsZero() {
		return nil
	}
	bar := s.Out.Bar("the server hashes "+readable.Text(w.entry.Name), 0, w.entry.Size)
	err := s.session.do(ctx, func(c reader) error {
		entry, err := c.Describe(ctx, w.entry.Name, content.ID{}, func(done, total int64) {
			bar.Total(total)
			bar.Set(done)
			s.session.progress(done)
		})
		if err == nil {
			w.entry = entry
		}
		return err
	})
	bar.Finish(err)
	return err
}

func (s *Star) chunkList(ctx context.Context, entry store.Entry, nothing bool) (list content.ChunkList, err error) {
	_, twin := s.here[entry.ID]
	err = s.session.do(ctx, func(c reader) error {
		if b, can := c.(beginner); can && nothing && !twin {
			list, err = b.Begin(ctx, entry)
		} else {
			list, err = c.ChunkList(ctx, entry)
		}
		return err
	})
	return list, err
}

func (s *Star) carry(ctx context.Context, file store.File, entry store.Entry, b *books) error {
	if name, known := s.here[entry.ID]; known {
		if twin := s.shelve(name, file.Chunks()); twin != nil {
			_ = copyChunks(ctx, file, twin, b.chunk) // what it does not give any more is fetched
		}
	}
	if file.Have().Full() {
		return nil
	}
	err := transfer.Fetch(ctx, file, s.sources(entry.Name, file.Chunks()), transfer.Config{
		RetryFor: s.Retry.For,
		Counter:  s.Client.Meter,
		OnChunk:  b.chunk,
		OnRetry:  s.Out.Waiting,
	})
	s.session.settle()
	return err
}

// sources are the connections over which a file comes: the one that is open,
// and as many more as asked for. Over one alone chunks come in order, and none
// has to wait for another before it is written to standard output.
func (s *Star) sources(name string, list content.ChunkList) <-chan transfer.Source {
	n := min(s.Conns, list.Len())
	if s.To.isStream() {
		n = 1
	}
	from := make(chan transfer.Source, n)
	for i := range n {
		if i == 0 && s.session.connected {
			from <- s.session.conn.Source(name, list)
			continue
		}
		from <- central.NewSource(s.session.addr.At(name), s.session.client, list)
	}
	close(from)
	return from
}
