package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"starmesh/common/fault"
	"starmesh/common/frame"
)

func TestFramesOnTheWire(t *testing.T) {
	for _, c := range []struct {
		kind frame.Type
		body string
		wire string
	}{
		{0x00, "", "\x00\x00\x00\x00\x00"},
		{0x07, "", "\x00\x00\x00\x00\x07"},
		{0x07, "a", "\x00\x00\x00\x01\x07a"},
		{0xff, "hello", "\x00\x00\x00\x05\xffhello"},
		{0x21, strings.Repeat("x", 70_000), "\x00\x01\x11\x70\x21" + strings.Repeat("x", 70_000)},
	} {
		t.Run(fmt.Sprintf("type %#x, %d bytes", byte(c.kind), len(c.body)), func(t *testing.T) {
			if got := string(frame.Append(nil, c.kind, []byte(c.body))); got != c.wire {
				t.Errorf("written as %.40q, not %.40q", got, c.wire)
			}
			kind, body, err := frame.Read(strings.NewReader(c.wire), len(c.body), nil)
			if err != nil || kind != c.kind || string(body) != c.body {
				t.Errorf("read as type %#x, %.40q, %v", byte(kind), body, err)
			}
		})
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	b := frame.Append([]byte("before"), 1, []byte("x"))
	b = frame.AppendHeader(b, 2, 3)
	if want := "before\x00\x00\x00\x01\x01x\x00\x00\x00\x03\x02"; string(b) != want {
		t.Errorf("%q, not %q", b, want)
	}
}

// counter counts what passes through it.
type counter struct {
	io.Reader
	bytes int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += n
	return n, err
}

func TestManyFramesOneAfterAnother(t *testing.T) {
	var wire []byte
	for i := range 100 {
		wire = frame.Append(wire, frame.Type(i), bytes.Repeat([]byte{byte(i)}, i))
	}
	r := iotest.OneByteReader(bytes.NewReader(wire))
	var buf []byte
	for i := range 100 {
		kind, body, err := frame.Read(r, 100, buf)
		if err != nil || kind != frame.Type(i) || !bytes.Equal(body, bytes.Repeat([]byte{byte(i)}, i)) {
			t.Fatalf("frame %d: type %d, %d bytes, %v", i, kind, len(body), err)
		}
		buf = body
	}
	if _, _, err := frame.Read(r, 100, buf); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
}

func TestTheLimitIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	for _, c := range []struct {
		claims uint32
		max    int
		fits   bool
	}{
		{0, 0, true}, {1, 0, false}, {100, 100, true}, {101, 100, false},
		{1 << 31, 1 << 20, false}, {1<<32 - 1, 1 << 30, false},
	} {
		header := frame.AppendHeader(nil, 5, int(c.claims))
		r := &counter{Reader: io.MultiReader(bytes.NewReader(header), endless{})}
		_, _, err := frame.Read(r, c.max, nil)
		if c.fits {
			if err != nil {
				t.Errorf("%d of %d bytes: %v", c.claims, c.max, err)
			}
			continue
		}
		if !errors.Is(err, fault.TooLarge) || r.bytes != frame.HeaderSize {
			t.Errorf("%d of %d bytes: %v after %d bytes were read", c.claims, c.max, err, r.bytes)
		}
	}
}

// endless is a sender that never stops.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestAnAbsurdLengthAllocatesNothing: a refusal costs the error, not what the
// frame claimed.
func TestAnAbsurdLengthAllocatesNothing(t *testing.T) {
	header := frame.AppendHeader(nil, 5, 1<<32-1)
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if _, _, err := frame.Read(bytes.NewReader(header), 1<<20, nil); err == nil {
			t.Fatal("a frame of 4 GiB was accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 1024 {
		t.Errorf("%d bytes were allocated for a frame that was refused", each)
	}
}

func TestReadUsesTheBufferItIsGiven(t *testing.T) {
	wire := frame.Append(nil, 1, make([]byte, 1000))
	buf := make([]byte, 0, 1000)
	r := bytes.NewReader(wire)
	allocs := testing.AllocsPerRun(100, func() {
		r.Reset(wire)
		if _, _, err := frame.Read(r, 1000, buf); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 { // the header, which the reader's interface makes escape
		t.Errorf("%.0f allocations a frame, although the buffer is large enough", allocs)
	}
}

func TestAFrameThatIsCutOff(t *testing.T) {
	wire := frame.Append(nil, 7, []byte("hello"))
	for n := range len(wire) {
		_, _, err := frame.Read(bytes.NewReader(wire[:n]), 100, nil)
		switch {
		case n == 0 && err != io.EOF:
			t.Errorf("at the end between two frames: %v", err)
		case n > 0 && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestReadTellsOfItsReadersError(t *testing.T) {
	broken := errors.New("the line is broken")
	wire := frame.Append(nil, 7, []byte("hello"))
	for n := range len(wire) {
		r := io.MultiReader(bytes.NewReader(wire[:n]), iotest.ErrReader(broken))
		if _, _, err := frame.Read(r, 100, nil); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func FuzzAppendThenReadIsIdentity(f *testing.F) {
	f.Add(byte(0), []byte{})
	f.Add(byte(0x21), []byte("payload"))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		wire := frame.Append(nil, frame.Type(kind), body)
		got, back, err := frame.Read(bytes.NewReader(wire), len(body), nil)
		if err != nil || got != frame.Type(kind) || !bytes.Equal(back, body) {
			t.Errorf("type %#x, %x came back as %#x, %x, %v", kind, body, byte(got), back, err)
		}
	})
}

func FuzzReadOfGarbage(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte{0, 0, 0, 1, 7})
	f.Add([]byte{0, 0, 0, 0, 7, 0, 0, 0, 1, 8, 9})
	f.Fuzz(func(t *testing.T, wire []byte) {
		const max = 1 << 10
		r := bytes.NewReader(wire)
		var again []byte
		for {
			kind, body, err := frame.Read(r, max, nil)
			if err != nil {
				break
			}
			if len(body) > max {
				t.Fatalf("a body of %d bytes passed the limit of %d", len(body), max)
			}
			again = frame.Append(again, kind, body)
		}
		if !bytes.HasPrefix(wire, again) {
			t.Errorf("%x was read as %x", wire, again)
		}
	})
}
