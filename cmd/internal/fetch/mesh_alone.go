package fetch

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

const (
	// maxFew is how many small files are fetched alone because the rest of their
	// pieces is there: each takes a few round trips.
	maxFew = 64
	// fewOf is by how much a piece has to be longer than what it is wanted for.
	fewOf = 4
	// atOnce is how many are under way together.
	atOnce = 8
	// maxRest is how long single files are sought when pieces cannot be had.
	maxRest = 30 * time.Second
)

// few fetches small files alone, where they are hardly anything of the pieces they
// are in: of a folder's next version not more than what is new shall travel. What
// does not come this way is left to the pieces.
func (f *incoming) few(ctx context.Context, tree *store.Tree) error {
	var all []int
	for i, entries := range tree.Lacking() {
		bytes := int64(0)
		for _, entry := range entries {
			bytes += f.c.Entries()[entry].Size
		}
		if bytes*fewOf <= int64(f.c.ChunkLen(i)) {
			all = append(all, entries...)
		}
		if len(all) > maxFew {
			return nil
		}
	}
	_ = f.alone(ctx, tree, all, func(_ int, err error) error { return err }) // nor are the others sought for long
	return ctx.Err()
}

// rest fetches alone what was in pieces that nobody can give whole, because a file
// of each has changed where it was shared, or gone. So the others come all the same,
// and those are named.
func (f *incoming) rest(ctx context.Context, tree *store.Tree) error {
	var all []int
	for _, entries := range tree.Lacking() {
		all = append(all, entries...)
	}
	limited, stop := context.WithTimeout(ctx, maxRest)
	defer stop()
	all = slices.Compact(all) // a long file is in several pieces
	return f.alone(limited, tree, all, func(entry int, err error) error {
		if errors.Is(err, fault.NoSpace) {
			return err
		}
		return tree.GiveUp(entry, fault.Wrapf(fault.NotFound, "nobody in reach has it as it was when the folder was shared"))
	})
}

// alone fetches single files of a folder, and tells failed of those that do not
// come.
func (f *incoming) alone(ctx context.Context, tree *store.Tree, entries []int, failed func(entry int, err error) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	cfg := transfer.Config{RetryFor: f.goOn()}
	for _, entry := range entries {
		group.Go(func() error {
			err := f.node.FetchAlone(ctx, tree, entry, cfg)
			switch {
			case err == nil:
				return nil
			case errors.Is(ctx.Err(), context.Canceled): // nobody wants more
				return ctx.Err()
			default:
				return failed(entry, err)
			}
		})
	}
	return group.Wait()
}
