// Command longway makes a long way of a short one, for scripts/bench-distance.sh:
// it passes TCP connections on to another address, each direction as late as a
// distance makes it and no faster than a link.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"starmesh/common/rate"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to take connections")
	to := flag.String("to", "127.0.0.1:7070", "where they are passed on to")
	trip := flag.Duration("round-trip", 50*time.Millisecond, "there and back; half of it each way")
	mbit := flag.Float64("mbit", 1000, "what each direction carries, in Mbit/s, of all connections together")
	flag.Parse()
	err := run(*listen, *to, *trip/2, *mbit*1e6/8)
	fmt.Fprintln(os.Stderr, "longway:", err)
	os.Exit(1)
}

// run passes connections on until it cannot listen any longer.
func run(listen, to string, delay time.Duration, bytesPerSecond float64) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	out, back := &direction{delay, rate.New(bytesPerSecond)}, &direction{delay, rate.New(bytesPerSecond)}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go pass(c, to, out, back)
	}
}

// pass is one connection, to its end.
func pass(near net.Conn, to string, out, back *direction) {
	defer near.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		fmt.Fprintln(os.Stderr, "longway:", err)
		return
	}
	defer far.Close()
	var both sync.WaitGroup
	both.Go(func() { out.carry(far, near) })
	both.Go(func() { back.carry(near, far) })
	both.Wait()
}

// direction is one direction of the link that all connections share.
type direction struct {
	delay time.Duration
	link  *rate.Limiter
}

const (
	// pieceBytes is what is carried as one at the most, and maxPieces how many
	// pieces of one connection may be on their way: a quarter of a second at 1
	// Gbit/s, though each were of 2 KiB, for who writes little at a time sends
	// many.
	pieceBytes = 32 << 10
	maxPieces  = 16 << 10
)

// piece is something on its way.
type piece struct {
	bytes []byte
	due   time.Time
}

// carry passes on what from says, until one of both ends.
func (d *direction) carry(to, from net.Conn) {
	under, ended := make(chan piece, maxPieces), make(chan struct{})
	go func() {
		defer close(ended)
		for p := range under {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.bytes); err != nil {
				_ = from.Close() // the reader and the other side are to know
			}
		}
	}()
	buf := make([]byte, pieceBytes)
	for {
		n, err := from.Read(buf)
		if err != nil {
			break
		}
		_ = d.link.Wait(context.Background(), n) // fails only with the context
		under <- piece{bytes.Clone(buf[:n]), time.Now().Add(d.delay)}
	}
	close(under)
	<-ended
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it may have ended already
	}
}
