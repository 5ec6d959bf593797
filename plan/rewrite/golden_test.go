package rewrite_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// tables is a catalog of tables and views.
type tables map[string]*plan.Table

func (t tables) Table(name string) (*plan.Table, bool) {
	table, ok := t[name]
	return table, ok
}
func (t tables) Function(string) (*bind.Function, bool) { return nil, false }
func (t tables) Names() []string                        { return nil }

// plan binds the last statement of source, after the definitions before it.
func (t tables) plan(source string, streaming bool) (plan.Node, error) {
	session := bind.Session{Streaming: streaming}
	statements, problems := parse.Script("", source)
	if len(problems) > 0 {
		return nil, problems
	}
	var n plan.Node
	for _, s := range statements {
		var table *plan.Table
		var err error
		switch s := s.(type) {
		case *sql.CreateTable:
			table, err = bind.Table(t, session, s)
		case *sql.CreateView:
			table, err = bind.View(t, session, s, sql.Text(source, s.Query))
		case *sql.QueryStatement:
			var b *bind.Bound
			if b, err = bind.Query(t, session, s.Query); err == nil {
				n = b.Plan
			}
		default:
			err = fmt.Errorf("unexpected %T", s)
		}
		if err != nil {
			return nil, err
		}
		if table != nil {
			t[table.Name] = table
		}
	}
	return n, nil
}

// TestRules runs testdata/rules. "expect=rule" names rules that must fire,
// "expect-not=rule" rules that must not.
//
//	define            runs definitions
//	optimize          prints the optimized plan of a query
//	configure (o=v)…  prints it as that of a materialized table with these options
//
// A statement is bound for streaming, with the argument batch for batch mode.
func TestRules(t *testing.T) {
	datadriven.Walk(t, "testdata/rules", func(t *testing.T, path string) {
		catalog := tables{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			n, err := catalog.plan(d.Input, !d.HasArg("batch"))
			if err != nil {
				return err.Error() + "\n"
			}
			if d.Cmd == "define" {
				return ""
			}
			optimized, fired := rewrite.Optimize(n)
			for _, arg := range d.CmdArgs {
				for _, rule := range arg.Vals {
					if did := slices.Contains(fired, rule); (arg.Key == "expect") != did && strings.HasPrefix(arg.Key, "expect") {
						d.Fatalf(t, "%s: fired %v", arg, fired)
					}
				}
			}
			checkSchema(t, d, n, optimized)
			if again, more := rewrite.Optimize(optimized); plan.Print(again) != plan.Print(optimized) {
				d.Fatalf(t, "a second run changes the plan: %v\n%s", more, plan.Print(again))
			}
			if d.Cmd == "configure" {
				options := map[string]string{}
				for _, arg := range d.CmdArgs {
					if len(arg.Vals) == 1 && !strings.HasPrefix(arg.Key, "expect") {
						options[arg.Key] = arg.Vals[0]
					}
				}
				optimized = rewrite.Configure(n, options)
			}
			return plan.Print(optimized)
		})
	})
}

// checkSchema fails unless both plans have the same columns; nullability may
// have become stricter.
func checkSchema(t *testing.T, d *datadriven.TestData, before, after plan.Node) {
	t.Helper()
	was, is := before.Schema(), after.Schema()
	if len(was) != len(is) {
		d.Fatalf(t, "%d columns became %d\n%s", len(was), len(is), plan.Print(after))
	}
	for i := range was {
		if was[i].Name != is[i].Name || !was[i].Type.Optional().Equal(is[i].Type.Optional()) || was[i].Time != is[i].Time && is[i].Time != plan.Rowtime {
			d.Fatalf(t, "column %d was %v and is %v", i, was[i], is[i])
		}
	}
}
