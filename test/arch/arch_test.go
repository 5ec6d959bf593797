// Package arch holds the tests of the code's own shape. The rules are read from
// ARCHITECTURE.md, so that the drawing there cannot drift from the code.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

const (
	module = "tidemark/"
	root   = "../.."
)

// source is one parsed Go file of the product, with its package folder.
type source struct {
	dir, path string
	file      *ast.File
	set       *token.FileSet
}

func (s source) lines(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

// TestImportsPointDownward fails on an import of a package that is not on a
// lower line of the layers block, and on a package that the block does not list.
func TestImportsPointDownward(t *testing.T) {
	line := layers(t)
	for _, s := range sources(t) {
		from, listed := line[s.dir]
		if !listed {
			t.Errorf("%s: package %s is missing from the layers block of ARCHITECTURE.md", s.path, s.dir)
			continue
		}
		for _, imp := range s.file.Imports {
			dep, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module)
			if !ours {
				continue
			}
			if to, ok := line[dep]; !ok || to <= from {
				t.Errorf("%s: %s must not import %s: it is not on a lower line of ARCHITECTURE.md", s.path, s.dir, dep)
			}
		}
	}
}

// TestListedPackagesExist fails on a name in the layers block without code.
func TestListedPackagesExist(t *testing.T) {
	exists := map[string]bool{}
	for _, s := range sources(t) {
		exists[s.dir] = true
	}
	for name := range layers(t) {
		if !exists[name] {
			t.Errorf("ARCHITECTURE.md lists package %s, which does not exist", name)
		}
	}
}

// TestEveryPackageSaysWhatItIs fails on a package without a package comment.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

// TestCgoOnlyInOlap fails where DuckDB or C is reached from anywhere else.
func TestCgoOnlyInOlap(t *testing.T) {
	for _, s := range sources(t) {
		for _, imp := range s.file.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			if (path == "C" || strings.Contains(path, "/duckdb-go")) && s.dir != "store/olap" {
				t.Errorf("%s: only store/olap may use cgo, this imports %q", s.path, path)
			}
		}
	}
}

// fileCalls are functions of package os that touch files.
var fileCalls = map[string]bool{
	"Open": true, "OpenFile": true, "Create": true, "CreateTemp": true, "ReadFile": true, "WriteFile": true, "ReadDir": true,
	"Remove": true, "RemoveAll": true, "Rename": true, "Mkdir": true, "MkdirAll": true, "MkdirTemp": true, "Stat": true, "Lstat": true, "Truncate": true, "Link": true, "Symlink": true,
}

// TestFilesOnlyThroughVfs fails on a call of package os that touches files
// outside base/vfs, so that every byte we keep can be made to fail in a test.
func TestFilesOnlyThroughVfs(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir == "base/vfs" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "os" && fileCalls[call.Sel.Name] {
				t.Errorf("%s: os.%s: file calls go through base/vfs", s.set.Position(call.Pos()), call.Sel.Name)
			}
			return true
		})
	}
}

// quoted matches a backticked name such as `store/eventlog` or `batch.Marks`.
var quoted = regexp.MustCompile("`([^`\n]+)`")

// TestNamesInArchitectureExist fails on a backticked package path or
// package.Name of ARCHITECTURE.md that the code does not have.
func TestNamesInArchitectureExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	packages, names := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		packages[s.dir] = true
		for _, d := range s.file.Decls {
			declared(d, func(name string) { names[s.file.Name.Name+"."+name] = true })
		}
	}
	path, name := regexp.MustCompile(`^[a-z]+(/[a-z]+)+$`), regexp.MustCompile(`^[a-z]+\.[A-Z]\w*(\.\w+)?$`)
	for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
		switch word := m[1]; {
		case path.MatchString(word):
			if _, err := os.Stat(filepath.Join(root, word)); err != nil {
				t.Errorf("ARCHITECTURE.md names %s, which does not exist", word)
			}
		case name.MatchString(word):
			if !names[word] {
				t.Errorf("ARCHITECTURE.md names %s, which no package declares", word)
			}
		}
	}
}

// declared calls f with every top-level name of d, methods and struct fields as
// Type.Name.
func declared(d ast.Decl, f func(string)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			f(d.Name.Name)
			return
		}
		of := d.Recv.List[0].Type
		if star, ok := of.(*ast.StarExpr); ok {
			of = star.X
		}
		if id, ok := of.(*ast.Ident); ok {
			f(id.Name + "." + d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				f(spec.Name.Name)
				members(spec, f)
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					f(n.Name)
				}
			}
		}
	}
}

func members(spec *ast.TypeSpec, f func(string)) {
	var fields *ast.FieldList
	switch of := spec.Type.(type) {
	case *ast.StructType:
		fields = of.Fields
	case *ast.InterfaceType:
		fields = of.Methods
	default:
		return
	}
	for _, field := range fields.List {
		for _, n := range field.Names {
			f(spec.Name.Name + "." + n.Name)
		}
	}
}

// TestPrintLargest never fails: it shows where to look when something has grown
// to say more than one thing (go test -v).
func TestPrintLargest(t *testing.T) {
	files, functions, packages := map[string]int{}, map[string]int{}, map[string]int{}
	for _, s := range sources(t) {
		files[s.path] = s.lines(s.file)
		packages[s.dir] += s.lines(s.file)
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				functions[s.path+" "+f.Name.Name] = s.lines(f)
			}
		}
	}
	for _, group := range []struct {
		what string
		of   map[string]int
	}{{"packages", packages}, {"files", files}, {"functions", functions}} {
		t.Logf("largest %s, in lines:", group.what)
		for _, name := range largest(group.of, 8) {
			t.Logf("  %5d  %s", group.of[name], name)
		}
	}
}

func largest(of map[string]int, n int) []string {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if of[names[i]] != of[names[j]] {
			return of[names[i]] > of[names[j]]
		}
		return names[i] < names[j]
	})
	return names[:min(n, len(names))]
}

// layers maps each package of the layers block to its line, 0 at the top.
func layers(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```layers\n")
	if !found {
		t.Fatal("ARCHITECTURE.md has no layers block")
	}
	block, _, _ = strings.Cut(block, "```")
	line := map[string]int{}
	for i, names := range strings.Split(strings.TrimSpace(block), "\n") {
		for _, name := range strings.Fields(names) {
			line[name] = i
		}
	}
	return line
}

// sources parses the product's Go files: no tests, nothing under test/ or tools/.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if rel == "test" || rel == "tools" || rel == "ui" || d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(filepath.Dir(rel)), rel, file, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("found no source files")
	}
	return all
}
