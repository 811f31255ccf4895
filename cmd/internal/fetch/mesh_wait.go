package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"starmesh/cmd/internal/cli"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/peer"
)

const (
	// leastWait is how long anything is waited for: others must be dialled
	// before they can be asked.
	leastWait = 2 * time.Second
	// firstWait is how long nodes are looked for that know what is sought,
	// when --retry-for does not say.
	firstWait = 10 * time.Second
)

// wait is what --retry-for means to the mesh; negative is for ever.
func (g *meshGetter) wait() time.Duration {
	if g.retryFor.forever {
		return -1
	}
	return max(g.retryFor.time, leastWait)
}

// begin is how long nodes are looked for that know what is sought.
func (g *meshGetter) begin() time.Duration {
	if !g.waits {
		return firstWait
	}
	return g.wait()
}

// chunkList gives the file's chunk list: the one kept from last time, if it is
// of the same file, or the mesh's.
func (g *meshGetter) chunkList(ctx context.Context, w wish, name string) (list content.ChunkList, err error) {
	if w.entry.Size == 0 && w.entry.ID == emptyList().ID() {
		return emptyList(), nil
	}
	if name != "" {
		if list, ok := store.Saved(g.to.root, name); ok && list.ID() == w.entry.ID {
			return list, nil
		}
	}
	err = g.patiently(ctx, printableName(w.entry.Name), func(ctx context.Context) error {
		list, _, err = g.mesh.ChunkList(ctx, w.entry.ID)
		return err
	})
	if err != nil {
		return list, fmt.Errorf("%s: %w", printableName(w.entry.Name), err)
	}
	return list, nil
}

// emptyList is the chunk list of every empty file.
func emptyList() content.ChunkList {
	list, err := content.NewChunkList(0, nil)
	if err != nil {
		panic(err) // no size is easier
	}
	return list
}

// patiently repeats a question to the mesh until somebody answers it, for as
// long as --retry-for says.
func (g *meshGetter) patiently(ctx context.Context, what string, ask func(context.Context) error) error {
	const longest = 5 * time.Second
	patience, round := g.begin(), longest
	if patience >= 0 {
		round = min(longest, patience)
	}
	for began, told := time.Now(), false; ; told = true {
		timed, cancel := context.WithTimeout(ctx, round)
		err := ask(timed)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || errors.Is(err, fault.Invalid) {
			return err
		}
		if patience >= 0 && time.Since(began) >= patience {
			return err
		}
		if !told {
			g.out.Note("%s: %s; waiting for a node that knows it", what, cli.OneLine(err))
			g.out.Event("waiting", map[string]string{"name": what, "why": cli.OneLine(err)})
		}
	}
}

// tellOfWaiting says, while nothing arrives, what is missing.
func (g *meshGetter) tellOfWaiting(ctx context.Context, entry store.Entry, a *arrivals) {
	const round, worthTelling = 250 * time.Millisecond, 3 * time.Second
	var last peer.Reach
	before, since, told := int64(0), time.Now(), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(round):
		}
		now := g.mesh.Reach(entry.ID)
		switch stored := a.stored.Load(); {
		case stored != before:
			if told {
				g.out.Note("%s: goes on", printableName(entry.Name))
			}
			before, since, told = stored, time.Now(), false
		case now.Missing > 0 && time.Since(since) >= worthTelling && (!told || now != last):
			g.sayMissing(entry, now)
			last, told = now, true
		}
	}
}

// missingEvent tells programs why nothing arrives.
type missingEvent struct {
	Name    string `json:"name"`
	Nodes   int    `json:"nodes"`
	Chunks  int    `json:"chunks"`
	Missing int    `json:"missing_chunks"`
	Nowhere int    `json:"nowhere_chunks"`
}

func (g *meshGetter) sayMissing(entry store.Entry, r peer.Reach) {
	name := printableName(entry.Name)
	g.out.Event("missing", missingEvent{entry.Name, r.Nodes, r.Chunks, r.Missing, r.Nowhere})
	switch {
	case r.Nodes == 0:
		g.out.Note("%s: no other node that has some of it is in reach; waiting for one", name)
	case r.Nowhere > 0:
		g.out.Note("%s: %d of its %d chunks (%.1f %%) exist at none of the %d nodes in reach; waiting for someone who brings them",
			name, r.Nowhere, r.Chunks, 100*float64(r.Nowhere)/float64(r.Chunks), r.Nodes)
	default:
		g.out.Note("%s: nothing arrives just now; the %d nodes in reach have what is missing", name, r.Nodes)
	}
}
