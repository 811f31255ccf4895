package fetch

import (
	"bytes"
	"context"

	"starmesh/common/content"
	"starmesh/common/store"
)

// inMemory returns text as a File.
func inMemory(ctx context.Context, text []byte) (*store.Memory, error) {
	list, err := content.Hash(ctx, bytes.NewReader(text), int64(len(text)), nil)
	if err != nil {
		return nil, err
	}
	file := store.NewMemory(list)
	for i := range list.Len() {
		from := list.Offset(i)
		if err := file.WriteChunk(i, text[from:from+int64(list.ChunkLen(i))]); err != nil {
			return nil, err
		}
	}
	return file, nil
}
