package p2phost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"starmesh/common/rate"
)

// slowLink drains a queue at so many bytes per second, as frames of what was
// written; it stands for yamux, TLS and the kernel.
func slowLink(ctx context.Context, q *queue, perSecond float64) io.Writer {
	frames := make(chan int, 1000)
	go func() {
		for {
			select {
			case n := <-frames:
				select {
				case <-time.After(time.Duration(float64(n) / perSecond * 1e9)):
					q.left(n)
				case <-ctx.Done():
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return writerFunc(func(p []byte) (int, error) { frames <- len(p); return len(p), nil })
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTheQueueIsShortInTimeAndKeepsTheLinkBusy(t *testing.T) {
	for _, perSecond := range []float64{2e5, 2e6, 2e7, 2e8} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			q := newQueue()
			s := slowLink(ctx, q, perSecond)
			n := int(perSecond * 4) // four seconds of it
			go func() {
				if _, err := q.bulk(ctx, s, make([]byte, n)); err != nil {
					t.Error(err)
				}
			}()
			start := time.Now()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			// Not the first pieces, before anything is known of the link.
			most := max(perSecond*queueTime.Seconds(), minQueue) + minPiece
			if perSecond*queueTime.Seconds() > maxQueue {
				most = maxQueue + maxPiece
			}
			if got := float64(q.waiting()); got > 1.5*most || got <= 0 {
				t.Errorf("at %.0f kB/s %.0f kB wait", perSecond/1e3, got/1e3)
			}
			for q.waiting() > 0 {
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(start).Seconds(); took < 3.9 || took > 4.2 {
				t.Errorf("at %.0f kB/s four seconds' worth took %.2f s", perSecond/1e3, took)
			}
		})
	}
}

// TestTheKernelHoldsLittleForASlowLink: what waits there is before every word.
func TestTheKernelHoldsLittleForASlowLink(t *testing.T) {
	for perSecond, want := range map[float64]int64{5e4: minQueue, 2e7: maxNotSent} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			q := newQueue()
			bound, calls := int64(maxNotSent), 0
			q.kernel = func(most int64) { bound = most; calls++ }
			if _, err := q.bulk(ctx, slowLink(ctx, q, perSecond), make([]byte, 10*int(perSecond))); err != nil {
				t.Error(err)
			}
			if bound != want {
				t.Errorf("at %.0f kB/s the kernel may hold %d bytes, want %d", perSecond/1e3, bound, want)
			}
			if calls > 5 {
				t.Errorf("told the kernel %d times", calls)
			}
		})
	}
}

func TestUrgentDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		q := newQueue()
		s := slowLink(ctx, q, 1e5)
		go q.bulk(ctx, s, make([]byte, 10<<20)) //nolint:errcheck // it is cut short
		time.Sleep(time.Second)
		before := time.Now()
		if _, err := q.urgent(s, make([]byte, 100)); err != nil || time.Since(before) != 0 {
			t.Errorf("it waited for %v, %v", time.Since(before), err)
		}
	})
}

func TestAWaitForRoomEndsWithTheContextAndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := writerFunc(func(p []byte) (int, error) { return len(p), nil })
		ctx, cancel := context.WithCancel(t.Context())
		q := newQueue()
		done := make(chan error, 1)
		go func() { _, err := q.bulk(ctx, stuck, make([]byte, 10<<20)); done <- err }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("after cancel: %v", err)
		}
		go func() { _, err := q.bulk(t.Context(), stuck, make([]byte, 10<<20)); done <- err }()
		synctest.Wait()
		q.close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("after close: %v", err)
		}
	})
}

func TestWhatNobodyBookedDoesNotUpsetTheQueue(t *testing.T) {
	q := newQueue()
	q.left(5000) // identify, the DHT
	if q.waiting() != 0 {
		t.Errorf("%d bytes wait in an empty queue", q.waiting())
	}
	broken := writerFunc(func(p []byte) (int, error) { return 10, errors.New("broken") })
	if n, err := q.bulk(t.Context(), broken, make([]byte, 100)); n != 10 || err == nil || q.waiting() != 10 {
		t.Errorf("%d written, %v, %d wait", n, err, q.waiting())
	}
	if n, err := q.urgent(broken, make([]byte, 100)); n != 10 || err == nil || q.waiting() != 20 {
		t.Errorf("%d written, %v, %d wait", n, err, q.waiting())
	}
	var none *queue
	var out bytes.Buffer
	if n, err := none.bulk(t.Context(), &out, []byte("abc")); n != 3 || err != nil || none.waiting() != 0 {
		t.Errorf("without a queue: %d, %v", n, err)
	}
	if n, err := none.urgent(&out, []byte("d")); n != 1 || err != nil || out.String() != "abcd" {
		t.Errorf("without a queue: %d, %v, %q", n, err, &out)
	}
}

func TestFramesAreToldFromOtherWrites(t *testing.T) {
	frame := func(kind byte, n, body int) []byte {
		return append([]byte{0, kind, 0, 0, 0, 0, 0, 1, 0, 0, byte(n >> 8), byte(n)}, make([]byte, body)...)
	}
	for name, c := range map[string]struct {
		p    []byte
		want int
	}{
		"data":            {frame(0, 300, 300), 300},
		"window update":   {frame(1, 300, 0), 0},
		"ping":            {frame(2, 7, 0), 0},
		"no data":         {frame(0, 0, 0), 0},
		"half a frame":    {frame(0, 300, 200), 0},
		"a header's part": {frame(0, 300, 0)[:8], 0},
		"multistream":     {[]byte("\x13/multistream/1.0.0\n"), 0},
	} {
		if got := frameData(c.p); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}

// TestYamuxIsTheOneWeKnow: queue.go and records.go read yamux's frames, and
// count on it that each is one Write. With another version look at that again
// (session.go: where it calls Write; const.go: the header), and then name it
// here.
func TestYamuxIsTheOneWeKnow(t *testing.T) {
	const known = "github.com/libp2p/go-yamux/v5 v5.1.0"
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\t"+known+" ") {
		t.Errorf("go.mod has another yamux than %s, with which this was checked", known)
	}
}

// recorded is a connection that keeps what is written.
type recorded struct {
	net.Conn
	mu     sync.Mutex
	writes [][]byte
}

func (c *recorded) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes = append(c.writes, bytes.Clone(p))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func TestYamuxWritesEachFrameAtOnce(t *testing.T) {
	near, far := net.Pipe()
	out := &recorded{Conn: near}
	client, err := newYamux().NewConn(out, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := newYamux().NewConn(far, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	defer client.Close()
	const size = 3*maxFrame + 1234
	taken := make(chan int64)
	go func() {
		s, err := server.AcceptStream()
		if err != nil {
			close(taken)
			return
		}
		n, _ := io.Copy(io.Discard, s)
		taken <- n
	}()
	s, err := client.OpenStream(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n := <-taken; n != size {
		t.Fatalf("%d of %d bytes arrived", n, size)
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	sum := 0
	for _, p := range out.writes {
		data := frameData(p)
		if len(p) != yamuxHeader+data || len(p) > maxFrame {
			t.Errorf("a Write of %d bytes is no frame: % x…", len(p), p[:min(len(p), 16)])
		}
		sum += data
	}
	if sum != size {
		t.Errorf("the frames carry %d bytes, want %d", sum, size)
	}
}

// TestADistanceDoesNotFillTheWindowOfADialledNode: half of the window may be on
// its way, and half of it used up before the reader says so, from the second
// round trip on.
func TestADistanceDoesNotFillTheWindowOfADialledNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		reader, writer := newMuxer(nil, nil).dialled, newMuxer(nil, nil).accepted
		us, err := reader.NewConn(rate.Limits{Delay: 50 * time.Millisecond}.Conn(near), false, nil)
		if err != nil {
			t.Fatal(err)
		}
		them, err := writer.NewConn(rate.Limits{Delay: 50 * time.Millisecond}.Conn(far), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer us.Close()
		defer them.Close()
		go func() {
			s, err := us.AcceptStream()
			if err == nil {
				_, _ = io.Copy(io.Discard, s)
			}
		}()
		s, err := them.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const trip, inOne = 100 * time.Millisecond, dialledStreamWindow / 2
		if _, err := s.Write(make([]byte, 64<<10)); err != nil { // it is opened
			t.Fatal(err)
		}
		time.Sleep(trip)
		for n := range 5 {
			began := time.Now()
			if _, err := s.Write(make([]byte, inOne)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(trip - min(trip, time.Since(began)))
			if took := time.Since(began); took > trip+trip/10 {
				t.Errorf("in round trip %d, %d bytes took %v", n, inOne, took)
			}
		}
	})
}

// stalling is a connection on which at some time nothing comes any more,
// without an end.
type stalling struct {
	net.Conn
	stalls atomic.Bool
	ended  chan struct{}
}

func (c *stalling) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.stalls.Load() {
		<-c.ended
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *stalling) Close() error {
	select {
	case <-c.ended:
	default:
		close(c.ended)
	}
	return c.Conn.Close()
}

func TestAConnectionThatStallsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		way := &stalling{Conn: near, ended: make(chan struct{})}
		client, err := newYamux().NewConn(way, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		server, err := newYamux().NewConn(far, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if client.IsClosed() {
			t.Fatal("a connection on which nothing is said was given up")
		}
		way.stalls.Store(true)
		time.Sleep(2*quietTime + frameTime + time.Second)
		if !client.IsClosed() {
			t.Error("it is not given up")
		}
		_ = client.Close()
		_ = server.Close()
	})
}

// TestAnOfferIsNotStuckBehindChunks is what the queue is for: on a real
// connection over a slow link, a message arrives soon although chunks are
// being sent. Without the queue it takes seconds.
func TestAnOfferIsNotStuckBehindChunks(t *testing.T) {
	const perSecond = 1e6
	a := startHost(t, func(c *Config) { c.Limits.Up = rate.New(perSecond) })
	b := startHost(t, nil)
	meet(t, a, b, overTCP)
	offered := make(chan struct{})
	b.SetStreamHandler("/chunks", func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
	b.SetStreamHandler("/offers", func(s network.Stream) {
		_, _ = io.ReadFull(s, make([]byte, 1))
		_, _ = io.ReadFull(s, make([]byte, 100))
		close(offered)
	})
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	chunks, err := a.NewStream(ctx, b.ID(), "/chunks")
	if err != nil {
		t.Fatal(err)
	}
	offers, err := a.NewStream(ctx, b.ID(), "/offers")
	if err != nil {
		t.Fatal(err)
	}
	q := queueOf(chunks.Conn())
	if q == nil || q != queueOf(offers.Conn()) {
		t.Fatal("streams of one connection do not share its queue")
	}
	if _, err := q.urgent(offers, []byte{1}); err != nil {
		t.Fatal(err)
	}
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		_, _ = q.bulk(ctx, chunks, make([]byte, 20<<20)) // cut short below
	}()
	eventually(t, func() bool { return q.speed.known(q) })
	start := time.Now()
	if _, err := q.urgent(offers, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	<-offered
	if took := time.Since(start); took > 400*time.Millisecond {
		t.Errorf("an offer took %v over a link of %.0f kB/s", took, perSecond/1e3)
	}
	cancel()
	<-sending
	_ = chunks.Reset()
}

// known reports whether the queue's link has been measured.
func (s *speed) known(q *queue) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return s.rate > 0
}

// waiting returns the bytes in the queue.
func (q *queue) waiting() int64 {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.in - q.out
}
