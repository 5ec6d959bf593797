package bind_test

import (
	"os"
	"path/filepath"
	"testing"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql/parse"
)

// FuzzBind binds whatever parses: it must give a plan that prints, or problems
// that are the user's and have a place and a hint or none, but never panic.
func FuzzBind(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join(casesPath, "*", "*", "case.sql"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(source))
	}
	f.Fuzz(func(t *testing.T, source string) {
		statements, _ := parse.Script("", source)
		m := newMemory(true)
		for _, s := range statements {
			done, err := m.define(source, s)
			if err == nil && !done {
				var n plan.Node
				if n, err = m.bind(s); err == nil {
					plan.Print(n)
				}
			}
			for _, p := range problem.All(err) {
				if p.Code == problem.Internal && done || p.Message == "" {
					t.Errorf("%v: problem %+v", s.Pos(), p)
				}
			}
		}
	})
}
