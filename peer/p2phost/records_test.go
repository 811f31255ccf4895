package p2phost

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// halfPipe carries bytes one way, as many as are written, and remembers where
// writes to the connection above it have ended.
type halfPipe struct {
	mu   sync.Mutex
	cond *sync.Cond
	buf  bytes.Buffer
	in   int   // bytes ever written
	out  int   // bytes ever read
	ends []int // of frames, in bytes ever written
}

func newHalfPipe() *halfPipe {
	p := &halfPipe{}
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *halfPipe) write(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in += len(b)
	p.buf.Write(b)
	p.cond.Broadcast()
}

// read returns at most n bytes.
func (p *halfPipe) read(b []byte, n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.buf.Len() == 0 {
		p.cond.Wait()
	}
	n, _ = p.buf.Read(b[:min(len(b), n)])
	p.out += n
	return n
}

// toCome returns how many bytes are sure to come, if the other side says nothing
// more: to the end of the frame that is under way.
func (p *halfPipe) toCome() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, end := range p.ends {
		if end > p.out {
			return end - p.out
		}
	}
	return p.in - p.out
}

// pipeConn is one end of two of them; it reads in random portions.
type pipeConn struct {
	net.Conn // nil: only what is below is used
	from, to *halfPipe
	portion  func() int
}

func (c *pipeConn) Read(p []byte) (int, error)       { return c.from.read(p, c.portion()), nil }
func (c *pipeConn) Write(p []byte) (int, error)      { c.to.write(p); return len(p), nil }
func (c *pipeConn) SetDeadline(time.Time) error      { return nil }
func (c *pipeConn) SetWriteDeadline(time.Time) error { return nil }
func (c *pipeConn) Close() error                     { return nil }

// TestNoReadWaitsForMoreThanIsSureToCome sends yamux frames of all sizes
// through real TLS, which cuts them into records as it likes, and checks every
// number of bytes that the kernel would be told to wait for: a single one too
// many, and a connection hangs.
func TestNoReadWaitsForMoreThanIsSureToCome(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		up, down := newHalfPipe(), newHalfPipe()
		portions := []func() int{
			func() int { return 1 << 20 }, func() int { return 1 + r.IntN(3000) }, func() int { return 1448 }, func() int { return 1 + r.IntN(40_000) },
		}
		longest, waits := 0, 0
		under := &pipeConn{from: down, to: up, portion: portions[seed%4]}
		reader := &records{Conn: under, told: 1}
		reader.tell = func(want int) error {
			if sure := down.toCome(); want > 1 && want > sure {
				t.Errorf("seed %d: it waits for %d bytes, %d are to come", seed, want, sure)
			}
			waits++
			longest = max(longest, want)
			return nil
		}
		server := tls.Server(&pipeConn{from: up, to: down, portion: portions[0]}, serverTLS(t))
		client := tls.Client(reader, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}) //nolint:gosec // nothing is at stake
		shaken := make(chan error, 1)
		go func() { shaken <- server.Handshake() }()
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		sent := sendFrames(t, r, server, down)
		readFrames(t, &frameConn{Conn: client, q: newQueue(), records: reader}, sent, seed%3 == 0)
		if longest < 2*minWaiting && seed%4 != 0 || longest > maxWaiting {
			t.Errorf("seed %d: the longest of %d waits is for %d bytes", seed, waits, longest)
		}
	}
}

// sendFrames writes frames as yamux does, one Write each, and gives the length
// of their bodies.
func sendFrames(t *testing.T, r *rand.Rand, c net.Conn, to *halfPipe) []int {
	t.Helper()
	to.mu.Lock()
	to.ends = append(to.ends, to.in) // of the handshake
	to.mu.Unlock()
	var sent []int
	for range 60 {
		kind, n := byte(r.IntN(4)), 0
		if kind == 0 {
			n = []int{0, 12, r.IntN(200), r.IntN(20_000), 128 << 10, r.IntN(maxFrame - yamuxHeader)}[r.IntN(6)]
		}
		frame := make([]byte, yamuxHeader+n) // zeros look like headers, too
		frame[1] = kind
		binary.BigEndian.PutUint32(frame[8:], uint32(n))
		if kind == 1 {
			binary.BigEndian.PutUint32(frame[8:], 1<<20) // a window, no body
		}
		if _, err := c.Write(frame); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, n)
		to.mu.Lock()
		to.ends = append(to.ends, to.in)
		to.mu.Unlock()
	}
	return sent
}

// readFrames reads them as yamux does, or all over the place.
func readFrames(t *testing.T, c net.Conn, bodies []int, anyhow bool) {
	t.Helper()
	total := 0
	for _, n := range bodies {
		total += yamuxHeader + n
		if anyhow {
			continue
		}
		if _, err := io.ReadFull(c, make([]byte, yamuxHeader)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	if anyhow {
		buf := make([]byte, 7777)
		for total > 0 {
			n, err := c.Read(buf[:min(len(buf), total)])
			if err != nil {
				t.Fatal(err)
			}
			total -= n
		}
	}
}

// serverTLS makes a server's side with a key of its own.
func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, // as libp2p has it
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}},
	}
}

func TestWhatIsNotTLSIsReadAsEver(t *testing.T) {
	noise := append([]byte("\x13/multistream/1.0.0\n\x07/noise\n"), 0, 32)
	noise = append(noise, bytes.Repeat([]byte{0xab}, 5000)...)
	for name, stream := range map[string][]byte{
		"noise": noise, "zeros": make([]byte, 5000), "a record too long": {23, 3, 3, 0xff, 0xff, 1, 2, 3},
		"an answer of no": append([]byte("\x13/multistream/1.0.0\n\x03na\n"), make([]byte, 100)...),
	} {
		p := newHalfPipe()
		p.write(stream)
		r := &records{Conn: &pipeConn{from: p, portion: func() int { return 7 }}, told: 1}
		r.tell = func(want int) error {
			if want != 1 {
				t.Errorf("%s: it waits for %d bytes", name, want)
			}
			return nil
		}
		if _, err := io.ReadFull(r, make([]byte, len(stream))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !r.failed {
			t.Errorf("%s is taken for TLS", name)
		}
	}
}
