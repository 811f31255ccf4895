package central

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// pretend is a server whose every connection is met by meet; it gives its
// address.
func pretend(t *testing.T, meet func(c *rawClient)) Address {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patient))
			meet(&rawClient{t, conn.(*net.TCPConn), bufio.NewReader(conn)})
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-ended })
	return Address{HostPort: ln.Addr().String()}
}

// answers returns a server that greets and then answers every message with the
// same frames.
func answers(t *testing.T, frames ...message) Address {
	return pretend(t, func(c *rawClient) {
		var all []byte
		for _, m := range frames {
			all = frame.Append(all, m.kind(), m.append(nil))
		}
		reply := frame.Append(nil, typeWelcome, welcome{Version: version}.append(nil))
		for {
			if kind, _, err := frame.Read(c.r, maxBody, nil); err != nil || kind == typeBye {
				return
			}
			if c.sayBytes(reply) != nil {
				return
			}
			reply = all
		}
	})
}

func TestWhatAServerMayNotSayFirst(t *testing.T) {
	say := func(b []byte) func(*rawClient) {
		return func(c *rawClient) {
			_ = c.sayBytes(b)
			_, _, _ = frame.Read(c.r, maxBody, nil) // so that closing does not reset
		}
	}
	of := func(m message) []byte { return frame.Append(nil, m.kind(), m.append(nil)) }
	for what, c := range map[string]struct {
		words []byte
		want  error
	}{
		"nothing":                {nil, fault.Closed},
		"half a header":          {[]byte{0, 0}, fault.Closed},
		"half a WELCOME":         {of(welcome{Version: 1})[:9], fault.Closed},
		"noise":                  {noise(1000), fault.Protocol},
		"a web page":             {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), fault.Protocol},
		"4 GiB of WELCOME":       {frame.AppendHeader(nil, typeWelcome, 1<<32-1), fault.Protocol},
		"another answer":         {of(pong{}), fault.Protocol},
		"another version":        {of(welcome{Version: 2}), fault.Version},
		"a WELCOME with more":    {frame.Append(nil, typeWelcome, append(welcome{Version: 1}.append(nil), 0)), fault.Protocol},
		"BYE":                    {of(bye{Reason: "closing time"}), fault.Closed},
		"an ERROR of no code":    {of(failure{Code: 999, Text: "?"}), fault.Internal},
		"an ERROR to be retried": {of(failure{Code: fault.Code(fault.Busy), RetryAfter: time.Hour}), fault.Busy},
	} {
		addr := pretend(t, say(c.words))
		_, err := Dial(t.Context(), addr, ClientConfig{Timeout: patient})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), addr.HostPort) {
			t.Errorf("%s: which server? %v", what, err)
		}
	}
}

func TestAServerThatSaysNothing(t *testing.T) {
	addr := pretend(t, func(c *rawClient) {
		for {
			if _, _, err := frame.Read(c.r, maxBody, nil); err != nil {
				return
			}
		}
	})
	_, err := Dial(t.Context(), addr, ClientConfig{Timeout: 100 * time.Millisecond})
	if !errors.Is(err, fault.NoSource) || fault.Final(err) || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("%v", err)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	web := NewHTTPClient(Address{HostPort: mute.Addr().String(), HTTP: true}, ClientConfig{Timeout: 100 * time.Millisecond, Stall: time.Hour})
	defer web.Close()
	_, err = web.Describe(t.Context(), "x", content.ID{}, nil)
	if !errors.Is(err, fault.NoSource) || fault.Final(err) || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("over HTTP: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Dial(ctx, addr, ClientConfig{Timeout: patient}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTheServersWordsAreMadeSafeForATerminal(t *testing.T) {
	addr := pretend(t, func(c *rawClient) {
		c.say(failure{Code: fault.Code(fault.Refused), Text: "go away\x1b[2J\r\n"})
		_, _, _ = frame.Read(c.r, maxBody, nil)
	})
	_, err := Dial(t.Context(), addr, ClientConfig{})
	if !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), `go away\x1b[2J\r\n`) {
		t.Errorf("%q", err)
	}
}

// TestAListingThatWouldNeverEnd: the same page again and again, or names that
// go backwards.
func TestAListingThatWouldNeverEnd(t *testing.T) {
	page := entries{More: true, Entries: []store.Entry{{Name: "a"}, {Name: "b"}}}
	back := entries{Entries: []store.Entry{{Name: "b"}, {Name: "a"}}}
	for what, m := range map[string]message{"again": page, "backwards": back} {
		c, err := Dial(t.Context(), answers(t, m), ClientConfig{})
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, err = range c.List(t.Context(), "") {
			if count++; count > 10 {
				break
			}
		}
		if !errors.Is(err, fault.Protocol) {
			t.Errorf("%s: %v after %d entries", what, err, count)
		}
		c.Close()
	}
}

func TestAnswersThatDoNotFitTheQuestion(t *testing.T) {
	entry := entryOf(t, "x", noise(200_000)) // four chunks
	cvs := func(n int) []byte { return make([]byte, n*content.CVSize) }
	for what, c := range map[string]struct {
		answer message
		ask    func(c *Client) error
		want   error
	}{
		"another token": {pong{Req: 1, Token: 0}, func(c *Client) error { _, err := c.Ping(t.Context()); return err }, fault.Protocol},
		"another file": {file{Entry: otherOne}, func(c *Client) error {
			_, err := c.Describe(t.Context(), "x", content.ID{}, nil)
			return err
		}, fault.Protocol},
		"another id": {file{Entry: entry}, func(c *Client) error {
			_, err := c.Describe(t.Context(), "", content.ID{1}, nil)
			return err
		}, fault.Protocol},
		"another file's list":    {values{Req: 1, CVs: cvs(4)}, func(c *Client) error { _, err := c.ChunkList(t.Context(), entry); return err }, fault.Corrupt},
		"a list too short":       {values{Req: 1, CVs: cvs(3)}, func(c *Client) error { _, err := c.ChunkList(t.Context(), entry); return err }, fault.Protocol},
		"a list too long":        {values{Req: 1, CVs: cvs(5)}, func(c *Client) error { _, err := c.ChunkList(t.Context(), entry); return err }, fault.Protocol},
		"a list from elsewhere":  {values{Req: 1, First: 1, CVs: cvs(4)}, func(c *Client) error { _, err := c.ChunkList(t.Context(), entry); return err }, fault.Protocol},
		"a list of another GET":  {values{Req: 7, CVs: cvs(4)}, func(c *Client) error { _, err := c.ChunkList(t.Context(), entry); return err }, fault.Protocol},
		"an event nobody wanted": {event{Kind: store.Lost}, func(c *Client) error { _, err := c.Ping(t.Context()); return err }, fault.Protocol},
	} {
		conn, err := Dial(t.Context(), answers(t, c.answer), ClientConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.ask(conn); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
		conn.Close()
	}
}

// Nothing is set aside for a list before it arrives.
func TestAHugeFileThatIsNotThere(t *testing.T) {
	c, err := Dial(t.Context(), answers(t, failure{Code: fault.Code(fault.NotFound)}), ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ChunkList(t.Context(), store.Entry{Name: "x", Size: content.MaxSize}); !errors.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	if _, err := c.ChunkList(t.Context(), store.Entry{Name: "x", Size: content.MaxSize + 1}); !errors.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
}

func TestWhereNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := Address{HostPort: ln.Addr().String()}
	ln.Close()
	if _, err := Dial(t.Context(), addr, ClientConfig{}); err == nil || fault.Final(err) || !strings.Contains(err.Error(), "is the server running there?") {
		t.Errorf("%v", err)
	}
	if _, err := Dial(t.Context(), Address{HostPort: "no.such.host.invalid:1"}, ClientConfig{}); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "cannot find the host") {
		t.Errorf("%v", err)
	}
}
