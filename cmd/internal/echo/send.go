package echo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/common/fault"
	"starmesh/common/trace"
)

// maxPiece is how much is sent over TCP before the echo is read. It fits into
// the buffers on the way, so that two sides that both wait to send cannot be.
const maxPiece = 16 << 10

// SendConfig says whom to send to. All but Address may be zero.
type SendConfig struct {
	Network string        // tcp, or udp; "" is tcp
	Address string        // HOST:PORT
	Timeout time.Duration // for one echo to come back; 0 means two seconds
	Trace   *trace.Trace  // of each socket step; nil: none
	Echoed  func(Echo)    // called for each message that came back
}

// An Echo is a message that came back as it was sent.
type Echo struct {
	Text []byte // valid during the call
	From net.Addr
	Time time.Duration // from sending to having all of it
}

// exchange sends one message and waits for its echo.
type exchange interface {
	send(ctx context.Context, p []byte) (Echo, error)
	close()
}

// Send sends each line of messages and waits for it to come back. Over UDP a
// message that is lost is counted, and the next one sent; the error then says
// how many. A line keeps its newline; over TCP one of more than 16 KiB goes in
// pieces, over UDP it is fault.TooLarge. An echo that is not what was sent is
// fault.Corrupt.
func Send(ctx context.Context, cfg SendConfig, messages io.Reader) error {
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Echoed == nil {
		cfg.Echoed = func(Echo) {}
	}
	if err := agent.CheckAddress(cfg.Address); err != nil {
		return err
	}
	remote, piece, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer remote.close()
	return sendAll(ctx, cfg, remote, bufio.NewReaderSize(untilStopped(ctx, messages), piece))
}

// connect makes the socket, and returns how much goes into one message.
func connect(ctx context.Context, cfg SendConfig) (exchange, int, error) {
	switch cfg.Network {
	case "tcp", "":
		remote, err := dialStream(ctx, cfg)
		return remote, maxPiece, err
	case "udp":
		remote, err := openDatagram(ctx, cfg)
		return remote, maxDatagram + 1, err
	}
	return nil, 0, fault.Wrapf(fault.Invalid, "there is no echo over %q: tcp or udp", cfg.Network)
}

func sendAll(ctx context.Context, cfg SendConfig, remote exchange, messages *bufio.Reader) error {
	sent, lost := 0, 0
	for {
		message, readErr := messages.ReadSlice('\n')
		if len(message) > 0 {
			sent++
			echo, err := remote.send(ctx, message)
			switch {
			case errors.Is(err, errLost):
				lost++
			case err != nil:
				return err
			default:
				cfg.Echoed(echo)
			}
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return lostError(cfg, sent, lost)
		case readErr != nil && !errors.Is(readErr, bufio.ErrBufferFull):
			return fmt.Errorf("cannot read what to send: %w", readErr)
		}
	}
}

// errLost is a datagram that did not come back.
var errLost = errors.New("lost")

func lostError(cfg SendConfig, sent, lost int) error {
	if lost == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d messages to %s did not come back within %v each: lost on the way, or nobody echoes there; UDP does not tell which",
		lost, sent, cfg.Address, cfg.Timeout)
}

// same says what is wrong with an echo; nil if nothing.
func same(address string, sent, got []byte) error {
	if bytes.Equal(sent, got) {
		return nil
	}
	return fault.Wrapf(fault.Corrupt, "what %s sent back is not what it was sent: there is something else than an echo service", address)
}

// untilStopped returns what r gives until ctx ends. A read of a terminal cannot
// be ended from outside: the one under way is left behind, for the end of the
// process.
func untilStopped(ctx context.Context, r io.Reader) io.Reader {
	reader, writer := io.Pipe()
	context.AfterFunc(ctx, func() { _ = writer.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(writer, r)
		_ = writer.CloseWithError(err) // nil is io.EOF
	}()
	return reader
}
