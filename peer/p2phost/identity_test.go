package p2phost

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"starmesh/common/fault"
	"starmesh/common/load"
)

// checkRights checks that only the owner can read file, and look into the
// folder that was made for it.
func checkRights(t *testing.T, file string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
}

func TestAnIdentityIsKeptAcrossRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "id")
	first, err := LoadIdentity(file)
	if err != nil {
		t.Fatal(err)
	}
	second, err := LoadIdentity(file)
	if err != nil {
		t.Fatal(err)
	}
	if first.ID() != second.ID() || !strings.HasPrefix(first.ID(), "12D3Koo") {
		t.Errorf("first %s, then %s", first.ID(), second.ID())
	}
	checkRights(t, file)
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Errorf("there are more files than the identity: %v", left)
	}
}

func TestAnIdentityIsForOneNodeAtATime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "id")
	with := func(c *Config) {
		var err error
		if c.Identity, err = LoadIdentity(file); err != nil {
			t.Fatal(err)
		}
	}
	first := startHost(t, with)
	cfg := Config{Sockets: new(load.Sockets), Meter: new(load.Meter)}
	with(&cfg) // it can be read: 'peer id' does
	if _, err := New(cfg); !errors.Is(err, fault.InUse) || !strings.Contains(err.Error(), file) {
		t.Errorf("a second node with the identity: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := startHost(t, with)
	if again.ID() != first.ID() {
		t.Errorf("%s became %s", first.ID(), again.ID())
	}
}

func TestWithoutAFileEveryRunHasItsOwnIdentity(t *testing.T) {
	first, err := LoadIdentity("")
	second, err2 := LoadIdentity("")
	if err != nil || err2 != nil || first.ID() == second.ID() {
		t.Errorf("%s %s %v %v", first.ID(), second.ID(), err, err2)
	}
}

func TestProgramsThatStartAtOnceAgreeOnTheIdentity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "id")
	ids := make([]string, 8)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			id, err := LoadIdentity(file)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = id.ID()
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("several identities: %v", ids)
		}
	}
}

func TestIdentityFilesThatCanNotBeUsed(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if _, err := LoadIdentity(good); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"others may read it": {string(text), 0o640, "chmod 600"},
		"something else":     {"-----BEGIN OPENSSH PRIVATE KEY-----", 0o600, "no identity file"},
		"cut off":            {string(text[:60]), 0o600, "i"},
		"empty":              {"", 0o600, "no identity file"},
		"damaged":            {identityHead + "AAAA", 0o600, "damaged"},
	} {
		file := filepath.Join(dir, "bad")
		os.Remove(file)
		if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadIdentity(file)
		if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(text) > 80 && strings.Contains(err.Error(), string(text[30:60])) {
			t.Errorf("%s: the message tells the key", name)
		}
		if now, _ := os.ReadFile(file); string(now) != c.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}
