package transfer_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/transfer"
)

// testFile is a file whose chunks sources bring and a sink takes.
type testFile struct {
	data []byte
	list content.ChunkList
}

func newFile(t *testing.T, chunks int) testFile {
	t.Helper()
	data := make([]byte, max(chunks*content.MinChunk-100, 0)) // the last chunk is short
	r := rand.NewChaCha8([32]byte{byte(chunks)})
	r.Read(data)
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil || list.Len() != chunks {
		t.Fatalf("%d chunks, %v", list.Len(), err)
	}
	return testFile{data, list}
}

func (f testFile) chunk(i int) []byte {
	return bytes.Clone(f.data[f.list.Offset(i):][:f.list.ChunkLen(i)])
}

// sink keeps chunks in memory, and can be made to fail.
type sink struct {
	list content.ChunkList

	mu     sync.Mutex
	data   []byte
	have   content.Set
	writes int
	refuse func(i int) error // asked before chunk i is written
}

func newSink(f testFile, held ...int) *sink {
	s := &sink{list: f.list, data: make([]byte, len(f.data)), have: content.NewSet(f.list.Len())}
	for _, i := range held {
		if err := s.WriteChunk(i, f.chunk(i)); err != nil {
			panic(err)
		}
	}
	s.writes = 0
	return s
}

func (s *sink) Chunks() content.ChunkList { return s.list }

func (s *sink) Have() content.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.have.Clone()
}

func (s *sink) WriteChunk(i int, p []byte) error {
	if err := s.list.Verify(i, p); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(i); err != nil {
			return err
		}
	}
	copy(s.data[s.list.Offset(i):], p)
	s.have.Add(i)
	s.writes++
	return nil
}

func (s *sink) mustHold(t *testing.T, f testFile) {
	t.Helper()
	if !s.Have().Full() {
		t.Fatalf("%d of %d chunks are held", s.Have().Count(), f.list.Len())
	}
	if !bytes.Equal(s.data, f.data) {
		t.Fatal("the bytes are not those of the file")
	}
}

// script is a source whose Run is a function of the test; it keeps count.
type script struct {
	name string
	run  func(ctx context.Context, w transfer.Wanted, nth int) error

	runs   atomic.Int32
	inside atomic.Int32
}

func (s *script) Name() string { return s.name }
func (s *script) Run(ctx context.Context, w transfer.Wanted) error {
	s.inside.Add(1)
	defer s.inside.Add(-1)
	return s.run(ctx, w, int(s.runs.Add(1)))
}

// giver brings the chunks it has, in order, each after a pause; when others
// have claimed the rest it waits for a claim to come back.
type giver struct {
	testFile
	has   content.Set
	pause time.Duration
	// spoil changes the bytes of a chunk on their way; may be nil.
	spoil func(i int, p []byte)
	// lose ends the source when it is about to bring chunk i; may be nil.
	lose func(i int) error
}

func (g giver) run(ctx context.Context, w transfer.Wanted, _ int) error {
	for {
		changed := w.Changed()
		i, ok := g.next(w)
		if !ok {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-time.After(g.pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		if g.lose != nil {
			if err := g.lose(i); err != nil {
				return err
			}
		}
		p := g.chunk(i)
		if g.spoil != nil {
			g.spoil(i, p)
		}
		if err := w.Deliver(i, p); err != nil {
			return err
		}
	}
}

// next claims the first missing chunk that the giver has.
func (g giver) next(w transfer.Wanted) (int, bool) {
	for i := range w.Missing().All() {
		if !g.has.Has(i) {
			continue
		}
		if _, ok := w.Claim(i); ok {
			return i, true
		}
	}
	return 0, false
}

func (f testFile) source(name string, pause time.Duration) *script {
	g := giver{testFile: f, has: content.FullSet(f.list.Len()), pause: pause}
	return &script{name: name, run: g.run}
}

// sources returns a closed channel with all of them.
func sources(all ...*script) <-chan transfer.Source {
	from := make(chan transfer.Source, len(all))
	for _, s := range all {
		from <- s
	}
	close(from)
	return from
}

// tally counts what OnChunk is told.
type tally struct {
	mu       sync.Mutex
	outcomes map[transfer.Outcome]int
	by       map[string]int // stored, by source
}

func (y *tally) add(c transfer.Chunk) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.outcomes == nil {
		y.outcomes, y.by = map[transfer.Outcome]int{}, map[string]int{}
	}
	y.outcomes[c.Outcome]++
	if c.Outcome == transfer.Stored {
		y.by[c.Source]++
	}
}

func (y *tally) is(t *testing.T, stored, again, corrupt int) {
	t.Helper()
	got := [3]int{y.outcomes[transfer.Stored], y.outcomes[transfer.Again], y.outcomes[transfer.Corrupt]}
	if got != [3]int{stored, again, corrupt} {
		t.Errorf("stored, again, corrupt: %v, not %v", got, [3]int{stored, again, corrupt})
	}
}
