package peer

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/frame"
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
func (t *trace) conn(what string, c network.Conn) {
	if t == nil {
		return
	}
	who := "dialled by the other side"
	if c.Stat().Direction == network.DirOutbound {
		who = "dialled here"
	}
	t.step("connection %s: %s, %s %s, %s → %s", what, short(c.RemotePeer()), c.ConnState().Transport, who,
		c.LocalMultiaddr(), c.RemoteMultiaddr())
}

// stream prints that a stream was opened or taken up.
func (t *trace) stream(what string, s network.Stream, proto string) {
	if t != nil {
		t.step("stream %s: %s %s", what, short(s.Conn().RemotePeer()), proto)
	}
}

// message prints a message that was sent (queued for sending) or received.
func (t *trace) message(call string, p peer.ID, kind frame.Type, n int) {
	if t != nil {
		t.step("%s %s %s, %d bytes", call, short(p), typeName(kind), n)
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

// short gives the end of a peer id, which tells ids apart: all begin alike.
func short(p peer.ID) string {
	text := p.String()
	return "…" + text[max(0, len(text)-8):]
}

func typeName(t frame.Type) string {
	names := map[frame.Type]string{
		typeHello: "HELLO", typeBye: "BYE", typeJoin: "JOIN", typeLeave: "LEAVE",
		typeOffer: "OFFER", typeAnswer: "ANSWER", typeComing: "COMING", typeLost: "LOST",
		typePeers: "PEERS", typeGot: "GOT", typeChunk: "CHUNK", typeList: "LIST",
		typeFiles: "FILES", typeValues: "VALUES", typeSlice: "SLICE", typeError: "ERROR",
	}
	if name, ok := names[t]; ok {
		return name
	}
	return fmt.Sprintf("%#02x", byte(t))
}
