package central

import (
	"context"
	"iter"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// List returns the server's files under prefix (a folder or a file; "" is
// everything) in the order of their names; more are asked for as they are needed,
// many thousands at a time. An id is zero while the server has not hashed that file
// yet.
func (c *Client) List(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for after, more := "", true; more; {
			var all []store.Entry
			var err error
			all, more, err = c.list(ctx, list{Req: c.next(), Limit: c.listLimit, Prefix: prefix, After: after})
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
				after = e.Name
			}
		}
	}
}

// list receives what answers a LIST, in as many messages as that takes, and returns
// whether there are more names behind.
func (c *Client) list(ctx context.Context, m list) (all []store.Entry, more bool, err error) {
	last := m.After
	err = c.exchange(ctx, m, func(kind frame.Type, b []byte) (bool, error) {
		if kind != typeEntries {
			return false, unexpected(kind, typeList)
		}
		page, err := decodeEntries(b)
		if err != nil {
			return false, err
		}
		for _, e := range page.Entries {
			if e.Name <= last { // or it could go on for ever
				return false, fault.Wrapf(fault.Protocol, "the server listed %s behind %s", e.Name, last)
			}
			last = e.Name
		}
		all = append(all, page.Entries...)
		if len(all) > int(m.Limit) {
			return false, fault.Wrapf(fault.Protocol, "the server listed %d files and was asked for %d", len(all), m.Limit)
		}
		more = page.More && len(page.Entries) > 0
		return !more || !m.isLong() || len(all) == int(m.Limit), nil
	})
	return all, more, err
}

// lookTime is how long a server that has just started keeps a client waiting that
// asks for names, in silence.
const lookTime = 3 * time.Second

// looked waits a moment for the folder to be looked through once: the names known
// before are no answer. It fails with fault.Busy.
func (s *Server) looked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	err := s.cfg.Folder.Looked(ctx)
	if err != nil {
		err = fault.Later(err, time.Second)
	}
	return err
}

// list answers LIST: with one message, which ends at the limit or when it is full,
// or with as many as a long one takes.
func (s *session) list(ctx context.Context, m list) (uint32, error) {
	if err := s.server.looked(ctx); err != nil {
		return m.Req, err
	}
	for rest := int(m.Limit); ; {
		page := s.page(&m, min(rest, maxListLimit))
		if err := s.link.send(page); err != nil {
			return m.Req, err
		}
		if rest -= len(page.Entries); !page.More || !m.isLong() || rest == 0 {
			return m.Req, nil
		}
	}
}

// page is so many of the files that are asked for, if they have room in a message,
// and moves on behind them; it is empty only if no more follow.
func (s *session) page(m *list, most int) entries {
	for {
		all, more := s.server.cfg.Folder.Entries(m.Prefix, m.After, most)
		page, size := entries{Req: m.Req, More: more}, 0
		if len(all) > 0 {
			m.After = all[len(all)-1].Name
		}
		for _, e := range s.server.cfg.Folder.Current(all) {
			if size += entrySize(e); size > maxPage {
				page.More, m.After = true, page.Entries[len(page.Entries)-1].Name
				break
			}
			page.Entries = append(page.Entries, e)
		}
		if len(page.Entries) > 0 || !page.More { // else all of them have gone
			return page
		}
	}
}

// Describe asks for one file by name or, with an empty name, by id. While the
// server hashes it, progress (may be nil) is told of bytes done and in all.
// The id of the answer is never zero. It fails with fault.NotFound.
func (c *Client) Describe(ctx context.Context, name string, id content.ID, progress func(done, total int64)) (entry store.Entry, err error) {
	err = c.exchange(ctx, describe{Req: c.next(), ID: id, Name: name}, func(kind frame.Type, b []byte) (bool, error) {
		switch kind {
		case typeWorking:
			return false, report(b, progress)
		case typeFile:
			m, err := decodeFile(b)
			entry = m.Entry
			return true, err
		default:
			return false, unexpected(kind, typeDescribe)
		}
	})
	if err == nil && (name != "" && entry.Name != name || name == "" && entry.ID != id) {
		err = fault.Wrapf(fault.Protocol, "the server described another file: %s %s", entry.ID, entry.Name)
	}
	return entry, err
}

func report(b []byte, progress func(done, total int64)) error {
	m, err := decodeWorking(b)
	if err == nil && progress != nil {
		progress(m.Done, m.Total)
	}
	return err
}

// describe answers DESCRIBE, with WORKING while the file is hashed.
func (s *session) describe(ctx context.Context, m describe) error {
	if m.Name == "" {
		entry, _, err := s.server.cfg.Folder.ByID(m.ID)
		if err != nil {
			return err
		}
		return s.link.send(file{Req: m.Req, Entry: entry})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entry, _, err := s.server.cfg.Folder.Describe(ctx, m.Name, tellProgress(s.link, m.Req, cancel))
	if err != nil {
		return err
	}
	return s.link.send(file{Req: m.Req, Entry: entry})
}

// ChunkList asks for the chunk list of a file that was described, and checks
// that it folds to the file's id. It fails with fault.Corrupt when not.
func (c *Client) ChunkList(ctx context.Context, entry store.Entry) (content.ChunkList, error) {
	stop := context.AfterFunc(ctx, c.link.interrupt)
	defer stop()
	list, err := c.asker().chunkList(entry)
	return list, c.explain(ctx, err)
}

// chunkList asks the other side for a whole chunk list, a part at a time.
func (a *asker) chunkList(entry store.Entry) (content.ChunkList, error) {
	if err := content.CheckSize(entry.Size); err != nil {
		return content.ChunkList{}, err
	}
	total := content.ChunkCount(entry.Size)
	var cvs []byte
	for first := 0; first < total; first = len(cvs) / content.CVSize {
		m := a.proof(entry.ID, first, min(total-first, maxValues))
		if err := a.link.send(m); err != nil {
			return content.ChunkList{}, err
		}
		part, err := a.values(m)
		if err != nil {
			return content.ChunkList{}, err
		}
		cvs = append(cvs, part...) // grows with what arrives, not with what was claimed
	}
	return foldsTo(entry, cvs)
}

// foldsTo is the chunk list of entry, if that is what came.
func foldsTo(entry store.Entry, cvs []byte) (content.ChunkList, error) {
	list, err := content.NewChunkList(entry.Size, cvs)
	if err != nil {
		return content.ChunkList{}, err
	}
	if list.ID() != entry.ID {
		return content.ChunkList{}, fault.Wrapf(fault.Corrupt, "the chunk list of %s belongs to another file (%s)", entry.ID.Short(), list.ID().Short())
	}
	return list, nil
}

// proof is the next request, for a part of a chunk list.
func (a *asker) proof(id content.ID, first, count int) proof {
	return proof{Req: a.next(), ID: id, First: uint32(first), Count: uint32(count)}
}

// values receives the answer to m.
func (a *asker) values(m proof) ([]byte, error) {
	h, err := a.link.next(a.link.stall)
	if err != nil {
		return nil, err
	}
	b, err := a.link.body(h)
	if err != nil {
		return nil, err
	}
	if err := refusal(h.kind, b); err != nil {
		return nil, err
	}
	if h.kind != typeValues {
		return nil, unexpected(h.kind, typeProof)
	}
	v, err := decodeValues(b)
	if err != nil {
		return nil, err
	}
	if v.Req != m.Req || v.First != m.First || len(v.CVs) != int(m.Count)*content.CVSize {
		return nil, fault.Wrapf(fault.Protocol, "VALUES %d+%d came where %d+%d were due", v.First, len(v.CVs)/content.CVSize, m.First, m.Count)
	}
	return v.CVs, nil
}

// prove answers PROOF.
func (s *session) prove(m proof) error {
	_, chunks, err := s.server.cfg.Folder.ByID(m.ID)
	if err != nil {
		return err
	}
	return giveProof(s.link, m, chunks)
}

// Watch tells of files under prefix that appear, change or go, as the server
// says so, until ctx ends or the server does. It calls begun when the server has
// said that it watches: nothing that happens from then on is missed unsaid. Every
// call of each with the kind store.Lost means that some were: list again.
func (c *Client) Watch(ctx context.Context, prefix string, begun func(), each func(store.Event)) error {
	req := c.next()
	return c.converse(ctx, watch{Req: req, Prefix: prefix}, 0, func(kind frame.Type, b []byte) (bool, error) {
		switch kind {
		case typeOK:
			begun()
			return false, nil
		case typeEvent:
			m, err := decodeEvent(b)
			if err == nil {
				each(store.Event{Kind: m.Kind, Entry: m.Entry})
			}
			return false, err
		default:
			return false, unexpected(kind, typeWatch)
		}
	})
}

// watch answers WATCH and then speaks without being asked, until the
// connection ends.
func (s *session) watch(ctx context.Context, m watch) error {
	if len(s.stops) >= s.server.cfg.Bounds.Watches {
		return fault.Wrapf(fault.Busy, "this connection watches %d folders already", len(s.stops))
	}
	if err := s.server.looked(ctx); err != nil {
		return err
	}
	events, stop := s.server.cfg.Folder.Watch(m.Prefix)
	s.stops = append(s.stops, stop)
	if err := s.link.send(ok{Req: m.Req}); err != nil {
		return err
	}
	s.watches.Go(func() {
		for e := range events {
			if s.link.send(event{Req: m.Req, Kind: e.Kind, Entry: e.Entry}) != nil {
				s.link.interrupt() // the reader notices, and ends the session
				return
			}
		}
	})
	return nil
}
