package central

import (
	"starmesh/common/frame"
	"starmesh/common/trace"
)

// traceMessage prints one message that was sent or received.
func traceMessage(t *trace.Trace, call string, fd int, kind frame.Type, n int) {
	if t == nil {
		return // chunk by chunk nothing is formatted for nobody
	}
	t.Step("%s(fd %d) %s, %d bytes", call, fd, typeName(kind), frame.HeaderSize+n)
}

var typeNames = frame.Names{
	typeHello: "HELLO", typeWelcome: "WELCOME", typeAuth: "AUTH", typeOK: "OK",
	typeError: "ERROR", typeBye: "BYE", typePing: "PING", typePong: "PONG",
	typeList: "LIST", typeEntries: "ENTRIES", typeDescribe: "DESCRIBE", typeFile: "FILE",
	typeWorking: "WORKING", typeProof: "PROOF", typeValues: "VALUES", typeGet: "GET",
	typeChunk: "CHUNK", typePut: "PUT", typeWatch: "WATCH", typeEvent: "EVENT",
}

func typeName(t frame.Type) string { return typeNames.Of(t) }
