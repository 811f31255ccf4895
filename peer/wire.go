package peer

import (
	"context"
	"io"

	"github.com/libp2p/go-libp2p/core/network"
)

// wire knows what really crosses the sockets under the host's connections.
type wire struct{}

// queue gives what waits in this process's memory to leave over c. It may be
// nil (QUIC, relayed), which is a queue that never fills.
func (w *wire) queue(c network.Conn) *queue { return nil }

// A queue is the data of one TCP connection that was written to its streams
// and has not yet gone to the kernel. yamux takes up to 64 frames (16 MiB) and
// lets Write return: without this, an offer waits behind seconds of chunks.
type queue struct{}

// bulk writes p to s, a stream of the queue's connection, in small pieces,
// each as soon as the queue is short enough for it (about 10 ms of the link).
func (q *queue) bulk(ctx context.Context, s io.Writer, p []byte) (int, error) { return s.Write(p) }

// urgent writes p at once, behind no more than what the queue holds.
func (q *queue) urgent(s io.Writer, p []byte) (int, error) { return s.Write(p) }

// waiting gives the bytes in the queue.
func (q *queue) waiting() int64 { return 0 }
