package rate

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Handshake waits as long as it takes to connect over the distance: until the
// other side's answer would be there. It fails when ctx ends before.
func (l Limits) Handshake(ctx context.Context) error {
	if l.Delay <= 0 {
		return nil
	}
	select {
	case <-time.After(2 * l.Delay):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// What a delayed connection has on its way at the most: this many reads of so
// many bytes.
const (
	maxParcels = 512
	parcelSize = 16 << 10
)

// delayed is a connection whose reads are as late as a distance makes them. A
// goroutine reads ahead until the connection is closed or has ended.
type delayed struct {
	net.Conn
	delay   time.Duration
	read    *deadline
	parcels chan parcel
	closing sync.Once
	closed  chan struct{}

	mu   sync.Mutex // one Read at a time
	next parcel     // the one that is being read
}

// parcel is what was read at once, and when it is to be seen.
type parcel struct {
	bytes []byte
	err   error
	due   time.Time // zero: there is none
}

func newDelayed(c net.Conn, delay time.Duration) *delayed {
	d := &delayed{Conn: c, delay: delay, read: newDeadline(), parcels: make(chan parcel, maxParcels), closed: make(chan struct{})}
	go d.readAhead()
	return d
}

func (d *delayed) readAhead() {
	for {
		p := make([]byte, parcelSize)
		n, err := d.Conn.Read(p)
		select {
		case d.parcels <- parcel{p[:n:n], err, time.Now().Add(d.delay)}:
		case <-d.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

func (d *delayed) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if isClosed(d.closed) {
		return 0, net.ErrClosed
	}
	if err := d.await(); err != nil {
		return 0, err
	}
	n := copy(p, d.next.bytes)
	d.next.bytes = d.next.bytes[n:]
	switch {
	case len(d.next.bytes) > 0:
		return n, nil
	case d.next.err != nil:
		return n, d.next.err // which stays
	}
	d.next = parcel{}
	return n, nil
}

// await waits until a parcel is there, and due.
func (d *delayed) await() error {
	if d.next.due.IsZero() {
		select {
		case d.next = <-d.parcels:
		case <-d.closed:
			return net.ErrClosed
		case <-d.read.done():
			return os.ErrDeadlineExceeded
		}
	}
	late := time.NewTimer(time.Until(d.next.due))
	defer late.Stop()
	select {
	case <-late.C:
	case <-d.closed:
		return net.ErrClosed
	case <-d.read.done():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// NetConn returns the connection underneath.
func (d *delayed) NetConn() net.Conn { return d.Conn }

// Close ends what waits, and closes the connection underneath.
func (d *delayed) Close() error {
	d.closing.Do(func() {
		close(d.closed)
		d.read.set(time.Time{}) // stops the timer
	})
	return d.Conn.Close()
}

// CloseWrite shuts down the writing side, where the connection underneath can.
func (d *delayed) CloseWrite() error {
	half, ok := d.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// SetReadDeadline is for those who wait here; the connection underneath is read
// all the time.
func (d *delayed) SetReadDeadline(t time.Time) error {
	d.read.set(t)
	return nil
}

func (d *delayed) SetDeadline(t time.Time) error {
	d.read.set(t)
	return d.SetWriteDeadline(t)
}
