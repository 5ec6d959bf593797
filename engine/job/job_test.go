package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testDelay = 10 // ms of the watermark behind the rows

// windowPlan is GROUP BY k and windows with COUNT(*) and SUM(v).
func windowPlan(spec plan.WindowSpec, emit plan.Emit, late plan.LatePolicy) (*plan.Scan, plan.Node) {
	s := scan()
	spec.Time = 2
	return s, &plan.WindowAggregate{
		Input: watermarked(s, testDelay), Spec: spec, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n", "total"},
		Calls:      []plan.AggregateCall{aggregate("COUNT"), aggregate("SUM", column(1, nType))},
		Properties: []plan.WindowProperty{{Kind: plan.WindowStart, Name: "window_start"}, {Kind: plan.WindowEnd, Name: "window_end"}},
		Emit:       emit, Late: late,
	}
}

// windowReference computes the same row by row with maps, from the definition:
// a row counts in every window that contains its time and was open at its mark.
func windowReference(splits [][]row, spec plan.WindowSpec, keep int64) (table string, late int64) {
	type group struct {
		start, end int64
		key        string
	}
	counts, sums := map[group]int64{}, map[group]int64{}
	for number, rows := range splits {
		mark := int64(-1 << 62)
		for _, r := range rows {
			before := mark
			if number < len(splits)-1 {
				before = -1 << 62 // the splits behind it have not begun and hold time back
			}
			windows := windowsOf(r.at, spec)
			taken := len(windows) == 0
			for _, w := range windows {
				if w[1]-1+keep <= before {
					continue
				}
				g := group{w[0], w[1], r.key}
				counts[g]++
				sums[g] += r.n
				taken = true
			}
			if !taken {
				late++
			}
			mark = max(mark, r.at-testDelay)
		}
	}
	var lines []string
	for g, n := range counts {
		lines = append(lines, fmt.Sprintf("%s %d %d %d %d", g.key, n, sums[g], g.start, g.end))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), late
}

// windowsOf lists [start, end) of all windows with t, by trying every start.
func windowsOf(t int64, spec plan.WindowSpec) [][2]int64 {
	var found [][2]int64
	for start := t - spec.Size; start <= t; start++ {
		step := spec.Size
		if spec.Kind == plan.Hop {
			step = spec.Slide
		}
		if modulo(start-spec.Offset, step) != 0 {
			continue
		}
		if spec.Kind != plan.Cumulate {
			if t < start+spec.Size {
				found = append(found, [2]int64{start, start + spec.Size})
			}
			continue
		}
		for end := start + spec.Slide; end <= start+spec.Size; end += spec.Slide {
			if t < end {
				found = append(found, [2]int64{start, end})
			}
		}
	}
	return found
}

func modulo(a, b int64) int64 { return ((a % b) + b) % b }

func streaming() plan.Context { return plan.Context{Streaming: true, Zone: time.UTC} }

func TestTumblingCounts(t *testing.T) {
	s, p := windowPlan(plan.WindowSpec{Kind: plan.Tumble, Size: 100}, plan.EmitFinal, plan.LatePolicy{})
	rows := []row{{"a", 1, 5}, {"b", 2, 50}, {"a", 3, 99}, {"a", 4, 120}, {"b", 9, 20}, {"a", 5, 205}}
	sink := newTableSink()
	j := runToEnd(t, Spec{Name: "test", Plan: p, Sources: map[*plan.Scan]connect.Source{s: &rowSource{splits: [][]row{rows}, batchRows: 2}}, Sink: sink, Context: streaming()})
	// The row at 20 came after the watermark 110 had closed its window.
	if diff := cmp.Diff("a 1 4 100 200\na 1 5 200 300\na 2 4 0 100\nb 1 2 0 100", sink.table()); diff != "" {
		t.Error(diff)
	}
	if status := j.Status(); status.Late != 1 || status.State != Finished || status.RowsIn != 6 || status.RowsOut != 4 {
		t.Errorf("status %+v", status)
	}
}

func drawSplits(t *rapid.T) [][]row {
	splits := make([][]row, rapid.IntRange(1, 3).Draw(t, "splits"))
	for i := range splits {
		at := int64(-150)
		for range rapid.IntRange(0, 60).Draw(t, "rows") {
			at += rapid.Int64Range(0, 12).Draw(t, "step")
			splits[i] = append(splits[i], row{
				key: string(rune('a' + rapid.IntRange(0, 5).Draw(t, "key"))),
				n:   rapid.Int64Range(-5, 5).Draw(t, "v"),
				at:  at - rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 80)).Draw(t, "back"),
			})
		}
	}
	return splits
}

// drawWindows covers every kind, with sizes that are no multiples of the slide,
// offsets of both signs, and slides beyond the size.
func drawWindows(t *rapid.T) plan.WindowSpec {
	spec := plan.WindowSpec{Kind: rapid.SampledFrom([]plan.WindowKind{plan.Tumble, plan.Hop, plan.Cumulate}).Draw(t, "kind")}
	spec.Slide = rapid.Int64Range(5, 30).Draw(t, "slide")
	switch spec.Kind {
	case plan.Cumulate:
		spec.Size = spec.Slide * rapid.Int64Range(1, 4).Draw(t, "steps")
	default:
		spec.Size = rapid.Int64Range(5, 60).Draw(t, "size")
	}
	spec.Offset = rapid.Int64Range(-20, 20).Draw(t, "offset")
	return spec
}

// crashAndRestore runs a job to its end through some crashes, each time with
// another number of workers and another batch size.
func crashAndRestore(t *rapid.T, make func(connect.Source) Spec, splits [][]row, sink *tableSink) (late int64) {
	store, err := state.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	crashes := rapid.IntRange(0, 3).Draw(t, "crashes")
	for run := 0; ; run++ {
		source := &rowSource{splits: splits, batchRows: rapid.SampledFrom([]int{1, 7, 4096}).Draw(t, "batch"), pace: sink}
		spec := make(source)
		spec.Name, spec.Sink, spec.Store = "test", sink, store
		spec.Parallelism = rapid.IntRange(1, 4).Draw(t, "workers")
		spec.EpochInterval = time.Millisecond
		sink.crashIn = 0
		if run < crashes {
			sink.crashIn = rapid.IntRange(1, 20).Draw(t, "crash in")
			sink.crashAfter = rapid.Bool().Draw(t, "crash after")
		}
		j, err := New(spec)
		if err != nil {
			t.Fatal(err)
		}
		err = j.Run(context.Background())
		late += j.Status().Late
		switch {
		case err == nil:
			return late
		case !errors.Is(err, errCrash):
			t.Fatal(err)
		}
	}
}

// TestWindowsAreExact: whatever the windows, the order of rows, batch sizes,
// workers and crashes, the table is what the definition says.
func TestWindowsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		splits, spec := drawSplits(t), drawWindows(t)
		emit := rapid.SampledFrom([]plan.Emit{plan.EmitFinal, plan.EmitEarly}).Draw(t, "emit")
		policy := plan.LatePolicy{}
		if rapid.Bool().Draw(t, "revise") {
			policy = plan.LatePolicy{Action: plan.LateRevise, Keep: time.Duration(rapid.Int64Range(1, 40).Draw(t, "keep")) * time.Millisecond}
		}
		scanned, p := windowPlan(spec, emit, policy)
		sink := newTableSink()
		crashAndRestore(t, func(source connect.Source) Spec {
			return Spec{Plan: p, Sources: map[*plan.Scan]connect.Source{scanned: source}, Context: streaming()}
		}, splits, sink)
		want, _ := windowReference(splits, spec, policy.Keep.Milliseconds())
		if diff := cmp.Diff(want, sink.table()); diff != "" {
			t.Errorf("table differs (-want +got):\n%s", diff)
		}
	})
}

// TestBatchModeDropsNothing: in batch mode no row is late, and the answer does
// not depend on workers or batches.
func TestBatchModeDropsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		splits, spec := drawSplits(t), drawWindows(t)
		s, p := windowPlan(spec, plan.EmitFinal, plan.LatePolicy{})
		sink := newTableSink()
		j, err := New(Spec{
			Plan: p, Sources: map[*plan.Scan]connect.Source{s: &rowSource{splits: splits, batchRows: rapid.SampledFrom([]int{1, 7, 4096}).Draw(t, "batch")}},
			Sink: sink, Parallelism: rapid.IntRange(1, 4).Draw(t, "workers"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		want, _ := windowReference(splits, spec, 1<<40)
		if diff := cmp.Diff(want, sink.table()); diff != "" {
			t.Errorf("table differs (-want +got):\n%s", diff)
		}
		for _, change := range sink.log {
			if !strings.HasPrefix(change, "+I") {
				t.Errorf("batch mode gave %s", change)
			}
		}
	})
}

// countsOfCounts is SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) n, … GROUP BY k)
// GROUP BY n: the outer aggregation sees updates of the inner one.
func countsOfCounts() (*plan.Scan, plan.Node) {
	s := scan()
	inner := &plan.Aggregate{Input: s, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n", "most"},
		Calls: []plan.AggregateCall{aggregate("COUNT"), aggregate("MAX", column(1, nType))}}
	return s, &plan.Aggregate{Input: inner, Keys: []plan.Expr{column(1, nType)}, Names: []string{"n", "keys", "least"},
		Calls: []plan.AggregateCall{aggregate("COUNT"), aggregate("MIN", column(2, nType))}}
}

func TestUpdatesOfUpdatesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		splits := drawSplits(t)
		s, p := countsOfCounts()
		sink := newTableSink()
		crashAndRestore(t, func(source connect.Source) Spec {
			return Spec{Plan: p, Sources: map[*plan.Scan]connect.Source{s: source}, Context: streaming()}
		}, splits, sink)
		counts, most := map[string]int64{}, map[string]int64{}
		for _, rows := range splits {
			for _, r := range rows {
				if counts[r.key] == 0 {
					most[r.key] = r.n
				}
				counts[r.key]++
				most[r.key] = max(most[r.key], r.n)
			}
		}
		keys, least := map[int64]int64{}, map[int64]int64{}
		for k, n := range counts {
			if keys[n] == 0 {
				least[n] = most[k]
			}
			keys[n]++
			least[n] = min(least[n], most[k])
		}
		var lines []string
		for n, k := range keys {
			lines = append(lines, fmt.Sprintf("%d %d %d", n, k, least[n]))
		}
		slices.Sort(lines)
		if diff := cmp.Diff(strings.Join(lines, "\n"), sink.table()); diff != "" {
			t.Errorf("table differs (-want +got):\n%s", diff)
		}
	})
}
