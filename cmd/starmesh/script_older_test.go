package main

import (
	"io"
	"net"

	"github.com/rogpeppe/go-internal/testscript"

	"starmesh/common/frame"
)

// older VAR ADDR: starts a proxy in front of the server at ADDR which makes it one
// from before MEET: it gets a type in place of that which no version knows. VAR is
// set to the proxy's address.
func older(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: older VAR ADDR")
	}
	inFront(ts, args[0], args[1], func(client, server net.Conn) {
		go func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		}()
		const meet, none, largest = 0x17, 0x7f, 1 << 20
		for {
			kind, body, err := frame.Read(client, largest, nil)
			if err != nil {
				return
			}
			if kind == meet {
				kind = none
			}
			if _, err := server.Write(frame.Append(nil, kind, body)); err != nil {
				return
			}
		}
	})
}
