package peer

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/frame"
	"starmesh/common/trace"
	"starmesh/peer/p2phost"
)

// steps prints what happens on the network: connections, streams, messages.
type steps struct{ *trace.Trace }

// conn prints that a connection was opened or closed: who dialled, over what,
// and both its ends.
func (t steps) conn(what string, p peer.ID, c fmt.Stringer) {
	t.Step("connection %s: %s, %s", what, p2phost.Short(p), c)
}

// stream prints that a stream was opened or taken up.
func (t steps) stream(what string, p peer.ID, proto string) {
	t.Step("stream %s: %s %s", what, p2phost.Short(p), proto)
}

// message prints a message that was sent (queued for sending) or received.
func (t steps) message(call string, p peer.ID, kind frame.Type, n int) {
	if t.Trace == nil { // an id is long to write, and messages are many
		return
	}
	t.Step("%s %s %s, %d bytes", call, p2phost.Short(p), typeName(kind), n)
}

// posted prints messages that were queued, as encoded.
func (t steps) posted(p peer.ID, messages []message) {
	if t.Trace == nil {
		return
	}
	for _, m := range messages {
		t.message("send", p, m.kind(), len(encode(nil, m)))
	}
}

var typeNames = frame.Names{
	typeHello: "HELLO", typeBye: "BYE", typeJoin: "JOIN", typeLeave: "LEAVE",
	typeOffer: "OFFER", typeAnswer: "ANSWER", typeComing: "COMING", typeLost: "LOST",
	typePeers: "PEERS", typeGot: "GOT", typeDraw: "DRAW", typeGather: "GATHER", typeChunk: "CHUNK", typeList: "LIST",
	typeFiles: "FILES", typeProof: "PROOF", typeValues: "VALUES",
	typeStat: "STAT", typeKept: "KEPT", typeDraws: "DRAWS", typeServers: "SERVERS", typeError: "ERROR",
}

func typeName(t frame.Type) string { return typeNames.Of(t) }
