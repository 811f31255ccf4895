package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// heard is an Output that remembers.
type heard struct {
	silent
	mu     sync.Mutex // guards the fields below
	notes  []string
	events []string
	bytes  int64 // by which bars moved
	kept   int64 // bytes that bars were told are there
}

func (h *heard) Note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, fmt.Sprintf(format, args...))
}

func (h *heard) Event(name string, _ any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, name)
}

func (h *heard) Bar(string, int64, int64) Bar { return &moved{h} }

type moved struct{ *heard }

func (m *moved) Total(int64)    {}
func (m *moved) Set(int64)      {}
func (m *moved) Files(int, int) {}
func (m *moved) Finish(error)   {}
func (m *moved) Add(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += bytes
}

func (m *moved) Kept(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept += bytes
}

// carries is a carrier that has a file. It brings a few chunks at a time, and
// fails after them.
type carries struct {
	data    []byte
	list    content.ChunkList
	atMost  int // chunks in one go
	brought int
	asked   int // for the chunk list
}

var errCut = errors.New("cut off")

func (c *carries) chunkList(context.Context, store.Entry, bool) (content.ChunkList, error) {
	c.asked++
	return c.list, nil
}

func (c *carries) carry(_ context.Context, file store.File, _ store.Entry, b *books) error {
	left := c.atMost
	for i := range c.list.Len() {
		if file.Have().Has(i) {
			continue
		}
		if left--; left < 0 {
			return errCut
		}
		if err := file.WriteChunk(i, chunkOf(c.data, c.list, i)); err != nil {
			return err
		}
		c.brought++
		b.chunk(transfer.Chunk{Index: i, Bytes: c.list.ChunkLen(i)})
	}
	return nil
}

// placeIn returns a Place that puts files where output says.
func placeIn(t *testing.T, output string, stdout io.Writer) (Place, *heard) {
	t.Helper()
	to, err := OpenDestination(t.Context(), output, stdout, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(to.Close)
	out := &heard{}
	return Place{To: to, Meter: new(load.Meter), Out: out}, out
}

// sizeOf is how many bytes the first chunks have.
func sizeOf(list content.ChunkList, chunks int) (bytes int64) {
	for i := range chunks {
		bytes += int64(list.ChunkLen(i))
	}
	return bytes
}

func wishFor(list content.ChunkList) wish {
	return wish{entry: store.Entry{Name: "a/f.bin", ID: list.ID(), Size: list.Size(), Mode: 0o600}, as: "f.bin"}
}

func TestAFetchThatWasCutOffGoesOnWhereItStopped(t *testing.T) {
	data, list := sample(t)
	dir := t.TempDir() + "/"
	by := &carries{data: data, list: list, atMost: 5}
	for try := 0; by.brought < list.Len(); try++ {
		p, out := placeIn(t, dir, nil)
		before := by.brought
		here, err := p.fetch(t.Context(), by, wishFor(list), &moved{out}) // in a folder
		if kept, all := sizeOf(list, before), sizeOf(list, by.brought); out.kept != kept || out.bytes != all-kept {
			t.Errorf("the bar was told of %d bytes, and %d kept; want %d and %d", out.bytes, out.kept, all-kept, kept)
		}
		if whole := by.brought == list.Len(); whole != (err == nil) || !whole && !errors.Is(err, errCut) {
			t.Fatalf("after %d of %d chunks: %v", by.brought, list.Len(), err)
		}
		if err == nil && (here.before || strings.Join(out.events, " ") != "done") {
			t.Errorf("it was there before: %v; programs were told %q", here.before, out.events)
		}
		if try > list.Len() {
			t.Fatal("it gets nowhere")
		}
	}
	if by.asked != 1 {
		t.Errorf("the chunk list was asked for %d times", by.asked)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "f.bin")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
	}
}

func TestWhatIsHereIsNotFetched(t *testing.T) {
	data, list := sample(t)
	dir := t.TempDir() + "/"
	if err := os.WriteFile(dir+"f.bin", data, 0o600); err != nil {
		t.Fatal(err)
	}
	by := &carries{data: data, list: list}
	p, out := placeIn(t, dir, nil)
	folder := &moved{out}
	here, err := p.fetch(t.Context(), by, wishFor(list), folder)
	if err != nil || !here.before || by.asked+by.brought > 0 {
		t.Fatalf("%v; there before: %v; asked %d times, brought %d chunks", err, here.before, by.asked, by.brought)
	}
	chunk := make([]byte, list.ChunkLen(1))
	if err := here.ReadChunk(1, chunk); err != nil || !bytes.Equal(chunk, chunkOf(data, list, 1)) {
		t.Errorf("what is here cannot be shared: %v", err)
	}
	if out.bytes != list.Size() || out.kept != list.Size() { // hashed; kept, in the folder's bar
		t.Errorf("bars moved by %d bytes, %d were kept", out.bytes, out.kept)
	}
}

func TestAnotherFileIsReplacedOnlyWhenAsked(t *testing.T) {
	data, list := sample(t)
	dir := t.TempDir() + "/"
	if err := os.WriteFile(dir+"f.bin", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	by := &carries{data: data, list: list, atMost: list.Len()}
	p, _ := placeIn(t, dir, nil)
	if _, err := p.fetch(t.Context(), by, wishFor(list), nil); !errors.Is(err, fault.Exists) {
		t.Errorf("it ended with %v", err)
	}
	if got, err := os.ReadFile(dir + "f.bin"); err != nil || string(got) != "mine" {
		t.Errorf("there is %d bytes, %v", len(got), err)
	}
	p.Force = true
	if _, err := p.fetch(t.Context(), by, wishFor(list), nil); err != nil {
		t.Error(err)
	}
}

func TestAFileGoesToStandardOutput(t *testing.T) {
	data, list := sample(t)
	for name, keep := range map[string]func(content.ChunkList, <-chan struct{}) (store.File, error){
		"window": func(list content.ChunkList, read <-chan struct{}) (store.File, error) {
			return newWindow(list, read), nil
		},
		"spool": func(list content.ChunkList, _ <-chan struct{}) (store.File, error) {
			file, remove, err := spool(list)
			t.Cleanup(remove)
			return file, err
		},
	} {
		var stdout bytes.Buffer
		p, out := placeIn(t, "-", &stdout)
		by := &carries{data: data, list: list, atMost: list.Len()}
		if err := p.toStdout(t.Context(), by, wishFor(list), keep); err != nil || !bytes.Equal(stdout.Bytes(), data) {
			t.Errorf("%s: %d of %d bytes, %v", name, stdout.Len(), len(data), err)
		}
		if strings.Join(out.events, " ") != "done" {
			t.Errorf("%s: programs were told %q", name, out.events)
		}
		p, _ = placeIn(t, "-", &full{})
		if err := p.toStdout(t.Context(), by, wishFor(list), keep); err == nil || !strings.Contains(err.Error(), "no more") {
			t.Errorf("%s: an output that fails ends it with %v", name, err)
		}
		by.atMost = 1
		p, _ = placeIn(t, "-", io.Discard)
		if err := p.toStdout(t.Context(), by, wishFor(list), keep); !errors.Is(err, errCut) {
			t.Errorf("%s: a carrier that fails ends it with %v", name, err)
		}
	}
}

func TestWhereFilesGo(t *testing.T) {
	dir := t.TempDir()
	one := []wish{{as: "f"}}
	several := []wish{{as: "d/f"}, {as: "d/g"}}
	for _, c := range []struct {
		output  string
		wishes  []wish
		want    string // path of the first file
		refused error
	}{
		{output: dir, wishes: one, want: dir + "/f"},
		{output: dir + "/new/", wishes: one, want: dir + "/new/f"},
		{output: dir + "/name", wishes: one, want: dir + "/name"},
		{output: dir + "/deep/er/name", wishes: one, want: dir + "/deep/er/name"},
		{output: dir + "/folder", wishes: several, want: dir + "/folder/d/f"},
		{output: dir + "/file", wishes: several, refused: fault.Exists},
		{output: "-", wishes: several, refused: fault.Invalid},
		{output: "-", wishes: one, want: "f"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		to, err := OpenDestination(t.Context(), c.output, io.Discard, false)
		if err != nil {
			t.Fatal(err)
		}
		err = to.expect(c.wishes)
		if !errors.Is(err, c.refused) {
			t.Errorf("-o %s for %d files: %v", c.output, len(c.wishes), err)
		}
		if got := filepath.ToSlash(to.path(to.name(c.wishes[0].as))); c.refused == nil && got != filepath.ToSlash(c.want) {
			t.Errorf("-o %s: the first file goes to %s, not to %s", c.output, got, c.want)
		}
		to.Close()
	}
}
