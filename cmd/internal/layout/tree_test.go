package layout_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// gomod is where the repository's top folder is, asked for once.
var gomod = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return strings.TrimSpace(string(out)), err
})

// root is the repository's top folder.
func root(t *testing.T) string {
	t.Helper()
	name, err := gomod()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Dir(name)
}

// tracked lists the files git knows, slash-separated; the test is skipped
// where there is no git checkout.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("no git checkout: %v", err)
	}
	names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if len(names) < 10 {
		t.Fatalf("git lists only %q", names)
	}
	return names
}

func TestTopLevelIsFixed(t *testing.T) {
	allowed := []string{"central", "peer", "common", "cmd", "scripts", "go.mod", "go.sum", "README.md"}
	for _, name := range tracked(t) {
		top, _, _ := strings.Cut(name, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(allowed, top) {
			t.Errorf("%s: %q does not belong to the top level", name, top)
		}
	}
}

func TestNoLargeFilesAreKept(t *testing.T) {
	const limit = 1 << 20
	top := root(t)
	for _, name := range tracked(t) {
		info, err := os.Lstat(filepath.Join(top, filepath.FromSlash(name)))
		if err == nil && info.Size() > limit {
			t.Errorf("%s has %d bytes; the repository keeps none over %d", name, info.Size(), limit)
		}
	}
}

// TestCentralAndPeerMirrorEachOther: what both builds do (say, link, publish,
// find, fetch, serve) is in files of the same names. The rest differs, as star
// and mesh do: central has access, TLS and HTTP, peer its swarms.
func TestCentralAndPeerMirrorEachOther(t *testing.T) {
	top := root(t)
	exists := func(parts ...string) bool {
		_, err := os.Stat(filepath.Join(append([]string{top}, parts...)...))
		return err == nil
	}
	for _, name := range []string{
		"PROTOCOL.md", "doc.go", "link.go", "messages.go", "publish.go", "find.go", "fetch.go", "serve.go", "trace.go",
	} {
		for _, build := range []string{"central", "peer"} {
			if !exists(build, name) {
				t.Errorf("%s/%s is missing; its twin is called so", build, name)
			}
		}
	}
	if exists("peer", "client.go") || exists("central", "node.go") {
		t.Error("client.go is central's alone, node.go peer's: a mesh has no clients")
	}
}

func TestScriptsCanBeRun(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "-s", "--", "scripts", ".ci")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("no git checkout: %v", err)
	}
	for line := range bytes.Lines(out) {
		mode, rest, _ := strings.Cut(string(line), " ")
		_, name, _ := strings.Cut(strings.TrimSpace(rest), "\t")
		text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
		if err == nil && bytes.HasPrefix(text, []byte("#!")) && mode != "100755" {
			t.Errorf("%s is kept with mode %s, not as an executable", name, mode)
		}
	}
}
