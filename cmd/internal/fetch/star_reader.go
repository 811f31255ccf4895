package fetch

import (
	"context"
	"iter"

	"starmesh/central"
	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// reader is what get needs of a server, over the raw protocol or over HTTP.
type reader interface {
	connection
	finder
	Source(name string, list content.ChunkList) transfer.Source
}

// finder says what a server has.
type finder interface {
	List(ctx context.Context, prefix string) iter.Seq2[store.Entry, error]
	Describe(ctx context.Context, name string, id content.ID, progress func(done, total int64)) (store.Entry, error)
	ChunkList(ctx context.Context, entry store.Entry) (content.ChunkList, error)
}

// rawReader reads over the raw protocol, which asks for chunks by id.
type rawReader struct{ *central.Client }

func (r rawReader) Source(_ string, list content.ChunkList) transfer.Source {
	return r.Client.Source(list)
}

// beginner is a reader that can ask for the first chunks with the chunk list.
type beginner interface {
	Begin(ctx context.Context, entry store.Entry) (content.ChunkList, error)
}

// dialReader connects to a server, or gets ready to ask it over HTTP.
func dialReader(ctx context.Context, a central.Address, cfg central.ClientConfig) (reader, error) {
	if a.HTTP {
		return central.NewHTTPClient(a, cfg), nil
	}
	c, err := central.Connect(ctx, a, cfg)
	if err != nil {
		return nil, err
	}
	return rawReader{c}, nil
}
