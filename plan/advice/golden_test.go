package advice_test

import (
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/plan"
	"tidemark/plan/advice"
	"tidemark/plan/bind"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// tables is a catalog of tables.
type tables map[string]*plan.Table

func (t tables) Table(name string) (*plan.Table, bool) {
	table, ok := t[name]
	return table, ok
}
func (t tables) Function(string) (*bind.Function, bool) { return nil, false }
func (t tables) Names() []string                        { return nil }

// TestReports prints the report of each query, or the problem with it; with the
// argument drop-late of plans whose joins drop late rows.
func TestReports(t *testing.T) {
	datadriven.RunTest(t, "testdata/reports", func(t *testing.T, d *datadriven.TestData) string {
		catalog := tables{}
		statements, problems := parse.Script("", d.Input)
		if err := problems.Err(); err != nil {
			return err.Error()
		}
		session := bind.Session{Streaming: true}
		var out string
		for _, s := range statements {
			switch s := s.(type) {
			case *sql.CreateTable:
				table, err := bind.Table(catalog, session, s)
				if err != nil {
					return err.Error()
				}
				catalog[table.Name] = table
			case *sql.QueryStatement:
				bound, err := bind.Query(catalog, session, s.Query)
				if err != nil {
					return err.Error()
				}
				n, _ := rewrite.Optimize(bound.Plan)
				if d.HasArg("drop-late") {
					n = rewrite.DropLate(n)
				}
				out += advice.Of(n, func(t *plan.Table) (float64, bool) { return 50, t.Name == "clicks" }).String()
			default:
				t.Fatalf("%T is no case of this test", s)
			}
		}
		return out
	})
}
