package runner_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"starmesh/cmd/internal/lab/runner"
)

func TestTheSeedDecidesWhatIsInTheFile(t *testing.T) {
	made := func(size int64, seed uint64) []byte {
		name := filepath.Join(t.TempDir(), "random.bin")
		if err := runner.RandomFile(t.Context(), name, size, seed); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil || int64(len(text)) != size {
			t.Fatalf("%d bytes, %v; want %d", len(text), err, size)
		}
		return text
	}
	one := made(100_001, 1)
	if !bytes.Equal(one, made(100_001, 1)) {
		t.Error("one seed, two files")
	}
	if bytes.Equal(one, made(100_001, 2)) {
		t.Error("two seeds, one file")
	}
	made(0, 1)
}

func TestItCanBeGivenUp(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := runner.RandomFile(ctx, filepath.Join(t.TempDir(), "f"), 1<<40, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := runner.RandomFile(t.Context(), t.TempDir(), 1, 1); err == nil {
		t.Error("a folder was written to")
	}
}
