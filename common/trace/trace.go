// Package trace prints what happens on a network, step by step, as it happens.
package trace

import (
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// Trace prints steps. A nil *Trace prints nothing; its methods may be called
// from several goroutines.
type Trace struct {
	mu    sync.Mutex
	w     io.Writer
	began time.Time
}

// New returns a Trace that prints to w, one line each Write; times are seconds
// since now. Without w it is nil.
func New(w io.Writer) *Trace {
	if w == nil {
		return nil
	}
	return &Trace{w: w, began: time.Now()}
}

// Step prints one step.
func (t *Trace) Step(format string, args ...any) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%9.6f  %s\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

// Descriptor returns the number by which the kernel knows a connection or a
// listener, -1 if it has none.
func Descriptor(conn any) int {
	fd := -1
	if holder, ok := conn.(syscall.Conn); ok {
		if raw, err := holder.SyscallConn(); err == nil {
			_ = raw.Control(func(v uintptr) { fd = int(v) }) // a closed one has no number any more
		}
	}
	return fd
}
