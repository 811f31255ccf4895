package links_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
)

// TestMain lets this program play the parts of other processes.
func TestMain(m *testing.M) {
	part := os.Getenv("LINKS_TEST_PART")
	if part == "" {
		os.Exit(m.Run())
	}
	play, known := parts[part]
	if !known {
		fmt.Fprintln(os.Stderr, "no part", part)
		os.Exit(2)
	}
	if err := play(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parts are what this program can be as a process of its own.
var parts = map[string]func() error{
	"sink":   sink,
	"source": source,
	"manage": manage,
}

// say tells the test something, as a line.
func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// sink takes connections until its standard input ends, and says of each how
// many bytes it brought.
func sink() error {
	ln, err := net.Listen("tcp", os.Getenv("LINKS_TEST_HOST")+":0")
	if err != nil {
		return err
	}
	if err := say(ln.Addr().String()); err != nil {
		return err
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, conn)
			conn.Close()
			_ = say(arrived{Bytes: n})
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

type arrived struct {
	Bytes   int64
	Seconds float64 // added by who waited for it
}

// source sends LINKS_TEST_BYTES to LINKS_TEST_TO, and waits until all of them
// are acknowledged.
func source() error {
	var size int64
	if _, err := fmt.Sscan(os.Getenv("LINKS_TEST_BYTES"), &size); err != nil {
		return err
	}
	conn, err := net.Dial("tcp", os.Getenv("LINKS_TEST_TO"))
	if err != nil {
		return err
	}
	if _, err := io.CopyN(conn, zeros{}, size); err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn) // until the sink closes
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// hear reads a line the process said.
func hear(t *testing.T, lines *bufio.Scanner, into any) {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("the process said no more: %v", lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), into); err != nil {
		t.Fatalf("the process said %q: %v", lines.Text(), err)
	}
}

// listen opens a port on this machine until the test ends.
func listen(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}
