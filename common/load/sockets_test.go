package load_test

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"starmesh/common/load"
)

func linuxOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells about the bytes and states of sockets")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// pair returns both ends of a connection over ln.
func pair(t *testing.T, ln net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// carry sends n bytes from one to the other and waits for them.
func carry(t *testing.T, from, to net.Conn, n int) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := from.Write(make([]byte, n))
		sent <- err
	}()
	if _, err := io.ReadFull(to, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func TestTheTableShowsOneListeningSocketAndOneForEachConnection(t *testing.T) {
	linuxOnly(t)
	ln := listen(t)
	table := new(load.Sockets)
	table.Listening(ln)
	for range 2 {
		client, server := pair(t, ln)
		table.Data(server)
		carry(t, client, server, 1000)
	}
	rows := table.Table()
	if len(rows) != 3 {
		t.Fatalf("%d rows, want 3: %+v", len(rows), rows)
	}
	first := rows[0]
	if first.Role != load.Listening || first.State != "LISTEN" || first.RemoteIP != "" || first.OutBytes != nil || *first.Waiting != 0 {
		t.Errorf("the listening socket: %+v", first)
	}
	for _, row := range rows[1:] {
		if row.Role != load.Data || row.State != "ESTABLISHED" || row.Protocol != "tcp" || row.FD <= 2 || *row.InBytes != 1000 || *row.OutBytes != 0 {
			t.Errorf("a data socket: %+v", row)
		}
		if row.LocalPort != first.LocalPort || row.LocalIP != "127.0.0.1" || row.RemotePort == 0 || row.RemoteClass == "" {
			t.Errorf("accepted sockets have the local port of the listening one: %+v", row)
		}
	}
	if rows[1].RemotePort == rows[2].RemotePort || rows[1].FD == rows[2].FD {
		t.Errorf("two connections are told apart by nothing: %+v", rows[1:])
	}
}

func TestWireCountsOpenAndClosedSocketsEachOnce(t *testing.T) {
	linuxOnly(t)
	ln := listen(t)
	table := new(load.Sockets)
	table.Listening(ln)
	if out, in, ok := table.Wire(); out != 0 || in != 0 || !ok {
		t.Errorf("before anything: %d %d %v", out, in, ok)
	}
	client, server := pair(t, ln)
	socket := table.Data(server)
	other, second := pair(t, ln)
	table.Data(second)
	carry(t, client, server, 100_000)
	carry(t, server, client, 300)
	carry(t, second, other, 7)
	check := func(when string) {
		t.Helper()
		if out, in, ok := table.Wire(); out != 307 || in != 100_000 || !ok {
			t.Errorf("%s: out %d, in %d, ok %v; want 307 and 100000", when, out, in, ok)
		}
	}
	check("open")
	socket.Close()
	server.Close()
	check("after one was closed")
	socket.Close()
	check("after it was closed twice")
}

func TestTheHandshakeAndTheEndOfAConnectionAreNoBytes(t *testing.T) {
	linuxOnly(t)
	client, server := pair(t, listen(t))
	near, far := new(load.Sockets), new(load.Sockets)
	far.Data(server)
	socket := near.Data(client)
	check := func(when string, want int64) {
		t.Helper()
		if out, _, _ := near.Wire(); out != want {
			t.Errorf("%s the dialling side has sent %d bytes, want %d", when, out, want)
		}
		if _, in, _ := far.Wire(); in != want {
			t.Errorf("%s the accepting side has received %d bytes, want %d", when, in, want)
		}
	}
	check("at first", 0)
	carry(t, client, server, 5)
	check("after five", 5)
	socket.Close()
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
	check("after the end", 5)
}

func TestWireIsUnknownWhenASocketWasClosedUnread(t *testing.T) {
	linuxOnly(t)
	client, server := pair(t, listen(t))
	table := new(load.Sockets)
	socket := table.Data(server)
	carry(t, client, server, 10)
	server.Close()
	socket.Close()
	if out, in, ok := table.Wire(); ok {
		t.Errorf("%d and %d are told as if they were all", out, in)
	}
}

func TestBytesStillInTheBufferCountWhenTheSocketCloses(t *testing.T) {
	linuxOnly(t)
	client, server := pair(t, listen(t))
	if err := client.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if err := server.(*net.TCPConn).SetWriteBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	table := new(load.Sockets)
	socket := table.Data(server)
	const n = 256 << 10 // more than the other side takes unread
	if _, err := server.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	socket.Close()
	if out, _, ok := table.Wire(); out != n || !ok {
		t.Errorf("out %d, ok %v; want %d", out, ok, n)
	}
}

func TestWhoClosedFirst(t *testing.T) {
	linuxOnly(t)
	ln := listen(t)
	table := new(load.Sockets)

	_, server := pair(t, ln)
	if first := table.Data(server).Close(); first != load.Here {
		t.Errorf("closed here, but told %q", first)
	}

	client, server := pair(t, ln)
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the other side has closed, yet: %v", err)
	}
	if first := table.Data(server).Close(); first != load.There {
		t.Errorf("closed there, but told %q", first)
	}

	client, server = pair(t, ln)
	if err := client.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Fatal("the other side has reset the connection, yet there was data")
	}
	if first := table.Data(server).Close(); first != load.There {
		t.Errorf("reset there, but told %q", first)
	}

	_, server = pair(t, ln)
	socket := table.Data(server)
	socket.ClosedBy(load.There)
	if first := socket.Close(); first != load.There {
		t.Errorf("the owner knew better, but told %q", first)
	}

	rows := table.Table()
	var told []string
	for _, row := range rows {
		told = append(told, row.State+" "+string(row.ClosedFirst))
	}
	if got := strings.Join(told, ", "); got != "closed here, closed there, closed there, closed there" {
		t.Errorf("the table says %s", got)
	}
}

func TestClosedSocketsAreForgottenInTime(t *testing.T) {
	ln := listen(t)
	table := new(load.Sockets)
	for range 70 {
		_, server := pair(t, ln)
		table.Data(server).Close()
		server.Close()
	}
	if rows := table.Table(); len(rows) != 64 {
		t.Errorf("%d closed sockets are shown, want 64", len(rows))
	}
}

func TestTheAcceptQueueIsWhatWaits(t *testing.T) {
	linuxOnly(t)
	table := new(load.Sockets)
	if _, _, ok := table.AcceptQueue(); ok {
		t.Error("a queue is told of where nothing listens")
	}
	ln := listen(t)
	table.Listening(ln)
	for range 3 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	length, backlog, ok := table.AcceptQueue()
	if length != 3 || backlog < 3 || !ok {
		t.Errorf("%d of %d wait, %v; want 3", length, backlog, ok)
	}
	if _, err := ln.Accept(); err != nil {
		t.Fatal(err)
	}
	if length, _, _ := table.AcceptQueue(); length != 2 {
		t.Errorf("%d wait after one was accepted, want 2", length)
	}
}

func TestADatagramSocketCountsWhatItsOwnerTells(t *testing.T) {
	linuxOnly(t)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	table := new(load.Sockets)
	socket := table.Datagram(conn)
	if _, _, ok := table.Wire(); ok {
		t.Error("nobody has counted, yet the traffic is told of")
	}
	socket.Count(10, 20)
	socket.Count(1, 2)
	quic := table.Carried(socket, &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 4001}, "quic")
	quic.CountedBy(func() (int64, int64) { return 5, 6 })
	if out, in, ok := table.Wire(); out != 11 || in != 22 || !ok {
		t.Errorf("out %d in %d ok %v; want 11 and 22: the carried one is part of it", out, in, ok)
	}
	rows := table.Table()
	if rows[0].Role != load.Datagram || rows[0].Protocol != "udp" || rows[0].State != "open" || rows[0].RemoteIP != "" {
		t.Errorf("the socket: %+v", rows[0])
	}
	if r := rows[1]; r.Protocol != "quic" || r.RemotePort != 4001 || r.LocalPort != rows[0].LocalPort || *r.OutBytes != 5 || !strings.Contains(r.Via, "udp socket") {
		t.Errorf("what it carries: %+v", r)
	}
	quic.Close()
	socket.Close()
	if out, in, ok := table.Wire(); out != 11 || in != 22 || !ok {
		t.Errorf("once closed: out %d in %d ok %v", out, in, ok)
	}
}

func TestTLSIsUnwrappedToItsSocket(t *testing.T) {
	linuxOnly(t)
	_, server := pair(t, listen(t))
	table := new(load.Sockets)
	table.Data(tls.Server(server, &tls.Config{MinVersion: tls.VersionTLS13}))
	if row := table.Table()[0]; row.FD <= 2 || row.State != "ESTABLISHED" {
		t.Errorf("got %+v", row)
	}
}

func TestAConnectionWithoutADescriptorIsShownAndNotCounted(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	table := new(load.Sockets)
	table.Data(a)
	if row := table.Table()[0]; row.FD != -1 || row.State != "open" || row.OutBytes != nil {
		t.Errorf("got %+v", row)
	}
	if _, _, ok := table.Wire(); ok {
		t.Error("its traffic is told of")
	}
}

func TestPortClasses(t *testing.T) {
	for port, want := range map[int]string{
		-1: "", 0: "", 1: "well-known", 1023: "well-known", 1024: "registered", 49151: "registered",
		49152: "dynamic", 65535: "dynamic", 65536: "",
	} {
		if got := load.PortClass(port); got != want {
			t.Errorf("port %d is %q, want %q", port, got, want)
		}
	}
}

func TestReadingWhileSocketsCloseLosesNothing(t *testing.T) {
	linuxOnly(t)
	ln := listen(t)
	table := new(load.Sockets)
	stop := make(chan struct{})
	fell := make(chan int64, 1)
	go func() {
		defer close(fell)
		for last := int64(0); ; {
			_, in, ok := table.Wire()
			if !ok || in < last {
				fell <- in
				return
			}
			last = in
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 200 {
		client, server := pair(t, ln)
		socket := table.Data(server)
		carry(t, client, server, 10)
		socket.Close()
		server.Close()
		client.Close()
	}
	close(stop)
	if in, bad := <-fell; bad {
		t.Errorf("in the meantime the total was unknown or fell to %d", in)
	}
	if _, in, ok := table.Wire(); in < 2000 || !ok {
		t.Errorf("%d bytes, %v; want 2000", in, ok)
	}
}

// BenchmarkReading9900Sockets is what a sample costs a busy server.
func BenchmarkReading9900Sockets(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	table := new(load.Sockets)
	for i := range 9_900 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Skipf("only %d sockets can be had here: %v", i, err)
		}
		defer c.Close()
		s, err := ln.Accept()
		if err != nil {
			b.Skipf("only %d sockets can be had here: %v", i, err)
		}
		defer s.Close()
		table.Data(s)
	}
	b.ReportAllocs()
	for b.Loop() {
		table.Wire()
	}
}
