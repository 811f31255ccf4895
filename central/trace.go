package central

import (
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"starmesh/common/frame"
)

// Trace prints every socket step as it happens, in the terms of the lecture:
// socket, bind, listen, accept, connect, send, recv, close. A nil *Trace
// prints nothing. Its methods may be called from several goroutines.
type Trace struct {
	mu    sync.Mutex
	w     io.Writer
	began time.Time
}

// NewTrace prints to w, one line a step; times are seconds since now.
func NewTrace(w io.Writer) *Trace { return &Trace{w: w, began: time.Now()} }

func (t *Trace) step(format string, args ...any) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%9.6f  "+format+"\n", append([]any{time.Since(t.began).Seconds()}, args...)...)
}

// message prints one message that was sent or received.
func (t *Trace) message(call string, fd int, kind frame.Type, n int) {
	if t != nil {
		t.step("%s(fd %d) %s, %d bytes", call, fd, typeName(kind), frame.HeaderSize+n)
	}
}

// descriptor gives the number by which the kernel knows a connection or
// listener, or -1.
func descriptor(conn any) int {
	fd := -1
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(v uintptr) { fd = int(v) }) // a closed socket has no number any more
		}
	}
	return fd
}

func typeName(t frame.Type) string {
	names := map[frame.Type]string{
		typeHello: "HELLO", typeWelcome: "WELCOME", typeAuth: "AUTH", typeOK: "OK",
		typeError: "ERROR", typeBye: "BYE", typePing: "PING", typePong: "PONG",
		typeList: "LIST", typeEntries: "ENTRIES", typeDescribe: "DESCRIBE", typeFile: "FILE",
		typeWorking: "WORKING", typeProof: "PROOF", typeValues: "VALUES", typeGet: "GET",
		typeChunk: "CHUNK", typePut: "PUT", typeWatch: "WATCH", typeEvent: "EVENT",
	}
	if name, ok := names[t]; ok {
		return name
	}
	return fmt.Sprintf("%#02x", byte(t))
}
