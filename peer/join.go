package peer

import (
	"encoding/binary"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
)

// join is JOIN, which says that the sender holds, or wants, a file; and GATHER,
// which says it of the contents of a folder, whose pieces do not follow from the
// size.
type join struct {
	what  frame.Type
	Topic topic
	ID    content.ID
	Size  int64
	Has   content.Set // what it holds or is about to get
}

func (m join) kind() frame.Type { return m.what }

func (m join) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Topic))
	b = append(b, m.ID[:]...)
	b = binary.AppendUvarint(b, uint64(m.Size))
	if m.what == typeGather {
		b = binary.AppendUvarint(b, uint64(m.Has.Len()))
	}
	if m.Has.Empty() {
		return b // most who join have nothing yet
	}
	return append(b, m.Has.Bytes()...)
}

func decodeJoin(t frame.Type, b []byte) (join, error) {
	d := newDecoder(b)
	m := join{what: t, Topic: d.topic(), ID: content.ID(d.Take(32)), Size: int64(d.Uvarint("size", uint64(content.MaxSize)))}
	n := content.ChunkCount(m.Size)
	if t == typeGather {
		n = int(d.Uvarint("count of pieces", content.MaxChunks))
	}
	if len(d.Rest) == 0 {
		m.Has = content.NewSet(n)
		return m, d.Err
	}
	if d.Err != nil {
		return m, d.Err
	}
	var err error
	if m.Has, err = content.ParseSet(n, d.Rest); err != nil {
		d.Fail(fault.Protocol, "bad set of chunks: %w", err)
	}
	return m, d.Err
}
