package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/plan"
)

// lookedUp is a table that a test changes.
type lookedUp struct {
	rows    relation
	settled bool
	asked   int
}

func (l *lookedUp) Lookup(_ context.Context, keys []*batch.Column, rows int) (connect.Found, error) {
	l.asked++
	found := connect.Found{Columns: joinBatch(l.rows).Columns}
	for i := range rows {
		for at, r := range l.rows {
			if !keys[0].IsNull(i) && r.key != nil && *r.key == keys[0].Ints[i] {
				found.Keys, found.Rows = append(found.Keys, uint32(i)), append(found.Rows, uint32(at))
			}
		}
	}
	return found, nil
}

func (l *lookedUp) Settled() bool { return l.settled }
func (l *lookedUp) Close() error  { return nil }

func lookupNode(kind plan.JoinKind, condition plan.Expr, options map[string]string) *plan.LookupJoin {
	table := joinScan("t")
	return &plan.LookupJoin{Kind: kind, Input: joinScan("l"), Table: table.Table, Columns: table.Columns, Condition: condition, Options: options,
		Keys: []plan.LookupKey{{Column: joinKeyColumn, Value: &plan.Column{Index: joinKeyColumn, Of: joinScan("l").Schema()[joinKeyColumn].Type}}}}
}

func drawLookupRow(t *rapid.T) joinRow {
	return joinRow{key: drawKey(t), v: rapid.Int64Range(0, 3).Draw(t, "v"), at: rapid.Int64Range(0, 3).Draw(t, "at"), mark: batch.NoMark}
}

// TestLookupJoinOfAFixedTable is the join by its definition, whatever is taken
// back.
func TestLookupJoinOfAFixedTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]plan.JoinKind{plan.InnerJoin, plan.LeftJoin}).Draw(t, "kind")
		var condition plan.Expr
		if rapid.Bool().Draw(t, "condition") {
			condition = lessNumber()
		}
		table := &lookedUp{settled: true, rows: rapid.SliceOfN(rapid.Custom(drawLookupRow), 0, 12).Draw(t, "table")}
		r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) {
			return NewLookupJoin(env, lookupNode(kind, condition, nil), table)
		})
		r.start(1)
		var left relation
		for range rapid.IntRange(0, 8).Draw(t, "batches") {
			var rows []joinRow
			for range rapid.IntRange(1, 10).Draw(t, "rows") {
				row := drawLookupRow(t)
				if len(left) > 0 && rapid.IntRange(0, 2).Draw(t, "back") == 0 {
					row = rapid.SampledFrom(left).Draw(t, "gone")
					row.kind = rapid.SampledFrom([]batch.Kind{batch.UpdateBefore, batch.Delete}).Draw(t, "how")
				} else if rapid.Bool().Draw(t, "update") {
					row.kind = batch.UpdateAfter
				}
				if left = left.apply(row); !row.kind.Retracts() {
					left[len(left)-1].kind = batch.Insert
				}
				rows = append(rows, row)
			}
			r.process(0, rows)
		}
		want := joinOf(kind, left, table.rows, func(l, r joinRow) bool { return equalKeys(l, r, false) && (condition == nil || l.v < r.v) })
		if diff := cmp.Diff(want, r.rows()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestLookupJoinOfManyRows cuts them into batches.
func TestLookupJoinOfManyRows(t *testing.T) {
	key := int64(1)
	table := &lookedUp{settled: true}
	for v := range int64(batch.MaxRows) {
		table.rows = append(table.rows, joinRow{key: &key, v: v, at: 1})
	}
	for _, condition := range []plan.Expr{nil, lessNumber()} {
		r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) {
			return NewLookupJoin(env, lookupNode(plan.LeftJoin, condition, nil), table)
		})
		r.start(1)
		r.process(0, []joinRow{{key: &key, v: -1, at: 1}, {key: &key, v: -2, at: 1}, {v: 3, at: 1}})
		if got := len(r.rows()); got != 2*batch.MaxRows+1 {
			t.Errorf("%d rows", got)
		}
	}
}

// retrying runs a lookup join whose rows wait, by a clock of its own.
type retrying struct {
	t       require
	table   *lookedUp
	node    *plan.LookupJoin
	op      *LookupJoin
	now     int64
	state   storedState
	waits   int
	givenUp []string // "v came gone lookups"
	shown   []string // in order
	marks   []int64
	context *plan.Context
	cancel  context.CancelFunc
}

func newRetrying(t require, kind plan.JoinKind, options map[string]string) *retrying {
	options["retry-predicate"] = "lookup_miss"
	r := &retrying{t: t, table: &lookedUp{}, node: lookupNode(kind, nil, options), state: storedState{}}
	r.start()
	return r
}

func (r *retrying) start() {
	r.t.Helper()
	r.waits = 0
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.context = &plan.Context{Streaming: true, Zone: time.UTC, Now: time.UnixMilli(r.now)}
	var err error
	r.op, err = NewLookupJoin(Environment{Context: r.context, Worker: engine.WorkerOf(0, 1), Run: ctx, Waits: func(n int) { r.waits += n }}, r.node, r.table)
	r.must(err)
	r.op.GiveUpTo(func(b *batch.Batch) {
		b.Each(func(i int) {
			at := len(b.Columns) - 3
			r.givenUp = append(r.givenUp, fmt.Sprint(b.Columns[joinNumberColumn].Ints[i], b.Columns[at].Ints[i]/1000, b.Columns[at+1].Ints[i]/1000, b.Columns[at+2].Ints[i]))
		})
	})
	r.must(r.op.Load(r.state))
}

func (r *retrying) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%v", err)
	}
}

func (r *retrying) emit(b *batch.Batch) error {
	b.Each(func(i int) {
		r.shown = append(r.shown, shownJoin(b, i))
		r.marks = append(r.marks, b.Mark(i))
	})
	return nil
}

func (r *retrying) process(rows ...joinRow) {
	r.t.Helper()
	r.must(r.op.Process(0, joinBatch(rows), r.emit))
}

// pass lets time pass, and an epoch with it.
func (r *retrying) pass(ms int64) {
	r.t.Helper()
	r.now += ms
	r.context.Now = time.UnixMilli(r.now)
	r.must(r.op.Flush(r.emit))
	r.must(r.op.Save(r.state))
}

func (r *retrying) expect(want ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.shown); diff != "" {
		r.t.Fatalf("%s", diff)
	}
	r.shown = nil
	if r.waits != r.op.waiting.count() {
		r.t.Fatalf("%d rows wait, %d were told", r.op.waiting.count(), r.waits)
	}
}

func fixedDelay() map[string]string {
	return map[string]string{"retry-strategy": "fixed_delay", "fixed-delay": "1 s", "max-attempts": "2"}
}

// TestRowsWaitForTheTable, in their order, and no longer than they may.
func TestRowsWaitForTheTable(t *testing.T) {
	one, two, three := int64(1), int64(2), int64(3)
	a, b, c := joinRow{key: &one, v: 1, at: 10, mark: 5}, joinRow{key: &two, v: 2, at: 20, mark: 5}, joinRow{key: &three, v: 3, at: 30, mark: 6}
	r := newRetrying(t, plan.LeftJoin, fixedDelay())
	r.table.rows = relation{{key: &one, v: 7, at: 1}, {key: &three, v: 9, at: 1}}
	r.must(r.op.Advance(4, r.emit))
	r.process(a, b, c)
	r.expect(a.String() + " | 1 7 @1")
	if got := r.op.Held(50); got != 4 {
		t.Errorf("the watermark downstream is %d while a row waits that came at 4", got)
	}
	r.must(r.op.Advance(50, r.emit))
	r.pass(999)
	r.expect()
	r.table.rows = append(r.table.rows, joinRow{key: &two, v: 8, at: 1})
	r.pass(0)
	r.expect()
	r.pass(1)
	r.expect(b.String()+" | 2 8 @1", c.String()+" | 3 9 @1")
	if diff := cmp.Diff([]int64{5, 5, 6}, r.marks); diff != "" {
		t.Error(diff)
	}
	if got := r.op.Held(50); got != 50 {
		t.Errorf("the watermark downstream is %d when nothing waits", got)
	}
	// Two retries, then no more.
	gone := joinRow{key: new(int64), v: 4, at: 40, mark: 50}
	r.process(gone)
	r.pass(1000)
	r.expect()
	r.pass(1000)
	r.expect(gone.String() + " | " + nothing)
	if r.state.size() != 0 {
		t.Errorf("%d rows are stored when none waits", r.state.size())
	}
}

// TestAnyOrder lets those pass that need not wait.
func TestAnyOrder(t *testing.T) {
	one, two := int64(1), int64(2)
	options := fixedDelay()
	options["output-mode"] = "ALLOW_UNORDERED"
	r := newRetrying(t, plan.InnerJoin, options)
	r.table.rows = relation{{key: &two, v: 8, at: 1}}
	first, second := joinRow{key: &one, v: 1, at: 10}, joinRow{key: &two, v: 2, at: 20}
	r.process(first, second, second)
	r.expect(second.String()+" | 2 8 @1", second.String()+" | 2 8 @1")
	r.pass(5000)
	r.expect()
	r.pass(1000)
	r.expect()
	if r.op.waiting.count() != 0 {
		t.Error("a row still waits after its retries")
	}
}

// TestDelaysGrow up to their limit, and end in time.
func TestDelaysGrow(t *testing.T) {
	options := map[string]string{"retry-strategy": "exponential_delay", "initial-delay": "1 s", "multiplier": "3", "max-delay": "5 s", "max-attempts": "9", "expire-after": "16 s"}
	r := newRetrying(t, plan.LeftJoin, options)
	row := joinRow{key: new(int64), v: 1, at: 10}
	r.process(row)
	var asked []int64
	for range 20 {
		before := r.table.asked
		r.pass(1000)
		if r.table.asked > before {
			asked = append(asked, r.now)
		}
	}
	r.expect(row.String() + " | " + nothing)
	if diff := cmp.Diff([]int64{1000, 4000, 9000, 14000, 16000}, asked); diff != "" {
		t.Error(diff)
	}
}

// TestTheEndOfTheInputWaitsForNothing: rows are asked for one last time.
func TestTheEndOfTheInputWaitsForNothing(t *testing.T) {
	one, two := int64(1), int64(2)
	r := newRetrying(t, plan.LeftJoin, fixedDelay())
	a, b := joinRow{key: &one, v: 1, at: 10}, joinRow{key: &two, v: 2, at: 20}
	r.process(a, b)
	r.table.rows = relation{{key: &two, v: 8, at: 1}}
	r.must(r.op.Advance(batch.Final, r.emit))
	r.expect(a.String()+" | "+nothing, b.String()+" | 2 8 @1")
}

// TestCapacityIsWaitedFor until the run ends.
func TestCapacityIsWaitedFor(t *testing.T) {
	options := map[string]string{"retry-strategy": "fixed_delay", "fixed-delay": "1 h", "max-attempts": "2", "capacity": "1"}
	r := newRetrying(t, plan.LeftJoin, options)
	r.now = time.Now().UnixMilli()
	r.context.Now = time.UnixMilli(r.now)
	row := joinRow{key: new(int64), v: 1, at: 10}
	r.process(row)
	r.cancel()
	if err := r.op.Process(0, joinBatch([]joinRow{row}), r.emit); !errors.Is(err, context.Canceled) {
		t.Errorf("a second row where one may wait: %v", err)
	}
}

// TestRowsAreGivenUp when nothing was found for them in time, over a restart, with
// an inner join as with a left one; not those that were found.
func TestRowsAreGivenUp(t *testing.T) {
	for _, kind := range []plan.JoinKind{plan.InnerJoin, plan.LeftJoin} {
		one, two := int64(1), int64(2)
		r := newRetrying(t, kind, fixedDelay())
		r.table.rows = relation{{key: &two, v: 8, at: 1}}
		r.pass(100)
		r.process(joinRow{key: &one, v: 1, at: 10}, joinRow{key: &two, v: 2, at: 20}, joinRow{v: 3, at: 30})
		r.pass(1000)
		r.cancel()
		r.start()
		r.pass(999)
		if r.givenUp != nil {
			t.Errorf("%v before the last retry", r.givenUp)
		}
		r.pass(1)
		r.process(joinRow{key: &one, v: 4, at: 40})
		r.must(r.op.Advance(batch.Final, r.emit))
		if diff := cmp.Diff([]string{"1 100 2100 3", "3 100 2100 3", "4 2100 2100 1"}, r.givenUp); diff != "" {
			t.Errorf("%v: %s", kind, diff)
		}
	}
}

// TestATableThatNeverChangesIsGivenUpAtOnce, for rows that are not taken back.
func TestATableThatNeverChangesIsGivenUpAtOnce(t *testing.T) {
	one := int64(1)
	r := newRetrying(t, plan.InnerJoin, fixedDelay())
	r.table.settled = true
	r.process(joinRow{key: &one, v: 1, at: 10}, joinRow{kind: batch.Delete, key: &one, v: 1, at: 10})
	if diff := cmp.Diff([]string{"1 0 0 1"}, r.givenUp); diff != "" {
		t.Error(diff)
	}
}

// slow is a table that never answers.
type slow struct{ lookedUp }

func (slow) Lookup(ctx context.Context, _ []*batch.Column, _ int) (connect.Found, error) {
	<-ctx.Done()
	return connect.Found{}, ctx.Err()
}

// TestALookupEndsWithItsTimeout, and the problem says that it may be tried again.
func TestALookupEndsWithItsTimeout(t *testing.T) {
	op, err := NewLookupJoin(Environment{Context: &plan.Context{Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Run: t.Context()},
		lookupNode(plan.InnerJoin, nil, map[string]string{"timeout": "1 ms"}), &slow{})
	if err != nil {
		t.Fatal(err)
	}
	err = op.Process(0, joinBatch([]joinRow{{key: new(int64)}}), func(*batch.Batch) error { return nil })
	if !problem.Is(err, problem.Timeout) || problem.Of(err).Retry != problem.Later {
		t.Errorf("%v", err)
	}
}

// TestRowsThatWaitAreNeitherLostNorDoubled, and keep their order, over restarts
// and whatever the table does: every row is shown once, with what was there when
// it was, or alone.
func TestRowsThatWaitAreNeitherLostNorDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		options := fixedDelay()
		ordered := rapid.Bool().Draw(t, "ordered")
		if !ordered {
			options["output-mode"] = "allow_unordered"
		}
		r := newRetrying(t, plan.LeftJoin, options)
		present := map[int64]bool{}
		number := int64(0)
		came := map[string]int64{} // number of each row
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				var rows []joinRow
				for range rapid.IntRange(1, 5).Draw(t, "rows") {
					rows = append(rows, joinRow{key: drawKey(t), v: number, at: number})
					came[rows[len(rows)-1].String()] = number
					number++
				}
				r.process(rows...)
			case 2:
				key := rapid.Int64Range(0, 2).Draw(t, "present")
				present[key] = !present[key]
				r.table.rows = nil
				for _, key := range slices.Sorted(maps.Keys(present)) {
					if present[key] {
						r.table.rows = append(r.table.rows, joinRow{key: &key, v: 100, at: 1})
					}
				}
			case 3:
				r.pass(rapid.Int64Range(0, 1500).Draw(t, "time"))
				r.cancel()
				r.start()
			case 4:
				r.pass(rapid.Int64Range(0, 1500).Draw(t, "time"))
			}
			for _, w := range r.op.waiting.rows {
				if r.now > w.came+4*1500 {
					t.Fatalf("a row of %d still waits at %d", w.came, r.now)
				}
			}
		}
		r.must(r.op.Advance(batch.Final, r.emit))
		if len(r.shown) != int(number) {
			t.Fatalf("%d of %d rows", len(r.shown), number)
		}
		shown := map[string]bool{}
		for i, row := range r.shown {
			var left string
			for one := range came {
				if len(row) > len(one) && row[:len(one)+1] == one+" " {
					left = one
				}
			}
			if left == "" || shown[left] {
				t.Fatalf("%s is shown twice, or never came", row)
			}
			shown[left] = true
			if ordered && came[left] != int64(i) {
				t.Fatalf("row %d came as number %d: %s", i, came[left], row)
			}
		}
	})
}

// TestHintsThatCannotBeHonoured are refused.
func TestHintsThatCannotBeHonoured(t *testing.T) {
	for _, options := range []map[string]string{
		{"retry-strategy": "fixed_delay", "fixed-delay": "1 min", "max-attempts": "3", "timeout": "179 s"},
		{"retry-strategy": "exponential_delay", "initial-delay": "1 s", "max-attempts": "1000", "timeout": "1 d"},
	} {
		if _, err := retryOf(options); !problem.Is(err, problem.Unsupported) {
			t.Errorf("%v: %v", options, err)
		}
	}
	r, err := retryOf(map[string]string{"retry-strategy": "fixed_delay", "fixed-delay": "1 min", "max-attempts": "3", "timeout": "3 min"})
	if err != nil || r.total() != 3*time.Minute {
		t.Errorf("%v, %v", r.total(), err)
	}
}

// TestDamagedWaitingRow: what cannot be read is an error.
func TestDamagedWaitingRow(t *testing.T) {
	for _, one := range []struct{ key, val string }{{"x", ""}, {"w12345678", "\x80"}} {
		r := newRetrying(t, plan.LeftJoin, fixedDelay())
		r.state.Put(0, []byte(one.key), []byte(one.val))
		if err := r.op.Load(r.state); !errors.Is(err, errWaitingLookup) {
			t.Errorf("%q: %v", one.key, err)
		}
	}
}
