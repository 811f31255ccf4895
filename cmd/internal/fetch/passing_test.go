package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// sample gives a file of a few chunks, the last one short, and its list.
func sample(t *testing.T) ([]byte, content.ChunkList) {
	t.Helper()
	data := make([]byte, 5*content.MinChunk+7)
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

func TestChunksThatComeInAnyOrderAreWrittenInTheFiles(t *testing.T) {
	data, list := sample(t)
	for range 20 {
		var out bytes.Buffer
		o := newOrdered(list, &out)
		for _, i := range rand.Perm(list.Len()) {
			for range 2 { // the second time changes nothing
				if err := o.WriteChunk(i, chunkOf(data, list, i)); err != nil {
					t.Fatal(err)
				}
			}
			if !o.Have().Has(i) {
				t.Fatalf("chunk %d was written and is not held", i)
			}
		}
		if !bytes.Equal(out.Bytes(), data) {
			t.Fatal("other bytes were written")
		}
	}
}

func TestNothingUnverifiedIsWritten(t *testing.T) {
	data, list := sample(t)
	var out bytes.Buffer
	o := newOrdered(list, &out)
	wrong := bytes.Clone(chunkOf(data, list, 0))
	wrong[9] ^= 4
	if err := o.WriteChunk(0, wrong); !errors.Is(err, fault.Corrupt) {
		t.Errorf("a wrong chunk gives %v", err)
	}
	if out.Len() > 0 || o.Have().Has(0) {
		t.Error("it was written")
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

func TestAnOutputThatFailsIsToldOf(t *testing.T) {
	data, list := sample(t)
	o := newOrdered(list, &full{})
	if err := o.WriteChunk(0, chunkOf(data, list, 0)); err != nil {
		t.Fatal(err)
	}
	if err := o.WriteChunk(1, chunkOf(data, list, 1)); err == nil {
		t.Error("nobody was told")
	}
}
