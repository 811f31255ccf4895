package peer

import (
	"encoding/binary"
	"math"
	"regexp"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
)

// Questions are asked on a stream of their own, one each.

// list asks which files a node shares. It is answered with FILES, the last of
// which is short of maxFiles.
type list struct{}

func (list) kind() frame.Type       { return typeList }
func (list) append(b []byte) []byte { return b }

// Shared is one file that a node shares, wholly or in part.
type Shared struct {
	ID     content.ID
	Size   int64 // bytes
	Name   string
	Held   int   // chunks
	Folder bool  // it is the manifest of a folder
	Total  int64 // of a folder: what all its files have, in bytes, as its sharer says
}

type files struct{ Files []Shared }

func (files) kind() frame.Type { return typeFiles }

func (m files) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.Files)))
	for _, f := range m.Files {
		b = append(b, f.ID[:]...)
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = appendText(b, f.Name)
		folder := uint64(0)
		if f.Folder {
			folder = 1
		}
		b = binary.AppendUvarint(b, uint64(f.Held)<<1|folder)
		if f.Folder {
			b = binary.AppendUvarint(b, uint64(f.Total))
		}
	}
	return b
}

func decodeFiles(b []byte) (files, error) {
	d := newDecoder(b)
	var m files
	for range d.Uvarint("count of files", maxFiles) {
		f := Shared{ID: content.ID(d.Take(32)), Size: int64(d.Uvarint("size", uint64(content.MaxSize))), Name: d.text("name")}
		v := d.Uvarint("chunks held", 2*content.MaxChunks+1)
		if f.Held, f.Folder = int(v>>1), v&1 == 1; f.Folder {
			f.Total = int64(d.Uvarint("size of the folder", math.MaxInt64-1))
		}
		m.Files = append(m.Files, f)
	}
	return m, d.end(typeFiles)
}

// proof asks for the chunk list of a file, from one chaining value on (a hash
// request, in the words of BEP 52). It is answered with VALUES.
type proof struct {
	ID   content.ID
	From int
}

func (proof) kind() frame.Type { return typeProof }

func (m proof) append(b []byte) []byte {
	b = append(b, m.ID[:]...)
	return binary.AppendUvarint(b, uint64(m.From))
}

func decodeProof(b []byte) (proof, error) {
	d := newDecoder(b)
	m := proof{ID: content.ID(d.Take(32)), From: int(d.Uvarint("chunk", content.MaxChunks))}
	return m, d.end(typeProof)
}

// values is a part of a chunk list: as many chaining values as are asked for
// and fit.
type values struct {
	Size int64 // of the file
	Name string
	CVs  []byte
}

func (values) kind() frame.Type { return typeValues }

func (m values) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Size))
	b = appendText(b, m.Name)
	return append(b, m.CVs...)
}

func decodeValues(b []byte) (values, error) {
	d := newDecoder(b)
	m := values{Size: int64(d.Uvarint("size", uint64(content.MaxSize))), Name: d.text("name")}
	if len(d.Rest)%content.CVSize != 0 {
		d.Fail(fault.Protocol, "%d bytes are no whole number of chaining values", len(d.Rest))
	}
	m.CVs = append(m.CVs, d.Rest...)
	return m, d.Err
}

// enquiry is STAT, which asks what a file has beside its content and is answered with
// KEPT, and DRAWS, which asks from which servers a node takes the file now and is
// answered with SERVERS.
type enquiry struct {
	what frame.Type
	ID   content.ID
}

func (m enquiry) kind() frame.Type { return m.what }

func (m enquiry) append(b []byte) []byte { return append(b, m.ID[:]...) }

func decodeEnquiry(t frame.Type, b []byte) (enquiry, error) {
	d := newDecoder(b)
	m := enquiry{what: t, ID: content.ID(d.Take(32))}
	return m, d.end(t)
}

// kept is what a node keeps of a file beside its content.
type kept struct{ content.Attributes }

func (kept) kind() frame.Type { return typeKept }

func (m kept) append(b []byte) []byte { return m.Append(b) }

func decodeKept(b []byte) (m kept, err error) {
	d := newDecoder(b)
	p := d.Take(content.AttributesSize)
	if err := d.end(typeKept); err != nil {
		return m, err
	}
	m.Attributes, err = content.ParseAttributes(p)
	return m, err
}

// servers is where the servers are that a node draws on for a file.
type servers struct{ All []string }

func (servers) kind() frame.Type { return typeServers }

func (m servers) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.All)))
	for _, s := range m.All {
		b = appendText(b, s)
	}
	return b
}

func decodeServers(b []byte) (servers, error) {
	d := newDecoder(b)
	var m servers
	for range d.Uvarint("count of servers", maxServers) {
		s := string(d.bytes("address of a server", maxServer))
		if d.Err == nil && !isOrigin(s) {
			d.Fail(fault.Protocol, "%q is no scheme://host:port", s)
		}
		m.All = append(m.All, s)
	}
	return m, d.end(typeServers)
}

// origin is what may be said of a server to strangers, and believed of them: scheme,
// host and port (RFC 6454). What else an address has may be a secret: a path, a query that is a
// signature, user and password. Nothing in it moves a cursor or turns the order round.
var origin = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://([\pL\pN._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

func isOrigin(s string) bool { return len(s) <= maxServer && origin.MatchString(s) }
