package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLibrariesDoNotKnowTheCommandLine: they say what is wrong and, by a
// fault.Hint, what would help; how one types that is the program's to say.
func TestLibrariesDoNotKnowTheCommandLine(t *testing.T) {
	flag := regexp.MustCompile(`--[a-z]| -o\b|, as starmesh `)
	for _, name := range tracked(t) {
		if !slices.ContainsFunc([]string{"common", "central", "peer", "cmd/internal/fetch", "cmd/internal/b3sum"}, func(room string) bool { return covers(room, name) }) ||
			!strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(root(t), filepath.FromSlash(name)), nil, 0)
		if err != nil {
			t.Error(err)
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && flag.MatchString(lit.Value) {
				t.Errorf("%s names a flag: %s", fset.Position(lit.Pos()), lit.Value)
			}
			return true
		})
	}
}

// TestTheProjectStandsAlone: no file of it refers to a document that its users
// do not have.
func TestTheProjectStandsAlone(t *testing.T) {
	elsewhere := regexp.MustCompile(`DESIGN(\.md)? ?§|\.\./shared\b|\bDESIGN\.md`)
	for _, name := range tracked(t) {
		if name == "cmd/internal/layout/words_test.go" || name == "go.sum" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
		if err != nil {
			continue // removed, and git does not know it yet
		}
		if found := elsewhere.Find(text); found != nil {
			t.Errorf("%s refers to %q, which the project does not contain", name, found)
		}
	}
}
