package embedded

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/value"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/target"
)

// TestOperatorGraph draws a plan of which some nodes are one operator: what has no cost
// of its own is told by the operator above it, and what is read twice is there once.
func TestOperatorGraph(t *testing.T) {
	scan := &plan.Scan{Table: &plan.Table{Name: "t", Columns: []plan.TableColumn{{Name: "k", Type: value.BigIntType}}}, Columns: []int{0}}
	k := &plan.Column{Index: 0, Of: value.BigIntType}
	filter := &plan.Filter{Input: scan, Condition: &plan.Literal{Value: value.OfBool(true)}}
	calc := &plan.Project{Input: filter, Exprs: []plan.Expr{k}, Names: []string{"k"}, Times: make([]plan.TimeAttribute, 1)}
	join := &plan.Join{Kind: plan.InnerJoin, Left: calc, Right: scan, Keys: []plan.JoinKey{{}}}
	if g := graphOf(join, "out", []plan.Node{nil, join, calc}); g.all[2].Name != "Scan t" {
		t.Errorf("a table and what is done with its rows first are called %q", g.all[2].Name)
	}
	g := graphOf(join, "out", []plan.Node{nil, join, join, calc, scan})
	want := []target.Operator{
		{ID: 0, Name: "Sink out", Inputs: []int{1}},
		{ID: 1, Name: "Join INNER", Details: []string{"key: k = k"}, Inputs: []int{2, 3}},
		{ID: 2, Name: "Project", Details: []string{"k BIGINT := k", "Filter"}, Inputs: []int{3}},
		{ID: 3, Name: "Scan t", Details: []string{"k BIGINT"}},
	}
	if diff := cmp.Diff(want, g.all); diff != "" {
		t.Error(diff)
	}
	got := g.costs([]job.OperatorCost{{Node: nil, RowsIn: 1}, {Node: join, RowsIn: 2, CPU: time.Second}, {Node: join, Worker: 1, RowsIn: 3, Recent: job.Load{Busy: 0.5}}, {Node: filter}})
	if diff := cmp.Diff([]target.Worker{{RowsIn: 2, CPU: time.Second}, {RowsIn: 3, Recent: target.Load{Busy: 0.5}}}, got[1].Workers); diff != "" {
		t.Error(diff)
	}
	if len(g.all[1].Workers) != 0 {
		t.Error("costs stay in the graph")
	}
}
