package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	maxFunction = 60  // lines
	maxFile     = 400 // lines
)

// eachFile parses every Go file of the project that is no test.
func eachFile(t *testing.T, visit func(name string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	top := root(t)
	count := 0
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(top, filepath.FromSlash(name)), nil, parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		count++
		visit(name, fset, file)
	}
	if count == 0 {
		t.Fatal("no Go file was looked at")
	}
}

func TestFunctionsAndFilesAreShort(t *testing.T) {
	eachFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		if lines := fset.File(file.Pos()).LineCount(); lines > maxFile {
			t.Errorf("%s has %d lines, over %d: is it one thing?", name, lines, maxFile)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1
			if lines > maxFunction {
				t.Errorf("%s: %s has %d lines, over %d", name, f.Name.Name, lines, maxFunction)
			}
		}
	})
}

func TestNothingRunsBeforeMain(t *testing.T) {
	eachFile(t, func(name string, _ *token.FileSet, file *ast.File) {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", name)
			}
		}
	})
}

// TestOnlyMainEndsTheProcess: everything else returns, so that what was
// deferred is done.
func TestOnlyMainEndsTheProcess(t *testing.T) {
	deadly := map[string]bool{"os.Exit": true, "log.Fatal": true, "log.Fatalf": true, "log.Fatalln": true}
	eachFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		if file.Name.Name == "main" && path.Base(name) == "main.go" {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && deadly[x.Name+"."+sel.Sel.Name] {
				t.Errorf("%s: %s.%s", fset.Position(n.Pos()), x.Name, sel.Sel.Name)
			}
			return true
		})
	})
}
