package central

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"lukechampine.com/blake3"

	"starmesh/common/frame"
)

// Pipelined requests of several kinds are answered in their order, by a server that
// lets small answers wait for each other; what changed or became a link meanwhile
// is refused in the place of its chunk.
func TestABurstIsAnsweredInItsOrder(t *testing.T) {
	s := startServer(t)
	files, entries := smallFiles(400, 3000)
	for i, e := range entries {
		s.add(t, fmt.Sprintf("%d/%s", i%5, e.Name), files[i])
	}
	s.knows(t, len(files))
	place := func(i int) string { return filepath.Join(s.dir, fmt.Sprint(i%5), entries[i].Name) }
	if err := errors.Join(
		os.WriteFile(place(40), []byte("another"), 0o666),
		os.Remove(place(41)), os.Symlink(place(42), place(41)),
		os.Remove(place(43)), os.Mkdir(place(43), 0o777),
	); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	requests, kinds := []message{}, []frame.Type{}
	for i, e := range entries {
		requests, kinds = append(requests, get{Req: uint32(1000 + i), ID: e.ID, Count: 1}), append(kinds, typeChunk)
		if i%50 == 40 {
			requests, kinds = append(requests, ping{Req: uint32(5000 + i)}), append(kinds, typePong)
		}
	}
	if err := c.link.send(requests...); err != nil {
		t.Fatal(err)
	}
	for i, m := range requests {
		h, err := c.link.next(patient)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.link.body(h)
		if err != nil {
			t.Fatal(err)
		}
		asked, isGet := m.(get)
		switch at := int(asked.Req) - 1000; {
		case isGet && (at == 40 || at == 41 || at == 43):
			if f, err := decodeFailure(b); h.kind != typeError || err != nil || f.Req != asked.Req {
				t.Errorf("answer %d, of what has changed, is a %s: %v, %v", i, typeName(h.kind), f, err)
			}
		case h.kind != kinds[i] || requestOf(b) != requestOfMessage(m):
			t.Fatalf("answer %d is a %s to %d, not a %s", i, typeName(h.kind), requestOf(b), typeName(kinds[i]))
		case isGet && blake3.Sum256(b[chunkHead:]) != asked.ID, isGet && !bytes.Equal(b[chunkHead:], files[at]):
			t.Errorf("answer %d has other bytes", i)
		}
	}
	if s.load.ChunksOut.Load() != int64(len(files)-3) {
		t.Errorf("%d chunks are counted", s.load.ChunksOut.Load())
	}
}

func requestOfMessage(m message) uint32 { return requestOf(m.append(nil)) }
