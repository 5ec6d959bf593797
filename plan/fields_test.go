package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/value"
	"tidemark/plan"
)

// A field of a column counts as read where an expression takes it, and all of
// them where the column is used or shown as a whole.
func TestUnreadFields(t *testing.T) {
	row := value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.BigIntType}, value.Field{Name: "c", Type: value.BooleanType})
	column := func(i int) *plan.Column { return &plan.Column{Index: i, Of: row} }
	field := func(i, f int) plan.Expr { return &plan.Field{Input: column(i), Index: f, Of: row.Fields[f].Type} }
	scanned := func() *plan.Scan {
		table := &plan.Table{Name: "t", Columns: []plan.TableColumn{{Name: "r", Type: row}, {Name: "s", Type: row}, {Name: "n", Type: value.IntType}}}
		return &plan.Scan{Table: table, Columns: []int{0, 1, 2}}
	}
	project := func(input plan.Node, exprs ...plan.Expr) plan.Node {
		return &plan.Project{Input: input, Exprs: exprs, Names: make([]string, len(exprs)), Times: make([]plan.TimeAttribute, len(exprs))}
	}
	for _, c := range []struct {
		name  string
		above func(scan *plan.Scan) plan.Node
		want  [][]bool
	}{
		{"everything is shown", func(s *plan.Scan) plan.Node { return s }, [][]bool{nil, nil, nil}},
		{"one column is not used at all", func(s *plan.Scan) plan.Node { return project(s, column(1)) }, [][]bool{{true, true, true}, nil, nil}},
		{"fields through a projection and a filter", func(s *plan.Scan) plan.Node {
			below := &plan.Filter{Input: project(s, column(1), column(0)), Condition: field(0, 2)}
			return project(below, field(1, 0))
		}, [][]bool{{false, true, true}, {true, true, false}, nil}},
		{"one place reads a field, another one the whole", func(s *plan.Scan) plan.Node {
			shared := &plan.Shared{Input: s, Number: 1}
			return &plan.Union{All: []plan.Node{project(shared, field(0, 1), column(1)), project(shared, field(0, 2), column(1))}}
		}, [][]bool{{true, false, false}, nil, nil}},
		{"the source's own filter", func(s *plan.Scan) plan.Node {
			s.Filter = field(0, 2)
			return project(s, column(1))
		}, [][]bool{{true, true, false}, nil, nil}},
		{"other nodes read all", func(s *plan.Scan) plan.Node { return project(&plan.Limit{Input: s}, field(0, 0)) }, [][]bool{nil, nil, nil}},
	} {
		scan := scanned()
		got := plan.UnreadFields(c.above(scan))[scan]
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}
