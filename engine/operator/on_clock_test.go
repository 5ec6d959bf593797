package operator

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// TestWindowsOnTheClock moves the clock by hand: rows are in the window of the
// moment when they come, whatever time they carry, windows fire at the first
// Flush after their end, and the clock may be set back.
func TestWindowsOnTheClock(t *testing.T) {
	ctx := &plan.Context{Streaming: true, Zone: time.UTC}
	env := Environment{Context: ctx, Worker: engine.WorkerOf(0, 1), Dropped: func(n int) { t.Errorf("%d rows are late", n) }}
	stamp := value.TimestampLTZOf(3)
	scan := &plan.Scan{Table: &plan.Table{Columns: []plan.TableColumn{{Name: "p", Type: stamp}, {Name: "v", Type: value.BigIntType}}}, Columns: []int{0, 1}}
	input := &plan.Project{Input: scan, Names: []string{"p", "v"}, Times: []plan.TimeAttribute{plan.Proctime, plan.NoTime},
		Exprs: []plan.Expr{&plan.Column{Index: 0, Of: stamp}, &plan.Column{Index: 1, Of: value.BigIntType}}}
	node := &plan.WindowAggregate{Input: input, Spec: plan.WindowSpec{Kind: plan.Tumble, Size: 100}, Names: []string{"sum"},
		Calls: []plan.AggregateCall{aggregateOf("SUM", &plan.Column{Index: 1, Of: value.BigIntType})}, Properties: []plan.WindowProperty{{Kind: plan.WindowEnd}}}
	prepare, err := NewPrepareWindows(env, node)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := NewWindowAggregate(env, node, false)
	if err != nil {
		t.Fatal(err)
	}
	op := &checked{Operator: OnClock(env, inner, WindowLayoutOf(node).TimeColumn()), t: t, now: batch.NoMark}
	var log []string
	emit := func(b *batch.Batch) error {
		b.Each(func(i int) {
			log = append(log, fmt.Sprintf("%d until %d, mark %d", b.Columns[0].Ints[i], b.Columns[1].Ints[i]/1000, b.Mark(i)))
		})
		return nil
	}
	step := func(at int64, values ...int64) {
		t.Helper()
		ctx.Now = time.UnixMilli(at)
		for _, v := range values {
			times, numbers := batch.NewColumn(stamp, 1), batch.NewColumn(value.BigIntType, 1)
			times.AppendValue(value.Value{Type: stamp, Int: 5})
			numbers.AppendValue(value.OfBigInt(v))
			rows := &batch.Batch{Rows: 1, Columns: []*batch.Column{times, numbers}, Marks: []int64{7}}
			if err := prepare.Process(0, rows, func(b *batch.Batch) error { return op.Process(0, b, emit) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := op.Flush(emit); err != nil {
			t.Fatal(err)
		}
	}
	if err := op.Advance(7, emit); err != nil {
		t.Fatal(err)
	}
	step(1010, 1)
	step(1099, 2)
	step(1100, 4)
	step(1050, 8) // set back: the window is over, and the row in the next one
	step(1250)
	step(1260, 16)
	if err := op.Advance(batch.Final, emit); err != nil {
		t.Fatal(err)
	}
	want := []string{"3 until 1100, mark 7", "12 until 1200, mark 7", "16 until 1300, mark 7"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}
