package layout_test

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/system"
)

// showsSystems reports whether a file is of what runs, counts, draws and shows
// systems, outside their table.
func showsSystems(name string) bool {
	return !strings.HasPrefix(name, "cmd/internal/lab/system/") && !strings.HasSuffix(name, "_test.go") &&
		(strings.HasPrefix(name, "cmd/internal/lab/") || strings.HasPrefix(name, "cmd/internal/charts/") ||
			strings.HasPrefix(name, "cmd/internal/dashboard/"))
}

// spelled finds the name of a system in a text. HTTP is the name of a protocol
// too, and stands before addresses.
func spelled() *regexp.Regexp {
	names := slices.DeleteFunc(system.All().Names(), func(name string) bool { return name == system.HTTP })
	return regexp.MustCompile(`\b(` + strings.Join(names, "|") + `)\b|^http$|["'.#-]http["' {,)]`)
}

// TestOnlyTheTableKnowsSystems: whatever is done with a system is done by its
// value in package system. No other Go code of the lab spells the name of one
// or asks for one by its constant, nor do the pages.
func TestOnlyTheTableKnowsSystems(t *testing.T) {
	names := spelled()
	constants := []string{"Star", "HTTP", "HTTPClose", "Mesh"}
	eachFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		if !showsSystems(name) {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field: // a tag names a field of a format
				return false
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && names.MatchString(text) {
					t.Errorf("%s spells a system: %s", fset.Position(n.Pos()), n.Value)
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "system" && slices.Contains(constants, n.Sel.Name) {
					t.Errorf("%s asks for system.%s", fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	})
}

func TestPagesGetSystemsFromTheTable(t *testing.T) {
	names, comment, seen := spelled(), regexp.MustCompile(`(?m)^\s*//.*$`), 0
	for _, name := range tracked(t) {
		if !showsSystems(name) || !slices.Contains([]string{".js", ".css", ".html"}, path.Ext(name)) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, found := range names.FindAllString(comment.ReplaceAllString(string(text), ""), -1) {
			t.Errorf("%s spells a system: %q", name, found)
		}
	}
	if seen < 10 {
		t.Errorf("only %d files of pages were looked at", seen)
	}
}

// TestTheProgramNamesSystemsByTheirConstants where it says what a node is.
func TestTheProgramNamesSystemsByTheirConstants(t *testing.T) {
	eachFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		if !strings.HasPrefix(name, "cmd/starmesh/") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && (lit.Value == strconv.Quote(system.Star) || lit.Value == strconv.Quote(system.Mesh)) {
				t.Errorf("%s spells the system %s", fset.Position(lit.Pos()), lit.Value)
			}
			return true
		})
	})
}
