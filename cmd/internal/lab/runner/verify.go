package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// verify compares every file that is said to be whole with the original.
func (r *run) verify(ctx context.Context) error {
	comparing, ctx := errgroup.WithContext(ctx)
	comparing.SetLimit(2)
	var right atomic.Int64
	for _, n := range r.nodes[1:] {
		if n.done.IsZero() {
			continue
		}
		comparing.Go(func() error {
			same, err := n.place.Holds(ctx)
			if err != nil {
				return err
			}
			if n.wrong = !same; same {
				right.Add(1)
			}
			return nil
		})
	}
	err := comparing.Wait()
	r.book.Verified = int(right.Load())
	return err
}

// sameFile reports whether two files hold the same bytes.
func sameFile(ctx context.Context, a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, fmt.Errorf("cannot compare: %w", err)
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot compare: %w", err)
	}
	defer fb.Close()
	const block = 256 << 10
	pa, pb := make([]byte, block), make([]byte, block)
	for ctx.Err() == nil {
		na, errA := io.ReadFull(fa, pa)
		nb, errB := io.ReadFull(fb, pb)
		if !bytes.Equal(pa[:na], pb[:nb]) {
			return false, nil
		}
		if errA != nil || errB != nil { // the end of both, or a disk that fails
			return errA == errB, trueError(errA)
		}
	}
	return false, ctx.Err()
}

// trueError leaves out the errors that are the end of a file.
func trueError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
