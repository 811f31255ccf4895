package fetch

import (
	"context"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/retry"
	"starmesh/common/store"
)

// unfinished is a file whose attributes may still be set.
type unfinished interface {
	store.Attributed
	SetAttributes(content.Attributes)
}

// askAttributes asks for the mode and time of a file, if they are not known, while
// its chunks come, for as long as nobody who is in reach knows. asked ends that:
// the last chance for an answer is short.
func (m *Mesh) askAttributes(ctx context.Context, file store.File) (asked func()) {
	const lastChance = time.Second
	f, ok := file.(unfinished)
	if !ok || f.Attributes().Mode != 0 {
		return func() {}
	}
	ask := func(ctx context.Context) error {
		about, err := m.node.Attributes(ctx, file.Chunks().ID())
		if err == nil {
			f.SetAttributes(about)
		}
		return err
	}
	meanwhile, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		for failures := 1; ask(meanwhile) != nil; failures++ {
			if retry.Wait(meanwhile, pauses.Pause(failures)) != nil {
				return
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
		if f.Attributes().Mode == 0 && len(m.node.Links()) > 0 {
			last, cancel := context.WithTimeout(ctx, lastChance)
			defer cancel()
			_ = ask(last) // as if it had been made here
		}
	}
}
