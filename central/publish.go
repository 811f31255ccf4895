package central

import (
	"cmp"
	"context"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// upload is a file that may be written to while it is sent.
type upload interface {
	chunkFile
	Changed() error // fault.Changed when it was
}

// Put uploads f under entry's name; entry says size, id, mode and time. The
// server asks for what it lacks, so an upload that was cut off goes on where
// it stopped. progress (may be nil) is told how many bytes the server holds,
// verified. When Put returns nil the file stands whole under its name. It
// fails with fault.ReadOnly, Refused, Exists, NoSpace, TooLarge or InUse, and with
// fault.Changed, which ends the connection, when f was written to.
func (c *Client) Put(ctx context.Context, f upload, entry store.Entry, force bool, progress func(done, total int64)) error {
	err := c.exchange(ctx, put{Req: c.next(), Entry: entry, Force: force}, func(kind frame.Type, b []byte) (bool, error) {
		switch kind {
		case typeProof:
			m, err := decodeProof(b)
			if err != nil {
				return false, err
			}
			return false, giveProof(c.link, m, f.Chunks())
		case typeGet:
			m, err := decodeGet(b)
			if err != nil {
				return false, err
			}
			return false, cmp.Or(giveChunks(c.link, m, f), f.Changed())
		case typeWorking:
			return false, report(b, progress)
		case typeOK:
			return true, nil
		default:
			return false, unexpected(kind, typePut)
		}
	})
	if changed := f.Changed(); err != nil && changed != nil {
		c.Close() // the server may wait for chunks that there are no more
		return changed
	}
	return err
}

// take answers PUT: the roles change, and this side asks until the file is
// whole. What has arrived when it ends early stays, for the next PUT.
func (s *session) take(ctx context.Context, m put) error {
	cfg := &s.server.cfg
	if err := s.mayTake(m.Entry); err != nil {
		return err
	}
	a := &asker{link: s.link, next: counter()}
	list, err := a.chunkList(m.Entry)
	if err != nil {
		return err
	}
	tell := tellProgress(s.link, m.Req, s.link.interrupt)
	part, err := cfg.Folder.Create(m.Entry.Name, list, store.Options{
		Force: m.Force, Mode: m.Entry.Mode, ModTime: m.Entry.ModTime,
		Progress: func(int64) { tell(0, m.Entry.Size) },
	})
	if err != nil {
		return err
	}
	defer part.Close()
	if err := s.fill(ctx, a, part, m); err != nil {
		return err
	}
	if err := meanwhile(func() { tell(m.Entry.Size, m.Entry.Size) }, part.Finish); err != nil {
		return err
	}
	if err := cfg.Folder.Finished(m.Entry.Name, list); err != nil {
		return err
	}
	cfg.Log.Info("received", "file", m.Entry.Name, "bytes", m.Entry.Size, "user", s.user, "remote", s.link.conn.RemoteAddr())
	return s.link.send(ok{Req: m.Req})
}

// fill brings into part what an earlier version has of it, if that may be
// replaced, and the rest from the client.
func (s *session) fill(ctx context.Context, a *asker, part *store.Part, m put) error {
	if m.Force {
		if err := s.reuse(ctx, part, m.Req); err != nil {
			return err
		}
	}
	return s.fetch(ctx, a, part, m.Req)
}

func (s *session) mayTake(entry store.Entry) error {
	if err := s.server.cfg.Access.mayWrite(s.user); err != nil {
		return err
	}
	if limit := s.server.cfg.Bounds.Upload; limit > 0 && entry.Size > limit {
		return fault.Wrapf(fault.TooLarge, "%s has %d bytes; this server takes files of up to %d", entry.Name, entry.Size, limit)
	}
	return nil
}

// reuse takes over what is right of the file that is to be replaced.
func (s *session) reuse(ctx context.Context, part *store.Part, req uint32) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tell := tellProgress(s.link, req, cancel)
	return part.Reuse(ctx, content.ChunkList{}, func(int64) { tell(part.Resumed(), part.Chunks().Size()) })
}

// fetch runs the transfer with the client as its only source.
func (s *session) fetch(ctx context.Context, a *asker, part *store.Part, req uint32) error {
	tell := tellProgress(s.link, req, s.link.interrupt)
	held := part.Resumed()
	tell(held, part.Chunks().Size())
	cfg := transfer.Config{Counter: s.server.cfg.Meter, OnChunk: func(c transfer.Chunk) {
		if c.Outcome == transfer.Stored {
			held += int64(c.Bytes) // one source, one deliverer: never at once
			tell(held, part.Chunks().Size())
		}
	}}
	from := make(chan transfer.Source, 1)
	from <- &uploader{a, part.Chunks()}
	close(from)
	err := transfer.Fetch(ctx, part, from, cfg)
	s.link.resume(ctx) // the source was interrupted when nothing more was wanted
	if err != nil {
		return a.settle(err)
	}
	return nil
}

// uploader is the client of a PUT as a source.
type uploader struct {
	*asker
	list content.ChunkList
}

func (u *uploader) Name() string { return "the client" }
func (u *uploader) Run(ctx context.Context, w transfer.Wanted) error {
	return u.run(ctx, u.list, w)
}

// settle reads away the chunks that are still under way after why, so that the
// client, busy sending them, hears of it and the link can go on.
func (a *asker) settle(why error) error {
	if endsConnection(why) {
		return why
	}
	for len(a.asked) > 0 {
		kind, err := a.link.skip() // reading may have stopped in the middle of a chunk
		if err != nil {
			return brokenLink{why}
		}
		if kind == typeChunk {
			a.arrived(&a.asked[0])
		}
	}
	return why
}

// counter numbers requests from 1.
func counter() func() uint32 {
	var n uint32
	return func() uint32 { n++; return n }
}
