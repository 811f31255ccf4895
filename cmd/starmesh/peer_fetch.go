package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"starmesh/cmd/internal/cli"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer"
)

// meshGetter fetches files from the mesh.
type meshGetter struct {
	*peerGetFlags
	placer
	mesh *peer.Node
	held []store.File // shared until the end
}

func (g *meshGetter) close() {
	for _, f := range g.held {
		id := f.List().ID()
		g.mesh.Withdraw(id)
		f.Close()
	}
}

// fetch brings one file to its place.
func (g *meshGetter) fetch(ctx context.Context, w wish) error {
	name := g.to.name(w.as)
	if there, err := g.alreadyThere(ctx, w, name); there || err != nil {
		return err
	}
	list, err := g.chunkList(ctx, w, name)
	if err != nil {
		return err
	}
	part, err := store.Create(g.to.root, name, list, store.Options{
		Force: g.force, Mode: w.entry.Mode, ModTime: w.entry.ModTime,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", g.to.path(name), err)
	}
	g.held = append(g.held, part)
	began := time.Now()
	if err := g.fill(ctx, part, w.entry, part.Resumed(), part.Finish); err != nil {
		return fmt.Errorf("%s: %w", w.entry.Name, err)
	}
	g.done(w, g.to.path(name), part.Resumed(), time.Since(began))
	return nil
}

// fill fetches what file lacks, and calls finish when it is whole.
func (g *meshGetter) fill(ctx context.Context, file store.File, entry store.Entry, kept int64, finish func() error) (err error) {
	account := g.account(file, entry, kept)
	defer func() { account.End(err) }() // End(nil) is Done: verified, in its place
	bar := g.out.Bar("get "+printableName(entry.Name), entry.Size-kept)
	bar.Kept(kept)
	bar.Start()
	defer func() { bar.Finish(err) }()
	if err := g.mesh.Fetch(ctx, entry.Name, file, g.fetchConfig(account, bar, kept)); err != nil {
		return err
	}
	return finish()
}

func (g *meshGetter) fetchConfig(account *load.Transfer, bar *cli.Bar, kept int64) transfer.Config {
	books := &books{account: account, bar: bar, kept: kept}
	return transfer.Config{RetryFor: g.wait(), OnChunk: books.chunk}
}

// leastWait is how long a file is waited for at least: others must be dialled
// before they can be asked.
const leastWait = 5 * time.Second

// wait is what Config.RetryFor means by --retry-for.
func (g *meshGetter) wait() time.Duration {
	if g.retryFor.forever {
		return 0
	}
	return max(g.retryFor.time, leastWait)
}

// chunkList gives the file's chunk list: the one kept from last time, if it is
// of the same file, or the mesh's.
func (g *meshGetter) chunkList(ctx context.Context, w wish, name string) (list content.ChunkList, err error) {
	if name != "" {
		if list, ok := store.Saved(g.to.root, name); ok && list.ID() == w.entry.ID {
			return list, nil
		}
	}
	err = g.patiently(ctx, func(ctx context.Context) error {
		list, _, err = g.mesh.ChunkList(ctx, w.entry.ID)
		return err
	})
	if err != nil {
		return list, fmt.Errorf("%s: %w", printableName(w.entry.Name), err)
	}
	return list, nil
}

// patiently repeats a question to the mesh until somebody answers it, for as
// long as --retry-for says.
func (g *meshGetter) patiently(ctx context.Context, ask func(context.Context) error) error {
	const round = 5 * time.Second
	for began := time.Now(); ; {
		timed, cancel := context.WithTimeout(ctx, round)
		err := ask(timed)
		cancel()
		waited := time.Since(began)
		if err == nil || ctx.Err() != nil || errors.Is(err, fault.Invalid) {
			return err
		}
		if patience := g.wait(); patience > 0 && waited >= patience {
			return err
		}
		g.out.Waiting("nodes that know it", err, 0)
	}
}

// find looks among the nodes in reach for what is sought by name or id.
func (g *meshGetter) find(ctx context.Context, s sought) (found peer.Listed, err error) {
	err = g.patiently(ctx, func(ctx context.Context) error {
		for {
			all := matching(g.mesh.List(ctx), s)
			if len(all) > 0 {
				found, err = all[0], oneOf(all, s)
				return err
			}
			select {
			case <-ctx.Done():
				return fault.Wrapf(fault.NotFound, "no node in reach shares %s", printableName(s.text))
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	return found, err
}

func matching(all []peer.Listed, s sought) []peer.Listed {
	var found []peer.Listed
	for _, l := range all {
		if l.ID == s.id || s.id.IsZero() && l.Name == s.text {
			found = append(found, l)
		}
	}
	return found
}

// oneOf refuses a name that stands for several files.
func oneOf(all []peer.Listed, s sought) error {
	if len(all) == 1 {
		return nil
	}
	return fault.Wrapf(fault.Invalid, "%d different files are called %s, such as %s and %s: name one by its id",
		len(all), printableName(s.text), all[0].ID, all[1].ID)
}

// collection fetches a folder.
func (g *meshGetter) collection(ctx context.Context, name string, id content.ID) error {
	return errors.New("folders are still to come")
}
