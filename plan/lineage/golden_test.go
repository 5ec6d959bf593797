package lineage_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/lineage"
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

// TestLineage runs testdata: "define" runs CREATE TABLE and CREATE VIEW,
// "lineage" prints where the columns of a query come from.
func TestLineage(t *testing.T) {
	catalog := tables{}
	session := bind.Session{Streaming: true}
	datadriven.RunTest(t, "testdata/lineage", func(t *testing.T, d *datadriven.TestData) string {
		statements, problems := parse.Script("", d.Input)
		if len(problems) > 0 {
			return problems.Error() + "\n"
		}
		out := ""
		for _, s := range statements {
			var table *plan.Table
			var err error
			switch s := s.(type) {
			case *sql.CreateTable:
				table, err = bind.Table(catalog, session, s)
			case *sql.CreateView:
				table, err = bind.View(catalog, session, s, sql.Text(d.Input, s.Query))
			case *sql.QueryStatement:
				var b *bind.Bound
				if b, err = bind.Query(catalog, session, s.Query); err == nil {
					out += lineage.Of(b.Plan).String()
				}
			default:
				err = fmt.Errorf("unexpected %T", s)
			}
			if err != nil {
				return err.Error() + "\n"
			}
			if table != nil {
				catalog[table.Name] = table
			}
		}
		return out
	})
}
