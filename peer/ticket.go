package peer

import (
	"encoding/binary"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/mr-tron/base58"
	ma "github.com/multiformats/go-multiaddr"
	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/readable"
	"starmesh/peer/p2phost"
)

// A Ticket is all that a stranger needs to fetch a share: what it is, and who
// has it.
//
// As text it is `mesh:` and letters and digits only (base58), so that a double
// click takes the whole of it. peer/PROTOCOL.md gives the layout.
type Ticket struct {
	ID         content.ID
	Name       string // as content.CheckPath allows
	Size       int64  // in bytes; of a collection: of all its files together
	Collection bool   // ID is that of a manifest
	Peers      []peer.AddrInfo
}

const (
	ticketScheme  = "mesh:"
	ticketVersion = 1
	// maxTicketPeers and maxTicketAddrs bound what a ticket makes its reader
	// dial: 8 addresses in all.
	maxTicketPeers = 8
	maxTicketAddrs = 8
	// maxTicket bounds the text before anything is computed from it: base58 is
	// quadratic in the length. The longest name (4 KiB) and 8 of the longest
	// addresses need 12 KiB.
	maxTicket = 16 << 10

	ticketCollection = 1 << 0 // the only flag so far
	checksumLen      = 4
)

// String returns the ticket as one word, `mesh:…`. Peers and addresses over the
// bounds (8 of each) are left out.
func (t Ticket) String() string {
	b := []byte{ticketVersion, 0}
	if t.Collection {
		b[1] |= ticketCollection
	}
	b = append(b, t.ID[:]...)
	b = binary.AppendUvarint(b, uint64(t.Size))
	b = binary.AppendUvarint(b, uint64(len(t.Name)))
	b = append(b, t.Name...)
	peers := boundedPeers(t.Peers)
	b = append(b, byte(len(peers)))
	for _, p := range peers {
		b = appendPeer(b, p)
	}
	return ticketScheme + base58.Encode(append(b, checksum(b)...))
}

// boundedPeers keeps what fits a ticket, the best addresses of each first.
func boundedPeers(peers []peer.AddrInfo) []peer.AddrInfo {
	var kept []peer.AddrInfo
	left := maxTicketAddrs
	for _, p := range peers[:min(len(peers), maxTicketPeers)] {
		addrs := p.Addrs[:min(len(p.Addrs), left)]
		left -= len(addrs)
		kept = append(kept, peer.AddrInfo{ID: p.ID, Addrs: addrs})
	}
	return kept
}

// appendPeer writes a peer id and its addresses. An Ed25519 key, which nearly
// all have, is written as its 32 bytes behind a zero; others as a multihash.
func appendPeer(b []byte, p peer.AddrInfo) []byte {
	if raw, ok := ed25519Key(p.ID); ok {
		b = append(append(b, 0), raw...)
	} else {
		b = append(append(b, byte(len(p.ID))), p.ID...)
	}
	b = append(b, byte(len(p.Addrs)))
	for _, a := range p.Addrs {
		raw := a.Bytes()
		b = append(binary.AppendUvarint(b, uint64(len(raw))), raw...)
	}
	return b
}

func ed25519Key(id peer.ID) ([]byte, bool) {
	key, err := id.ExtractPublicKey()
	if err != nil || key.Type() != crypto.Ed25519 {
		return nil, false
	}
	raw, err := key.Raw()
	return raw, err == nil
}

func checksum(b []byte) []byte {
	sum := blake3.Sum256(b)
	return sum[:checksumLen]
}

// ParseTicket reads a ticket as String writes it; blanks and line breaks in
// it, as mail programs make them, do not matter. Every field is checked. It
// fails with fault.Invalid, and with fault.Version for a ticket of a newer kind.
func ParseTicket(s string) (Ticket, error) {
	if len(s) > maxTicket {
		return Ticket{}, fault.Wrapf(fault.Invalid, "a ticket of %d characters is too long to be one", len(s))
	}
	word := strings.Join(strings.Fields(s), "")
	body, ok := strings.CutPrefix(word, ticketScheme)
	if !ok {
		return Ticket{}, fault.Wrapf(fault.Invalid, "%.40q is no ticket: it does not begin with %s", s, ticketScheme)
	}
	begin := readable.Text(word[:min(len(word), 24)])
	b, err := base58.Decode(body)
	if err != nil {
		return Ticket{}, fault.Wrapf(fault.Invalid, "the ticket %s… is mistyped: %w", begin, err)
	}
	if len(b) <= checksumLen || string(checksum(b[:len(b)-checksumLen])) != string(b[len(b)-checksumLen:]) {
		return Ticket{}, fault.Wrapf(fault.Invalid, "the ticket %s… is mistyped or cut off: copy the whole of it once more", begin)
	}
	if b[0] != ticketVersion {
		return Ticket{}, fault.Wrapf(fault.Version, "the ticket %s… is of version %d; this program knows %d: use a newer program", begin, b[0], ticketVersion)
	}
	return decodeTicket(b[1 : len(b)-checksumLen])
}

// decodeTicket reads the fields between version and checksum.
func decodeTicket(b []byte) (Ticket, error) {
	r := fields{frame.Decoder{Rest: b}}
	flags := r.U8()
	t := Ticket{Collection: flags&ticketCollection != 0}
	copy(t.ID[:], r.Take(len(t.ID)))
	t.Size = int64(r.uvarint(uint64(content.MaxSize)))
	t.Name = string(r.Take(int(r.uvarint(content.MaxPath))))
	for range r.count(maxTicketPeers) {
		t.Peers = append(t.Peers, r.peer())
	}
	switch {
	case r.End() != nil || flags&^ticketCollection != 0:
		return Ticket{}, fault.Wrapf(fault.Invalid, "the ticket is damaged: its fields do not fit")
	case countAddrs(t.Peers) > maxTicketAddrs:
		return Ticket{}, fault.Wrapf(fault.Invalid, "the ticket has more than %d addresses", maxTicketAddrs)
	case t.ID.IsZero():
		return Ticket{}, fault.Wrapf(fault.Invalid, "the ticket names no file")
	}
	if err := content.CheckPath(t.Name); err != nil {
		return Ticket{}, fault.Wrapf(fault.Invalid, "the ticket's name can not be used: %w", err)
	}
	return t, nil
}

func countAddrs(peers []peer.AddrInfo) int {
	n := 0
	for _, p := range peers {
		n += len(p.Addrs)
	}
	return n
}

// fields reads a ticket's bytes. What is wrong with them is not said: the ticket
// is damaged.
type fields struct{ frame.Decoder }

func (f *fields) damaged() { f.Fail(fault.Invalid, "damaged") }

// count reads a number of things, at most limit.
func (f *fields) count(limit int) int {
	n := int(f.U8())
	if n > limit {
		f.damaged()
		return 0
	}
	return n
}

// uvarint reads a number in its shortest form, at most limit.
func (f *fields) uvarint(limit uint64) uint64 {
	before := f.Rest
	v := f.Uvarint("number", limit)
	if n := len(before) - len(f.Rest); n > 1 && before[n-1] == 0 {
		f.damaged()
		return 0
	}
	return v
}

// peer reads a peer id and its addresses.
func (f *fields) peer() peer.AddrInfo {
	info := peer.AddrInfo{ID: f.peerID()}
	for range f.count(maxTicketAddrs) {
		raw := f.Take(int(f.uvarint(p2phost.MaxAddrBytes)))
		if f.Err != nil {
			break
		}
		a, err := ma.NewMultiaddrBytes(raw)
		if err != nil || p2phost.CheckDialable(a) != nil || string(a.Bytes()) != string(raw) {
			f.damaged()
			break
		}
		info.Addrs = append(info.Addrs, a)
	}
	return info
}

func (f *fields) peerID() peer.ID {
	n := f.U8()
	if n == 0 {
		key, err := crypto.UnmarshalEd25519PublicKey(f.Take(32))
		if err != nil {
			f.damaged()
			return ""
		}
		id, err := peer.IDFromPublicKey(key)
		if err != nil {
			f.damaged()
		}
		return id
	}
	raw := f.Take(int(n))
	id, err := peer.IDFromBytes(raw)
	if _, short := ed25519Key(id); err != nil || short {
		f.damaged()
		return ""
	}
	return id
}

// parseJoin reads where nodes are: multiaddrs that end in /p2p/ID, and tickets.
// It fails with fault.Invalid and says which form is right.
func parseJoin(args []string) ([]peer.AddrInfo, error) {
	var all []peer.AddrInfo
	for _, arg := range args {
		if strings.HasPrefix(strings.TrimSpace(arg), ticketScheme) {
			t, err := ParseTicket(arg)
			if err != nil {
				return nil, err
			}
			all = append(all, t.Peers...)
			continue
		}
		info, err := p2phost.ParsePeer(arg)
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}
