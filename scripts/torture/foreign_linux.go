package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/peer"
	"starmesh/peer/p2phost"
)

// A foreign node speaks the mesh's protocol (peer/PROTOCOL.md) by itself, and
// means no good. It is a process of its own, so that it can have its own place
// in the network.
type foreign struct {
	trait  string
	ticket peer.Ticket
	chunks int
	file   *os.File
	host   *p2phost.Host
}

// foreignTraits are the ways in which they do wrong, and how many do at a time.
var foreignTraits = []wrong{
	{"no-receipts", 5, "accept whatever is offered and never say that it has come"},
	{"crowd", 200, "come from one address before the others, and do nothing"},
	{"repeats", 1, "offers every chunk again and again, and sends nothing"},
	{"trickle", 1, "sends right bytes, 1 KiB each 50 ms"},
	{"answers", 1, "answers each offer 5,000 times"},
	{"tells", 20, "tell of 10,000 nodes at a third host"},
}

const foreignTopic = 1

// The messages that it speaks (section 5).
const (
	hello  = 0x01
	join   = 0x10
	offer  = 0x12
	answer = 0x13
	peers  = 0x16
	chunk  = 0x20
)

// abroad is the command line of n foreign nodes.
func abroad(trait, ticket, file string, n int) []string {
	self, err := os.Executable()
	if err != nil {
		self = "/proc/self/exe"
	}
	return []string{self, "foreign", trait, ticket, file, strconv.Itoa(n)}
}

// runForeign is the process of foreign nodes: TRAIT TICKET FILE NODES. It prints
// a line of JSON when all have come, and ends with a signal.
func runForeign(args []string) error {
	ticket, err := peer.ParseTicket(args[1])
	if err != nil {
		return err
	}
	file, err := os.Open(args[2])
	if err != nil {
		return err
	}
	defer file.Close() // only read
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for range n {
		f := &foreign{trait: args[0], ticket: ticket, chunks: content.ChunkCount(ticket.Size), file: file}
		if err := f.come(ctx); err != nil {
			return err
		}
		defer f.host.Close() // whatever comes of it
	}
	fmt.Println(`{"event":"come"}`)
	<-ctx.Done()
	return nil
}

// come connects with the origin. Others are told where it is, and come by
// themselves.
func (f *foreign) come(ctx context.Context) error {
	host, err := p2phost.New(p2phost.Config{Follow: true, Known: f.ticket.Peers, Sockets: new(load.Sockets), Meter: new(load.Meter)})
	if err != nil {
		return err
	}
	f.host = host
	linked := make(chan struct{})
	var once sync.Once
	host.Handle("/starmesh/link/1", func(c p2phost.Conn, s *p2phost.Stream) { go f.serve(ctx, c, s) })
	host.Handle("/starmesh/data/1", func(_ p2phost.Conn, s *p2phost.Stream) { go io.Copy(io.Discard, s) })
	host.Watch(func(c p2phost.Conn) {
		if !c.Dialled() || c.Relayed() {
			return
		}
		go func() {
			defer once.Do(func() { close(linked) })
			if s, err := c.Open(ctx, "/starmesh/link/1", false); err == nil {
				go f.serve(ctx, c, s)
			}
		}()
	}, func(p2phost.Conn) {})
	_, err = host.Reach(ctx, f.ticket.Peers[0])
	if err == nil {
		<-linked
	}
	return err
}

// serve talks on a link until it ends.
func (f *foreign) serve(ctx context.Context, c p2phost.Conn, s *p2phost.Stream) {
	var addrs []byte
	own := f.host.Own()
	for _, a := range own {
		addrs = appendText(addrs, a.Bytes())
	}
	body := appendText(binary.AppendUvarint(nil, 1), []byte("foreign"))
	f.say(s, hello, append(binary.AppendUvarint(body, uint64(len(own))), addrs...))
	f.say(s, join, f.joins())
	go f.act(ctx, c, s)
	in := bufio.NewReader(s)
	for ctx.Err() == nil {
		kind, body, err := readFrame(in)
		if err != nil {
			return
		}
		if kind == offer {
			f.offered(s, body)
		}
	}
}

// joins is the body of JOIN: givers say that they have all, takers nothing.
func (f *foreign) joins() []byte {
	b := append(binary.AppendUvarint(nil, foreignTopic), f.ticket.ID[:]...)
	b = binary.AppendUvarint(b, uint64(f.ticket.Size))
	if f.trait == "repeats" || f.trait == "trickle" {
		b = append(b, content.FullSet(f.chunks).Bytes()...)
	}
	return b
}

// offered answers an OFFER, as its trait would have it.
func (f *foreign) offered(s *p2phost.Stream, body []byte) {
	_, n := binary.Uvarint(body)
	what, _ := binary.Uvarint(body[max(n, 0):])
	times := map[string]int{"no-receipts": 1, "answers": 5000}[f.trait]
	var all []byte
	for range times {
		all = appendFrame(all, answer, binary.AppendUvarint([]byte{foreignTopic}, what&^3)) // accepted
	}
	_, _ = s.Write(all) // the other side may have had enough
}

// act does what it does by itself.
func (f *foreign) act(ctx context.Context, c p2phost.Conn, s *p2phost.Stream) {
	switch f.trait {
	case "repeats":
		for i := 0; ctx.Err() == nil && f.offers(s, i%f.chunks) == nil; i++ {
			time.Sleep(time.Millisecond)
		}
	case "trickle":
		data, err := c.Open(ctx, "/starmesh/data/1", true)
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			err = errors.Join(f.offers(s, i%f.chunks), f.trickles(ctx, data, i%f.chunks))
		}
	case "tells":
		for i := 0; ctx.Err() == nil && i < 10_000; i += 32 {
			f.say(s, peers, tellsOf(i))
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (f *foreign) offers(s *p2phost.Stream, i int) error {
	return f.say(s, offer, binary.AppendUvarint([]byte{foreignTopic}, uint64(i)<<2))
}

// trickles sends a chunk, as slowly as is not yet too slow.
func (f *foreign) trickles(ctx context.Context, data *p2phost.Stream, i int) error {
	size := int64(content.ChunkSize(f.ticket.Size))
	p := make([]byte, min(size, f.ticket.Size-int64(i)*size))
	if _, err := f.file.ReadAt(p, int64(i)*size); err != nil {
		return err
	}
	body := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, foreignTopic), uint32(i))
	b := appendFrame(nil, chunk, append(body, p...))
	for len(b) > 0 && ctx.Err() == nil {
		n, err := data.Write(b[:min(len(b), 1024)])
		if err != nil {
			return err
		}
		b = b[n:]
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// tellsOf is PEERS of 32 nodes that nobody has heard of, at one host.
func tellsOf(from int) []byte {
	b := append([]byte{foreignTopic}, 32)
	for i := range 32 {
		id := append([]byte{0, 36, 8, 1, 18, 32}, make([]byte, 32)...) // an Ed25519 key, as a multihash
		binary.BigEndian.PutUint32(id[6:], uint32(from+i+1))
		addr := []byte{4, 10, 78, 0, 9, 6} // /ip4/10.78.0.9/tcp/…
		addr = binary.BigEndian.AppendUint16(addr, uint16(1+(from+i)%60_000))
		b = appendText(append(appendText(b, id), 1), addr)
	}
	return b
}

func (f *foreign) say(s *p2phost.Stream, kind byte, body []byte) error {
	_, err := s.Write(appendFrame(nil, kind, body))
	return err
}

// appendFrame appends a message (section 4). It and its like are written anew
// here: a foreign node owes what it knows to PROTOCOL.md alone, as a stranger's
// would, and so it notices where the program and that part ways.
func appendFrame(b []byte, kind byte, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(append(b, kind), body...)
}

func appendText(b, text []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func readFrame(in io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > 1<<20 {
		return 0, nil, errors.New("a message that is too long")
	}
	body = make([]byte, n)
	_, err = io.ReadFull(in, body)
	return head[4], body, err
}
