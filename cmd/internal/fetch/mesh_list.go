package fetch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/retry"
	"starmesh/peer"
)

// Listed is a file or folder that nodes of the mesh share, for programs.
type Listed struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Size    int64    `json:"size"` // of a folder: of all its files
	Folder  bool     `json:"folder"`
	Nodes   int      `json:"nodes"`       // that have all of it
	Partly  int      `json:"partly"`      // that have some of it
	Held    int      `json:"held_chunks"` // of a folder: of its list of files
	Chunks  int      `json:"chunks"`
	Servers []string `json:"servers"` // that nodes draw on for it now: scheme://host:port
}

func newListed(l peer.Listed, servers []string) Listed {
	e := Listed{l.ID.String(), l.Name, l.Size, l.Folder, l.Nodes, l.Partly, l.Held, content.ChunkCount(l.Size), append([]string{}, servers...)}
	if l.Folder {
		e.Size = l.Total
	}
	return e
}

// maxServers is how many servers people are told of, one file.
const maxServers = 8

// String is l for people.
func (l Listed) String() string {
	copies := units.Counted(l.Nodes, "node")
	if l.Partly > 0 {
		copies += fmt.Sprintf(" +%d in part", l.Partly)
	}
	name := readable.Text(l.Name)
	if l.Folder {
		name += "/"
	}
	line := fmt.Sprintf("%s  %12d  %-18s  %s", l.ID, l.Size, copies, name)
	if len(l.Servers) > 0 {
		line += "\n    drawn from " + readable.List(l.Servers, maxServers)
	}
	return line
}

// ListAll waits for nodes to be found and tells what they share, and what is in the
// folders of tickets. It returns how many things so many nodes share.
func (n *Node) ListAll(ctx context.Context, wait time.Duration, tickets []Sought, place Place, tell func(Listed)) (shared, nodes int, err error) {
	if err := retry.Wait(ctx, wait); err != nil {
		return 0, 0, err
	}
	all := n.List(ctx)
	servers := n.Servers(ctx, all)
	for _, l := range all {
		tell(newListed(l, servers[l.ID]))
	}
	if nodes = len(n.Links()); nodes == 0 {
		err := fault.Advise(fault.Wrapf(fault.NoSource, "no node of the mesh is in reach"), fault.HintFind)
		if why := n.Unreached(); why != "" {
			err = fmt.Errorf("%w\n%s", err, why)
		}
		return 0, 0, err
	}
	mesh := NewMesh(n, place, Patience{For: wait})
	defer mesh.Close(ctx)
	for _, ticket := range tickets {
		entries, err := mesh.Files(ctx, ticket)
		if err != nil {
			return 0, 0, err
		}
		tellFolder(ticket, entries, all, tell)
	}
	return len(all), nodes, nil
}

// tellFolder tells of the entries of a ticket's folder: all who share the folder
// have them.
func tellFolder(ticket Sought, entries []content.Entry, all []peer.Listed, tell func(Listed)) {
	folder := slices.IndexFunc(all, func(l peer.Listed) bool { return ticket.Is(l.ID) })
	for _, e := range entries {
		l := peer.Listed{Shared: peer.Shared{ID: e.ID, Name: e.Path, Size: e.Size, Held: content.ChunkCount(e.Size)}}
		if folder >= 0 {
			l.Nodes, l.Partly = all[folder].Nodes, all[folder].Partly
		}
		tell(newListed(l, nil))
	}
}
