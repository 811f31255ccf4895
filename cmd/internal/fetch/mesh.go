package fetch

import (
	"context"
	"errors"
	"path"
	"strings"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer"
)

// Node is a node of the mesh with which files are fetched and shared.
type Node struct {
	*peer.Node
	Misbehaves Misbehaviour
}

// Publish is peer.Node's, of what others get to see.
func (n *Node) Publish(name string, file store.File) (peer.Ticket, error) {
	return n.Node.Publish(name, n.shown(file))
}

// Fetch is peer.Node's, of what others get to see.
func (n *Node) Fetch(ctx context.Context, name string, file store.File, cfg transfer.Config, servers ...transfer.Source) error {
	return n.Node.Fetch(ctx, name, n.shown(file), cfg, servers...)
}

// shown is what others get to see of a file.
func (n *Node) shown(file store.File) store.File {
	if n.Misbehaves == Lie {
		return lyingFile{file}
	}
	return file
}

// Mesh fetches files from the mesh, and shares them until it is closed.
type Mesh struct {
	Place
	Retry Patience

	node    *Node
	servers servers                   // that have the file, too
	found   content.ChunkList         // of what was looked for by its id
	shared  map[content.ID]store.File // single files that are whole
	cleanUp []func()                  // done at the end, while the node still runs
}

// NewMesh returns a Mesh of which node is a part.
func NewMesh(node *Node, place Place, retry Patience) *Mesh {
	return &Mesh{Place: place, Retry: retry, node: node, shared: map[content.ID]store.File{}}
}

// Sought is something to fetch from the mesh: a ticket, an id or a name, or what
// is below that in a folder.
type Sought struct {
	text   string
	ticket peer.Ticket // its id is zero: there is none
	id     content.ID  // zero: the name counts
	below  string      // a file or folder in the folder that ticket or id stands for; "": all
}

// ID is the id that is sought; zero if only a name is.
func (s *Sought) ID() content.ID {
	return s.id
}

// ParseSought reads an argument: a ticket, an id or a name, each of a folder with
// a path in it if only that is wanted. It may hold several tickets, one a line,
// as a ticket file does.
func ParseSought(arg string) (all []Sought, err error) {
	if strings.TrimSpace(arg) == "" {
		return nil, fault.Wrapf(fault.Invalid, "an empty argument: a ticket, an id or a name was to be there")
	}
	switch kindOf(arg) {
	case aServer:
		return nil, fault.Wrapf(fault.Invalid, "%.200q is the address of a server: use 'starmesh central get', or 'central ls'", load.WithoutPassword(arg))
	case aNode:
		return nil, isNode(arg)
	case aName, anID:
		name := strings.TrimSuffix(arg, "/") // a folder's, as it is listed
		head, below, _ := strings.Cut(name, "/")
		id, err := content.ParseID(strings.ToLower(head))
		if err != nil {
			return []Sought{{text: name}}, nil
		}
		return []Sought{{text: arg, id: id, below: below}}, nil
	}
	for _, line := range strings.Split(strings.TrimSpace(arg), "\nmesh:") {
		text, below, _ := strings.Cut(strings.TrimPrefix(line, "mesh:"), "/")
		ticket, err := peer.ParseTicket("mesh:" + text)
		if err != nil {
			return nil, err
		}
		below = strings.Trim(below, "/ \r\n")
		if below != "" && !ticket.Collection {
			return nil, fault.Wrapf(fault.Invalid, "/%s: the ticket is of the file %s, not of a folder", readable.Text(below), readable.Text(ticket.Name))
		}
		all = append(all, Sought{text: ticket.Name, ticket: ticket, id: ticket.ID, below: below})
	}
	return all, nil
}

// Tickets returns the ticket that is sought, if it is one: it says where to begin.
func (s Sought) Tickets() []string {
	if s.ticket.ID.IsZero() {
		return nil
	}
	return []string{s.ticket.String()}
}

// Is returns whether id is that of what is sought.
func (s Sought) Is(id content.ID) bool { return s.id == id }

// Get fetches all that is sought, one after the other.
func (m *Mesh) Get(ctx context.Context, all []Sought) error {
	for _, s := range all {
		if err := m.seek(ctx, s); err != nil {
			return m.stopped(ctx, err)
		}
	}
	return nil
}

// Close ends the sharing in good order; the node must still run. ctx ends when
// the user wants it to stop.
func (m *Mesh) Close(ctx context.Context) {
	settle(ctx, m.node, m.Out)
	for _, do := range m.cleanUp {
		do()
	}
}

// seek fetches one thing that is sought.
func (m *Mesh) seek(ctx context.Context, s Sought) error {
	if !s.ticket.ID.IsZero() {
		m.node.Meet(s.ticket.Peers...)
		if s.ticket.Collection {
			return m.folder(ctx, s.ticket.Name, s.id, s.below)
		}
		return m.one(ctx, store.Entry{Name: path.Base(s.ticket.Name), ID: s.id, Size: s.ticket.Size})
	}
	found, err := m.find(ctx, s)
	if err != nil {
		return err
	}
	if found.Folder {
		if s.id.IsZero() {
			s.below = strings.TrimPrefix(strings.TrimPrefix(s.text, found.Name), "/")
		}
		return m.folder(ctx, found.Name, found.ID, s.below)
	}
	if s.below != "" {
		return fault.Wrapf(fault.NotFound, "%s is a file, not a folder with %s in it", readable.Text(found.Name), readable.Text(s.below))
	}
	return m.one(ctx, store.Entry{Name: path.Base(found.Name), ID: found.ID, Size: found.Size})
}

// one fetches a single file.
func (m *Mesh) one(ctx context.Context, entry store.Entry) error {
	name := entry.Name
	w := wish{entry: entry, as: name}
	if err := m.To.expect([]wish{w}); err != nil {
		return err
	}
	if m.To.isStream() {
		return m.toStdout(ctx, w)
	}
	if !store.Visible(name) && m.To.name(name) == name {
		return fault.Advise(fault.Wrapf(fault.Refused, "the file would be hidden here, as %s", readable.Text(name)), fault.HintName)
	}
	here, err := m.Place.fetch(ctx, m, w, nil)
	if err != nil || !here.before || here.Shelved == nil || m.shared[entry.ID] != nil {
		return err
	}
	m.shared[entry.ID] = here.Shelved
	if _, err := m.node.Publish(name, here.Shelved); !errors.Is(err, fault.Exists) { // in a folder, perhaps
		return err
	}
	return nil
}

// toStdout writes one file to standard output, and keeps it for others who want
// it.
func (m *Mesh) toStdout(ctx context.Context, w wish) error {
	return m.Place.toStdout(ctx, m, w, func(list content.ChunkList, _ <-chan struct{}) (store.File, error) {
		file, remove, err := spool(list)
		if err == nil {
			m.cleanUp = append(m.cleanUp, func() {
				m.node.Withdraw(list.ID())
				remove()
			})
		}
		return file, err
	})
}

// carry brings what file lacks from the mesh, or from a file here that has the
// same content.
func (m *Mesh) carry(ctx context.Context, file store.File, entry store.Entry, b *books) error {
	if file.Chunks().Len() == 0 {
		return nil // nobody needs others for nothing
	}
	if twin := m.shared[entry.ID]; twin != nil {
		return copyChunks(ctx, file, twin, b.chunk)
	}
	asked := m.askAttributes(ctx, file)
	err := m.watched(ctx, entry, b, func(cfg transfer.Config) error {
		return m.node.Fetch(ctx, entry.Name, file, cfg, m.servers.sources(file.Chunks())...)
	})
	asked()
	if err != nil {
		m.node.Withdraw(entry.ID)
		return err
	}
	m.shared[entry.ID] = file
	return nil
}

// watched fetches what entry names, and says meanwhile why nothing arrives.
func (m *Mesh) watched(ctx context.Context, entry store.Entry, b *books, fetch func(transfer.Config) error) error {
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { m.tellOfWaiting(watched, entry, b) })
	err := fetch(transfer.Config{RetryFor: m.goOn(), OnChunk: b.chunk, OnRetry: m.Out.Waiting})
	if err != nil {
		settle(ctx, m.node, m.Out) // the node leaves; it has what others wait for
	}
	return err
}

// copyChunks fills to with the chunks of a file that holds them all.
func copyChunks(ctx context.Context, to, from store.File, told func(transfer.Chunk)) error {
	list := to.Chunks()
	p := make([]byte, list.ChunkSize())
	for i := range list.Len() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if to.Have().Has(i) {
			continue
		}
		chunk := p[:list.ChunkLen(i)]
		if err := from.ReadChunk(i, chunk); err != nil {
			return err
		}
		if err := to.WriteChunk(i, chunk); err != nil {
			return err
		}
		told(transfer.Chunk{Index: i, Bytes: len(chunk)})
	}
	return nil
}
