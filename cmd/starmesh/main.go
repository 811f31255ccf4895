// Command starmesh sends a file to many machines, from one server or through
// a mesh of equals, and tells what each way costs.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"starmesh/cmd/internal/cli"
)

func main() {
	// Libraries (mDNS, for one) talk to the standard logger; what concerns the
	// user we say ourselves.
	log.SetOutput(io.Discard)
	asks := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup(1) has it
		asks = append(asks, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), asks...)
	// The first signal asks for an orderly end, a second one ends the process at
	// once; that is heard here, for where the program was started with the signal
	// ignored, as under nohup(1), the system would go on ignoring it. A terminal
	// that goes says so twice, though nobody is in a hurry. What no signal ends is
	// left behind.
	again := make(chan os.Signal, 1)
	context.AfterFunc(ctx, func() {
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		signal.Ignore(syscall.SIGHUP)
		stop()
		cli.AwaitStuck(again)
		giveUp()
	})
	os.Exit(Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// giveUp ends a process that does not end by itself, or not soon enough.
func giveUp() { os.Exit(cli.Failed) }
