package peer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
)

// oldTime is how long a node that can give a folder is waited for when there is one
// that cannot.
const oldTime = 6 * time.Second

// onlyOld waits until it is plain whether a node in reach can give a folder whole:
// nil when one can, or ctx has ended; fault.Version when those that have all of it
// say so, and do not know its contents as one thing. They skip GATHER without a word.
func (n *Node) onlyOld(ctx context.Context, c *content.Collection) error {
	asked := map[*link]bool{}
	var old peer.ID
	var since time.Time
	tick := time.NewTicker(soon)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if n.Reach(c.ID()).Nodes > 0 {
			return nil
		}
		for _, l := range n.links.all() {
			if !asked[l] && n.isTooOld(ctx, l, c) {
				old, since = l.peer, time.Now()
			}
			asked[l] = true
		}
		if old != "" && time.Since(since) >= oldTime {
			return fault.Wrapf(fault.Version, "who has the folder (%s) runs a starmesh that is too old to give it to this one: a newer one is needed there", old)
		}
	}
}

// isTooOld reports whether a node lists a folder as whole, but does not know its
// contents.
func (n *Node) isTooOld(ctx context.Context, l *link, c *content.Collection) bool {
	_, _, err := n.askList(ctx, l, c.ID())
	if !errors.Is(err, fault.NotFound) {
		return false // it knows them as no file, or is gone
	}
	has := false
	_ = n.ask(ctx, l, list{}, func(_ frame.Type, body []byte) (bool, error) {
		m, err := decodeFiles(body)
		has = has || slices.ContainsFunc(m.Files, func(f Shared) bool {
			return f.ID == c.Manifest() && f.Folder && f.Held == content.ChunkCount(f.Size)
		})
		return has || len(m.Files) < maxFiles, err
	})
	return has
}
