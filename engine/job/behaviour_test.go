package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

func sources(s *plan.Scan, rows ...[]row) map[*plan.Scan]connect.Source {
	return map[*plan.Scan]connect.Source{s: &rowSource{splits: rows, batchRows: 2}}
}

var someRows = []row{{"a", 1, 5}, {"b", 2, 50}, {"a", 3, 99}, {"c", 4, 120}, {"b", 9, 20}, {"a", 5, 205}}

// forWorkers runs a test with one and with three workers.
func forWorkers(t *testing.T, test func(t *testing.T, workers int)) {
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d workers", workers), func(t *testing.T) { test(t, workers) })
	}
}

func TestLateRowsAreKept(t *testing.T) {
	forWorkers(t, func(t *testing.T, workers int) {
		s, p := windowPlan(plan.WindowSpec{Kind: plan.Tumble, Size: 100}, plan.EmitFinal, plan.LatePolicy{Action: plan.LateSide})
		sink, late := newTableSink(), newTableSink()
		j := runToEnd(t, Spec{Plan: p, Sources: sources(s, someRows), Sink: sink, Late: late, Context: streaming(), Parallelism: workers})
		if diff := cmp.Diff("b 9 20", late.table()); diff != "" {
			t.Errorf("late rows: %s", diff)
		}
		if n := j.Status().Late; n != 1 {
			t.Errorf("%d late rows counted", n)
		}
	})
}

func TestGroupingSets(t *testing.T) {
	forWorkers(t, func(t *testing.T, workers int) {
		s := scan()
		p := &plan.Aggregate{Input: s, Keys: []plan.Expr{column(0, keyType), column(1, nType)}, Names: []string{"k", "v", "n"},
			Calls: []plan.AggregateCall{aggregate("COUNT")}, Sets: [][]int{{0, 1}, {0}, {}}, Groupings: [][]int{{0, 1}}}
		sink := newTableSink()
		runToEnd(t, Spec{Plan: p, Sources: sources(s, []row{{"a", 1, 0}, {"a", 2, 0}, {"b", 1, 0}}), Sink: sink, Context: streaming(), Parallelism: workers})
		want := "NULL NULL 3 3\na 1 1 0\na 2 1 0\na NULL 2 1\nb 1 1 0\nb NULL 1 1"
		if diff := cmp.Diff(want, sink.table()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDistinctAndFilter(t *testing.T) {
	forWorkers(t, func(t *testing.T, workers int) {
		s := scan()
		distinct, filtered := aggregate("COUNT", column(1, nType)), aggregate("SUM", column(1, nType))
		distinct.Distinct = true
		filtered.Filter = call(">", column(1, nType), &plan.Literal{Value: value.OfBigInt(1)})
		p := &plan.Aggregate{Input: s, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "d", "s"}, Calls: []plan.AggregateCall{distinct, filtered}}
		sink := newTableSink()
		runToEnd(t, Spec{Plan: p, Sources: sources(s, []row{{"a", 1, 0}, {"a", 2, 0}, {"a", 2, 0}, {"b", 1, 0}}), Sink: sink, Context: streaming(), Parallelism: workers})
		if diff := cmp.Diff("a 2 4\nb 1 NULL", sink.table()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGlobalAggregateOverNothing(t *testing.T) {
	for _, ctx := range []plan.Context{{}, streaming()} {
		forWorkers(t, func(t *testing.T, workers int) {
			s := scan()
			p := &plan.Aggregate{Input: s, Names: []string{"n", "total"}, Calls: []plan.AggregateCall{aggregate("COUNT"), aggregate("SUM", column(1, nType))}}
			sink := newTableSink()
			runToEnd(t, Spec{Plan: p, Sources: sources(s, nil), Sink: sink, Context: ctx, Parallelism: workers})
			if diff := cmp.Diff([]string{"+I 0 NULL"}, sink.log); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChangelogIsCompact(t *testing.T) {
	s := scan()
	p := &plan.Aggregate{Input: s, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "m"}, Calls: []plan.AggregateCall{aggregate("MAX", column(1, nType))}}
	sink := newTableSink()
	rows := []row{{"a", 5, 0}, {"b", 1, 0}, {"a", 3, 0}, {"b", 1, 0}, {"b", 2, 0}, {"a", 4, 0}}
	runToEnd(t, Spec{Plan: p, Sources: sources(s, rows), Sink: sink, Context: streaming(), FlushBatches: 1})
	if diff := cmp.Diff([]string{"+I a 5", "+I b 1", "-U b 1", "+U b 2"}, sink.log); diff != "" {
		t.Error(diff)
	}
}

func TestUnionSortLimit(t *testing.T) {
	forWorkers(t, func(t *testing.T, workers int) {
		s := scan()
		constants := &plan.Values{Columns: plan.Schema{{Name: "k", Type: keyType}, {Name: "v", Type: nType}, {Name: "at", Type: timeType}},
			Rows: [][]plan.Expr{{&plan.Literal{Value: value.OfString("z")}, &plan.Literal{Value: value.OfBigInt(3)}, &plan.Literal{Value: value.NullOf(timeType)}}}}
		filtered := &plan.Filter{Input: s, Condition: call("<>", column(0, keyType), &plan.Literal{Value: value.OfString("c")})}
		sorted := &plan.Sort{Input: &plan.Union{All: []plan.Node{filtered, constants}}, Keys: []plan.SortKey{{Expr: column(1, nType), Descending: true}}}
		sink := newTableSink()
		runToEnd(t, Spec{Plan: &plan.Limit{Input: sorted, Offset: 1, Count: 3}, Sources: sources(s, someRows[:3], someRows[3:]), Sink: sink, Parallelism: workers})
		got := strings.Join(sink.log, ", ")
		if got != "+I a 5 205, +I a 3 99, +I z 3 NULL" && got != "+I a 5 205, +I z 3 NULL, +I a 3 99" {
			t.Errorf("got %s", got)
		}
	})
}

func TestWindowTableFunction(t *testing.T) {
	s := scan()
	p := &plan.Window{Input: watermarked(s, 0), Spec: plan.WindowSpec{Kind: plan.Hop, Time: 2, Size: 100, Slide: 50}}
	sink := newTableSink()
	runToEnd(t, Spec{Plan: p, Sources: sources(s, []row{{"a", 1, -5}}), Sink: sink, Context: streaming()})
	if diff := cmp.Diff([]string{"+I a 1 -5 -100 0 -1", "+I a 1 -5 -50 50 49"}, sink.log); diff != "" {
		t.Error(diff)
	}
}

// TestStopAndGoOn stops an endless job, which keeps its open windows, and goes
// on with it from the disk.
func TestStopAndGoOn(t *testing.T) {
	dir := t.TempDir()
	s, p := windowPlan(plan.WindowSpec{Kind: plan.Tumble, Size: 100}, plan.EmitFinal, plan.LatePolicy{})
	sink := newTableSink()
	source := &rowSource{splits: [][]row{someRows[:3]}, batchRows: 2, endless: true}
	for _, rows := range [][]row{someRows[:3], someRows} {
		source.splits[0] = rows
		store, err := state.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		j, err := New(Spec{Name: "stopped", Plan: p, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: sink, Store: store, Context: streaming(), EpochInterval: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- j.Run(context.Background()) }()
		// All rows are in an epoch when the sink knows the watermark behind them.
		want := rows[len(rows)-1].at - testDelay
		for sinkMark(sink) < want {
			if err := sink.wait(context.Background(), sink.applied()); err != nil {
				t.Fatal(err)
			}
		}
		j.Stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if got := j.Status().State; got != Finished {
			t.Errorf("state %s", got)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff("a 2 4 0 100\nb 1 2 0 100", sink.table()); diff != "" {
		t.Error(diff)
	}
}

func sinkMark(s *tableSink) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commits == 0 {
		return batch.NoMark
	}
	return s.mark
}

// TestSilentSplit: a split without rows holds the watermark back until its idle
// timeout, and for ever without one.
func TestSilentSplit(t *testing.T) {
	s, p := windowPlan(plan.WindowSpec{Kind: plan.Tumble, Size: 100}, plan.EmitFinal, plan.LatePolicy{})
	p.(*plan.WindowAggregate).Input.(*plan.Watermark).IdleTimeout = 20 * time.Millisecond
	forWorkers(t, func(t *testing.T, workers int) {
		sink := newTableSink()
		source := &rowSource{splits: [][]row{someRows, nil}, batchRows: 2, endless: true}
		j, err := New(Spec{Plan: p, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: sink, Context: streaming(), Parallelism: workers, EpochInterval: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- j.Run(context.Background()) }()
		for sinkMark(sink) < 195 {
			if err := sink.wait(context.Background(), sink.applied()); err != nil {
				t.Fatal(err)
			}
		}
		status := j.Status().Sources[0]
		if !status.Splits[1].Idle || !status.Splits[1].LastRow.IsZero() || status.Splits[0].LastRow.IsZero() {
			t.Errorf("splits %+v", status.Splits)
		}
		j.Stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatIsNotBuiltIsRefusedByName(t *testing.T) {
	s := scan()
	session := &plan.WindowAggregate{Input: watermarked(s, 0), Spec: plan.WindowSpec{Kind: plan.Session, Time: 2, Gap: 5},
		Late: plan.LatePolicy{Action: plan.LateRevise, Keep: time.Second}}
	for name, c := range map[string]struct {
		plan plan.Node
		ctx  plan.Context
		want string
	}{
		"session":   {session, streaming(), "late-policy 'revise' is not built for SESSION windows"},
		"sort":      {&plan.Sort{Input: s, Keys: []plan.SortKey{{Expr: &plan.Column{Index: 0, Of: value.BigIntType}}}}, streaming(), "a stream can be sorted by event time only"},
		"limit":     {&plan.Limit{Input: s}, streaming(), "LIMIT of a stream is not built"},
		"watermark": {&plan.Watermark{Input: &plan.Union{All: []plan.Node{s}}}, streaming(), "a WATERMARK over"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Spec{Plan: c.plan, Sources: sources(s), Sink: newTableSink(), Context: c.ctx})
			if !problem.Is(err, problem.Unsupported) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// brokenSource fails or panics in Read.
type brokenSource struct {
	rowSource
	read func() error
}

type brokenReader struct {
	connect.Reader
	read func() error
}

func (s *brokenSource) Open(ctx context.Context, id connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r, err := s.rowSource.Open(ctx, id, from)
	return brokenReader{r, s.read}, err
}

func (r brokenReader) Read(context.Context) (*batch.Batch, error) { return nil, r.read() }

func TestFailures(t *testing.T) {
	broken := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		read func() error
		want string
	}{
		"an error says what was being done": {func() error { return broken }, "source t: read split 0: the disk is gone"},
		"a panic becomes a problem":         {func() error { panic("oops") }, "source t: oops"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scan()
			j, err := New(Spec{Plan: s, Sources: map[*plan.Scan]connect.Source{s: &brokenSource{rowSource{splits: [][]row{nil}}, c.read}}, Sink: newTableSink(), Context: streaming()})
			if err != nil {
				t.Fatal(err)
			}
			err = j.Run(context.Background())
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if st := j.Status(); st.State != Failed || st.Problem.Code != problem.Internal {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// TestASinkAheadOfTheState: a state restored from an older copy must not give a
// sink epochs that it takes for known ones.
func TestASinkAheadOfTheState(t *testing.T) {
	store, err := state.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := scan()
	sink := newTableSink()
	runToEnd(t, Spec{Plan: s, Sources: sources(s, someRows), Sink: sink, Store: store, Context: streaming()})
	sink.epoch += 5
	j, err := New(Spec{Plan: s, Sources: sources(s, someRows), Sink: sink, Store: store, Context: streaming()})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Run(context.Background()); !problem.Is(err, problem.Conflict) {
		t.Errorf("got %v", err)
	}
}

func TestCanceledJobEnds(t *testing.T) {
	s := scan()
	ctx, cancel := context.WithCancel(context.Background())
	sink := newTableSink()
	source := &rowSource{splits: [][]row{someRows}, batchRows: 2, endless: true}
	j, err := New(Spec{Plan: s, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: sink, Context: streaming(), EpochInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	if err := sink.wait(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := j.Status().State; got != Canceled {
		t.Errorf("state %s", got)
	}
}
