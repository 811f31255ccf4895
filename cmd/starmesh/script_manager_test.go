package main

import (
	"context"
	"net"

	"github.com/rogpeppe/go-internal/testscript"

	"starmesh/cmd/internal/fleet"
)

// manager VAR PROGRAM CODE: starts a manager of a lab, of that version of the
// program, which asks for nothing. VAR is set to its address.
func manager(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: manager VAR PROGRAM CODE")
	}
	code, err := fleet.ParseCode(args[2])
	ts.Check(err)
	roster, err := fleet.Listen(context.Background(), fleet.Config{
		Listen: "127.0.0.1:0", Nodes: 1, Codes: []fleet.Code{code}, Program: args[1],
		Joined: func(*fleet.Member) {}, Left: func(*fleet.Member) {}, Refused: func(net.Addr, error) {},
	})
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- roster.Run(ctx) }()
	ts.Defer(func() {
		stop()
		<-ended // that it listens no more
	})
	ts.Setenv(args[0], roster.Addr().String())
}
