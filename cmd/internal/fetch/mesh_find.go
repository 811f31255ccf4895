package fetch

import (
	"context"
	"strings"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/retry"
	"starmesh/peer"
)

// find looks among the nodes in reach for what is Sought by name or id.
func (m *Mesh) find(ctx context.Context, s Sought) (found peer.Listed, err error) {
	err = m.patiently(ctx, readable.Text(s.text), func(ctx context.Context) error {
		for {
			all := m.ask(ctx, s)
			if len(all) > 0 {
				found = all[0]
				return oneOf(all, s)
			}
			if retry.Wait(ctx, 200*time.Millisecond) != nil {
				return fault.Wrapf(fault.NotFound, "no node in reach shares %s", readable.Text(s.text))
			}
		}
	})
	return found, err
}

// ask returns what the nodes in reach have that s stands for. It asks them what
// they share, and at the same time, if it is an id, whether they have a file with
// it in a folder, of which only the folder is listed.
func (m *Mesh) ask(ctx context.Context, s Sought) []peer.Listed {
	if m.node.Linked(ctx) != nil {
		return nil
	}
	var asking sync.WaitGroup
	var known []peer.Listed
	asking.Go(func() { known = m.unlisted(ctx, s.id) })
	all := matching(m.node.List(ctx), s)
	asking.Wait()
	if len(all) == 0 && len(known) > 0 {
		all = matching(m.node.List(ctx), s) // of nodes that were met meanwhile
	}
	if len(all) == 0 {
		return known
	}
	return all
}

// unlisted returns the file with that id, if anybody has it.
func (m *Mesh) unlisted(ctx context.Context, id content.ID) []peer.Listed {
	if id.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	list, name, err := m.node.ChunkList(ctx, id)
	if err != nil {
		return nil
	}
	m.found = list
	return []peer.Listed{{Shared: peer.Shared{ID: id, Name: name, Size: list.Size()}}}
}

// matching returns what s stands for; folders in which it is a path, if nothing
// has that very name.
func matching(all []peer.Listed, s Sought) []peer.Listed {
	var found, above []peer.Listed
	for _, l := range all {
		if l.ID == s.id || s.id.IsZero() && l.Name == s.text {
			found = append(found, l)
		} else if s.id.IsZero() && l.Folder && strings.HasPrefix(s.text, l.Name+"/") {
			above = append(above, l)
		}
	}
	if len(found) == 0 {
		return above
	}
	return found
}

// oneOf refuses a name that stands for several files.
func oneOf(all []peer.Listed, s Sought) error {
	if len(all) == 1 {
		return nil
	}
	return fault.Wrapf(fault.Invalid, "%d different files are called %s, such as %s and %s: name one by its id",
		len(all), readable.Text(s.text), all[0].ID, all[1].ID)
}
