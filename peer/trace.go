package peer

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/frame"
	"starmesh/peer/p2phost"
)

// trace prints what happens on the network: connections, streams, messages. A
// nil trace prints nothing. Its methods may be used from several goroutines.
type trace struct {
	mu    sync.Mutex
	w     io.Writer
	began time.Time
}

// newTrace prints to w, one line a step; times are seconds since now. Without
// w it is nil.
func newTrace(w io.Writer) *trace {
	if w == nil {
		return nil
	}
	return &trace{w: w, began: time.Now()}
}

func (t *trace) step(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%9.6f  "+format+"\n", append([]any{time.Since(t.began).Seconds()}, args...)...)
}

// conn prints that a connection was opened or closed: who dialled, over what,
// and both its ends.
func (t *trace) conn(what string, p peer.ID, c fmt.Stringer) {
	if t != nil {
		t.step("connection %s: %s, %s", what, p2phost.Short(p), c)
	}
}

// stream prints that a stream was opened or taken up.
func (t *trace) stream(what string, p peer.ID, proto string) {
	if t != nil {
		t.step("stream %s: %s %s", what, p2phost.Short(p), proto)
	}
}

// message prints a message that was sent (queued for sending) or received.
func (t *trace) message(call string, p peer.ID, kind frame.Type, n int) {
	if t != nil {
		t.step("%s %s %s, %d bytes", call, p2phost.Short(p), typeName(kind), n)
	}
}

// posted prints messages that were queued, as encoded.
func (t *trace) posted(p peer.ID, messages []message) {
	if t == nil {
		return
	}
	for _, m := range messages {
		t.message("send", p, m.kind(), len(encode(nil, m)))
	}
}

func typeName(t frame.Type) string {
	names := map[frame.Type]string{
		typeHello: "HELLO", typeBye: "BYE", typeJoin: "JOIN", typeLeave: "LEAVE",
		typeOffer: "OFFER", typeAnswer: "ANSWER", typeComing: "COMING", typeLost: "LOST",
		typePeers: "PEERS", typeGot: "GOT", typeChunk: "CHUNK", typeList: "LIST",
		typeFiles: "FILES", typeProof: "PROOF", typeValues: "VALUES", typeError: "ERROR",
	}
	if name, ok := names[t]; ok {
		return name
	}
	return fmt.Sprintf("%#02x", byte(t))
}
