package runner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"starmesh/cmd/internal/units"
)

// RandomFile makes a file of size bytes, always the same for the same seed, or gives
// up when ctx ends.
func RandomFile(ctx context.Context, path string, size int64, seed uint64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	_, err = io.CopyN(f, &untilDone{ctx, rand.NewChaCha8(key)}, size)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cannot make up a file of %s: %w", units.Bytes(size), err)
	}
	return nil
}

// untilDone reads until ctx ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, u.ctx.Err()
	}
	return u.r.Read(p)
}
