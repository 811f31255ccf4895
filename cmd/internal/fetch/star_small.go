package fetch

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/central"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// bundler brings small files whole and pipelined, as servers do over the raw
// protocol.
type bundler interface {
	Whole(ctx context.Context, files []store.Entry, each func(i int, p []byte, err error) error) (told int, err error)
}

// minBundle is how many small files are worth a connection of their own.
const minBundle = 64

// bundle is the small files of many on their way.
type bundle struct {
	*Star
	writer *store.Writer
	many   *many
	began  time.Time

	mu    sync.Mutex // guards what follows, many, Star.here and the session's progress
	bytes int64
	twins []wish // have the content of others, and wait for these
	rest  []wish // did not come this way
	ended error  // nothing more can be put anywhere
}

// small finds which files of wishes are here already, and fetches those that are
// small and of which nothing is there, without a round trip for each, and each
// content once; it puts them into their places at once. It returns the others, and
// those that did not come: one by one it will be seen why.
func (s *Star) small(ctx context.Context, wishes []wish, of *many) (rest []wish, err error) {
	if s.To.isStream() || s.session.addr.HTTP || len(wishes) == 1 {
		return wishes, nil
	}
	b := &bundle{Star: s, writer: store.NewWriter(s.To.root), many: of, began: time.Now()}
	defer b.writer.Close()
	there, todo := b.choose(wishes)
	if err := b.keep(ctx, there); err != nil {
		return nil, err
	}
	todo = b.once(todo)
	err = s.session.do(ctx, func(c reader) (err error) {
		if todo, err = b.bring(ctx, c, todo); b.ended != nil {
			return nil // no other connection would change that
		}
		return err
	})
	if err == nil && b.ended == nil {
		err = b.copyTwins(ctx)
	}
	return b.rest, cmp.Or(b.ended, err, b.writer.Sync())
}

// choose picks the small files of which something is there, and those that may
// come whole; the rest may not.
func (b *bundle) choose(wishes []wish) (there, todo []wish) {
	here := map[string]inFolder{}
	for _, w := range wishes {
		name := b.To.name(w.as)
		dir := path.Dir(name)
		if _, known := here[dir]; !known {
			here[dir] = b.To.look(dir)
		}
		switch has := here[dir].has(b.To, name); {
		case w.entry.ID.IsZero(), w.entry.Size > central.MaxWhole, w.entry.Size == 0 && !has:
			b.rest = append(b.rest, w)
		case has:
			there = append(there, w)
		default:
			todo = append(todo, w)
		}
	}
	return there, todo
}

// keep looks, on all cores, which files are right as they are.
func (b *bundle) keep(ctx context.Context, there []wish) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, w := range there {
		group.Go(func() error {
			name := b.To.name(w.as)
			_, kept, err := b.alreadyThere(ctx, w, name, b.many.bar)
			b.mu.Lock()
			defer b.mu.Unlock()
			if kept {
				b.here[w.entry.ID] = name
				b.many.came(w)
			} else {
				b.rest = append(b.rest, w)
			}
			return cmp.Or(ctx.Err(), b.many.failed.take(err))
		})
	}
	return group.Wait()
}

// once returns one file of each content that is not here; the others are its twins.
func (b *bundle) once(todo []wish) []wish {
	return slices.DeleteFunc(todo, func(w wish) bool {
		_, known := b.here[w.entry.ID]
		if known {
			b.twins = append(b.twins, w)
		} else {
			b.here[w.entry.ID] = b.To.name(w.as)
		}
		return known
	})
}

// copyTwins makes the files whose content another has by now.
func (b *bundle) copyTwins(ctx context.Context) error {
	for _, w := range b.twins {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p, err := b.To.root.ReadFile(filepath.FromSlash(b.here[w.entry.ID]))
		if err == nil && content.Sum(p) != w.entry.ID {
			err = fault.Changed
		}
		if err := b.take(w, p, err); err != nil { // it is fetched by itself if the other did not come
			return err
		}
	}
	return nil
}

// bring fetches files over as many connections as asked for, c among them, and
// returns those that are left when one of them fails.
func (b *bundle) bring(ctx context.Context, c reader, todo []wish) (left []wish, err error) {
	if len(todo) == 0 {
		return nil, nil
	}
	conns := max(1, min(b.Conns, len(todo)/minBundle))
	lefts := slices.Collect(slices.Chunk(todo, (len(todo)+conns-1)/conns))
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range lefts {
		group.Go(func() error {
			conn := c
			if i > 0 {
				more, err := dialReader(ctx, b.session.addr, b.session.client)
				if err != nil {
					return err
				}
				defer more.Close()
				conn = more
			}
			told, err := conn.(bundler).Whole(ctx, entriesOf(part), func(i int, p []byte, err error) error { return b.take(part[i], p, err) })
			lefts[i] = part[told:]
			return err
		})
	}
	err = group.Wait()
	return slices.Concat(lefts...), err
}

func entriesOf(wishes []wish) []store.Entry {
	all := make([]store.Entry, len(wishes))
	for i, w := range wishes {
		all[i] = w.entry
	}
	return all
}

// take puts a file into its place.
func (b *bundle) take(w wish, p []byte, err error) error {
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.rest = append(b.rest, w)
		return nil
	}
	name := b.To.name(w.as)
	account := b.Meter.Transfer(w.entry.ID.String(), w.entry.Name, w.entry.Size)
	_, err = b.writer.Write(name, p, store.Options{Force: b.Force, Mode: w.entry.Mode, ModTime: w.entry.ModTime})
	account.End(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		if err = b.many.failed.take(fmt.Errorf("%s: %w", b.To.path(name), err)); err != nil {
			b.ended = err
		}
		return err
	}
	b.bytes += w.entry.Size
	b.session.progress(b.bytes)
	b.many.bar.Add(w.entry.Size)
	b.many.came(w)
	b.done(w, b.To.path(name), 0, time.Since(b.began), b.many.bar)
	return nil
}
