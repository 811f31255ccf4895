package echo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starmesh/cmd/internal/echo"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tracer keeps the steps it is told of.
type tracer struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and made anew with each line
}

func newTracer() *tracer { return &tracer{more: make(chan struct{})} }

// Write takes a step as a Trace prints it; the time in front is dropped.
func (t *tracer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, line, _ := strings.Cut(strings.TrimSpace(string(p)), "  ")
	t.lines = append(t.lines, line)
	close(t.more)
	t.more = make(chan struct{})
	return len(p), nil
}

// wait waits for a line with that text.
func (t *tracer) wait(text string) {
	for !t.has(text) {
		t.mu.Lock()
		more := t.more
		t.mu.Unlock()
		if !t.has(text) {
			<-more
		}
	}
}

// calls returns the names of the calls, in order.
func (t *tracer) calls() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, line := range t.lines {
		name, _, _ := strings.Cut(line, "(")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func (t *tracer) has(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Contains(strings.Join(t.lines, "\n"), text)
}

// service is a running echo service.
type service struct {
	tcp, udp string
	meter    *load.Meter
	sockets  *load.Sockets
	trace    *tracer
	stop     func() // and wait for the end
}

func start(t *testing.T, change func(*echo.Config)) *service {
	t.Helper()
	s := &service{meter: new(load.Meter), sockets: new(load.Sockets), trace: newTracer()}
	ready := make(chan struct{}, 2)
	cfg := echo.Config{Address: "127.0.0.1:0", Meter: s.meter, Sockets: s.sockets, Trace: trace.New(s.trace)}
	cfg.Ready = func(network string, addr net.Addr) {
		if network == "tcp" {
			s.tcp = addr.String()
		} else {
			s.udp = addr.String()
		}
		ready <- struct{}{}
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- echo.Serve(ctx, cfg) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(s.stop)
	count := 2
	if cfg.TCP != cfg.UDP {
		count = 1
	}
	for range count {
		select {
		case <-ready:
		case err := <-ended:
			ended <- err
			t.Fatalf("Serve ended at once: %v", err)
		}
	}
	return s
}

// send sends a text and returns what came back.
func send(t *testing.T, network, address, text string, steps io.Writer) (string, error) {
	t.Helper()
	var back strings.Builder
	err := echo.Send(t.Context(), echo.SendConfig{
		Network: network, Address: address, Timeout: 5 * time.Second, Trace: trace.New(steps),
		Echoed: func(e echo.Echo) {
			back.Write(e.Text)
			if e.Time <= 0 || e.From.String() != address {
				t.Errorf("an echo of %v from %v", e.Time, e.From)
			}
		},
	}, strings.NewReader(text))
	return back.String(), err
}

func TestWhatIsSentComesBack(t *testing.T) {
	s := start(t, nil)
	for name, text := range map[string]string{
		"a line": "hello\n", "no newline": "hello", "lines": "a\nb\n\nc\n", "nothing": "", "zero bytes": "\x00\x00\n",
		"a long line": strings.Repeat("x", 60_000) + "\n",
		"binary":      string(bytes.Repeat([]byte{0, 1, '\n', 254, 255}, 3000)),
	} {
		for network, address := range map[string]string{"tcp": s.tcp, "udp": s.udp} {
			if got, err := send(t, network, address, text, nil); got != text || err != nil {
				t.Errorf("%s over %s: %d of %d bytes, %v", name, network, len(got), len(text), err)
			}
		}
	}
}

func TestAnEchoLargerThanAllBuffers(t *testing.T) {
	s := start(t, nil)
	text := strings.Repeat("0123456789abcdef", 1<<20)
	if got, err := send(t, "tcp", s.tcp, text, nil); got != text || err != nil {
		t.Errorf("%d of %d bytes, %v", len(got), len(text), err)
	}
}

func TestTCPAndUDPShareThePort(t *testing.T) {
	s := start(t, nil)
	if s.tcp != s.udp || strings.HasSuffix(s.tcp, ":0") {
		t.Errorf("TCP at %s, UDP at %s", s.tcp, s.udp)
	}
	only := start(t, func(c *echo.Config) { c.UDP = true })
	if only.tcp != "" || only.udp == "" {
		t.Errorf("UDP only: TCP at %q, UDP at %q", only.tcp, only.udp)
	}
}

func TestTheStepsOfTCPAreTold(t *testing.T) {
	s := start(t, func(c *echo.Config) { c.TCP = true })
	client := newTracer()
	if _, err := send(t, "tcp", s.tcp, "hi\n", client); err != nil {
		t.Fatal(err)
	}
	s.trace.wait("the other side closed first")
	s.stop()
	if got := s.trace.calls(); got != "socket bind listen accept recv send recv close close" {
		t.Errorf("the service: %s", got)
	}
	if got := client.calls(); got != "socket connect send recv close" {
		t.Errorf("the client: %s", got)
	}
	if !client.has("this side closes first") {
		t.Errorf("who closed first is not told: %v", client.lines)
	}
}

func TestTheStepsOfUDPAreTold(t *testing.T) {
	s := start(t, func(c *echo.Config) { c.UDP = true })
	client := newTracer()
	if _, err := send(t, "udp", s.udp, "hi\n", client); err != nil {
		t.Fatal(err)
	}
	s.trace.wait("sendto")
	s.stop()
	if got := s.trace.calls(); got != "socket bind recvfrom sendto close" {
		t.Errorf("the service: %s", got)
	}
	if got := client.calls(); got != "socket bind sendto recvfrom close" {
		t.Errorf("the client: %s", got)
	}
}

func TestWhatIsCarriedIsCounted(t *testing.T) {
	s := start(t, nil)
	for network, address := range map[string]string{"tcp": s.tcp, "udp": s.udp} {
		if _, err := send(t, network, address, "12345", nil); err != nil {
			t.Fatal(err)
		}
	}
	rows := s.sockets.Table()
	s.stop()
	if in, out := s.meter.OtherIn.Load(), s.meter.OtherOut.Load(); in != 10 || out != 10 {
		t.Errorf("in %d, out %d; want 10", in, out)
	}
	roles := map[load.Role]int{}
	for _, r := range rows {
		roles[r.Role]++
	}
	if roles[load.Listening] != 1 || roles[load.Datagram] != 1 || roles[load.Data] != 1 {
		t.Errorf("the table has %v", roles)
	}
}

// dial connects to the service.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestOneConnectionTooManyIsClosedAndTheOthersGoOn(t *testing.T) {
	s := start(t, func(c *echo.Config) { c.MaxConns = 2 })
	var first []net.Conn
	for range 2 {
		conn := dial(t, s.tcp)
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		first = append(first, conn)
	}
	if n, err := dial(t, s.tcp).Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the third got %d bytes, %v", n, err)
	}
	if _, err := first[0].Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(first[0], make([]byte, 1)); err != nil {
		t.Errorf("the first is no longer served: %v", err)
	}
	if !s.trace.has("refusing: 2 connections are open already") {
		t.Errorf("the trace does not tell: %v", s.trace.lines)
	}
}

func TestASilentConnectionIsClosed(t *testing.T) {
	s := start(t, func(c *echo.Config) { c.Idle = 20 * time.Millisecond })
	if _, err := dial(t, s.tcp).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v", err)
	}
	s.trace.wait("because nothing moved for 20ms")
}

func TestServeEndsThoughClientsStayAndDoNotRead(t *testing.T) {
	s := start(t, func(c *echo.Config) { c.TCP = true })
	silent, deaf := dial(t, s.tcp), dial(t, s.tcp)
	_ = deaf.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	for {
		if _, err := deaf.Write(make([]byte, 1<<20)); err != nil {
			break // all buffers are full: the service waits in its send
		}
	}
	s.stop() // fails by the time limit of the tests if it does not end
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent connection was not closed")
	}
}

func TestDatagramsFromServicesGetNoAnswer(t *testing.T) {
	s := start(t, func(c *echo.Config) { c.UDP = true })
	to, err := net.ResolveUDPAddr("udp", s.udp)
	if err != nil {
		t.Fatal(err)
	}
	for name, local := range map[string]*net.UDPAddr{
		"the echo port":    {IP: net.IPv4(127, 0, 0, 2), Port: 7},
		"chargen's port":   {IP: net.IPv4(127, 0, 0, 2), Port: 19},
		"the same port":    {IP: net.IPv4(127, 0, 0, 2), Port: to.Port},
		"some client port": {IP: net.IPv4(127, 0, 0, 2)},
	} {
		conn, err := net.ListenUDP("udp4", local)
		if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Logf("%s cannot be had here: %v", name, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.WriteTo([]byte("ping"), to); err != nil {
			t.Fatal(err)
		}
		// The service takes datagrams in order: once it has answered one that
		// came later, no answer to this one will come.
		if _, err := send(t, "udp", s.udp, "later", nil); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		n, _, err := conn.ReadFrom(make([]byte, 10))
		if answered := err == nil && n == 4; answered != (local.Port == 0) {
			t.Errorf("%s: answered %v", name, answered)
		}
		conn.Close()
	}
}

func TestAnAddressThatIsTakenLeavesNothingOpen(t *testing.T) {
	var left error
	for range 5 { // another program may happen to take the TCP port of that number
		if left = leftOpen(t); left == nil {
			return
		}
	}
	t.Errorf("the TCP socket was left open: %v", left)
}

// leftOpen serves on an address whose UDP port is taken, and says why the TCP
// port cannot be had afterwards.
func leftOpen(t *testing.T) error {
	t.Helper()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := echo.Config{Address: taken.LocalAddr().String(), Meter: new(load.Meter), Sockets: new(load.Sockets)}
	err = echo.Serve(t.Context(), cfg)
	if !errors.Is(err, fault.InUse) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
	ln, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return err
	}
	return ln.Close()
}

func TestWhatIsNoEchoServiceIsToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  error
		says  string
	}{
		"another answer":  {func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 5)); _, _ = c.Write([]byte("HELLO")) }, fault.Corrupt, "something else"},
		"half an answer":  {func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 5)); _, _ = c.Write([]byte("he")) }, fault.Closed, "after 2 of 5 bytes"},
		"no answer at al": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, nil, "only 0 of 5 bytes came back"},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			served := make(chan struct{})
			go func() {
				defer close(served)
				if conn, err := ln.Accept(); err == nil {
					c.serve(conn)
					conn.Close()
				}
			}()
			err = echo.Send(t.Context(), echo.SendConfig{Address: ln.Addr().String(), Timeout: 200 * time.Millisecond}, strings.NewReader("hello"))
			if err == nil || !strings.Contains(err.Error(), c.says) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v; want one that says %q", err, c.says)
			}
			<-served
		})
	}
}

func TestLostDatagramsAreCounted(t *testing.T) {
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	err = echo.Send(t.Context(), echo.SendConfig{
		Network: "udp", Address: deaf.LocalAddr().String(), Timeout: 10 * time.Millisecond,
	}, strings.NewReader("a\nb\n"))
	if err == nil || !strings.Contains(err.Error(), "2 of 2 messages") {
		t.Errorf("got %v", err)
	}
}

func TestALateOrForeignDatagramIsNotTakenForTheEcho(t *testing.T) {
	odd, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer odd.Close()
	stranger, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	go func() {
		buf := make([]byte, 100)
		n, from, err := odd.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = stranger.WriteTo([]byte("hello"), from)
		_, _ = odd.WriteTo([]byte("of before"), from)
		_, _ = odd.WriteTo(buf[:n], from)
	}()
	if got, err := send(t, "udp", odd.LocalAddr().String(), "hello", nil); got != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWhatCannotBeSentIsSaid(t *testing.T) {
	s := start(t, nil)
	if _, err := send(t, "udp", s.udp, strings.Repeat("x", 70_000), nil); !errors.Is(err, fault.TooLarge) {
		t.Errorf("a line too long for a datagram: %v", err)
	}
	if _, err := send(t, "sctp", s.tcp, "x", nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("another protocol: %v", err)
	}
	if _, err := send(t, "tcp", "nonsense", "x", nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("no address: %v", err)
	}
	s.stop()
	if _, err := send(t, "tcp", s.tcp, "x", nil); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "nothing listens at") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		ctx, cancel := context.WithCancel(t.Context())
		address := silent(t, network)
		cfg := echo.SendConfig{Network: network, Address: address, Timeout: time.Hour}
		client := newTracer()
		cfg.Trace = trace.New(client)
		go func() { client.wait("send"); cancel() }()
		if err := echo.Send(ctx, cfg, strings.NewReader("hello")); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", network, err)
		}
	}
}

// silent returns the address of somebody who takes and never answers.
func silent(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn.LocalAddr().String()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}
