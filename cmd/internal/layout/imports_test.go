package layout_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "starmesh/"

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath                         string
	Imports, Deps                      []string
	TestImports, XTestImports, GoFiles []string
}

// list asks go list for the project's packages as built for an OS.
func list(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps,TestImports,XTestImports,GoFiles", "./...")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ours []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(p.ImportPath, module); ok {
			p.ImportPath = name
			ours = append(ours, p)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	if len(ours) < 5 {
		t.Fatalf("go list names only %d packages of %s", len(ours), module)
	}
	return ours
}

// arrows says which packages of the project each may import, tests left out.
// A name that ends in / stands for all below it.
var arrows = []struct {
	pkg string
	may []string
}{
	{"common/fault", nil},
	{"common/content", []string{"common/fault"}},
	{"common/store/storetest", []string{"common/store", "common/content", "common/fault"}},
	{"common/retry", []string{"common/fault"}},
	{"common/transfer", []string{"common/content", "common/fault", "common/retry"}},
	{"common/atomicfile", []string{"common/fault"}},
	{"common/readable", nil},
	{"common/stuck", nil},
	{"common/httphost", nil},
	{"common/trace", nil},
	{"common/unanswered", nil},
	{"common/ownaddr", nil},
	{"common/store", []string{"common/atomicfile", "common/content", "common/fault"}},
	{"common/frame", []string{"common/content", "common/fault"}},
	{"common/load", []string{"common/content", "common/fault", "common/readable"}},
	{"common/rate", []string{"common/content", "common/fault"}},
	{"central", []string{"common/"}},
	{"peer/scheduler", []string{"common/content", "common/fault"}},
	{"peer/p2phost", []string{"common/"}},
	{"peer/discovery", []string{"common/", "peer/p2phost"}},
	{"peer", []string{"common/", "peer/scheduler", "peer/discovery", "peer/p2phost"}},
	{"cmd/internal/fetch", []string{"common/", "cmd/internal/", "central", "peer"}},
	{"cmd/internal/lab", []string{"common/", "cmd/internal/"}},
	{"cmd/internal/dashboard", []string{"common/", "cmd/internal/"}},
	{"cmd/internal/", []string{"common/", "cmd/internal/"}},
	{"cmd/starmesh", []string{"common/", "cmd/internal/", "central", "peer"}},
	{"scripts/", []string{"common/", "cmd/internal/", "central", "peer"}}, // programs that scripts run
}

// covers reports whether the pattern stands for name.
func covers(pattern, name string) bool {
	return name == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(name, pattern) ||
		strings.HasPrefix(name, pattern+"/")
}

func TestArrowsPointOneWay(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			for _, p := range list(t, goos) {
				checkArrows(t, p)
			}
		})
	}
}

func checkArrows(t *testing.T, p pkg) {
	t.Helper()
	for _, rule := range arrows {
		if !covers(rule.pkg, p.ImportPath) {
			continue
		}
		for _, imported := range p.Imports {
			name, ours := strings.CutPrefix(imported, module)
			if !ours || covers(p.ImportPath, name) {
				continue
			}
			if !slices.ContainsFunc(rule.may, func(may string) bool { return covers(may, name) }) {
				t.Errorf("%s imports %s; it may import %q", p.ImportPath, name, rule.may)
			}
		}
		return
	}
	t.Errorf("%s is in no rule of this test: say what it may import", p.ImportPath)
}

// TestStarAndMeshDoNotKnowEachOther: not even their tests.
func TestStarAndMeshDoNotKnowEachOther(t *testing.T) {
	for _, p := range list(t, "linux") {
		all := slices.Concat(p.Imports, p.Deps, p.TestImports, p.XTestImports)
		other := map[string]string{"central": "peer", "peer": "central"}[p.ImportPath]
		if other != "" && slices.Contains(all, module+other) {
			t.Errorf("%s imports %s", p.ImportPath, other)
		}
	}
}

// TestCommonKnowsNoNetwork: what both builds mean by a transfer works without
// one; only load and rate wrap and read connections,
// and ownaddr looks at the machine's interfaces. Through its dependencies
// neither: a library that dials is a network. (But Windows' own package of
// system calls needs net whatever it is used for.)
func TestCommonKnowsNoNetwork(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos) {
			name := p.ImportPath
			if !covers("common", name) || covers("common/load", name) || covers("common/rate", name) || covers("common/ownaddr", name) {
				continue
			}
			if slices.Contains(p.Imports, "net") || goos != "windows" && slices.Contains(p.Deps, "net") {
				t.Errorf("%s: %s needs net", goos, name)
			}
		}
	}
}

func TestOnlyTheMeshKnowsLibp2p(t *testing.T) {
	for _, p := range list(t, "linux") {
		if covers("peer", p.ImportPath) || covers("cmd/internal/fetch", p.ImportPath) ||
			covers("cmd/starmesh", p.ImportPath) || covers("scripts", p.ImportPath) {
			continue
		}
		for _, imported := range p.Deps {
			if strings.HasPrefix(imported, "github.com/libp2p/") {
				t.Errorf("%s needs %s", p.ImportPath, imported)
				break
			}
		}
	}
}

// TestOnlyTheHostKnowsTheInsidesOfLibp2p: the conversation uses libp2p's names
// of nodes and their addresses, which are values; discovery also what libp2p
// and its neighbours offer to find nodes with. All else (muxers, transports,
// the swarm, the resource manager, QUIC) is p2phost's.
func TestOnlyTheHostKnowsTheInsidesOfLibp2p(t *testing.T) {
	const libp2p = "github.com/libp2p/"
	may := map[string][]string{
		"peer":           {libp2p + "go-libp2p/core/peer", libp2p + "go-libp2p/core/crypto"}, // crypto: of ids in tickets
		"peer/scheduler": nil,
		"peer/discovery": {
			libp2p + "go-libp2p/core/peer", libp2p + "go-libp2p/core/peerstore", libp2p + "go-libp2p/core/network",
			libp2p + "go-libp2p/core/protocol", libp2p + "go-libp2p/p2p/discovery/mdns", libp2p + "go-libp2p-kad-dht",
		},
	}
	for _, p := range list(t, "linux") {
		allowed, ours := may[p.ImportPath]
		for _, imported := range p.Imports {
			inside := strings.HasPrefix(imported, libp2p) || strings.HasPrefix(imported, "github.com/quic-go/")
			if ours && inside && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}
