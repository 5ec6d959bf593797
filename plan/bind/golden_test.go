package bind_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
)

// TestGolden runs testdata/plan and testdata/errors. Every file starts with an
// empty catalog; the argument batch binds for batch mode.
//
//	define   runs definitions and prints the tables they make
//	key      prints the columns of a query by which its rows replace each other
//	plan     prints the plan of a query or INSERT
//	error    prints the problems of a statement, each with code, place and hint
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/plan", runGolden)
	datadriven.Walk(t, "testdata/errors", runGolden)
}

func runGolden(t *testing.T, path string) {
	m := newMemory(true)
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		m.session.Streaming = !d.HasArg("batch")
		switch d.Cmd {
		case "define":
			before := m.Names()
			if _, err := m.script(d.Input); err != nil {
				return problems(err)
			}
			return m.made(before)
		case "plan":
			return m.printed(d.Input, plan.Print)
		case "key":
			return m.printed(d.Input, printKey)
		case "error":
			rest, err := m.script(d.Input)
			if err != nil {
				return problems(err)
			}
			for _, s := range rest {
				if _, err := m.bind(s); err != nil {
					return problems(err)
				}
			}
			return "no problem\n"
		}
		d.Fatalf(t, "unknown command %s", d.Cmd)
		return ""
	})
}

func printKey(n plan.Node) string {
	key, ok := plan.UniqueKey(n)
	if !ok {
		return "none\n"
	}
	names := []string{"key:"}
	for _, column := range key {
		names = append(names, n.Schema()[column].Name)
	}
	return strings.Join(names, " ") + "\n"
}

// made prints the tables that were not there before.
func (m *memory) made(before []string) string {
	known := map[string]bool{}
	for _, name := range before {
		known[name] = true
	}
	var b strings.Builder
	for _, name := range m.Names() {
		if !known[name] {
			b.WriteString(plan.PrintTable(m.tables[name]))
		}
	}
	return b.String()
}

// bind gives the plan of a query or INSERT.
func (m *memory) bind(s sql.Statement) (plan.Node, error) {
	switch s := s.(type) {
	case *sql.QueryStatement:
		b, err := bind.Query(m, m.session, s.Query)
		if err != nil {
			return nil, err
		}
		return b.Plan, nil
	case *sql.Insert:
		n, _, err := bind.Insert(m, m.session, s)
		return n, err
	}
	return nil, fmt.Errorf("a %T has no plan", s)
}

func (m *memory) printed(source string, print func(plan.Node) string) string {
	statements, err := m.script(source)
	if err != nil {
		return problems(err)
	}
	var b strings.Builder
	for _, s := range statements {
		n, err := m.bind(s)
		if err != nil {
			return problems(err)
		}
		b.WriteString(print(n))
	}
	return b.String()
}

func problems(err error) string {
	var b strings.Builder
	for _, p := range problem.All(err) {
		fmt.Fprintf(&b, "%s %s: %s\n", p.Position, p.Code, p.Message)
		if p.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", p.Hint)
		}
	}
	return b.String()
}
