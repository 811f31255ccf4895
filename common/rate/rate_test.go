package rate_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"starmesh/common/rate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t *testing.T, what string, got, want time.Duration, percent float64) {
	t.Helper()
	if off := math.Abs(float64(got-want)) / float64(want) * 100; off > percent {
		t.Errorf("%s took %v, want %v within %g %%", what, got, want, percent)
	}
}

const mib = 1 << 20

func TestTenMiBAtTwoAndAHalfMegabytesASecond(t *testing.T) {
	for name, step := range map[string]int{"in one go": 10 * mib, "in chunks": mib / 2, "in small messages": 1 << 10} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := rate.New(2.5e6)
				begin := time.Now()
				for range 10 * mib / step {
					if err := l.Wait(t.Context(), step); err != nil {
						t.Fatal(err)
					}
				}
				within(t, "10 MiB", time.Since(begin), 4194*time.Millisecond, 2)
			})
		})
	}
}

func TestRatesFromAModemToATerabit(t *testing.T) {
	for _, bytesPerSecond := range []float64{125, 1e3, 1e6, 1e9, 1e11} {
		synctest.Test(t, func(t *testing.T) {
			l := rate.New(bytesPerSecond)
			if l.Rate() != bytesPerSecond {
				t.Errorf("Rate() = %v, want %v", l.Rate(), bytesPerSecond)
			}
			// Empty the bucket first: at a low rate it is worth a long time.
			if err := l.Wait(t.Context(), 1<<14); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			n := max(1<<14, int(bytesPerSecond*3))
			if err := l.Wait(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			want := time.Duration(float64(n) / bytesPerSecond * 1e9)
			within(t, "waiting", time.Since(begin), want, 2)
		})
	}
}

func TestNoLimit(t *testing.T) {
	for _, r := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if rate.New(r) != nil {
			t.Errorf("New(%v) limits", r)
		}
	}
	var none *rate.Limiter
	if err := none.Wait(t.Context(), math.MaxInt); err != nil || none.Rate() != 0 {
		t.Errorf("no limit: %v, %v", err, none.Rate())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := none.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("with no limit and an ended context: %v", err)
	}
}

func TestAWaitEndsWithItsContextAndGivesTheBytesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rate.New(1e6)
		if err := l.Wait(t.Context(), 20_000); err != nil { // empties the bucket
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := l.Wait(ctx, 1e9); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(begin); took != 5*time.Millisecond {
			t.Errorf("it ended after %v, want 5ms", took)
		}
		begin = time.Now()
		if err := l.Wait(t.Context(), 15_000); err != nil {
			t.Fatal(err)
		}
		within(t, "the next wait", time.Since(begin), 10*time.Millisecond, 1)
	})
}

// link returns two ends of a connection in memory; what is written to near
// passes the limits.
func link(l rate.Limits) (near, far net.Conn) {
	a, b := net.Pipe()
	return l.Conn(a), b
}

func TestConnectionsOnOneLinkGetEqualShares(t *testing.T) {
	for name, size := range map[string]func(i int) int{
		"all alike":                  func(int) int { return 64 << 10 },
		"one writes more at a time":  func(i int) int { return (64 << 10) << (4 * i % 5) },
		"one writes a chunk at once": func(i int) int { return max(64<<10, (1-i)*4*mib) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const conns, seconds = 5, 20
				limits := rate.Limits{Up: rate.New(2.5e6)}
				var got [conns]int64
				var ended sync.WaitGroup
				for i := range conns {
					near, far := link(limits)
					time.AfterFunc(seconds*time.Second, func() { near.Close() })
					ended.Go(func() { got[i], _ = io.Copy(io.Discard, far) })
					ended.Go(func() {
						for p := make([]byte, size(i)); ; {
							if _, err := near.Write(p); err != nil {
								return
							}
						}
					})
				}
				ended.Wait()
				sum := int64(0)
				for _, n := range got {
					sum += n
				}
				if want := 2.5e6 * seconds; math.Abs(float64(sum)-want) > want*0.02 {
					t.Errorf("together %d bytes, want %.0f", sum, want)
				}
				for i, n := range got {
					if share := float64(n) / float64(sum) * conns; share < 0.95 || share > 1.05 {
						t.Errorf("connection %d got %.2f of its share: %v", i, share, got)
					}
				}
			})
		})
	}
}

func TestReadersShareTheLinkToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := rate.Limits{Down: rate.New(1e6)}
		var ended sync.WaitGroup
		begin := time.Now()
		var took [2]time.Duration
		for i := range took {
			near, far := link(limits)
			ended.Go(func() {
				_, _ = far.Write(make([]byte, 2e6))
				far.Close()
			})
			ended.Go(func() {
				n, err := io.Copy(io.Discard, near)
				if n != 2e6 || err != nil {
					t.Errorf("read %d, %v", n, err)
				}
				took[i] = time.Since(begin)
			})
		}
		ended.Wait()
		for _, d := range took {
			within(t, "2 MB beside another 2 MB", d, 4*time.Second, 2)
		}
	})
}

func TestUnlimitedIsTheConnectionItself(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got := (rate.Limits{}).Conn(a); got != a {
		t.Errorf("got %T", got)
	}
	limited := rate.Limits{Up: rate.New(1)}.Conn(a)
	inner, ok := limited.(interface{ NetConn() net.Conn })
	if !ok || inner.NetConn() != a {
		t.Error("the connection underneath cannot be had")
	}
}

func TestDeadlinesEndAWaitForTheLimit(t *testing.T) {
	for name, set := range map[string]func(net.Conn, time.Time) error{
		"both":  net.Conn.SetDeadline,
		"write": net.Conn.SetWriteDeadline,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := link(rate.Limits{Up: rate.New(1e5)})
				defer near.Close()
				go func() { _, _ = io.Copy(io.Discard, far) }()
				begin := time.Now()
				if err := set(near, begin.Add(time.Second)); err != nil {
					t.Fatal(err)
				}
				n, err := near.Write(make([]byte, mib))
				var netErr net.Error
				if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &netErr) || !netErr.Timeout() {
					t.Fatalf("got %v", err)
				}
				if took := time.Since(begin); took != time.Second {
					t.Errorf("it ended after %v", took)
				}
				if n < 80_000 || n > 120_000 {
					t.Errorf("%d bytes went through in a second", n)
				}
				if err := set(near, time.Time{}); err != nil {
					t.Fatal(err)
				}
				if _, err := near.Write(make([]byte, 1<<14)); err != nil {
					t.Errorf("with the deadline gone: %v", err)
				}
			})
		})
	}
}

func TestADeadlineMovedDuringAWaitCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := link(rate.Limits{Up: rate.New(1000)})
		defer near.Close()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		if err := near.SetDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		time.AfterFunc(time.Second, func() { _ = near.SetDeadline(time.Now()) })
		if _, err := near.Write(make([]byte, mib)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

func TestAReadDeadlineLosesNoByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := link(rate.Limits{Down: rate.New(1e5)})
		defer near.Close()
		sent := make([]byte, 200_000)
		for i := range sent {
			sent[i] = byte(i * 31)
		}
		go func() {
			_, _ = far.Write(sent)
			far.Close()
		}()
		var got []byte
		stops := 0
		for p := make([]byte, 64<<10); ; {
			_ = near.SetReadDeadline(time.Now().Add(70 * time.Millisecond))
			n, err := near.Read(p)
			got = append(got, p[:n]...)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				stops++
				continue
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if string(got) != string(sent) {
			t.Errorf("%d bytes arrived, not those %d that were sent", len(got), len(sent))
		}
		if stops < 5 {
			t.Errorf("the deadline passed %d times only: the test shows nothing", stops)
		}
	})
}

func TestCloseEndsAWaitForTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := link(rate.Limits{Up: rate.New(1000), Down: rate.New(1000)})
		go func() { _, _ = io.Copy(io.Discard, far) }()
		go func() { _, _ = far.Write(make([]byte, mib)) }()
		_ = near.SetDeadline(time.Now().Add(time.Hour)) // its timers must go too
		begin := time.Now()
		time.AfterFunc(40*time.Second, func() { near.Close() })
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := near.Write(make([]byte, mib)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write: %v", err)
			}
		})
		both.Go(func() {
			if _, err := io.Copy(io.Discard, near); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		})
		both.Wait()
		if took := time.Since(begin); took != 40*time.Second {
			t.Errorf("it ended after %v", took)
		}
		if _, err := near.Write(nil); err == nil {
			t.Error("writing to the closed connection works")
		}
		far.Close()
	})
}

func TestTwoWritersDoNotMixTheirBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := link(rate.Limits{Up: rate.New(1e6)})
		var writers sync.WaitGroup
		for _, letter := range []byte("ab") {
			writers.Go(func() {
				p := make([]byte, 100_000)
				for i := range p {
					p[i] = letter
				}
				if n, err := near.Write(p); n != len(p) || err != nil {
					t.Errorf("wrote %d, %v", n, err)
				}
			})
		}
		go func() { writers.Wait(); near.Close() }()
		got, err := io.ReadAll(far)
		if err != nil || len(got) != 200_000 {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		changes := 0
		for i := 1; i < len(got); i++ {
			if got[i] != got[i-1] {
				changes++
			}
		}
		if changes != 1 {
			t.Errorf("the two are mixed: %d changes", changes)
		}
	})
}

// tcp returns both ends of a connection on this machine.
func tcp(t *testing.T) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestAFileGoesOutWholeThroughALimit(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	content := make([]byte, 300_001)
	for i := range content {
		content[i] = byte(i * 7)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for label, limits := range map[string]rate.Limits{
		"up":   {Up: rate.New(50e6)},
		"down": {Down: rate.New(50e6)},
		"none": {},
	} {
		t.Run(label, func(t *testing.T) {
			a, b := tcp(t)
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			got := make(chan []byte, 1)
			go func() {
				all, _ := io.ReadAll(b)
				got <- all
			}()
			out := limits.Conn(a)
			if n, err := io.CopyN(out, file, 200_000); n != 200_000 || err != nil {
				t.Fatalf("CopyN: %d, %v", n, err)
			}
			if n, err := io.CopyN(out, file, 200_000); n != 100_001 || err != io.EOF {
				t.Fatalf("CopyN past the end: %d, %v", n, err)
			}
			out.Close()
			if string(<-got) != string(content) {
				t.Error("what arrived is not the file")
			}
		})
	}
}

func TestRealTimeOverTCP(t *testing.T) {
	a, b := tcp(t)
	out := rate.Limits{Up: rate.New(8e6)}.Conn(a)
	begin := time.Now()
	go func() {
		_, _ = out.Write(make([]byte, 4e6))
		out.Close()
	}()
	n, err := io.Copy(io.Discard, b)
	took := time.Since(begin)
	if n != 4e6 || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	// 4 MB less the bucket's 160 kB; a busy machine may take longer.
	if took < 460*time.Millisecond || took > 5*time.Second {
		t.Errorf("4 MB at 8 MB/s took %v", took)
	}
}
