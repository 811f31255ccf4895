package central

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"sync"

	"starmesh/common/content"
	"starmesh/common/frame"
)

// burstBytes is how many bytes of small answers leave together.
const burstBytes = 64 << 10

// burstRooms hold the answers to requests that came pipelined.
var burstRooms = sync.Pool{New: func() any { b := make([]byte, 0, burstBytes+2*content.MinChunk); return &b }}

// readAhead makes room for more of what arrives, so that many short messages take
// few steps of the kernel's.
func (l *link) readAhead() {
	if l.read.buffer.Size() < burstBytes {
		l.read.buffer = bufio.NewReaderSize(l.read.buffer, burstBytes)
	}
}

// isNextHere reports whether the next message has arrived, so that it is read
// without waiting.
func (l *link) isNextHere() bool {
	here := l.read.buffer.Buffered() - frame.HeaderSize
	if here < 0 {
		return false
	}
	head, err := l.read.buffer.Peek(frame.HeaderSize)
	return err == nil && int64(binary.BigEndian.Uint32(head)) <= int64(here)
}

// inBurst reports whether a request is one of several that were pipelined.
func (l *link) inBurst() bool {
	l.write.mu.Lock()
	defer l.write.mu.Unlock()
	return l.write.rest != nil || l.isNextHere()
}

// sendLater answers a GET for a file of one chunk, which fill appends if it can:
// with what follows, at the next flush at the latest. Every other message takes
// what waits along in front of it.
func (l *link) sendLater(req uint32, fill func(b []byte) ([]byte, bool)) (taken bool, err error) {
	l.write.mu.Lock()
	defer l.write.mu.Unlock()
	if l.write.rest == nil {
		l.write.rest = burstRooms.Get().(*[]byte)
	}
	from := len(*l.write.rest)
	b := appendChunkHead(*l.write.rest, req, 0, 0)
	at := len(b)
	b, taken = fill(b)
	if !taken {
		return false, nil
	}
	n := len(b) - at
	frame.AppendHeader(b[:from], typeChunk, chunkHead+n)
	*l.write.rest = b
	l.countChunk("send", n)
	if len(b) < burstBytes {
		return true, nil
	}
	return true, l.flushLocked()
}

// flush sends what waits.
func (l *link) flush() error {
	l.write.mu.Lock()
	defer l.write.mu.Unlock()
	return l.flushLocked()
}

func (l *link) flushLocked() error {
	if l.write.rest == nil {
		return nil
	}
	room := l.write.rest
	l.write.rest = nil
	err := l.whole(func() error { _, err := l.conn.Write(*room); return err })
	*room = (*room)[:0]
	burstRooms.Put(room)
	if err != nil {
		return brokenLink{fmt.Errorf("send small files: %w", err)}
	}
	return nil
}
