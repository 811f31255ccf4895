package content

import (
	"math/rand/v2"
	"testing"
)

// The value of a chunk that is read in pieces is that of the chunk as a whole,
// for every chunk size and every length of the last chunk's end.
func TestPiecesOfAChunkAddUp(t *testing.T) {
	data := make([]byte, MaxChunk)
	rand.NewChaCha8([32]byte{}).Read(data)
	buf := make([]byte, piece)
	for chunk := int64(MinChunk); chunk <= MaxChunk; chunk *= 2 {
		for _, end := range []int64{1, 1023, 1025, piece - 1, piece, piece + 1, chunk/2 + 1, chunk - 1, chunk} {
			if end > chunk {
				continue
			}
			size := 2047*chunk + end // 2048 chunks: the most of this size
			if chunk == MaxChunk {
				size = 9000*chunk + end
			}
			list := ChunkList{size: size, chunk: ChunkSize(size), cvs: make([]byte, ChunkCount(size)*CVSize)}
			h := &hashing{r: window{data, size - end}, list: list, progress: func(int64) {}}
			last := list.Len() - 1
			if err := h.chunk(t.Context(), last, buf); err != nil {
				t.Fatal(err)
			}
			if err := list.Verify(last, data[:end]); err != nil {
				t.Errorf("chunks of %d, the last with %d: %v", chunk, end, err)
			}
		}
	}
}

// window is the end of a file, from offset at on.
type window struct {
	data []byte
	at   int64
}

func (w window) ReadAt(p []byte, at int64) (int, error) { return copy(p, w.data[at-w.at:]), nil }
