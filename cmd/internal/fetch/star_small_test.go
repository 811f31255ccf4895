package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starmesh/central"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// tree writes a folder of many small files, a large and an empty one, and two that
// have the content of another, and returns what they hold.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"large.bin": bytes.Repeat([]byte("large"), central.MaxWhole/4), "deep/er/empty": {}}
	for i := range 300 {
		files[fmt.Sprintf("d%d/f%03d", i%7, i)] = bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1+i*i%9000)
	}
	files["d2/twin"], files["d2/twin.bin"] = files["d5/f005"], files["large.bin"]
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name, data := range files {
		place := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, data, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(place, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// serveTree serves a tree, once the server knows all of it.
func serveTree(t *testing.T, dir string) (central.Address, map[string][]byte) {
	t.Helper()
	files := tree(t, dir)
	addr := serveWritable(t, dir)
	c, err := central.Dial(t.Context(), addr, central.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name := range files {
		for {
			_, err := c.Describe(t.Context(), name, content.ID{}, nil)
			if err == nil {
				break
			}
			if !errors.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return addr, files
}

// getAll fetches everything a server has to dir, over three connections.
func getAll(t *testing.T, ctx context.Context, addr central.Address, dir string, meter *load.Meter) (*heard, error) {
	t.Helper()
	to, err := OpenDestination(t.Context(), dir+"/", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	out := &heard{}
	cfg := central.ClientConfig{Agent: "test", Instruments: central.Instruments{Meter: meter}}
	star := &Star{Place: Place{To: to, Meter: meter, Out: out}, Client: cfg, Conns: 3, Retry: Patience{For: time.Minute}}
	return out, star.Get(ctx, []Target{newTarget(addr, "/")})
}

func sameTree(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, want := range files {
		place := filepath.Join(dir, filepath.FromSlash(name))
		got, err := os.ReadFile(place)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not %d; %v", name, len(got), len(want), err)
			continue
		}
		info, err := os.Stat(place)
		if err != nil || time.Since(info.ModTime()) < 30*time.Minute {
			t.Errorf("%s: of %v, %v", name, info.ModTime(), err)
		}
	}
}

// TestAFolderOfSmallFiles comes whole, with one line about it, and nothing of it
// comes again.
func TestAFolderOfSmallFiles(t *testing.T) {
	dir, here := t.TempDir(), t.TempDir()
	addr, files := serveTree(t, dir)
	for _, again := range []bool{false, true} {
		meter := new(load.Meter)
		out, err := getAll(t, t.Context(), addr, here, meter)
		if err != nil {
			t.Fatal(err)
		}
		sameTree(t, here, files)
		if len(out.notes) != 1 || !strings.Contains(out.notes[0], "304 files") || len(out.events) != len(files) {
			t.Errorf("again %v: %d events, and %q", again, len(out.events), out.notes)
		}
		total, twins := int64(0), int64(len(files["d2/twin"])+len(files["d2/twin.bin"]))
		for _, data := range files {
			total += int64(len(data))
		}
		if got := meter.PayloadIn.Load(); again && got != 0 || !again && (got != total-twins || out.bytes != total) {
			t.Errorf("again %v: %d bytes came, %d were shown, of %d", again, got, out.bytes, total)
		}
	}
}

// TestOneOfManyInTheWay is named, and the others come.
func TestOneOfManyInTheWay(t *testing.T) {
	dir, here := t.TempDir(), t.TempDir()
	addr, files := serveTree(t, dir)
	if err := os.MkdirAll(filepath.Join(here, "d0"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(here, "d0", "f000"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(here, "d1"), nil, 0o644); err != nil { // a file where a folder is to be
		t.Fatal(err)
	}
	_, err := getAll(t, t.Context(), addr, here, new(load.Meter))
	if err == nil || !strings.Contains(err.Error(), "44 of 304 files failed") || !strings.Contains(err.Error(), "d1 is a file") {
		t.Errorf("%v", err)
	}
	for name := range files {
		if name == "d0/f000" || strings.HasPrefix(name, "d1/") {
			delete(files, name)
		}
	}
	sameTree(t, here, files)
}
