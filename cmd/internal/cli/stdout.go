package cli

import (
	"fmt"
	"io"
	"os"
	"sync"

	"starmesh/common/fault"
	"starmesh/common/stuck"
)

// Stdout is standard output as the program needs it: what could not be written
// is told of at once and not forgotten, so that no command that prints its
// result to a full disk is taken for done.
type Stdout struct {
	to, told io.Writer

	mu  sync.Mutex
	err error // of the first write that failed
}

// NewStdout returns a Stdout that writes to to, and tells on stderr when that
// fails.
func NewStdout(to, stderr io.Writer) *Stdout { return &Stdout{to: to, told: stderr} }

// Write writes p. Its error is an ErrReported: a line on stderr has told of it.
func (s *Stdout) Write(p []byte) (int, error) {
	n, err := stuck.Writer{To: s.to}.Write(p)
	return n, s.note(err)
}

// Close closes the file that s writes to, which may be when a disk far away
// says that it is full, and returns what failed since the beginning.
func (s *Stdout) Close() error {
	if f, ok := s.to.(*os.File); ok {
		_ = s.note(f.Close())
	}
	return s.Err()
}

// Err returns why not all that was written has arrived; nil: it has.
func (s *Stdout) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Fd returns the descriptor of the file that s writes to, of none if there is
// no such file.
func (s *Stdout) Fd() uintptr {
	if f, ok := s.to.(*os.File); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

func (s *Stdout) note(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("%w: %w", ErrReported, err)
		fmt.Fprintf(s.told, "starmesh: cannot write to standard output: %v\n", fault.Bare(err))
	}
	return s.err
}
