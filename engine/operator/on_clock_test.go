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
	op := &checked{Operator: OnClock(env, inner, node.Spec, WindowLayoutOf(node).TimeColumn()), t: t, now: batch.NoMark}
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

// TestDue asks when windows may be over: at the ends on the grid of the clock or of the
// zone, until those of the last row are.
func TestDue(t *testing.T) {
	const minute = 60_000
	zone := time.FixedZone("", 45*60)
	for _, c := range []struct {
		name string
		spec plan.WindowSpec
		now  int64
		want int64
	}{
		{"tumbling", plan.WindowSpec{Kind: plan.Tumble, Size: 100}, 1010, 1100},
		{"at an end, the next one", plan.WindowSpec{Kind: plan.Tumble, Size: 100}, 1100, 1200},
		{"with an offset", plan.WindowSpec{Kind: plan.Tumble, Size: 100, Offset: 30}, 1010, 1030},
		{"hopping", plan.WindowSpec{Kind: plan.Hop, Size: 100, Slide: 20}, 1010, 1020},
		{"cumulating", plan.WindowSpec{Kind: plan.Cumulate, Size: 100, Slide: 50}, 1010, 1050},
		{"hours of a zone", plan.WindowSpec{Kind: plan.Tumble, Size: 60 * minute}, 10 * minute, 15 * minute},
		{"sessions are looked at", plan.WindowSpec{Kind: plan.Session, Gap: 200}, 1010, 1030},
	} {
		o := OnClock(Environment{Context: &plan.Context{Zone: zone}}, nil, c.spec, 0).(*onClock)
		if _, open := Due(o); open {
			t.Errorf("%s: due without a row", c.name)
		}
		o.now, o.open = c.now-1, c.now+o.longest()
		if got, open := Due(o); got != c.want || !open {
			t.Errorf("%s: due at %d (%t), want %d", c.name, got, open, c.want)
		}
		o.now = o.open - 1
		if _, open := Due(o); open {
			t.Errorf("%s: due when all windows are over", c.name)
		}
		o.unknown = true
		if _, open := Due(o); !open {
			t.Errorf("%s: not due after a restart", c.name)
		}
	}
	if _, open := Due(&checked{}); open {
		t.Error("an operator that is not on the clock is due")
	}
}
