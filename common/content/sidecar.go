package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"lukechampine.com/blake3"

	"starmesh/common/fault"
)

// A Sidecar lies beside a file on a web server that knows nothing of ids: what
// whoever fetches the file verifies its chunks by.
type Sidecar struct {
	List   ChunkList
	Ticket string // leads to nodes of a mesh that have the file; "": none is known
}

const (
	// SidecarSuffix is what follows the name of a file in that of its sidecar.
	SidecarSuffix = ".starmesh"
	// MaxSidecarTicket bounds the ticket in a sidecar, in bytes.
	MaxSidecarTicket = 16 << 10

	sidecarChecksum = 8
)

// sidecarMagic begins every sidecar; its last byte is the version.
var sidecarMagic = []byte("starmesh sidecar\x01")

// Encode returns the sidecar's bytes, the only ones of that list and ticket. It
// fails with fault.TooLarge for a ticket of more than MaxSidecarTicket.
//
// All numbers are big endian:
//
//	"starmesh sidecar", 1 | id: 32 | size: 8 | ticket length: 2 | ticket
//	chaining values of the chunks, 32 each; none for a file of one chunk, whose
//	value is the id
//	the first 8 bytes of the BLAKE3 hash of all this
func (s Sidecar) Encode() ([]byte, error) {
	if len(s.Ticket) > MaxSidecarTicket {
		return nil, fault.Wrapf(fault.TooLarge, "a ticket of %d bytes does not fit a sidecar (%d)", len(s.Ticket), MaxSidecarTicket)
	}
	id := s.List.ID()
	b := append(bytes.Clone(sidecarMagic), id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.List.Size()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Ticket)))
	b = append(b, s.Ticket...)
	if s.List.Len() > 1 {
		b = append(b, s.List.Bytes()...)
	}
	sum := blake3.Sum256(b)
	return append(b, sum[:sidecarChecksum]...), nil
}

// ReadSidecar is the inverse of Encode. It reads no more than the sidecar has,
// and one byte, and keeps memory for what has arrived only. It fails with
// fault.Version for a sidecar of another version, with fault.TooLarge for a file
// or ticket over the limits, with fault.Corrupt where the checksum does not fit
// or the values do not fold to the id, with fault.Invalid for what is no sidecar
// or is cut short, and with r's error.
func ReadSidecar(r io.Reader) (Sidecar, error) {
	read := sidecarReader{from: r}
	head, err := read.take(int64(len(sidecarMagic) + len(ID{}) + 8 + 2))
	if err != nil {
		return Sidecar{}, err
	}
	id, size, n, err := sidecarHead(head)
	if err != nil {
		return Sidecar{}, err
	}
	ticket, err := read.take(int64(n))
	if err != nil {
		return Sidecar{}, err
	}
	s := Sidecar{Ticket: string(ticket)}
	count := ChunkCount(size)
	cvs := id[:min(count, 1)*CVSize]
	if count > 1 {
		if cvs, err = read.take(int64(count) * CVSize); err != nil {
			return Sidecar{}, err
		}
	}
	sum := blake3.Sum256(read.Bytes())
	said, err := read.take(sidecarChecksum)
	if err != nil {
		return Sidecar{}, err
	}
	if extra, _ := io.CopyN(io.Discard, r, 1); extra > 0 {
		return Sidecar{}, fault.Wrapf(fault.Invalid, "something follows the end of the sidecar")
	}
	if s.List, err = NewChunkList(size, cvs); err != nil {
		return Sidecar{}, err
	}
	if !bytes.Equal(said, sum[:sidecarChecksum]) || s.List.ID() != id {
		return Sidecar{}, fault.Wrapf(fault.Corrupt, "the sidecar is damaged: its chunk list is not that of %s", id.Short())
	}
	return s, nil
}

// sidecarReader keeps what it has read, for the checksum.
type sidecarReader struct {
	bytes.Buffer
	from io.Reader
}

// take reads so many bytes; memory grows with what is there, not with n.
func (r *sidecarReader) take(n int64) ([]byte, error) {
	at := r.Len()
	if _, err := io.CopyN(&r.Buffer, r.from, n); errors.Is(err, io.EOF) {
		return nil, fault.Wrapf(fault.Invalid, "the sidecar is cut short, or is none")
	} else if err != nil {
		return nil, err
	}
	return r.Bytes()[at:], nil
}

// sidecarHead reads and checks what stands before the ticket.
func sidecarHead(b []byte) (id ID, size int64, ticket uint16, err error) {
	name := len(sidecarMagic) - 1
	if !bytes.Equal(b[:name], sidecarMagic[:name]) {
		return id, 0, 0, fault.Wrapf(fault.Invalid, "this is no sidecar: it does not begin with %q", sidecarMagic[:name])
	}
	if b[name] != sidecarMagic[name] {
		return id, 0, 0, fault.Wrapf(fault.Version, "a sidecar of version %d; only %d is known here: use a newer program", b[name], sidecarMagic[name])
	}
	b = b[len(sidecarMagic):]
	id, b = ID(b[:len(id)]), b[len(id):]
	size, ticket = int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint16(b[8:])
	if ticket > MaxSidecarTicket {
		return id, 0, 0, fault.Wrapf(fault.TooLarge, "a sidecar with a ticket of %d bytes; %d are allowed", ticket, MaxSidecarTicket)
	}
	return id, size, ticket, CheckSize(size)
}
