package job

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

// clockPlan counts rows of the table by key in windows over the time at which they come.
func clockPlan(spec plan.WindowSpec) (*plan.Scan, plan.Node) {
	s := scan()
	spec.Time = 2
	timed := &plan.Project{
		Input: s, Exprs: []plan.Expr{column(0, keyType), column(1, nType), column(2, timeType)}, Names: []string{"k", "v", "p"},
		Times: []plan.TimeAttribute{plan.NoTime, plan.NoTime, plan.Proctime},
	}
	return s, &plan.WindowAggregate{Input: timed, Spec: spec, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n"}, Calls: []plan.AggregateCall{aggregate("COUNT")}}
}

// shows waits until the sink shows as many rows.
func (s *tableSink) shows(t *testing.T, ctx context.Context, rows int) {
	t.Helper()
	for epochs := 0; strings.Count(s.table()+"\n", "\n") < rows || s.table() == ""; epochs = s.applied() {
		if err := s.wait(ctx, epochs); err != nil {
			t.Fatalf("the sink shows %q: %v", s.table(), err)
		}
	}
}

// TestClockWindowsOfIdleJob has windows over processing time fire when nothing comes
// any more: with and without a store, and after a restart that finds them open.
func TestClockWindowsOfIdleJob(t *testing.T) {
	rows := []row{{"a", 1, 5}, {"b", 2, 50}}
	for _, spec := range []plan.WindowSpec{
		{Kind: plan.Tumble, Size: 300}, {Kind: plan.Tumble, Size: 300, Offset: 70}, {Kind: plan.Hop, Size: 400, Slide: 400}, {Kind: plan.Session, Gap: 200, Keys: []int{0}},
	} {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%+v by %d workers", spec, workers), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for _, stored := range []bool{false, true} {
					s, p := clockPlan(spec)
					sink := newTableSink()
					job := Spec{
						Plan: p, Sources: map[*plan.Scan]connect.Source{s: &rowSource{splits: [][]row{rows}, batchRows: 10, endless: true}}, Sink: sink, Context: streaming(),
						Parallelism: workers, FlushBatches: 1, EpochInterval: 20 * time.Millisecond,
					}
					if stored {
						store, err := state.Open(t.TempDir())
						if err != nil {
							t.Fatal(err)
						}
						defer store.Close()
						job.Store = store
					}
					j, err := New(job)
					if err != nil {
						t.Fatal(err)
					}
					done := make(chan error, 1)
					go func() { done <- j.Run(ctx) }()
					sink.shows(t, ctx, 2)
					j.Stop()
					if err := <-done; err != nil {
						t.Fatal(err)
					}
					if sink.table() != "a 1\nb 1" {
						t.Errorf("the sink shows %q", sink.table())
					}
				}
			})
		}
	}
}

func TestClockWindowsOfRestartedJob(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	sink := newTableSink()
	source := &rowSource{splits: [][]row{{{"a", 1, 5}}}, batchRows: 10, endless: true}
	for run := range 2 {
		s, p := clockPlan(plan.WindowSpec{Kind: plan.Tumble, Size: 1000})
		j, err := New(Spec{Plan: p, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: sink, Context: streaming(), Store: store, EpochInterval: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		if run == 0 {
			if err := sink.wait(ctx, 0); err != nil { // the row is in an epoch
				t.Fatal(err)
			}
		} else {
			sink.shows(t, ctx, 1)
		}
		j.Stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if sink.table() != "a 1" {
		t.Errorf("the sink shows %q", sink.table())
	}
}
