package job

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

// groupPlan is GROUP BY k with COUNT(*) and SUM(v).
func groupPlan() (*plan.Scan, *plan.Aggregate) {
	s := scan()
	return s, &plan.Aggregate{Input: s, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n", "total"}, Calls: []plan.AggregateCall{aggregate("COUNT"), aggregate("SUM", column(1, nType))}}
}

// groupedAgain is how many keys there are by count, with a join with the rows of
// another source.
func groupedAgain() (first, second *plan.Scan, grouped *plan.Aggregate, n plan.Node) {
	first, grouped = groupPlan()
	second = scan()
	again := &plan.Aggregate{Input: grouped, Keys: []plan.Expr{column(1, grouped.Schema()[1].Type)}, Names: []string{"n", "keys"}, Calls: []plan.AggregateCall{aggregate("COUNT")}}
	return first, second, grouped, &plan.Join{Kind: plan.LeftJoin, Left: again, Right: second, Keys: []plan.JoinKey{{Left: 0, Right: 1}}}
}

// TestTakeover lets a job go on from the state of a part of it that another one has
// made, through crashes: in the end it has what it makes of all rows.
func TestTakeover(test *testing.T) {
	rapid.Check(test, func(t *rapid.T) {
		splits, others := drawSplits(t), drawSplits(t)
		var head [][]row
		for _, rows := range splits {
			head = append(head, rows[:rapid.IntRange(0, len(rows)).Draw(t, "read before")])
		}
		s, grouped := groupPlan()
		before, err := state.OpenMemory()
		if err != nil {
			t.Fatal(err)
		}
		defer before.Close()
		sink := newTableSink()
		was, err := New(Spec{Plan: grouped, Sources: map[*plan.Scan]connect.Source{s: &rowSource{splits: head, batchRows: 7, endless: true}}, Sink: sink, Store: before, Context: streaming(), Parallelism: rapid.IntRange(1, 3).Draw(t, "workers before"), EpochInterval: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, rows := range head {
			left += len(rows)
		}
		ended := make(chan error)
		go func() { ended <- was.Run(context.Background()) }()
		for was.Status().RowsIn < int64(left) {
			runtime.Gosched()
		}
		was.Stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}

		first, second, part, n := groupedAgain()
		source := func(rows [][]row, pace *tableSink) connect.Source {
			return &rowSource{splits: rows, batchRows: 3, pace: pace}
		}
		now := newTableSink()
		spec := Spec{Plan: n, Sources: map[*plan.Scan]connect.Source{first: source(splits, now), second: source(others, now)}, Sink: now, Context: streaming(), EpochInterval: time.Millisecond, AnyOrder: true}
		j, err := New(spec)
		if err != nil {
			t.Fatal(err)
		}
		from, to := was.Place(grouped), j.Place(part)
		if from.Operators != to.Operators || from.Sources != 1 || to.Sources != 1 || len(j.SourceTables()) != 2 {
			t.Fatalf("the part stands at %+v and %+v", from, to)
		}
		frozen := before.Freeze()
		record, err := frozen.Newest()
		if err != nil {
			t.Fatal(err)
		}
		begins := &state.Record{Epoch: 1, Sources: make([]state.Source, 2)}
		begins.Sources[to.Source] = record.Sources[from.Source]
		dir := filepath.Join(test.TempDir(), "state")
		if err := errors.Join(frozen.FillParts(dir, begins, []state.Part{{First: from.Operator, Count: from.Operators, To: to.Operator}}), frozen.Close()); err != nil {
			t.Fatal(err)
		}
		if spec.Store, err = state.Open(dir); err != nil {
			t.Fatal(err)
		}
		defer spec.Store.Close()
		spec.Takeover = &Takeover{Epoch: 1, Operators: []state.Operator{to.Operator}}
		for crashes := rapid.IntRange(0, 3).Draw(t, "crashes"); ; crashes-- {
			now.crashIn, now.crashAfter = 0, rapid.Bool().Draw(t, "crash after")
			if crashes > 0 {
				now.crashIn = rapid.IntRange(1, 5).Draw(t, "crash in")
			}
			spec.Parallelism = rapid.IntRange(1, 3).Draw(t, "workers")
			if j, err = New(spec); err != nil {
				t.Fatal(err)
			}
			if err = j.Run(context.Background()); err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
		}

		want := newTableSink()
		first, second, _, n = groupedAgain()
		all, err := New(Spec{Plan: n, Sources: map[*plan.Scan]connect.Source{first: source(splits, nil), second: source(others, nil)}, Sink: want, Context: streaming(), AnyOrder: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := all.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if now.table() != want.table() {
			t.Fatalf("it has\n%s\nand all rows make\n%s", now.table(), want.table())
		}
	})
}
