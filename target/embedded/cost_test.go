package embedded

import (
	"runtime"
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

// TestStatusTells looks into the status of a job for what it costs and how far it has
// read; a job that does not run tells nothing of that.
func TestStatusTells(t *testing.T) {
	p := newPlace(t)
	p.send(1, "a", "b", "a")
	p.sums("a 2 2", "b 1 1")
	s := p.status()
	if len(s.Operators) < 2 || s.Operators[0].Name != "Sink sums" || len(s.Operators[0].Workers) != 1 {
		t.Fatalf("operators: %+v", s.Operators)
	}
	last := s.Operators[len(s.Operators)-1]
	if last.Name != "Scan events" || len(last.Workers) != 2 || last.Workers[0].RowsOut+last.Workers[1].RowsOut != 3 {
		t.Errorf("the source: %+v", last)
	}
	if s.CPU <= 0 || s.MemoryBytes <= 0 {
		t.Errorf("%v of CPU time, %d bytes", s.CPU, s.MemoryBytes)
	}
	if len(s.Sources) != 1 || len(s.Sources[0].Splits) != 1 {
		t.Fatalf("sources: %+v", s.Sources)
	}
	if split := s.Sources[0].Splits[0]; split.Position != 3 || split.End != 3 || split.LagRows != 0 || split.LagAge != 0 || split.LastRow.IsZero() {
		t.Errorf("split: %+v", split)
	}
	if err := p.jobs.Act(t.Context(), "sums", target.Suspend); err != nil {
		t.Fatal(err)
	}
	for len(p.status().Operators) > 0 {
		runtime.Gosched() // until its last epoch is committed
	}
	if s := p.status(); s.State != target.Suspended || s.Sources != nil || s.BackPressure >= 0 {
		t.Errorf("a job that is suspended tells %+v", s)
	}
}
