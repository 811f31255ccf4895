package peer

import (
	"encoding/binary"
	"math"

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

// stat asks what a file has beside its content. It is answered with KEPT.
type stat struct{ ID content.ID }

func (stat) kind() frame.Type { return typeStat }

func (m stat) append(b []byte) []byte { return append(b, m.ID[:]...) }

func decodeStat(b []byte) (stat, error) {
	d := newDecoder(b)
	m := stat{ID: content.ID(d.Take(32))}
	return m, d.end(typeStat)
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
