package load

import (
	"sync"
	"sync/atomic"
)

// A Meter counts what one node moved. Bytes are counted once they have been
// handed to the connection (out) or taken from it (in).
type Meter struct {
	PayloadOut atomic.Int64 // chunk bytes sent
	PayloadIn  atomic.Int64 // chunk bytes received, those received again included
	OtherOut   atomic.Int64 // all other bytes the protocol sent: frames, proofs, announcements
	OtherIn    atomic.Int64 // all other bytes the protocol received
	AgainIn    atomic.Int64 // chunk bytes received although already held

	ChunksOut atomic.Int64 // chunks sent
	ChunksIn  atomic.Int64 // chunks received, repeats included, wrong ones not
	ChunksBad atomic.Int64 // chunks received that failed verification

	conns     connCounts
	remotes   remoteTable
	transfers transferTable
}

// ChunkStored counts a chunk that was received, verified and written.
func (m *Meter) ChunkStored(int) { m.ChunksIn.Add(1) }

// ChunkAgain counts a chunk that was received although it was held already.
func (m *Meter) ChunkAgain(bytes int) {
	m.ChunksIn.Add(1)
	m.AgainIn.Add(int64(bytes))
}

// ChunkCorrupt counts a chunk that was received and failed verification.
func (m *Meter) ChunkCorrupt(int) { m.ChunksBad.Add(1) }

// connCounts is what a node knows about its connections as numbers.
type connCounts struct {
	mu                         sync.Mutex
	open, peak, total, refused int64
}

// ConnOpened counts a connection that was accepted or dialled; each call is
// followed by one of ConnClosed.
func (m *Meter) ConnOpened() {
	m.conns.mu.Lock()
	defer m.conns.mu.Unlock()
	m.conns.total++
	m.conns.open++
	m.conns.peak = max(m.conns.peak, m.conns.open)
}

// ConnClosed counts the end of a connection that ConnOpened has counted.
func (m *Meter) ConnClosed() {
	m.conns.mu.Lock()
	defer m.conns.mu.Unlock()
	m.conns.open--
}

// ConnRefused counts a connection that was turned away: over a bound, or from
// an address that is not allowed. It does not count as opened.
func (m *Meter) ConnRefused() {
	m.conns.mu.Lock()
	defer m.conns.mu.Unlock()
	m.conns.refused++
}

func (c *connCounts) report() Conns {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Conns{ConnsOpen: c.open, ConnsPeak: c.peak, ConnsTotal: c.total, ConnsRefused: c.refused}
}
