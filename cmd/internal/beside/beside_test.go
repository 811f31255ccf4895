package beside_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starmesh/cmd/internal/beside"
	"starmesh/common/content"
	"starmesh/common/fault"
)

func write(t *testing.T, w beside.Writer, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(); err != nil {
		t.Fatal(err)
	}
	written, err := w.Write(context.Background(), path)
	if err != nil || len(written) != 1 {
		t.Fatal(written, err)
	}
	return written[0]
}

func TestASidecarIsWrittenBesideTheFile(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 20_000)
	name := write(t, beside.Writer{Sidecar: true, Ticket: "mesh:x"}, "a b.bin", data)
	f, err := os.Open(name)
	if err != nil || filepath.Base(name) != "a b.bin.starmesh" {
		t.Fatal(name, err)
	}
	defer f.Close()
	s, err := content.ReadSidecar(f)
	if err != nil || s.Ticket != "mesh:x" || s.List.Size() != 200_000 {
		t.Fatal(s, err)
	}
	if err := s.List.Verify(1, data[content.MinChunk:2*content.MinChunk]); err != nil {
		t.Error(err)
	}
}

// TestATorrentIsAsBEP3HasIt: written out by hand, for a file of two pieces.
func TestATorrentIsAsBEP3HasIt(t *testing.T) {
	data := bytes.Repeat([]byte{9}, content.MinChunk+1)
	name := write(t, beside.Writer{Torrent: "http://h/é.bin"}, "é.bin", data)
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	first, last := sha1.Sum(data[:content.MinChunk]), sha1.Sum(data[content.MinChunk:])
	want := "d4:infod6:lengthi65537e4:name6:é.bin12:piece lengthi65536e6:pieces40:" + string(first[:]) + string(last[:]) + "e8:url-list15:http://h/é.bine"
	if string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	for name, w := range map[string]beside.Writer{
		"no host": {Torrent: "model.bin"}, "no web server": {Torrent: "star://h/x"},
		"a password": {Torrent: "http://u:secret@h/x"}, "a ticket without a sidecar": {Ticket: "mesh:x"},
	} {
		if err := w.Check(); !errors.Is(err, fault.Invalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := beside.Writer{Sidecar: true}
	if _, err := w.Write(context.Background(), t.TempDir()); err == nil {
		t.Error("a sidecar of a folder")
	}
	if _, err := w.Write(context.Background(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a sidecar of nothing")
	}
}
