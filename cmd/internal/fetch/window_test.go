package fetch

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"golang.org/x/sync/errgroup"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// sample returns a file of many chunks, the last one short, and its list.
func sample(t *testing.T) ([]byte, content.ChunkList) {
	t.Helper()
	data := make([]byte, 3*maxAhead*content.MinChunk+7)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	list, err := content.Hash(context.Background(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return data, list
}

func chunkOf(data []byte, list content.ChunkList, i int) []byte {
	return data[list.Offset(i):][:list.ChunkLen(i)]
}

// places are those where chunks wait for their turn.
func places(t *testing.T, list content.ChunkList, done <-chan struct{}) map[string]store.File {
	file, remove, err := spool(list)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return map[string]store.File{"window": newWindow(list, done), "spool": file}
}

func TestChunksThatComeInAnyOrderAreWrittenInTheFiles(t *testing.T) {
	data, list := sample(t)
	for range 20 {
		for name, file := range places(t, list, nil) {
			var out bytes.Buffer
			var group errgroup.Group
			group.Go(func() error { return inOrder(t.Context(), &out, "-", file) })
			for _, i := range rand.Perm(list.Len()) {
				for range 2 { // the second time changes nothing
					if err := file.WriteChunk(i, chunkOf(data, list, i)); err != nil {
						t.Fatal(err)
					}
				}
				if !file.Have().Has(i) {
					t.Fatalf("%s: chunk %d was written and is not held", name, i)
				}
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), data) {
				t.Fatalf("%s: other bytes were written", name)
			}
		}
	}
}

func TestNothingUnverifiedIsWritten(t *testing.T) {
	data, list := sample(t)
	wrong := bytes.Clone(chunkOf(data, list, 0))
	wrong[9] ^= 4
	for name, file := range places(t, list, nil) {
		if err := file.WriteChunk(0, wrong); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: a wrong chunk gives %v", name, err)
		}
		if file.Have().Has(0) {
			t.Errorf("%s: it was written", name)
		}
	}
}

// full takes one chunk and then nothing more.
type full struct{ n int }

func (f *full) Write(p []byte) (int, error) {
	if f.n++; f.n > 1 {
		return 0, errors.New("no more")
	}
	return len(p), nil
}

// TestAnOutputThatFailsIsToldOf: and whoever brings chunks does not wait for
// ever.
func TestAnOutputThatFailsIsToldOf(t *testing.T) {
	data, list := sample(t)
	group, ctx := errgroup.WithContext(t.Context())
	file := newWindow(list, ctx.Done())
	group.Go(func() error { return inOrder(ctx, &full{}, "-", file) })
	var err error
	for i := 0; i < list.Len() && err == nil; i++ {
		err = file.WriteChunk(i, chunkOf(data, list, i))
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the last chunks give %v", err)
	}
	if group.Wait() == nil {
		t.Error("nobody was told")
	}
}

// standing takes nothing before it is let go.
type standing struct{ free chan struct{} }

func (s standing) Write(p []byte) (int, error) {
	<-s.free
	return len(p), nil
}

func TestASlowReaderSlowsWhoBringsChunks(t *testing.T) {
	data, list := sample(t)
	synctest.Test(t, func(t *testing.T) {
		file, w := newWindow(list, nil), standing{make(chan struct{})}
		var group errgroup.Group
		group.Go(func() error { return inOrder(t.Context(), w, "-", file) })
		written := 0
		group.Go(func() error {
			for ; written < list.Len(); written++ {
				if err := file.WriteChunk(written, chunkOf(data, list, written)); err != nil {
					return err
				}
			}
			return nil
		})
		synctest.Wait()
		if written > maxAhead+2 { // one is being written, one is offered
			t.Errorf("%d chunks were taken of which none could be written", written)
		}
		close(w.free)
		if err := group.Wait(); err != nil || written != list.Len() {
			t.Errorf("%d chunks, %v", written, err)
		}
	})
}

// TestWhatEverybodyWaitsForIsTaken: however much has come before its turn.
func TestWhatEverybodyWaitsForIsTaken(t *testing.T) {
	data, list := sample(t)
	var out bytes.Buffer
	file := newWindow(list, nil)
	for i := list.Len() - 1; i >= 0; i-- {
		if err := file.WriteChunk(i, chunkOf(data, list, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := inOrder(t.Context(), &out, "-", file); err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("%d of %d bytes, %v", out.Len(), len(data), err)
	}
}
