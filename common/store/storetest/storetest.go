// Package storetest is the suite that every store.File passes. Only tests
// import it.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// Content returns size bytes, the same in every call: what the files of Run
// contain. No two of its chunks are equal.
func Content(size int64) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), 7}).Read(b)
	return b
}

// List returns the chunk list of data.
func List(t testing.TB, data []byte) content.ChunkList {
	t.Helper()
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Chunk returns chunk i of data.
func Chunk(list content.ChunkList, data []byte, i int) []byte {
	return data[list.Offset(i):][:list.ChunkLen(i)]
}

// Sizes are those of the files that Run asks for: none, one chunk and a byte
// more or less, many with a short last one.
var Sizes = []int64{
	0, 1, content.MinChunk - 1, content.MinChunk, content.MinChunk + 1, 9*content.MinChunk + 17, 70 * content.MinChunk,
}

// Run checks the Files that open makes for a list; they may hold any part of
// Content at the beginning. open closes nothing: Run closes each File.
func Run(t *testing.T, open func(t *testing.T, list content.ChunkList) store.File) {
	for name, test := range map[string]func(*file, *testing.T){
		"what it holds at first is right":       (*file).checkHeld,
		"wrong bytes are refused and not kept":  (*file).refusesWrongBytes,
		"what can not be is refused":            (*file).refusesTheImpossible,
		"it fills up in any order":              (*file).fillsUp,
		"writing again does nothing":            (*file).writesAgain,
		"Grew tells of growth and only of that": (*file).tellsOfGrowth,
		"Have and the bytes are the caller's":   (*file).keepsNothingOfTheCallers,
		"many may write, read and wait at once": (*file).worksConcurrently,
		"what is held can be read meanwhile":    (*file).readsWhileWriting,
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range Sizes {
				t.Run(fmt.Sprint(size), func(t *testing.T) {
					data := Content(size)
					f := &file{t: t, data: data, list: List(t, data)}
					f.File = open(t, f.list)
					test(f, t)
					if err := f.Close(); err != nil {
						t.Error("closing:", err)
					}
				})
			}
		})
	}
}

// file is the File under test with what it should contain.
type file struct {
	store.File
	t    *testing.T
	data []byte
	list content.ChunkList
}

func (f *file) chunk(i int) []byte { return Chunk(f.list, f.data, i) }

// write stores a chunk that must be accepted.
func (f *file) write(i int) {
	if err := f.WriteChunk(i, f.chunk(i)); err != nil {
		f.t.Errorf("chunk %d: %v", i, err)
	}
}

func (f *file) writeAll() {
	for i := range f.list.Len() {
		f.write(i)
	}
}

// checkHeld reads every chunk: held ones are right, others are not found.
func (f *file) checkHeld(t *testing.T) { check(t, f) }

func check(t *testing.T, f *file) {
	t.Helper()
	if f.Chunks().ID() != f.list.ID() {
		t.Errorf("the list is that of %s", f.Chunks().ID())
	}
	have := f.Have()
	if have.Len() != f.list.Len() {
		t.Fatalf("a set over %d chunks for a file of %d", have.Len(), f.list.Len())
	}
	for i := range f.list.Len() {
		p := make([]byte, f.list.ChunkLen(i))
		err := f.ReadChunk(i, p)
		if errors.Is(err, fault.NotFound) && !have.Has(i) {
			continue
		}
		if err == nil && !f.Have().Has(i) { // it may have come meanwhile
			t.Errorf("chunk %d is not held and was given", i)
		}
		if err != nil || !bytes.Equal(p, f.chunk(i)) {
			t.Errorf("chunk %d: wrong bytes or %v", i, err)
		}
	}
}

func (f *file) refusesWrongBytes(t *testing.T) {
	before := f.Have()
	for i := range f.list.Len() {
		if before.Has(i) {
			continue
		}
		wrong := bytes.Clone(f.chunk(i))
		wrong[len(wrong)/2] ^= 0x10
		if err := f.WriteChunk(i, wrong); !errors.Is(err, fault.Corrupt) {
			t.Errorf("chunk %d with a bit flipped: %v", i, err)
		}
		if err := f.WriteChunk(i, f.chunk(i)[1:]); !errors.Is(err, fault.Corrupt) && !errors.Is(err, fault.Invalid) {
			t.Errorf("chunk %d without its first byte: %v", i, err)
		}
		if other := (i + 1) % f.list.Len(); other != i {
			if err := f.WriteChunk(i, f.chunk(other)); err == nil {
				t.Errorf("chunk %d was accepted as chunk %d", other, i)
			}
		}
	}
	if after := f.Have(); after.Count() != before.Count() {
		t.Errorf("held %d chunks before, %d after", before.Count(), after.Count())
	}
	check(t, f)
	f.writeAll() // and the right bytes are still welcome
	check(t, f)
}

func (f *file) refusesTheImpossible(t *testing.T) {
	f.writeAll()
	for _, i := range []int{-1, f.list.Len(), 1 << 40} {
		if err := f.ReadChunk(i, make([]byte, 10)); !errors.Is(err, fault.Invalid) {
			t.Errorf("reading chunk %d: %v", i, err)
		}
		if err := f.WriteChunk(i, make([]byte, 10)); !errors.Is(err, fault.Invalid) {
			t.Errorf("writing chunk %d: %v", i, err)
		}
	}
	for i := range f.list.Len() {
		for _, n := range []int{0, f.list.ChunkLen(i) - 1, f.list.ChunkLen(i) + 1} {
			if err := f.ReadChunk(i, make([]byte, n)); !errors.Is(err, fault.Invalid) {
				t.Errorf("reading chunk %d into %d bytes: %v", i, n, err)
			}
		}
	}
}

func (f *file) fillsUp(t *testing.T) {
	for _, i := range rand.Perm(f.list.Len()) {
		f.write(i)
		if !f.Have().Has(i) {
			t.Errorf("chunk %d is written and not held", i)
		}
	}
	if !f.Have().Full() {
		t.Errorf("%d of %d chunks are held", f.Have().Count(), f.list.Len())
	}
	check(t, f)
}

func (f *file) writesAgain(t *testing.T) {
	f.writeAll()
	f.writeAll()
	check(t, f)
}

func (f *file) tellsOfGrowth(t *testing.T) {
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	for i := range f.list.Len() {
		held, grew, also := f.Have().Has(i), f.Grew(), f.Grew()
		f.WriteChunk(i, make([]byte, f.list.ChunkLen(i))) // refused
		if closed(grew) {
			t.Fatalf("chunk %d: Grew told of wrong bytes", i)
		}
		f.write(i)
		if closed(grew) == held || closed(also) == held {
			t.Fatalf("chunk %d, held before: %v; Grew told: %v and %v", i, held, closed(grew), closed(also))
		}
		if closed(f.Grew()) {
			t.Fatalf("chunk %d: Grew tells twice", i)
		}
	}
}

func (f *file) keepsNothingOfTheCallers(t *testing.T) {
	have := f.Have()
	for i := range f.list.Len() {
		have.Add(i)
		p := bytes.Clone(f.chunk(i))
		if err := f.WriteChunk(i, p); err != nil {
			t.Error(err)
		}
		clear(p)
	}
	full := f.Have()
	for i := range f.list.Len() {
		full.Remove(i)
	}
	check(t, f)
	if !f.Have().Full() {
		t.Error("changing what Have gave changed what is held")
	}
}

func (f *file) worksConcurrently(t *testing.T) {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, i := range rand.Perm(f.list.Len()) {
				f.write(i)
			}
		})
		group.Go(func() {
			for {
				grew := f.Grew()
				if f.Have().Full() {
					return
				}
				<-grew
			}
		})
	}
	group.Wait()
	check(t, f)
}

func (f *file) readsWhileWriting(t *testing.T) {
	var group sync.WaitGroup
	group.Go(f.writeAll)
	for !f.Have().Full() {
		check(t, f)
		if t.Failed() {
			break
		}
	}
	group.Wait()
	check(t, f)
}
