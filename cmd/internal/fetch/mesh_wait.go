package fetch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/store"
	"starmesh/peer"
)

const (
	// minWait is how long anything is waited for: others must be dialled
	// before they can be asked.
	minWait = 2 * time.Second
	// firstWait is how long nodes are looked for that know what is sought,
	// when the user does not say.
	firstWait = 10 * time.Second
)

// goOn is how long to wait while nothing arrives; negative is for ever.
func (m *Mesh) goOn() time.Duration {
	if m.Retry.For < 0 {
		return m.Retry.For
	}
	return max(m.Retry.For, minWait)
}

// begin is how long nodes are looked for that know what is sought.
func (m *Mesh) begin() time.Duration {
	if !m.Retry.ToBegin {
		return firstWait
	}
	return m.goOn()
}

func (m *Mesh) chunkList(ctx context.Context, entry store.Entry, _ bool) (list content.ChunkList, err error) {
	for _, list := range []content.ChunkList{m.servers.list, m.found} {
		if list.ID() == entry.ID && !entry.ID.IsZero() {
			return list, nil
		}
	}
	err = m.patiently(ctx, readable.Text(entry.Name), func(ctx context.Context) error {
		list, _, err = m.node.ChunkList(ctx, entry.ID)
		return err
	})
	if err != nil {
		return list, fmt.Errorf("%s: %w", readable.Text(entry.Name), err)
	}
	return list, nil
}

// patiently repeats a question to the mesh until somebody answers it, for as
// long as the user wants.
func (m *Mesh) patiently(ctx context.Context, what string, ask func(context.Context) error) error {
	const longest = 5 * time.Second
	patience, round := m.begin(), longest
	if patience >= 0 {
		round = min(longest, patience)
	}
	waited := time.Duration(0)
	for told := false; ; told = true {
		began := time.Now()
		timed, cancel := context.WithTimeout(ctx, round)
		err := ask(timed)
		cancel()
		waited += min(time.Since(began), round) // it takes longer only while this process is stopped
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || errors.Is(err, fault.Invalid) {
			return err
		}
		if patience >= 0 && waited >= patience {
			return err
		}
		if !told {
			m.Out.Note("%s: %s; waiting for a node that knows it", what, m.Out.Words(err))
			m.Out.Event("waiting", map[string]string{"name": what, "why": m.Out.Words(err)})
		}
	}
}

// tellOfWaiting says, while nothing arrives, what is missing.
func (m *Mesh) tellOfWaiting(ctx context.Context, entry store.Entry, b *books) {
	const round, worthTelling = 250 * time.Millisecond, 3 * time.Second
	var last peer.Reach
	before, since, told := int64(0), time.Now(), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(round):
		}
		now := m.node.Reach(entry.ID)
		switch stored := b.stored.Load(); {
		case stored != before:
			if told {
				m.Out.Note("%s: goes on", readable.Text(entry.Name))
			}
			before, since, told = stored, time.Now(), false
		case now.Missing > 0 && time.Since(since) >= worthTelling && (!told || now != last):
			m.sayMissing(entry, now)
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

func (m *Mesh) sayMissing(entry store.Entry, r peer.Reach) {
	name := readable.Text(entry.Name)
	m.Out.Event("missing", missingEvent{entry.Name, r.Nodes, r.Chunks, r.Missing, r.Nowhere})
	switch {
	case r.Nodes == 0:
		m.Out.Note("%s: no other node that has some of it is in reach; waiting for one", name)
	case r.Nowhere > 0:
		m.Out.Note("%s: %.1f %% of its chunks (%d of %d) exist nowhere in reach (%s); waiting for someone who brings them",
			name, 100*float64(r.Nowhere)/float64(r.Chunks), r.Nowhere, r.Chunks, units.Counted(r.Nodes, "node"))
	default:
		m.Out.Note("%s: nothing arrives just now; what is missing is in reach (%s)", name, units.Counted(r.Nodes, "node"))
	}
}
