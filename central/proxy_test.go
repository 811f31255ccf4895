package central

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/load"
	"starmesh/common/transfer"
)

// proxy stands between a client and a server. What the client says passes
// unchanged; what the server says passes down, once for each connection, whose
// return ends that connection.
type proxy struct {
	addr  Address
	conns atomic.Int32
}

func startProxy(t *testing.T, to *served, down func(nth int, dst io.Writer, src io.Reader) error) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: Address{HostPort: ln.Addr().String()}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			nth := int(p.conns.Add(1))
			all.Go(func() { between(client, to.addr.HostPort, nth, down) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return p
}

func between(client net.Conn, addr string, nth int, down func(int, io.Writer, io.Reader) error) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_ = down(nth, client, server)
	client.Close()
	server.Close()
	<-up
}

// throughProxy fetches a file of s by way of p and returns what the client
// counted.
func throughProxy(t *testing.T, s *served, p *proxy, data []byte) (*load.Meter, []time.Duration) {
	t.Helper()
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	c.Close()
	in := Instruments{Meter: new(load.Meter)}
	var pauses []time.Duration
	cfg := transfer.Config{RetryFor: patient, Counter: in.Meter, OnRetry: func(_ string, _ error, wait time.Duration) {
		pauses = append(pauses, wait)
	}}
	got, err := fetch(t, list, cfg, NewSource(p.addr, ClientConfig{Instruments: in}, list))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d of %d bytes came, %v", len(got), len(data), err)
	}
	return in.Meter, pauses
}

// TestAWireThatFlipsBytes: a wrong chunk is found, thrown away and fetched
// again; the file is right.
func TestAWireThatFlipsBytes(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s, func(nth int, dst io.Writer, src io.Reader) error {
		r := rand.New(rand.NewPCG(1, uint64(nth)))
		for {
			if _, err := io.CopyN(dst, src, 100_000+r.Int64N(1_000_000)); err != nil {
				return err
			}
			var b [1]byte
			if _, err := io.ReadFull(src, b[:]); err != nil {
				return err
			}
			b[0] ^= 1 << r.IntN(8)
			if _, err := dst.Write(b[:]); err != nil {
				return err
			}
		}
	})
	data := noise(4 << 20)
	meter, pauses := throughProxy(t, s, p, data)
	if meter.ChunksBad.Load() == 0 || len(pauses) == 0 || p.conns.Load() < 2 {
		t.Errorf("%d bad chunks, %d retries, %d connections: the wire was too good for this test", meter.ChunksBad.Load(), len(pauses), p.conns.Load())
	}
	if n := meter.ChunksIn.Load(); n != int64(len(data)/content.MinChunk) {
		t.Errorf("%d chunks counted as right", n)
	}
}

// TestAWireThatFlipsHeaders: whichever byte before the payload is wrong, the
// connection is given up and the file fetched to its end.
func TestAWireThatFlipsHeaders(t *testing.T) {
	const header = frame.HeaderSize + chunkHead
	for _, flip := range []byte{0x01, 0x80} {
		s := startServer(t)
		p := startProxy(t, s, func(nth int, dst io.Writer, src io.Reader) error {
			for chunks := 0; ; {
				kind, n, err := frame.ReadHeader(src, maxBody)
				if err != nil {
					return err
				}
				b := frame.AppendHeader(nil, kind, n)
				b = append(b, make([]byte, n)...)
				if _, err := io.ReadFull(src, b[frame.HeaderSize:]); err != nil {
					return err
				}
				if kind == typeChunk {
					chunks++
				}
				if chunks == 2 && nth <= header { // the first one is right: there is progress
					b[nth-1] ^= flip
				}
				if _, err := dst.Write(b); err != nil {
					return err
				}
			}
		})
		throughProxy(t, s, p, noise(2<<20))
		if n := p.conns.Load(); n != header+1 {
			t.Errorf("flipped by %#x: %d connections, for %d bytes that were wrong", flip, n, header)
		}
	}
}

// TestAWireThatIsCut every few hundred kilobytes.
func TestAWireThatIsCut(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s, func(_ int, dst io.Writer, src io.Reader) error {
		_, err := io.CopyN(dst, src, 300<<10)
		return err
	})
	data := noise(3 << 20)
	meter, pauses := throughProxy(t, s, p, data)
	if len(pauses) < 10 {
		t.Errorf("%d retries for 3 MiB", len(pauses))
	}
	if in, n := meter.PayloadIn.Load(), int64(len(data)); in != n || meter.AgainIn.Load() != 0 {
		t.Errorf("%d bytes of payload came whole, for a file of %d: what was held was fetched again", in, n)
	}
}

// TestAWireThatStopsDelivering: the client gives the connection up after its
// stall time-out and goes on with another.
func TestAWireThatStopsDelivering(t *testing.T) {
	s := startServer(t)
	done := make(chan struct{})
	p := startProxy(t, s, func(nth int, dst io.Writer, src io.Reader) error {
		if nth > 1 {
			_, err := io.Copy(dst, src)
			return err
		}
		_, err := io.CopyN(dst, src, 200<<10)
		<-done
		return err
	})
	defer close(done)
	data := noise(1 << 20)
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	var why error
	cfg := transfer.Config{RetryFor: patient, OnRetry: func(_ string, err error, _ time.Duration) { why = err }}
	got, err := fetch(t, list, cfg, NewSource(p.addr, ClientConfig{Stall: 200 * time.Millisecond}, list))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if why == nil || why.Error() != p.addr.HostPort+": the server was silent for 200ms" && why.Error() != "the server was silent for 200ms" {
		t.Errorf("it was retried because: %v", why)
	}
}

// TestAServerThatCrashesAndComesBack: the download goes on by itself.
func TestAServerThatCrashesAndComesBack(t *testing.T) {
	s := startServer(t, slowly)
	data := noise(8 << 20)
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	var crash sync.Once
	var refused bool
	var again *served
	cfg := transfer.Config{
		RetryFor: patient,
		OnChunk:  func(transfer.Chunk) { crash.Do(s.kill) },
		OnRetry: func(_ string, err error, _ time.Duration) {
			if errors.Is(err, syscall.ECONNREFUSED) && again == nil {
				refused = true
				again = startServerAt(t, s.dir, s.addr.HostPort)
			}
		},
	}
	got, err := fetch(t, list, cfg, c.Source(list))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if !refused {
		t.Error("the server was never missed")
	}
}

// TestAServerThatIsNotBack within RetryFor.
func TestAServerThatIsNotBack(t *testing.T) {
	s := startServer(t)
	s.add(t, "x", noise(200_000))
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	c.Close()
	s.stop()
	began := time.Now()
	_, err := fetch(t, list, transfer.Config{RetryFor: 300 * time.Millisecond}, NewSource(s.addr, ClientConfig{}, list))
	if !errors.Is(err, syscall.ECONNREFUSED) || time.Since(began) < 300*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// TestAFullServerIsTriedAgain when it said that one may.
func TestAFullServerIsTriedAgain(t *testing.T) {
	s := startServer(t, withBounds(Bounds{Conns: 1}))
	data := noise(200_000)
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var why error
	cfg := transfer.Config{RetryFor: time.Hour, OnRetry: func(_ string, err error, wait time.Duration) {
		if wait < 5*time.Second {
			t.Errorf("a pause of %v, where 5 s were asked for", wait)
		}
		why = err
		cancel() // five seconds are long in a test
	}}
	err := fetchUntil(ctx, list, cfg, NewSource(s.addr, ClientConfig{}, list))
	if !errors.Is(err, context.Canceled) || !errors.Is(why, fault.Busy) {
		t.Errorf("%v, retried because: %v", err, why)
	}
}
