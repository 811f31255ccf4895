package layout_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLocksAreTakenInTheirOrder: the order that peer/doc.go tells of. Looked at
// is every way through the package's own functions, though not what is called by
// a value: what others call back, and interfaces.
func TestLocksAreTakenInTheirOrder(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(root(t), "peer", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset, files := token.NewFileSet(), []*ast.File(nil)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	order := []string{"shelf.lending", "membership.mu", "swarm.mu", "outbox.mu"}
	l := newLocks(fset, files, order, map[string]string{"giving": "swarm.mu", "taking": "swarm.mu", "drawing": "swarm.mu", "link": "membership.mu"})
	for _, name := range order {
		if !l.fields[name] {
			t.Errorf("there is no lock %s", name)
		}
	}
	if l.taken < 30 {
		t.Errorf("only %d places were seen that take a lock", l.taken)
	}
	for _, wrong := range l.wrong {
		t.Error(wrong)
	}
}

// TestLocksInTheWrongOrderAreSeen: or the test above could not fail.
func TestLocksInTheWrongOrderAreSeen(t *testing.T) {
	const types = `package p
import "sync"
type a struct { mu sync.Mutex; b *b }
type b struct { mu sync.Mutex; c c }
type c struct { mu sync.Mutex }
func (x *a) take() { x.mu.Lock(); defer x.mu.Unlock() }
func (x *a) waitLocked() { x.mu.Unlock(); x.mu.Lock() }
func (x *b) take() { x.mu.Lock(); x.mu.Unlock() }
func (x *b) through(y *a) { func() { y.take() }() }
func (x *c) take() { x.mu.Lock(); x.mu.Unlock() }
`
	for _, c := range []struct {
		body  string
		wrong bool
	}{
		{"x.mu.Lock(); y.take(); x.mu.Unlock()", false},
		{"x.mu.Lock(); x.mu.Unlock(); y.mu.Lock(); y.mu.Unlock(); x.take()", false},
		{"if true { y.mu.Lock(); y.mu.Unlock(); return }; x.take()", false},
		{"y.mu.Lock(); defer y.mu.Unlock(); go x.take(); go func() { x.take() }()", false},
		{"y.mu.Lock(); if true { y.mu.Unlock(); x.take(); return }; y.mu.Unlock()", false},
		{"x.mu.Lock(); x.waitLocked()", false},
		{"y.mu.Lock(); defer y.mu.Unlock(); x.mu.Lock()", true},
		{"y.mu.Lock(); defer y.mu.Unlock(); x.take()", true},
		{"y.mu.Lock(); if true { y.mu.Unlock(); return }; x.take()", true},
		{"y.mu.Lock(); for range 3 { y.through(x) }", true},
		{"x.mu.Lock(); x.take()", true},
		{"y.c.mu.Lock(); y.take(); y.c.mu.Unlock()", true}, // c.mu is a leaf
		{"y.mu.Lock(); f := func() { x.take() }; f()", true},
		{"y.c.mu.Lock(); defer func() { y.take() }()", true},
	} {
		for _, head := range []string{"func try(x *a, y *b) {", "func (x *a) tryLocked(y *b) { x.mu.Unlock();"} {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "p.go", types+head+c.body+"}", parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if l := newLocks(fset, []*ast.File{file}, []string{"a.mu", "b.mu"}, nil); (len(l.wrong) > 0) != c.wrong {
				t.Errorf("%s %s: %q", head, c.body, l.wrong)
			}
		}
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", types+"func (x *b) tryLocked(y *a) { y.take() }", parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if l := newLocks(fset, []*ast.File{file}, []string{"a.mu", "b.mu"}, nil); len(l.wrong) != 1 {
		t.Errorf("of a method that has the lock already: %q", l.wrong)
	}
}

// locks follows a package's mutexes through its functions.
type locks struct {
	fset   *token.FileSet
	order  []string          // the others are leaves
	of     map[string]string // which lock methods of a type want, when it is not the type's own
	info   *types.Info
	fields map[string]bool // all mutexes: type.field
	owner  map[types.Object]string
	bodies map[types.Object]*ast.FuncDecl
	takes  map[types.Object]map[string]bool // by a function and those that it calls

	taken int
	wrong []string
}

func newLocks(fset *token.FileSet, files []*ast.File, order []string, of map[string]string) *locks {
	l := &locks{
		fset: fset, order: order, of: of, fields: map[string]bool{}, owner: map[types.Object]string{}, bodies: map[types.Object]*ast.FuncDecl{}, takes: map[types.Object]map[string]bool{},
		info: &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}},
	}
	// What is imported is not known: the package's own types will do.
	cfg := types.Config{Error: func(error) {}, Importer: importNothing{}, FakeImportC: true}
	_, _ = cfg.Check("p", fset, files, l.info)
	for _, file := range files {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				l.bodies[l.info.Defs[f.Name]] = f
			}
		}
		ast.Inspect(file, l.mutexes)
	}
	for grown := true; grown; { // until nothing is added any more
		grown = false
		for f, decl := range l.bodies {
			before := len(l.takes[f])
			l.takes[f] = l.all(decl.Body)
			if lock := l.wanted(decl); lock != "" && l.waits(decl.Body, lock) {
				delete(l.takes[f], lock) // it takes it again
			}
			grown = grown || len(l.takes[f]) > before
		}
	}
	for _, decl := range l.bodies {
		held := map[string]bool{}
		if lock := l.wanted(decl); lock != "" {
			held[lock] = true
		}
		l.statements(decl.Body.List, held)
	}
	slices.Sort(l.wrong)
	l.wrong = slices.Compact(l.wrong)
	return l
}

type importNothing struct{}

func (importNothing) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("%s is not looked at", path)
}

// mutexes notes the mutexes of a struct.
func (l *locks) mutexes(n ast.Node) bool {
	spec, ok := n.(*ast.TypeSpec)
	if !ok {
		return true
	}
	if s, ok := spec.Type.(*ast.StructType); ok {
		for _, field := range s.Fields.List {
			if kind := types.ExprString(field.Type); kind != "sync.Mutex" && kind != "sync.RWMutex" {
				continue
			}
			for _, name := range field.Names {
				l.owner[l.info.Defs[name]] = spec.Name.Name + "." + name.Name
				l.fields[spec.Name.Name+"."+name.Name] = true
			}
		}
	}
	return true
}

// wanted is the lock that a method whose name ends in Locked wants held.
func (l *locks) wanted(f *ast.FuncDecl) string {
	if f.Recv == nil || !strings.HasSuffix(f.Name.Name, "Locked") {
		return ""
	}
	name := strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*")
	if of := l.of[name]; of != "" {
		return of
	}
	return name + ".mu"
}

// call returns the lock that a call takes or gives back, or the function of this
// package that it calls.
func (l *locks) call(c *ast.CallExpr) (lock string, taken bool, f types.Object) {
	switch fun := ast.Unparen(c.Fun).(type) {
	case *ast.Ident:
		return "", false, l.info.Uses[fun]
	case *ast.SelectorExpr:
		if s := l.info.Selections[fun]; s != nil && l.bodies[s.Obj()] != nil {
			return "", false, s.Obj()
		}
		name := strings.TrimPrefix(fun.Sel.Name, "R")
		if name != "Lock" && name != "Unlock" {
			return "", false, nil
		}
		switch x := fun.X.(type) {
		case *ast.SelectorExpr:
			if s := l.info.Selections[x]; s != nil {
				return l.owner[s.Obj()], name == "Lock", nil
			}
		case *ast.Ident:
			return x.Name, name == "Lock", nil // of a function alone
		}
	}
	return "", false, nil
}

// waits returns whether lock is given back somewhere below n.
func (l *locks) waits(n ast.Node, lock string) (does bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			back, taken, _ := l.call(c)
			does = does || back == lock && !taken
		}
		return true
	})
	return does
}

// all returns the locks that are taken somewhere below n.
func (l *locks) all(n ast.Node) map[string]bool {
	taken := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			return false
		case *ast.CallExpr:
			lock, is, f := l.call(n)
			if is && lock != "" {
				taken[lock] = true
			}
			maps.Copy(taken, l.takes[f])
			return !elsewhere(n)
		}
		return true
	})
	return taken
}

// elsewhere returns whether what is handed over is done by another goroutine.
func elsewhere(c *ast.CallExpr) bool {
	f, ok := c.Fun.(*ast.SelectorExpr)
	return ok && (f.Sel.Name == "Go" || f.Sel.Name == "AfterFunc" || f.Sel.Name == "start")
}

// statements follows a list of statements, of which held are the locks held
// before, and afterwards those held then. It returns whether the list ends
// whatever it is part of.
func (l *locks) statements(list []ast.Stmt, held map[string]bool) (ends bool) {
	for _, s := range list {
		ends = l.statement(s, held)
	}
	return ends
}

func (l *locks) statement(s ast.Stmt, held map[string]bool) (ends bool) {
	branch := func(list []ast.Stmt) {
		after := maps.Clone(held)
		if !l.statements(list, after) {
			maps.DeleteFunc(held, func(lock string, _ bool) bool { return !after[lock] })
			maps.Copy(held, after)
		}
	}
	switch s := s.(type) {
	case *ast.GoStmt:
	case *ast.ReturnStmt:
		for _, result := range s.Results {
			if f, ok := result.(*ast.FuncLit); ok { // is called later
				l.statements(f.Body.List, map[string]bool{})
			} else {
				l.look(result, held)
			}
		}
		return true
	case *ast.DeferStmt:
		if lock, taken, _ := l.call(s.Call); lock == "" || taken {
			l.look(s.Call, held)
		}
	case *ast.BlockStmt:
		return l.statements(s.List, held)
	case *ast.LabeledStmt:
		return l.statement(s.Stmt, held)
	case *ast.IfStmt:
		l.look(s.Init, held)
		l.look(s.Cond, held)
		branch(s.Body.List)
		if s.Else != nil {
			branch([]ast.Stmt{s.Else})
		}
	case *ast.ForStmt:
		l.look(s.Init, held)
		l.look(s.Cond, held)
		branch(s.Body.List)
	case *ast.RangeStmt:
		l.look(s.X, held)
		branch(s.Body.List)
	case *ast.SwitchStmt:
		l.look(s.Init, held)
		l.look(s.Tag, held)
		for _, c := range s.Body.List {
			branch(c.(*ast.CaseClause).Body)
		}
	case *ast.TypeSwitchStmt:
		l.look(s.Assign, held)
		for _, c := range s.Body.List {
			branch(c.(*ast.CaseClause).Body)
		}
	case *ast.SelectStmt:
		for _, c := range s.Body.List {
			branch(c.(*ast.CommClause).Body)
		}
	default:
		l.look(s, held)
		_, branches := s.(*ast.BranchStmt)
		return branches
	}
	return false
}

// look follows the calls in an expression or a plain statement.
func (l *locks) look(n ast.Node, held map[string]bool) {
	if n == nil || n == ast.Stmt((*ast.AssignStmt)(nil)) {
		return
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit: // as if it were called here
			l.statements(n.Body.List, maps.Clone(held))
			return false
		case *ast.CallExpr:
			lock, taken, f := l.call(n)
			switch {
			case taken && lock != "":
				l.taken++
				l.take(n, lock, held)
				held[lock] = true
			case lock != "":
				delete(held, lock)
			}
			for lock := range l.takes[f] {
				l.take(n, lock, held)
			}
			return !elsewhere(n)
		}
		return true
	})
}

// take finds out whether a lock may be taken where others are held.
func (l *locks) take(at ast.Node, lock string, held map[string]bool) {
	rank := func(lock string) int {
		if i := slices.Index(l.order, lock); i >= 0 {
			return i
		}
		return len(l.order)
	}
	for other := range held {
		if rank(lock) <= rank(other) {
			l.wrong = append(l.wrong, fmt.Sprintf("%s: %s is taken while %s is held", l.fset.Position(at.Pos()), lock, other))
		}
	}
}
