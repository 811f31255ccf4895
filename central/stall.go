package central

import (
	"net"
	"sync/atomic"
	"time"
)

// slice is how many bytes are written under one deadline. Larger ones cost the
// server more CPU: the receiver is woken later and has more to catch up with.
const slice = 256 << 10

// stallConn is a socket whose writes fail when the other side takes nothing for
// so long, not when a write as a whole takes long. What the kernel has in its
// buffer (megabytes, for a slow client minutes of sending) hides progress from
// the writer, so where it tells, the bytes that were acknowledged count.
type stallConn struct {
	*net.TCPConn
	stall  time.Duration
	acked  atomic.Uint64 // when a write last ran into its deadline
	hungUp atomic.Bool
}

// Write writes all of b, a slice at a time.
func (p *stallConn) Write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		end := min(len(b), written+slice)
		err = p.insist(func() error {
			n, err := p.TCPConn.Write(b[written:end])
			written += n
			return err
		})
	}
	return written, err
}

// insist runs step, which goes on where it stopped, again for as long as the
// other side acknowledges something between two deadlines. To ask the kernel
// only when one is over saves a system call for every slice; for that a stall
// may last twice the time before it is seen.
func (p *stallConn) insist(step func() error) error {
	for {
		if err := p.SetWriteDeadline(time.Now().Add(p.stall)); err != nil {
			return err
		}
		if p.hungUp.Load() {
			_ = p.SetWriteDeadline(past) // step fails, and says so
		}
		err := step()
		if !isTimeout(err) || p.hungUp.Load() {
			return err
		}
		if now := acknowledged(p.TCPConn); p.acked.Swap(now) == now {
			return err
		}
	}
}

// hangUp ends every write, now and later.
func (p *stallConn) hangUp() {
	p.hungUp.Store(true)
	_ = p.SetWriteDeadline(past) // a closed socket writes nothing more either
}
