package central

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/trace"
)

// link is one connection that speaks the protocol's frames. One goroutine
// reads; several may send. It never touches a file but to hand its chunks on.
type link struct {
	conn   net.Conn
	tcp    *stallConn    // the socket under conn
	server bool          // the other side should be one
	direct bool          // nothing is between conn and the socket: payload may leave by sendfile
	stall  time.Duration // longest wait for the other side in the middle of a message
	watch  watched
	read   incoming
	write  outgoing
}

// watched is how what a link does is seen: counted, shown and told.
type watched struct {
	Instruments
	fd     int
	remote *load.Remote
	socket *load.Socket // nil while not entered in the table
}

// incoming is what a link reads.
type incoming struct {
	buffer      *bufio.Reader
	until       time.Time    // no read goes on after it; zero: no such limit
	unread      head         // what is still to come of the message that is being read
	first       func() error // reads what comes before everything else; nil: that was read
	interrupted atomic.Bool
}

// outgoing is what a link sends.
type outgoing struct {
	mu   sync.Mutex  // one message at a time
	buf  []byte      // reused for messages
	rest *[]byte     // of burstRooms: answers that wait for those that follow; nil: none
	torn atomic.Bool // a message was cut off: nothing can follow it
}

// newLink speaks over conn, which it owns from now on: tcp itself, or TLS and a
// rate limit on top of it.
func newLink(conn net.Conn, tcp *stallConn, in Instruments, stall time.Duration) *link {
	return &link{
		conn: conn, tcp: tcp, direct: conn == net.Conn(tcp), stall: stall,
		watch: watched{Instruments: in, fd: -1, remote: new(load.Remote)},
		read:  incoming{buffer: bufio.NewReaderSize(conn, 4<<10)},
	}
}

// enter puts the socket under the link into the table and counts by its remote.
func (l *link) enter() {
	l.watch.fd = trace.Descriptor(l.tcp)
	l.watch.socket = l.watch.Sockets.Data(l.tcp.TCPConn)
	l.watch.remote = l.watch.Meter.Remote(addrOf(l.tcp.RemoteAddr()).String())
}

// interrupt ends every read on the link, now and later; what is being sent
// is finished.
func (l *link) interrupt() {
	l.read.interrupted.Store(true)
	_ = l.conn.SetReadDeadline(past) // a closed connection is interrupted as well
}

// resume takes an interrupt back, but not one that ctx's end has caused.
func (l *link) resume(ctx context.Context) {
	l.read.interrupted.Store(false)
	if ctx.Err() != nil {
		l.interrupt()
	}
}

var past = time.Unix(1, 0)

// expect sets how long the next read may take; 0 is for ever.
func (l *link) expect(d time.Duration) error {
	deadline := l.read.until
	if t := time.Now().Add(d); d > 0 && (deadline.IsZero() || t.Before(deadline)) {
		deadline = t
	}
	err := l.conn.SetReadDeadline(deadline)
	if l.read.interrupted.Load() {
		err = l.conn.SetReadDeadline(past)
	}
	return err
}

// head is a frame whose body is still to be read.
type head struct {
	kind frame.Type
	n    int // bytes of body to come
}

// next waits up to idle (0: for ever) for a frame to begin and reads its head.
// At the end between two frames it fails with io.EOF.
func (l *link) next(idle time.Duration) (head, error) {
	if err := l.begin(); err != nil {
		return head{}, err
	}
	if err := l.expect(idle); err != nil {
		return head{}, err
	}
	if _, err := l.read.buffer.Peek(1); err != nil {
		return head{}, err
	}
	if err := l.expect(l.stall); err != nil {
		return head{}, err
	}
	peeked, err := l.read.buffer.Peek(frame.HeaderSize)
	if err == io.EOF {
		return head{}, io.ErrUnexpectedEOF
	} else if err != nil {
		return head{}, err // and nothing is taken: the read may be tried again
	}
	begin := [frame.HeaderSize]byte(peeked)
	kind, n, err := frame.ReadHeader(l.read.buffer, maxBody)
	if limit := bodyLimit(kind); err == nil && n > limit {
		err = fault.Wrapf(fault.TooLarge, "%s with %d bytes; %d are allowed", typeName(kind), n, limit)
	}
	if errors.Is(err, fault.TooLarge) {
		if l.server {
			err = cmp.Or(stranger(string(begin[:])), err)
		}
		err = brokenLink{err}
	}
	if err != nil {
		return head{}, err
	}
	l.read.unread = head{kind, n}
	return l.read.unread, nil
}

// begin reads what comes before everything else, once.
func (l *link) begin() error {
	first := l.read.first
	if first == nil {
		return nil
	}
	l.read.first = nil
	return first()
}

// stranger reports that what should be a server speaks something else, by how it begins: no
// frame of ours is as long as letters or a TLS record would say.
func stranger(begin string) error {
	switch {
	case strings.HasPrefix(begin, "HTTP/"):
		return fault.Wrapf(fault.Protocol, "a web server answers: its files have addresses that begin with http:// or https://")
	case begin[:2] == "\x15\x03" || begin[:2] == "\x16\x03":
		return fault.Wrapf(fault.Protocol, "it speaks TLS: use stars:// instead of star://, or https:// for a web server")
	case strings.IndexFunc(begin, func(r rune) bool { return r < ' ' || r > '~' }) < 0:
		return fault.Wrapf(fault.Protocol, "what answers is no server of starmesh: it says %q", begin)
	}
	return nil
}

// body reads what follows h: at most bodyLimit bytes.
func (l *link) body(h head) ([]byte, error) {
	b := make([]byte, h.n)
	if err := l.fill(b); err != nil {
		return nil, err
	}
	l.watch.Meter.OtherIn.Add(int64(frame.HeaderSize + h.n))
	l.watch.message("recv", h.kind, h.n)
	return b, nil
}

// fill reads exactly len(p) bytes, a slice at a time.
func (l *link) fill(p []byte) error {
	for len(p) > 0 {
		if err := l.expect(l.stall); err != nil {
			return err
		}
		n, err := io.ReadFull(l.read.buffer, p[:min(len(p), slice)])
		l.read.unread.n -= n
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// skip reads away what is left of a message, or the whole next one, and tells
// of which kind it was.
func (l *link) skip() (frame.Type, error) {
	if l.read.unread.n == 0 {
		if _, err := l.next(l.stall); err != nil {
			return 0, err
		}
	}
	for l.read.unread.n > 0 {
		if err := l.expect(l.stall); err != nil {
			return 0, err
		}
		n, err := l.read.buffer.Discard(min(l.read.unread.n, slice))
		l.read.unread.n -= n
		if err != nil {
			return 0, err
		}
	}
	return l.read.unread.kind, nil
}

// chunkHeader reads the request and index at the front of a CHUNK and returns
// how many bytes of payload follow.
func (l *link) chunkHeader(h head) (req, index uint32, n int, err error) {
	if h.n < chunkHead {
		return 0, 0, 0, fault.Wrapf(fault.Protocol, "CHUNK with %d bytes", h.n)
	}
	var b [chunkHead]byte
	if err := l.fill(b[:]); err != nil {
		return 0, 0, 0, err
	}
	l.watch.Meter.OtherIn.Add(frame.HeaderSize + chunkHead)
	return binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint32(b[4:]), h.n - chunkHead, nil
}

// payload reads a chunk's bytes after chunkHeader.
func (l *link) payload(p []byte) error {
	if err := l.fill(p); err != nil {
		return err
	}
	l.watch.Meter.PayloadIn.Add(int64(len(p)))
	l.watch.remote.PayloadIn.Add(int64(len(p)))
	l.watch.message("recv", typeChunk, chunkHead+len(p))
	return nil
}

// send sends messages, all in one step.
func (l *link) send(all ...message) error {
	if len(all) == 0 {
		return nil
	}
	l.write.mu.Lock()
	defer l.write.mu.Unlock()
	b := l.write.buf[:0]
	for _, m := range all {
		at := len(b)
		b = m.append(append(b, make([]byte, frame.HeaderSize)...))
		frame.AppendHeader(b[:at], m.kind(), len(b)-at-frame.HeaderSize)
	}
	if err := l.flushLocked(); err != nil {
		return fmt.Errorf("send what came before %s: %w", typeName(all[0].kind()), err)
	}
	if l.write.buf = b; cap(b) > 64<<10 {
		l.write.buf = nil // 10,000 idle connections must not each keep a page of a listing
	}
	if err := l.whole(func() error { _, err := l.conn.Write(b); return err }); err != nil {
		return fmt.Errorf("send %s: %w", typeName(all[0].kind()), err)
	}
	l.watch.Meter.OtherOut.Add(int64(len(b)))
	for n := 0; len(b) > 0; b = b[frame.HeaderSize+n:] {
		n = int(binary.BigEndian.Uint32(b))
		l.watch.message("send", frame.Type(b[frame.HeaderSize-1]), n)
	}
	return nil
}

// chunkFile is a file that chunks are sent from.
type chunkFile interface {
	store.File
	OS() *os.File
}

// buffers hold a chunk each, for connections that can not use sendfile.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, content.MinChunk); return &b }}

// sendChunk sends chunk i of f in answer to req.
func (l *link) sendChunk(req uint32, i int, f chunkFile) error {
	l.write.mu.Lock()
	defer l.write.mu.Unlock()
	n := f.Chunks().ChunkLen(i)
	err := l.flushLocked()
	if err == nil {
		err = l.sendChunkLocked(req, i, n, f)
	}
	if err != nil {
		return fmt.Errorf("send chunk %d: %w", i, err)
	}
	l.countChunk(l.chunkCall(), n)
	return nil
}

// countChunk enters a chunk of n bytes that was sent.
func (l *link) countChunk(call string, n int) {
	l.watch.Meter.OtherOut.Add(frame.HeaderSize + chunkHead)
	l.watch.Meter.PayloadOut.Add(int64(n))
	l.watch.Meter.ChunksOut.Add(1)
	l.watch.remote.PayloadOut.Add(int64(n))
	l.watch.message(call, typeChunk, chunkHead+n)
}

func (l *link) chunkCall() string {
	if l.direct && haveSendfile {
		return "sendfile"
	}
	return "send"
}

func (l *link) sendChunkLocked(req uint32, i, n int, f chunkFile) error {
	if l.direct && haveSendfile {
		l.write.buf = appendChunkHead(l.write.buf[:0], req, uint32(i), n)
		return l.whole(func() error { return sendFile(l.tcp, l.write.buf, f.OS(), f.Chunks().Offset(i), n) })
	}
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	*b = appendChunkHead((*b)[:0], req, uint32(i), n)
	head := len(*b)
	if cap(*b) < head+n {
		*b = append(make([]byte, 0, head+n), *b...)
	}
	*b = (*b)[:head+n]
	if err := f.ReadChunk(i, (*b)[head:]); err != nil {
		return err
	}
	return l.whole(func() error { _, err := l.conn.Write(*b); return err })
}

// whole writes one message, unless an earlier one was cut off.
func (l *link) whole(write func() error) error {
	if l.write.torn.Load() {
		return net.ErrClosed
	}
	err := write()
	l.write.torn.Store(err != nil)
	return err
}

// lastWord sends m and gives the other side a second to read it: closing over
// bytes that it has sent and nobody read would reset the connection, and m
// would be lost (RFC 9293, §3.10.4).
func (l *link) lastWord(m message) {
	half, ok := l.conn.(interface{ CloseWrite() error })
	if l.send(m) != nil || !ok || half.CloseWrite() != nil {
		return
	}
	if l.conn.SetReadDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = io.CopyN(io.Discard, l.conn, maxBody)
	}
}

// close ends the connection; first is who did so, and why is for the trace.
func (l *link) close(first load.Side, why string) error {
	l.watch.Trace.Step("close(fd %d) %s", l.watch.fd, why)
	if l.watch.socket != nil {
		l.watch.socket.ClosedBy(first)
		l.watch.socket.Close() // reads the kernel's last word on the bytes
	}
	return l.conn.Close()
}

// isTimeout reports whether a read or write ran into its deadline.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
