package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLibrariesDoNotKnowTheCommandLine: they say what is wrong and, by a
// fault.Hint, what would help; how one types that is the program's to say.
func TestLibrariesDoNotKnowTheCommandLine(t *testing.T) {
	flag := regexp.MustCompile(`--[a-z]`)
	for _, name := range tracked(t) {
		room, _, _ := strings.Cut(name, "/")
		if room != "common" && room != "central" && room != "peer" ||
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
