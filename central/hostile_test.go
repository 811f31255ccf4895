package central

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// besieged is a server under attack: at any moment others must be served, and
// afterwards everything that the attack took must be given back.
type besieged struct {
	*served
	small []byte
}

func besiege(t *testing.T, change ...func(*ServerConfig)) *besieged {
	t.Helper()
	goroutines, files := goleak.IgnoreCurrent(), descriptors(t)
	s := &besieged{served: startServer(t, change...), small: noise(100_000)}
	s.add(t, "small", s.small)
	s.knows(t, 1)
	s.servesOthers(t)
	t.Cleanup(func() {
		s.stop() // ends the connections; what is left then is a leak
		if t.Failed() {
			return
		}
		if n := len(s.links); n != 0 {
			t.Errorf("%d connections are still counted", n)
		}
		if err := goleak.Find(goroutines); err != nil {
			t.Error(err)
		}
		eventually(t, "every descriptor is closed", func() bool { return descriptors(t) <= files })
	})
	return s
}

// servesOthers is what a well-behaved client sees.
func (s *besieged) servesOthers(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	c, err := Dial(ctx, s.addr, ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	s.mustGet(t, "small", s.small)
}

// TestHostileFirstWords: whatever stands where HELLO is due, the server says
// what is wrong and closes.
func TestHostileFirstWords(t *testing.T) {
	s := besiege(t)
	body := func(m message) []byte { return frame.Append(nil, m.kind(), m.append(nil)) }
	for what, c := range map[string]struct {
		words []byte
		want  error
	}{
		"zeros":                     {make([]byte, 1000), fault.Protocol},
		"noise":                     {bytes.Repeat([]byte{0xff}, 1000), fault.TooLarge},
		"a web browser":             {[]byte("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), fault.TooLarge},
		"a secure shell":            {[]byte("SSH-2.0-OpenSSH_9.9\r\n"), fault.TooLarge},
		"TLS":                       {append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 512)...), fault.TooLarge},
		"a frame of 4 GiB":          {frame.AppendHeader(nil, typeHello, 1<<32-1), fault.TooLarge},
		"a HELLO of 16 KiB + 1":     {frame.AppendHeader(nil, typeHello, maxSmall+1), fault.TooLarge},
		"a CHUNK of 4 MiB":          {frame.AppendHeader(nil, typeChunk, maxBody), fault.Protocol},
		"HELLO without the magic":   {frame.Append(nil, typeHello, []byte("RATS\x01\x01\x00\x00\x00\x00\x00\x00")), fault.Protocol},
		"an empty HELLO":            {frame.Append(nil, typeHello, nil), fault.Protocol},
		"HELLO with more behind it": {frame.Append(nil, typeHello, append(hello{Min: 1, Max: 1}.append(nil), 0)), fault.Protocol},
		"a program name of 60 KiB":  {frame.Append(nil, typeHello, hello{Min: 1, Max: 1, Agent: strings.Repeat("a", 15<<10)}.append(nil)), fault.TooLarge},
		"a version from the future": {body(hello{Min: 2, Max: 9}), fault.Version},
		"a version from the past":   {body(hello{Min: 0, Max: 0}), fault.Version},
		"no version at all":         {body(hello{Min: 9, Max: 0}), fault.Version},
		"PING before HELLO":         {body(ping{Req: 1}), fault.Protocol},
		"LIST before HELLO":         {body(list{Req: 1, Limit: 1}), fault.Protocol},
		"GET before HELLO":          {body(get{Req: 1, Count: 1}), fault.Protocol},
		"PUT before HELLO":          {body(put{Req: 1, Entry: someEntry}), fault.Protocol},
		"WATCH before HELLO":        {body(watch{Req: 1}), fault.Protocol},
		"AUTH before HELLO":         {body(auth{Req: 1}), fault.Protocol},
		"a server's WELCOME":        {body(welcome{Version: 1}), fault.Protocol},
		"BYE before HELLO":          {body(bye{}), fault.Protocol},
		"an unknown message":        {frame.Append(nil, 0x99, []byte("abcd")), fault.Protocol},
	} {
		t.Run(what, func(t *testing.T) {
			stranger := s.raw(t)
			if err := stranger.sayBytes(c.words); err != nil {
				t.Fatal(err)
			}
			if m := stranger.hearError(c.want); m.Req != 0 {
				t.Errorf("the ERROR is about request %d, not about the connection", m.Req)
			}
			s.servesOthers(t)
			stranger.hearEnd()
		})
	}
}

func TestAnUnknownVersionIsToldWhichIsSpoken(t *testing.T) {
	c := besiege(t).raw(t)
	c.say(hello{Min: 7, Max: 9})
	if m := c.hearError(fault.Version); !strings.Contains(m.Text, "version 1") || !strings.Contains(m.Text, "7 to 9") {
		t.Errorf("the words are %q", m.Text)
	}
	c.hearEnd()
}

func TestAnUnknownMessageIsAnsweredAndTheConnectionGoesOn(t *testing.T) {
	c := besiege(t).greeted(t)
	for _, m := range []rawMessage{
		{0x7f, []byte{0, 0, 0, 42, 'x', 'y'}}, {0x00, []byte{0, 0, 0, 42}}, {0xff, append([]byte{0, 0, 0, 42}, make([]byte, maxSmall-4)...)},
		{typeWelcome, []byte{0, 0, 0, 42}}, // not for a server, so not known to one
	} {
		c.say(m)
		if e := c.hearError(fault.Unknown); e.Req != 42 {
			t.Errorf("type %#x: the ERROR is about request %d, not 42", byte(m.t), e.Req)
		}
	}
	c.say(rawMessage{0x7f, []byte{1}}) // too short for a number
	if e := c.hearError(fault.Unknown); e.Req != 0 {
		t.Errorf("the ERROR is about request %d", e.Req)
	}
	c.say(ping{Req: 43, Token: 5})
	if m, err := decodePong(c.hear(typePong)); err != nil || m != (pong{Req: 43, Token: 5}) {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestHostileRequests: what is well formed and can not be is answered with
// ERROR, and the connection goes on.
func TestHostileRequests(t *testing.T) {
	s := besiege(t, writable)
	id := s.idOf(t, "small")
	if err := os.Symlink("/etc/passwd", s.dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", s.dir+"/folderlink"); err != nil {
		t.Fatal(err)
	}
	s.add(t, ".secret", []byte("x"))
	type attack struct {
		m    message
		want error
	}
	attacks := map[string]attack{
		"a link out of the folder":          {describe{Req: 9, Name: "link"}, fault.NotFound},
		"a file behind a linked folder":     {describe{Req: 9, Name: "folderlink/passwd"}, fault.NotFound},
		"a hidden file":                     {describe{Req: 9, Name: ".secret"}, fault.NotFound},
		"a name that is a folder on a file": {describe{Req: 9, Name: "small/x"}, fault.NotFound},
		"a file that is not there":          {describe{Req: 9, Name: "nothing"}, fault.NotFound},
		"an id that is not there":           {describe{Req: 9, ID: content.ID{1}}, fault.NotFound},
		"neither name nor id":               {describe{Req: 9}, fault.NotFound},
		"a chunk of nothing":                {get{Req: 9, ID: content.ID{1}, Count: 1}, fault.NotFound},
		"the chunk after the last":          {get{Req: 9, ID: id, First: 2, Count: 1}, fault.Invalid},
		"chunks that run past the end":      {get{Req: 9, ID: id, First: 1, Count: 2}, fault.Invalid},
		"an absurd chunk":                   {get{Req: 9, ID: id, First: 1 << 31, Count: 1}, fault.Invalid},
		"an absurd number of chunks":        {get{Req: 9, ID: id, Count: 1 << 31}, fault.Invalid},
		"an end that wraps around":          {get{Req: 9, ID: id, First: 1<<32 - 1, Count: 2}, fault.Invalid},
		"no chunk":                          {get{Req: 9, ID: id, Count: 0}, fault.Invalid},
		"a proof past the end":              {proof{Req: 9, ID: id, First: 1, Count: 2}, fault.Invalid},
		"a proof of nothing":                {proof{Req: 9, ID: content.ID{1}, Count: 1}, fault.NotFound},
		"a page of nothing":                 {list{Req: 9}, fault.Invalid},
		"an upload of 8 EiB":                {put{Req: 9, Entry: store.Entry{Name: "new", Size: 1<<63 - 1}}, fault.TooLarge},
		"an upload behind a linked folder":  {put{Req: 9, Entry: emptyEntry("folderlink/new")}, fault.Invalid},
		"an upload onto a link":             {put{Req: 9, Entry: emptyEntry("link")}, fault.Exists},
		"an upload that would be hidden":    {put{Req: 9, Entry: emptyEntry(".bashrc")}, fault.Invalid},
		"an upload into a hidden folder":    {put{Req: 9, Entry: emptyEntry(".ssh/authorized_keys")}, fault.Invalid},
		"an upload of nothing's id":         {put{Req: 9, Entry: store.Entry{Name: "new", ID: content.ID{1}}}, fault.Corrupt},
	}
	for what, name := range hostileNames {
		kind := fault.Invalid
		if len(name) > maxName {
			kind = fault.TooLarge
		}
		if len(name) > 15<<10 {
			continue // does not fit the frame: TestOversizeFrames
		}
		for verb, m := range map[string]message{
			"describe ": describe{Req: 9, Name: name}, "list ": list{Req: 9, Limit: 1, Prefix: name},
			"watch ": watch{Req: 9, Prefix: name}, "put ": put{Req: 9, Entry: emptyEntry(name)},
		} {
			attacks[verb+what] = attack{m, kind}
		}
	}
	c := s.greeted(t)
	for what, a := range attacks {
		c.say(a.m)
		if m := c.hearError(a.want); m.Req != 9 {
			t.Errorf("%s: the ERROR is about request %d", what, m.Req)
		}
	}
	c.say(ping{Req: 10})
	c.hear(typePong)
	s.servesOthers(t)
	if _, err := os.Lstat("/etc/new"); err == nil {
		t.Error("an upload went through a link")
	}
}

// emptyEntry is an upload that needs no bytes.
func emptyEntry(name string) store.Entry {
	list, _ := content.NewChunkList(0, nil)
	return store.Entry{Name: name, ID: list.ID(), ModTime: time.Unix(1_750_000_000, 0), Mode: 0o644}
}

func (s *served) idOf(t *testing.T, name string) content.ID {
	t.Helper()
	c := dial(t, s)
	defer c.Close()
	entry, _ := describeFile(t, c, name)
	return entry.ID
}

// TestABrokenGrammarEndsTheConnection: the two sides do not agree any more on
// what was said.
func TestABrokenGrammarEndsTheConnection(t *testing.T) {
	s := besiege(t)
	for what, m := range map[string]message{
		"a GET cut off":        rawMessage{typeGet, get{Req: 1, Count: 1}.append(nil)[:20]},
		"a LIST with more":     rawMessage{typeList, append(list{Req: 1, Limit: 1}.append(nil), 0)},
		"a bool of 7":          rawMessage{typePut, append([]byte{0, 0, 0, 1, 7}, put{Entry: someEntry}.append(nil)[5:]...)},
		"a request of nothing": rawMessage{typePing, nil},
	} {
		t.Run(what, func(t *testing.T) {
			c := s.greeted(t)
			c.say(m)
			c.hearError(fault.Protocol)
			c.hearEnd()
			s.servesOthers(t)
		})
	}
}

func TestOversizeFrames(t *testing.T) {
	s := besiege(t, writable)
	for what, h := range map[string][]byte{
		"4 GiB":                       frame.AppendHeader(nil, typePing, 1<<32-1),
		"a request of 16 KiB + 1":     frame.AppendHeader(nil, typePing, maxSmall+1),
		"a name of 64 KiB":            frame.Append(nil, typeDescribe, describe{Name: strings.Repeat("n", 65535)}.append(nil)),
		"an unknown one of 1 MiB":     frame.AppendHeader(nil, 0x99, 1<<20),
		"a CHUNK nobody asked for":    frame.AppendHeader(nil, typeChunk, maxBody),
		"a VALUES nobody asked for":   frame.AppendHeader(nil, typeValues, bodyLimit(typeValues)),
		"a CHUNK of 4 MiB and a byte": frame.AppendHeader(nil, typeChunk, maxBody+1),
	} {
		t.Run(what, func(t *testing.T) {
			c := s.greeted(t)
			if err := c.sayBytes(h); err != nil {
				t.Fatal(err)
			}
			c.hearError(fault.TooLarge) // without waiting for the bytes that were claimed
			c.hearEnd()
			s.servesOthers(t)
		})
	}
}

// hurried are bounds under which a slow client is soon found out.
var hurried = Bounds{Handshake: 150 * time.Millisecond, Stall: 150 * time.Millisecond, Idle: 150 * time.Millisecond}

// trickle sends b a byte at a time, each well within every time-out, until the
// server has had enough; it returns how many bytes were taken.
func (c *rawClient) trickle(b []byte) int {
	for i := range b {
		if c.sayBytes(b[i:i+1]) != nil {
			return i
		}
		time.Sleep(5 * time.Millisecond) // the pace of the attack
	}
	return len(b)
}

func TestSlowLoris(t *testing.T) {
	s := besiege(t, withBounds(hurried), writable)
	longHello := frame.Append(nil, typeHello, hello{Min: 1, Max: 1, Agent: strings.Repeat("a", maxText)}.append(nil))
	longPut := frame.Append(nil, typePut, put{Entry: store.Entry{Name: strings.Repeat("n/", 1000) + "n"}}.append(nil))
	for what, attack := range map[string]func(t *testing.T) (*rawClient, []byte){
		"in HELLO":          func(t *testing.T) (*rawClient, []byte) { return s.raw(t), longHello },
		"inside a request":  func(t *testing.T) (*rawClient, []byte) { return s.greeted(t), longPut },
		"not even a HELLO":  func(t *testing.T) (*rawClient, []byte) { return s.raw(t), nil },
		"idle once let in":  func(t *testing.T) (*rawClient, []byte) { return s.greeted(t), nil },
		"half a header":     func(t *testing.T) (*rawClient, []byte) { return s.greeted(t), longPut[:3] },
		"a header, no body": func(t *testing.T) (*rawClient, []byte) { return s.greeted(t), longPut[:5] },
	} {
		t.Run(what, func(t *testing.T) {
			c, words := attack(t)
			done := make(chan int)
			go func() { done <- c.trickle(words) }()
			s.servesOthers(t)
			c.hearEnd()
			c.Close()
			if sent := <-done; len(words) > 1000 && sent == len(words) {
				t.Error("the server listened to the end")
			}
		})
	}
}

// TestTheWholeGreetingHasOneTimeOut: HELLO and AUTH each in time, but not both.
func TestTheWholeGreetingHasOneTimeOut(t *testing.T) {
	s := besiege(t, withBounds(Bounds{Handshake: 400 * time.Millisecond}))
	began := time.Now()
	c := s.raw(t)
	// A byte before each time-out would keep it from ever passing.
	c.trickle(frame.Append(nil, typeHello, hello{Min: 1, Max: 1, Agent: strings.Repeat("a", maxText)}.append(nil)))
	c.hearEnd()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("let go after %v", took)
	}
}

// TestAClientThatNeverReads is let go after the stall time-out: the answer is
// larger than all buffers in between.
func TestAClientThatNeverReads(t *testing.T) {
	s := besiege(t, withBounds(Bounds{Stall: 200 * time.Millisecond}))
	s.add(t, "large", noise(32<<20))
	id := s.idOf(t, "large")
	for _, verb := range []string{"GET", "GET again and again"} {
		t.Run(verb, func(t *testing.T) {
			c, before := s.greeted(t), s.load.PayloadOut.Load()
			for n := range uint32(len(verb)) {
				c.say(get{Req: n, ID: id, First: 0, Count: maxGet})
			}
			eventually(t, "the payload flows", func() bool { return s.load.PayloadOut.Load() > before })
			s.servesOthers(t)
			s.onlyLeft(t, 0)
		})
	}
}

// onlyLeft waits until the server holds so many connections.
func (s *served) onlyLeft(t *testing.T, n int) {
	t.Helper()
	eventually(t, "the server lets go of the connection", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.links) == n
	})
}

func TestAClientThatVanishesMidChunk(t *testing.T) {
	s := besiege(t)
	s.add(t, "large", noise(32<<20))
	id := s.idOf(t, "large")
	for range 5 {
		c := s.greeted(t)
		c.say(get{Req: 1, ID: id, First: 0, Count: maxGet})
		if _, err := io.CopyN(io.Discard, c.r, 100_000); err != nil {
			t.Fatal(err)
		}
		c.hangUp()
		s.servesOthers(t)
	}
	s.onlyLeft(t, 0)
}

func TestAnUploaderThatVanishesMidChunk(t *testing.T) {
	s := besiege(t, writable)
	data := noise(5 * content.MinChunk)
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s.greeted(t)
	c.say(put{Req: 1, Entry: store.Entry{Name: "up", Size: list.Size(), ID: list.ID(), Mode: 0o644}})
	p, err := decodeProof(c.hear(typeProof))
	if err != nil {
		t.Fatal(err)
	}
	c.say(values{Req: p.Req, CVs: list.Bytes()})
	var g get
	for g.Count == 0 {
		kind, b, err := frame.Read(c.r, maxBody, nil)
		if err != nil {
			t.Fatal(err)
		}
		if kind == typeGet {
			g, _ = decodeGet(b)
		}
	}
	half := appendChunkHead(nil, g.Req, g.First, content.MinChunk)
	if err := c.sayBytes(append(half, data[:content.MinChunk/2]...)); err != nil {
		t.Fatal(err)
	}
	c.hangUp()
	s.onlyLeft(t, 0)
	s.servesOthers(t)
	if _, err := os.Stat(s.dir + "/up"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half an upload has its final name: %v", err)
	}
}

// TestALyingUploader: bytes that are not those of the list, a list that is not
// that of the id, chunks that nobody asked for.
func TestALyingUploader(t *testing.T) {
	s := besiege(t, writable)
	data := noise(2 * content.MinChunk)
	list, _ := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	entry := store.Entry{Name: "up", Size: list.Size(), ID: list.ID(), Mode: 0o644}
	upTo := func(t *testing.T, cvs []byte) *rawClient {
		c := s.greeted(t)
		c.say(put{Req: 1, Entry: entry})
		p, _ := decodeProof(c.hear(typeProof))
		c.say(values{Req: p.Req, CVs: cvs})
		return c
	}
	t.Run("another file's list", func(t *testing.T) {
		c := upTo(t, make([]byte, len(list.Bytes())))
		c.hearError(fault.Corrupt)
		c.say(ping{Req: 2})
		c.hear(typePong)
	})
	t.Run("a list too short", func(t *testing.T) {
		c := upTo(t, list.Bytes()[:content.CVSize])
		c.hearError(fault.Protocol)
		c.hearEnd()
	})
	t.Run("wrong bytes", func(t *testing.T) {
		c := upTo(t, list.Bytes())
		for {
			kind, b, err := frame.Read(c.r, maxBody, nil)
			if err != nil {
				t.Fatal(err)
			}
			if kind == typeError {
				if m, _ := decodeFailure(b); m.Req != 1 || !errors.Is(m.err(), fault.Corrupt) {
					t.Errorf("%+v", m)
				}
				break
			}
			g, _ := decodeGet(b)
			for i := g.First; kind == typeGet && i < g.First+g.Count; i++ {
				_ = c.sayBytes(append(appendChunkHead(nil, g.Req, i, content.MinChunk), make([]byte, content.MinChunk)...))
			}
		}
		c.say(ping{Req: 2}) // the upload is over, the connection is not
		c.hear(typePong)
	})
	for what, head := range map[string][]byte{
		"a chunk not asked for":   appendChunkHead(nil, 2, 7, content.MinChunk),
		"an answer to a stranger": appendChunkHead(nil, 77, 0, content.MinChunk),
		"a chunk too short":       appendChunkHead(nil, 2, 0, 1),
	} {
		t.Run(what, func(t *testing.T) {
			c := upTo(t, list.Bytes())
			c.hear(typeWorking)
			if g, _ := decodeGet(c.hear(typeGet)); g.Req != 2 || g.First != 0 || g.Count != 2 {
				t.Fatalf("this test knows the server to ask otherwise: %+v", g)
			}
			n := binary.BigEndian.Uint32(head) - chunkHead
			_ = c.sayBytes(append(head, make([]byte, n)...))
			c.hearError(fault.Protocol)
			c.hearEnd()
		})
	}
	s.servesOthers(t)
	if _, err := os.Stat(s.dir + "/up"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made of it: %v", err)
	}
}

func TestManyWatchesOnOneConnection(t *testing.T) {
	c := besiege(t, withBounds(Bounds{Watches: 3})).greeted(t)
	for n := range uint32(5) {
		c.say(watch{Req: n})
		if n < 3 {
			c.hear(typeOK)
		} else {
			c.hearError(fault.Busy)
		}
	}
}

// TestHundredsOfStrangersAtOnce that say nothing, and are gone at last.
func TestHundredsOfStrangersAtOnce(t *testing.T) {
	s := besiege(t)
	var all []*rawClient
	for range 300 {
		all = append(all, s.raw(t))
	}
	s.servesOthers(t)
	for _, c := range all {
		c.hangUp()
	}
	s.onlyLeft(t, 0)
}
