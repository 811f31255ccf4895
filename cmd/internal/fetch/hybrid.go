package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"starmesh/central"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/common/retry"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer"
)

// Hybrid fetches one file from all that have it, servers and nodes of the mesh
// alike: what a server brings is passed on in the mesh.
type Hybrid struct {
	*Mesh
	Client    central.ClientConfig
	Sidecar   content.Sidecar // of the file, if the user has it
	Introduce bool            // servers may tell other receivers of this one

	failed []error // why servers could not be asked what they have
}

// Sources are where one file is to be had.
type Sources struct {
	servers []string
	tickets []peer.Ticket
	wanted  content.ID // zero: what the servers have
	said    string     // who says so
}

// ParseSources reads addresses of servers, tickets and ids. It fails with
// fault.Invalid, also for tickets and ids that are not of one file.
func ParseSources(args []string) (s Sources, err error) {
	for _, arg := range args {
		if strings.Contains(arg, "://") {
			if _, err := newServer(arg, central.ClientConfig{}, nil); err != nil {
				return s, err
			}
			s.servers = append(s.servers, arg)
			continue
		}
		all, err := ParseSought(arg)
		if err != nil {
			return s, err
		}
		for _, one := range all {
			if err := s.seek(one); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// seek adds a ticket or an id.
func (s *Sources) seek(one Sought) error {
	switch {
	case one.id.IsZero():
		return fault.Wrapf(fault.Invalid, "%q is no source: a source is an address such as https://host/FILE or star://host/FILE, a ticket, or an id", load.WithoutPassword(one.text))
	case one.ticket.Collection:
		return fault.Wrapf(fault.Invalid, "the ticket of %s is for a folder; folders come from one kind of source alone, as with 'starmesh peer get'", readable.Text(one.text))
	case !one.ticket.ID.IsZero():
		s.tickets = append(s.tickets, one.ticket)
	}
	return s.agree(one.id, readable.Text(one.text))
}

// agree notes that who names that id. It fails when another one was named before.
func (s *Sources) agree(id content.ID, who string) error {
	if s.wanted.IsZero() {
		s.wanted, s.said = id, who
	}
	if s.wanted == id {
		return nil
	}
	return fault.Wrapf(fault.Invalid, "the sources do not name the same file: %s is %s, but %s is %s; nothing was fetched", s.said, s.wanted, who, id)
}

// Tickets are those among the sources: they say where to begin.
func (s Sources) Tickets() (all []string) {
	for _, t := range s.tickets {
		all = append(all, t.String())
	}
	return all
}

// servers are some that have one file, whose chunk list they know.
type servers struct {
	all   []server
	list  content.ChunkList
	about content.Attributes // of the file, as far as one of them tells
}

func (s servers) sources(list content.ChunkList) (all []transfer.Source) {
	for _, one := range s.all {
		all = append(all, knownServer{one.source(list), one.String()})
	}
	return all
}

// knownServer is a source that other nodes may be told of.
type knownServer struct {
	transfer.Source
	address string
}

// Origin is where it is, without the file's name and what may be secret.
func (s knownServer) Origin() string {
	u, err := url.Parse(s.address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (s servers) close() {
	for _, one := range s.all {
		one.close()
	}
}

// Get fetches the file that the sources name. It fails with fault.Invalid when
// they do not name the same one: then nothing is mixed.
func (h *Hybrid) Get(ctx context.Context, from Sources) error {
	defer h.servers.close()
	name, err := h.look(ctx, &from)
	if err != nil {
		return h.stopped(ctx, err)
	}
	for _, t := range from.tickets {
		h.node.Meet(t.Peers...)
		name = path.Base(t.Name)
	}
	if name == "" || content.CheckPath(name) != nil {
		name = from.wanted.String()
	}
	if h.Introduce {
		h.introduce(ctx, from.wanted)
	}
	err = h.one(ctx, store.Entry{
		Name: name, ID: from.wanted, Size: h.servers.list.Size(),
		Mode: fs.FileMode(h.servers.about.Mode), ModTime: h.servers.about.ModTime,
	})
	if err == nil && len(h.node.Links()) == 0 {
		h.Out.Note("no other receiver is in reach: this was a download from a server, as any")
	}
	if errors.Is(err, fault.NotFound) || errors.Is(err, fault.NoSource) {
		err = errors.Join(append([]error{err}, h.failed...)...)
	}
	return h.stopped(ctx, err)
}

// look asks all servers what they have, and returns what the first one calls it. A
// server that cannot be asked now is no reason to fail, or to wait, while others,
// or the mesh, know the file.
func (h *Hybrid) look(ctx context.Context, from *Sources) (name string, err error) {
	if list := h.Sidecar.List; list.ID() != (content.ID{}) {
		h.servers.list = list
		if err := from.agree(list.ID(), "the sidecar"); err != nil {
			return "", err
		}
		h.meetTicket(h.Sidecar.Ticket)
	}
	for _, address := range from.servers {
		s, err := newServer(address, h.Client, h.Mesh)
		if err != nil {
			return "", err
		}
		h.servers.all = append(h.servers.all, s)
		name = cmp.Or(name, s.name())
	}
	patience := retry.New(pauses, h.Retry.For)
	for {
		h.failed = nil
		if err := h.ask(ctx, from); err != nil {
			return "", err
		}
		if !from.wanted.IsZero() {
			break
		}
		failed := errors.Join(h.failed...)
		wait, worth := patience.Next(failed)
		if !worth || h.allFinal() || !errors.Is(failed, fault.Busy) && !h.Retry.ToBegin {
			return "", failed
		}
		h.Out.Waiting(h.servers.all[0].String(), failed, wait)
		if err := retry.Wait(ctx, wait); err != nil {
			return "", err
		}
	}
	for _, err := range h.failed {
		h.Out.Warn("%s; it is asked for chunks all the same", h.Out.Words(err))
	}
	return name, nil
}

// ask asks each server once what it has.
func (h *Hybrid) ask(ctx context.Context, from *Sources) error {
	for _, s := range h.servers.all {
		got, err := s.look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (from.wanted.IsZero() || !s.listless(err)):
			h.failed = append(h.failed, fmt.Errorf("%s: %w", s, err))
			continue
		case err != nil:
			continue
		}
		if err := from.agree(got.list.ID(), s.String()); err != nil {
			return err
		}
		h.servers.list = got.list
		if h.servers.about.Mode == 0 {
			h.servers.about = got.about
		}
		h.meetTicket(got.ticket)
	}
	return nil
}

// allFinal reports whether it is of no use to ask any server again.
func (h *Hybrid) allFinal() bool {
	return !slices.ContainsFunc(h.failed, func(err error) bool { return !fault.Final(err) })
}

// meetTicket has the node look for those that a sidecar's ticket names.
func (h *Hybrid) meetTicket(text string) {
	if text == "" {
		return
	}
	t, err := peer.ParseTicket(text)
	if err != nil {
		h.Out.Warn("the ticket in the sidecar is of no use: %s", h.Out.Words(err))
		return
	}
	h.node.Meet(t.Peers...)
}

// found is what a server tells of a file.
type found struct {
	list   content.ChunkList
	ticket string             // ""; or of a mesh in which the file is
	about  content.Attributes // as far as it tells
}

// server is one that has the file that is sought.
type server interface {
	String() string
	name() string // of the file there
	look(ctx context.Context) (found, error)
	source(list content.ChunkList) transfer.Source
	// listless reports whether look failed for want of a list alone: the file may be
	// there all the same.
	listless(err error) bool
	close()
}

// newServer returns the server at an address, which has the file named there; m
// may be nil to check the address.
func newServer(address string, cfg central.ClientConfig, m *Mesh) (server, error) {
	if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
		web, err := central.NewWeb(address, cfg)
		if err != nil {
			return nil, err
		}
		web.OnWhole = func() { m.Out.Note("%s gives no parts of files: the whole comes from there", web) }
		return &webServer{web, m}, nil
	}
	addr, err := central.ParseAddress(address)
	switch {
	case err != nil:
	case addr.Name == "":
		err = fault.Wrapf(fault.Invalid, "which file of %s? An address of a source ends in the file's name; all that is there comes with 'starmesh central get %s /'", addr, addr)
	case strings.HasSuffix(addr.Name, "/"):
		err = isFolder(addr)
	}
	if err != nil {
		return nil, err
	}
	s := &starServer{addr: addr}
	if m != nil {
		s.session = newSession(addr, cfg, m.Out)
	}
	return s, nil
}

// isFolder refuses a server's folder as a source.
func isFolder(addr central.Address) error {
	return fault.Wrapf(fault.Invalid, "%s is a folder; 'starmesh get' takes one file, and folders come from one kind of source alone: 'starmesh central get %s'", addr, addr)
}

// starServer is a server of ours, over the raw protocol.
type starServer struct {
	addr    central.Address
	session *session[*central.Client]
}

func newSession(addr central.Address, cfg central.ClientConfig, out Output) *session[*central.Client] {
	return &session[*central.Client]{addr: addr, client: cfg, dial: central.Connect, out: out}
}

func (s *starServer) String() string    { return s.addr.String() }
func (s *starServer) name() string      { return path.Base(s.addr.Name) }
func (s *starServer) close()            { s.session.close() }
func (*starServer) listless(error) bool { return false }

func (s *starServer) look(ctx context.Context) (got found, err error) {
	err = s.session.do(ctx, func(c *central.Client) error {
		entry, err := c.Describe(ctx, s.addr.Name, content.ID{}, func(done, _ int64) { s.session.progress(done) })
		got.about = entry.Attributes()
		if err == nil && content.ChunkCount(entry.Size) > 0 {
			got.list, err = c.ChunkList(ctx, entry)
		} else if err == nil {
			got.list, err = content.NewChunkList(0, nil)
		}
		if errors.Is(err, fault.NotFound) {
			for _, unlisted := range c.List(ctx, s.addr.Name) {
				if unlisted == nil {
					err = isFolder(s.addr)
				}
				break
			}
		}
		return err
	})
	return got, err
}

func (s *starServer) source(list content.ChunkList) transfer.Source {
	if s.session.connected && s.session.conn.Alive() {
		return s.session.conn.Source(list)
	}
	return central.NewSource(s.addr, s.session.client, list)
}

// webServer is any web server.
type webServer struct {
	*central.Web
	mesh *Mesh
}

func (w *webServer) name() string                                  { return w.Name() }
func (w *webServer) close()                                        { _ = w.Close() }
func (*webServer) listless(err error) bool                         { return errors.Is(err, fault.NotFound) }
func (w *webServer) source(list content.ChunkList) transfer.Source { return w.Source(list) }

func (w *webServer) look(ctx context.Context) (got found, err error) {
	got.list, got.ticket, err = w.ChunkList(ctx)
	return got, err
}
