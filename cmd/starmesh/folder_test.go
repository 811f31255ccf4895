package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"starmesh/peer"
)

// grown is a random tree of files below a folder: what they hold, by name.
type grown map[string][]byte

// grow makes one: deep and flat, with names as people have them, empty files,
// contents more than once, sizes around those that chunks and pieces have.
func grow(t *testing.T, dir string, seed uint64, files int) grown {
	t.Helper()
	r, tree := rand.New(rand.NewPCG(seed, 1)), grown{}
	words := []string{"a", "A b", "-f", "größe", "日本", "x.tar.gz", "a-", "a.b", "0", "#1", "%41", "~", "&;'", strings.Repeat("long", 40)}
	sizes := []int{0, 1, 1023, 1024, 1025, 16 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_001, 1<<20 + 1}
	contents := [][]byte{}
	for i := range files {
		var path []string
		for range r.IntN(5) {
			path = append(path, "d"+words[r.IntN(len(words))]) // no file is called so
		}
		name := strings.Join(append(path, words[r.IntN(len(words))]+strconv.Itoa(i)), "/")
		size := sizes[r.IntN(len(sizes))]
		if r.IntN(2) == 0 {
			size = r.IntN(20_000)
		}
		data := make([]byte, size)
		for at := range data {
			data[at] = byte(r.Uint32())
		}
		if len(contents) > 0 && r.IntN(6) == 0 {
			data = contents[r.IntN(len(contents))]
		}
		contents, tree[name] = append(contents, data), data
		tree.put(t, dir, name, fs.FileMode([]uint32{0o644, 0o600, 0o755, 0o444}[r.IntN(4)]))
	}
	return tree
}

func (g grown) put(t *testing.T, dir, name string, mode fs.FileMode) {
	t.Helper()
	at, then := filepath.Join(dir, filepath.FromSlash(name)), time.Now().Add(-time.Hour).Truncate(time.Second)
	err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o777), os.WriteFile(at, g[name], mode), os.Chtimes(at, then, then))
	if err != nil {
		t.Fatal(err)
	}
}

// size is how many bytes are to be fetched of the tree: each content once.
func (g grown) size() (bytes int64) {
	known := map[string]bool{}
	for _, data := range g {
		if !known[string(data)] {
			known[string(data)], bytes = true, bytes+int64(len(data))
		}
	}
	return bytes
}

// same compares dir with the tree: nothing is missing, and nothing else there.
func (g grown) same(t *testing.T, dir, from string) {
	t.Helper()
	for name, want := range g {
		at := filepath.Join(dir, filepath.FromSlash(name))
		got, err := os.ReadFile(at)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not %d: %v", at, len(got), len(want), err)
			continue
		}
		a, _ := os.Stat(at)
		b, err := os.Stat(filepath.Join(from, filepath.FromSlash(name)))
		if err == nil && (a.Mode() != b.Mode() || !a.ModTime().Equal(b.ModTime())) {
			t.Errorf("%s: %v of %v, not %v of %v", at, a.Mode(), a.ModTime(), b.Mode(), b.ModTime())
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && g[filepath.ToSlash(name)] == nil {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// here is how many bytes of the tree are in their places in the client's dir: what
// must not be fetched again.
func (g grown) here(dir string, w way) int64 {
	there := grown{}
	for name, want := range g {
		if got, err := os.ReadFile(filepath.Join(dir, w.in, filepath.FromSlash(name))); err == nil && bytes.Equal(got, want) {
			there[name] = got
		}
	}
	return there.size()
}

// way is a way by which a folder comes: get prepares a client, and beside is how much more than the files
// that takes: a manifest, and what is here of two pieces.
type way struct {
	in     string // where it comes to, below the client's folder
	beside int64
	get    func(dir string, flags ...string) *exec.Cmd
}

// client prepares one whose load log is a new one.
func client(dir string, args, flags []string) *exec.Cmd {
	_ = os.Remove(filepath.Join(dir, "log")) // it may be the first
	return program(dir, slices.Concat(args, flags, []string{"--load-log", "log", "--quiet"})...)
}

// ways shares the tree in the folder from by the star and by the mesh, no faster than
// up, once all is hashed.
func ways(t *testing.T, tree grown, from, up string) map[string]way {
	server := background(t, t.TempDir(), "central", "serve", from, "--listen", "127.0.0.1:0", "--json", "--up", up)
	node := background(t, t.TempDir(), "peer", "serve", from, "--no-mdns", "--json", "--up", up)
	ticket, addr := said(t, node, "ticket", "ticket"), said(t, server, "listening", "listen")
	for end := time.Now().Add(scriptPatience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if out, err := program(t.TempDir(), "central", "ls", addr, "--json").Output(); err == nil && bytes.Count(out, []byte(`"id":`)) == len(tree) {
			break
		}
	}
	return map[string]way{
		"star": {in: "in", get: func(dir string, flags ...string) *exec.Cmd {
			return client(dir, []string{"central", "get", addr, "/", "-o", "in/"}, flags)
		}},
		"mesh": {in: "in/" + filepath.Base(from), beside: 192 << 10, get: func(dir string, flags ...string) *exec.Cmd {
			return client(dir, []string{"peer", "get", ticket, "--no-mdns", "-o", "in/"}, flags)
		}},
	}
}

// fetched is how many bytes of payload the last run in dir has received.
func fetched(t *testing.T, dir string) int64 {
	t.Helper()
	text, _ := lastField(filepath.Join(dir, "log"), "final", "payload_in_bytes")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRandomTreesArrive: whatever the tree, by the star and by the mesh; what is
// here already, in its place or, for the mesh, under another name, does not travel
// again; and of a second version only what is new.
func TestRandomTreesArrive(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			from := filepath.Join(t.TempDir(), "tree")
			tree := grow(t, from, seed, 120)
			for name, w := range ways(t, tree, from, "10gbit") {
				dir := t.TempDir()
				half, held := halfOf(tree), grown{}
				for i, name := range half {
					put := name
					if w.beside > 0 && i%2 == 0 {
						put = "another/" + strconv.Itoa(i)
					}
					held[put] = tree[name]
					held.put(t, filepath.Join(dir, w.in), put, 0o600)
				}
				must(t, w.get(dir))
				_ = os.RemoveAll(filepath.Join(dir, w.in, "another"))
				if got := fetched(t, dir); got > tree.size()-held.size()+w.beside {
					t.Errorf("%s: %d bytes were fetched of %d, of which %d were here", name, got, tree.size(), held.size())
				}
				for _, name := range half { // they have the mode and time that they had
					tree.put(t, filepath.Join(dir, w.in), name, 0o600)
				}
				tree.same(t, filepath.Join(dir, w.in), "")
				clean := t.TempDir()
				must(t, w.get(clean))
				tree.same(t, filepath.Join(clean, w.in), from)
			}
		})
	}
}

// halfOf are the names of half of the files: those that a walk meets first, so that
// hardly a piece is here in part.
func halfOf(g grown) []string {
	names := slices.SortedFunc(maps.Keys(g), func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	return names[:len(names)/2]
}

func must(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, out)
	}
}

// TestASecondVersionTravelsAsWhatIsNew: of a folder with a changed chunk in a long
// file and a changed small file come that chunk, that file and, by the mesh, the
// manifest.
func TestASecondVersionTravelsAsWhatIsNew(t *testing.T) {
	t.Parallel()
	from := filepath.Join(t.TempDir(), "tree")
	tree := grow(t, from, 7, 300)
	large, small := make([]byte, 3<<20), make([]byte, 1000)
	rand.NewChaCha8([32]byte{7}).Read(large)
	tree["large"], tree["small"] = large, small
	tree.put(t, from, "large", 0o644)
	tree.put(t, from, "small", 0o644)
	dirs := map[string]string{}
	for name, w := range ways(t, tree, from, "10gbit") {
		dirs[name] = t.TempDir()
		must(t, w.get(dirs[name]))
	}
	tree["large"], tree["small"] = slices.Clone(large), bytes.Repeat([]byte{1}, len(small))
	tree["large"][2<<20] ^= 1
	tree.put(t, from, "large", 0o644)
	tree.put(t, from, "small", 0o644)
	for name, w := range ways(t, tree, from, "10gbit") {
		must(t, w.get(dirs[name], "--force"))
		tree.same(t, filepath.Join(dirs[name], w.in), from)
		want := int64(64<<10 + len(small))
		if w.beside > 0 {
			want += tree.manifest()
		}
		if got := fetched(t, dirs[name]); got != want {
			t.Errorf("%s: %d bytes of %d came for one chunk and one file, not %d", name, got, tree.size(), want)
		}
	}
}

// manifest is how many bytes one has of the tree, with pieces of the least size.
func (g grown) manifest() int64 {
	n := 20 + 4 + 4
	for name, data := range g {
		n += 2 + len(name) + 8 + 32 + 2 + 8 + 4
		if len(data) > 64<<10 {
			n += 32 * ((len(data) + 64<<10 - 1) / (64 << 10))
		}
	}
	return int64(n)
}

// TestAHostileManifestBringsNothing: whatever a list of files claims, it is refused
// with words, soon, and nothing is written.
func TestAHostileManifestBringsNothing(t *testing.T) {
	t.Parallel()
	entry := func(name string, size uint64, id byte) (b []byte) {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(name))), name...)
		b = append(binary.BigEndian.AppendUint64(b, size), bytes.Repeat([]byte{id}, 32)...)
		return append(b, make([]byte, 2+8+4)...)
	}
	for name, claim := range map[string]struct {
		files uint32
		all   []byte
	}{
		"a hundred million files":   {100_000_000, nil},
		"a million that are not":    {1_000_000, entry("a", 1, 1)},
		"a file that is a folder":   {2, slices.Concat(entry("a", 1, 1), entry("a/b", 1, 2))},
		"a name twice":              {2, slices.Concat(entry("a", 1, 1), entry("a", 1, 2))},
		"a way out":                 {1, entry("../a", 1, 1)},
		"a size that is negative":   {1, entry("a", 1<<63, 1)},
		"more bytes than there are": {2, slices.Concat(entry("a", 1<<44, 1), entry("b", 1<<44, 2))},
		"a long file without list":  {1, entry("a", 1<<30, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			text := binary.BigEndian.AppendUint32([]byte("starmesh collection\x02"), claim.files)
			text = append(binary.BigEndian.AppendUint32(text, 64<<10), claim.all...)
			if err := os.WriteFile(filepath.Join(dir, "list"), text, 0o666); err != nil {
				t.Fatal(err)
			}
			node := background(t, dir, "peer", "serve", "list", "--no-mdns", "--json")
			ticket, err := peer.ParseTicket(said(t, node, "ticket", "ticket"))
			if err != nil {
				t.Fatal(err)
			}
			ticket.Collection = true
			out, err := program(dir, "peer", "get", ticket.String(), "--no-mdns", "-o", "in/", "--retry-for", "5s").CombinedOutput()
			if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.Contains(out, []byte("list is no folder, or damaged: ")) {
				t.Errorf("%v: %s", err, out)
			}
			if found, _ := filepath.Glob(filepath.Join(dir, "in", "*")); len(found) > 0 {
				t.Errorf("it has written %v", found)
			}
		})
	}
}

// TestAFolderOutlivesItsClients: kill -9 in the middle, three times: each run goes
// on with what is here, and leaves nothing but the files.
func TestAFolderOutlivesItsClients(t *testing.T) {
	t.Parallel()
	from := filepath.Join(t.TempDir(), "tree")
	tree := grow(t, from, 11, 200)
	for name, w := range ways(t, tree, from, "32mbit") {
		dir := t.TempDir()
		for kill := range 3 {
			cmd := w.get(dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			goal := tree.size() * int64(kill+1) / 5
			for end := time.Now().Add(scriptPatience); tree.here(dir, w) < goal && len(ended) == 0 && time.Now().Before(end); {
				time.Sleep(5 * time.Millisecond)
			}
			_ = cmd.Process.Kill()
			<-ended
		}
		held := tree.here(dir, w)
		if held < tree.size()/2 {
			t.Errorf("%s: only %d bytes of %d are here", name, held, tree.size())
		}
		must(t, w.get(dir))
		tree.same(t, filepath.Join(dir, w.in), from)
		if got := fetched(t, dir); got > tree.size()-held+w.beside {
			t.Errorf("%s: the last run fetched %d bytes of %d, of which %d were here", name, got, tree.size(), held)
		}
	}
}
