package rate

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Limits are the two directions of a node's access link. The zero value is
// unlimited.
type Limits struct {
	Up, Down *Limiter
	// Delay is how much later what has arrived is seen, as if it had come a long
	// way; a connection that is made is to wait for Handshake. 0: at once.
	Delay time.Duration
}

// Conn returns c with its writes passing Up and its reads passing Down. When
// neither is limited it returns c itself, so that sendfile and everything else
// that depends on c's own type stays possible.
//
// Deadlines and Close end a wait for the limiter as they end a wait for the
// network. The connection given back owns c; its NetConn method returns c, or
// what does. It starts no goroutine, but with a Delay one that ends with c.
func (l Limits) Conn(c net.Conn) net.Conn {
	if l.Delay > 0 {
		c = newDelayed(c, l.Delay)
	}
	if l.Up == nil && l.Down == nil {
		return c
	}
	return &conn{
		Conn: c, limits: l,
		read: newDeadline(), write: newDeadline(), closed: make(chan struct{}),
		writing: make(chan struct{}, 1), reading: make(chan struct{}, 1),
	}
}

// conn is a connection behind an access link.
type conn struct {
	net.Conn
	limits      Limits
	read, write *deadline
	closing     sync.Once
	closed      chan struct{}

	// One Write at a time, so that its slices stay together, and one Read,
	// which guards owed: locks whose wait a deadline can end.
	writing, reading chan struct{}
	// owed is when what the latest Read took may pass. Bytes are read first and
	// waited for before the next read, so that a deadline never throws away
	// bytes that have arrived.
	owed time.Time
}

// NetConn returns the connection underneath. Bytes that go through it directly
// are not limited.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Read waits for what was read before and then reads one slice at most.
func (c *conn) Read(p []byte) (int, error) {
	down := c.limits.Down
	if down == nil {
		return c.Conn.Read(p)
	}
	if !c.lock(c.reading, c.read) {
		return 0, c.stopped("read")
	}
	defer func() { <-c.reading }()
	if !down.sleep(c.owed, c.closed, c.read.done()) {
		return 0, c.stopped("read")
	}
	n, err := c.Conn.Read(p[:min(len(p), down.slice)])
	if n > 0 {
		c.owed = down.book(n)
	}
	return n, err
}

// Write sends p in slices.
func (c *conn) Write(p []byte) (int, error) {
	if c.limits.Up == nil {
		return c.Conn.Write(p)
	}
	if !c.lock(c.writing, c.write) {
		return 0, c.stopped("write")
	}
	defer func() { <-c.writing }()
	sent := 0
	for {
		step, err := c.mayWrite(len(p) - sent)
		if err != nil {
			return sent, err
		}
		n, err := c.Conn.Write(p[sent : sent+step])
		sent += n
		if err != nil || sent == len(p) {
			return sent, err
		}
	}
}

// ReadFrom lets the connection underneath use sendfile, slice by slice, when
// the length is known beforehand (an *io.LimitedReader, as io.CopyN makes).
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	whole, known := r.(*io.LimitedReader)
	inner, can := c.Conn.(io.ReaderFrom)
	if !known || !can {
		return io.Copy(onlyWriter{c}, r)
	}
	if c.limits.Up == nil {
		return inner.ReadFrom(r)
	}
	if !c.lock(c.writing, c.write) {
		return 0, c.stopped("write")
	}
	defer func() { <-c.writing }()
	sent := int64(0)
	for whole.N > 0 {
		step, err := c.mayWrite(int(min(whole.N, 1<<30)))
		if err != nil {
			return sent, err
		}
		n, err := inner.ReadFrom(&io.LimitedReader{R: whole.R, N: int64(step)})
		sent += n
		whole.N -= n
		if err != nil || n < int64(step) {
			return sent, err
		}
	}
	return sent, nil
}

// lock waits for its turn, and reports whether it came.
func (c *conn) lock(turn chan struct{}, d *deadline) bool {
	select {
	case turn <- struct{}{}:
		return true
	case <-c.closed:
	case <-d.done():
	}
	return false
}

// mayWrite waits until a slice of n bytes may be sent and returns its length.
func (c *conn) mayWrite(n int) (int, error) {
	up := c.limits.Up
	step := min(n, up.slice)
	if isClosed(c.closed) || isClosed(c.write.done()) {
		return 0, c.stopped("write")
	}
	if !up.sleep(up.book(step), c.closed, c.write.done()) {
		up.cancel(step)
		return 0, c.stopped("write")
	}
	return step, nil
}

// stopped says why a wait for the limiter has ended, as package net does.
func (c *conn) stopped(op string) error {
	err := os.ErrDeadlineExceeded
	if isClosed(c.closed) {
		err = net.ErrClosed
	}
	return &net.OpError{
		Op: op, Net: c.LocalAddr().Network(),
		Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err,
	}
}

// Close ends waiting reads and writes and closes the connection underneath.
func (c *conn) Close() error {
	c.closing.Do(func() {
		close(c.closed)
		c.read.set(time.Time{}) // stops the timers
		c.write.set(time.Time{})
	})
	return c.Conn.Close()
}

// CloseWrite shuts down the writing side, where the connection underneath can.
func (c *conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

func (c *conn) SetDeadline(t time.Time) error {
	err := c.Conn.SetDeadline(t)
	if err == nil {
		c.read.set(t)
		c.write.set(t)
	}
	return err
}

func (c *conn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	if err == nil {
		c.read.set(t)
	}
	return err
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	err := c.Conn.SetWriteDeadline(t)
	if err == nil {
		c.write.set(t)
	}
	return err
}

// onlyWriter hides ReadFrom from io.Copy.
type onlyWriter struct{ io.Writer }
