package central

import (
	"starmesh/common/frame"
)

// message prints one message that was sent or received.
func (w *watched) message(call string, kind frame.Type, n int) {
	if w.Trace != nil { // chunk by chunk nothing is formatted for nobody
		w.Trace.Step("%s(fd %d) %s, %d bytes", call, w.fd, typeName(kind), frame.HeaderSize+n)
	}
}

var typeNames = frame.Names{
	typeHello: "HELLO", typeWelcome: "WELCOME", typeAuth: "AUTH", typeOK: "OK",
	typeError: "ERROR", typeBye: "BYE", typePing: "PING", typePong: "PONG",
	typeList: "LIST", typeEntries: "ENTRIES", typeDescribe: "DESCRIBE", typeFile: "FILE",
	typeWorking: "WORKING", typeProof: "PROOF", typeValues: "VALUES", typeMeet: "MEET", typeMet: "MET", typeGet: "GET",
	typeChunk: "CHUNK", typePut: "PUT", typeWatch: "WATCH", typeEvent: "EVENT",
}

func typeName(t frame.Type) string { return typeNames.Of(t) }
