package content_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// sidecarOf makes the sidecar of size bytes that are all 7.
func sidecarOf(t testing.TB, size int, ticket string) (content.Sidecar, []byte) {
	t.Helper()
	list, err := content.Hash(context.Background(), bytes.NewReader(bytes.Repeat([]byte{7}, size)), int64(size), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := content.Sidecar{List: list, Ticket: ticket}
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func TestSidecarGolden(t *testing.T) {
	_, b := sidecarOf(t, 0, "mesh:x")
	body := hex.EncodeToString([]byte("starmesh sidecar")) + "01" +
		"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" + "0000000000000000" +
		"0006" + hex.EncodeToString([]byte("mesh:x"))
	raw, err := hex.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	sum := blake3.Sum256(raw)
	if want := body + hex.EncodeToString(sum[:8]); hex.EncodeToString(b) != want {
		t.Errorf("got  %x\nwant %s", b, want)
	}
	document, err := os.ReadFile(filepath.Join("..", "..", "central", "PROTOCOL.md"))
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ReplaceAll(string(document), "\n", ""); !strings.Contains(text, "```"+hex.EncodeToString(b)+"```") {
		t.Errorf("central/PROTOCOL.md does not have the example %x", b)
	}
}

func TestSidecarsAreReadAsTheyWereWritten(t *testing.T) {
	for _, size := range []int{0, 1, content.MinChunk, content.MinChunk + 1, 5*content.MinChunk + 3} {
		for _, ticket := range []string{"", "mesh:abc"} {
			want, b := sidecarOf(t, size, ticket)
			got, err := content.ReadSidecar(bytes.NewReader(b))
			if err != nil || got.Ticket != ticket || got.List.ID() != want.List.ID() || !bytes.Equal(got.List.Bytes(), want.List.Bytes()) {
				t.Errorf("%d bytes, ticket %q: %+v, %v", size, ticket, got, err)
			}
			if values := len(b) - 67 - len(ticket); values != 32*want.List.Len() && want.List.Len() > 1 || want.List.Len() < 2 && values != 0 {
				t.Errorf("%d bytes: the sidecar has %d bytes of values", size, values)
			}
		}
	}
}

// endless counts what is read of a file without an end.
type endless struct {
	head io.Reader
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n, _ := e.head.Read(p)
	if n == 0 {
		n = len(p)
	}
	e.read += n
	return n, nil
}

func TestSidecarsThatAreWrong(t *testing.T) {
	_, b := sidecarOf(t, 3*content.MinChunk-1, "mesh:abc")
	changed := func(at int, to byte) []byte {
		c := bytes.Clone(b)
		c[at] = to
		return c
	}
	huge := bytes.Clone(b[:59])
	binary.BigEndian.PutUint64(huge[49:], 1<<63)
	longTicket := append(bytes.Clone(b[:57]), 0xff, 0xff)
	for name, c := range map[string]struct {
		b    []byte
		kind error
	}{
		"nothing":               {nil, fault.Invalid},
		"another file":          {[]byte("<!DOCTYPE html>" + strings.Repeat(" ", 100)), fault.Invalid},
		"another version":       {changed(16, 2), fault.Version},
		"another id":            {changed(20, b[20]+1), fault.Corrupt},
		"another ticket":        {changed(60, 'M'), fault.Corrupt},
		"another value":         {changed(80, b[80]+1), fault.Corrupt},
		"another checksum":      {changed(len(b)-1, b[len(b)-1]+1), fault.Corrupt},
		"another size":          {changed(56, 1), fault.Corrupt}, // of as many chunks
		"an impossible size":    {huge, fault.Invalid},
		"a ticket that is long": {longTicket, fault.TooLarge},
		"more behind it":        {append(bytes.Clone(b), 0), fault.Invalid},
		"its first half":        {b[:len(b)/2], fault.Invalid},
		"without its last byte": {b[:len(b)-1], fault.Invalid},
	} {
		if _, err := content.ReadSidecar(bytes.NewReader(c.b)); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, not %v", name, err, c.kind)
		}
	}
	for name, head := range map[string][]byte{"noise": {1, 2, 3}, "a right beginning": b} {
		e := &endless{head: bytes.NewReader(head)}
		if _, err := content.ReadSidecar(e); err == nil || e.read > 4*len(b)+64<<10 {
			t.Errorf("%s without an end: %v after %d bytes", name, err, e.read)
		}
	}
	if _, err := (content.Sidecar{Ticket: strings.Repeat("x", content.MaxSidecarTicket+1)}).Encode(); !errors.Is(err, fault.TooLarge) {
		t.Errorf("a long ticket: %v", err)
	}
}

func FuzzSidecar(f *testing.F) {
	for _, size := range []int{0, 9, 2*content.MinChunk + 1} {
		_, b := sidecarOf(f, size, "mesh:abc")
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := content.ReadSidecar(bytes.NewReader(b))
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read, but is written as %x (%v)", b, again, err)
		}
	})
}
