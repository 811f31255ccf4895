package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starmesh/central"
)

// TestCtrlCSaysHowToGoOn: what can be gone on from is said of each way, and only
// where it is so.
func TestCtrlCSaysHowToGoOn(t *testing.T) {
	dir, here := t.TempDir(), t.TempDir()
	addr, _ := serveTree(t, dir)
	data := filepath.Join(here, "f")
	if err := os.WriteFile(data, bytes.Repeat([]byte("starmesh"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	files, _, err := Uploads(t.Context(), []string{data}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	get := func(output string) func(context.Context) error {
		return func(ctx context.Context) error {
			to, err := OpenDestination(t.Context(), output, io.Discard, false)
			if err != nil {
				t.Fatal(err)
			}
			defer to.Close()
			star := &Star{Place: Place{To: to, Out: &heard{}}, Conns: 1, Retry: Patience{For: time.Minute}}
			return star.Get(ctx, []Target{newTarget(addr, "large.bin")})
		}
	}
	for name, one := range map[string]struct {
		run  func(context.Context) error
		says string
	}{
		"get":      {get(filepath.Join(here, "g")), "what has arrived is kept"},
		"get -o -": {get("-"), "a part of it only"},
		"put": {func(ctx context.Context) error {
			p := &Put{Client: central.ClientConfig{}, Retry: Patience{For: time.Minute}, Out: &heard{}}
			return p.Put(ctx, addr, files)
		}, "at the server is kept"},
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := one.run(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), one.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
