package operator

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// TestTableIsAMap compares a table with a Go map, with removals.
func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, reference := newTable(), map[string]uint32{}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			key := fmt.Sprint("key ", rapid.IntRange(0, 120).Draw(t, "key"))
			code, known := reference[key]
			got, found := tab.get([]byte(key))
			if known != found || known && got != code {
				t.Fatalf("%s has code %d, %t; want %d, %t", key, got, found, code, known)
			}
			switch {
			case known && rapid.Bool().Draw(t, "remove"):
				tab.remove(code)
				delete(reference, key)
			case !known:
				reference[key] = tab.put([]byte(key))
			}
			if tab.live() != len(reference) {
				t.Fatalf("%d keys, want %d", tab.live(), len(reference))
			}
		}
		codes := map[uint32]bool{}
		for key, code := range reference {
			if string(tab.key(code)) != key || codes[code] {
				t.Errorf("code %d has the key %q, want %q; given twice: %t", code, tab.key(code), key, codes[code])
			}
			codes[code] = true
		}
	})
}

func TestTableForgetsRemovedBytes(t *testing.T) {
	tab := newTable()
	for i := range 20_000 {
		tab.remove(tab.put(fmt.Appendf(nil, "a key that is used once only, %d", i)))
	}
	if tab.arena.held > 4*arenaGarbageMin || tab.size() != 1 {
		t.Errorf("%d bytes and %d codes for no key at all", tab.arena.held, tab.size())
	}
}

func TestRowStoreIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s rowStore
		reference := map[uint32]string{}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			code := rapid.Uint32Range(0, 20).Draw(t, "code")
			if rapid.IntRange(0, 3).Draw(t, "drop") == 0 {
				s.drop(code)
				delete(reference, code)
			} else {
				row := rapid.StringN(1, 40, -1).Draw(t, "row")
				s.put(code, []byte(row))
				reference[code] = row
			}
			if rapid.IntRange(0, 20).Draw(t, "compact") == 0 {
				s.compact()
			}
		}
		for code := range uint32(25) {
			want, known := reference[code]
			if got := s.get(code); string(got) != want || (got != nil) != known {
				t.Errorf("row %d is %q, want %q", code, got, want)
			}
		}
	})
}

func TestClock(t *testing.T) {
	c := NewClock([]engine.Watermark{batch.NoMark, batch.NoMark}, batch.NoMark)
	check := func(what string, want engine.Watermark, wantIdle bool) {
		t.Helper()
		if w, idle := c.Now(); w != want || idle != wantIdle {
			t.Errorf("%s: watermark %d, idle %t; want %d, %t", what, w, idle, want, wantIdle)
		}
	}
	c.Mark(0, nil, 10)
	check("a split that has said nothing holds time back", batch.NoMark, false)
	marks := []int64{batch.NoMark, 5, 20}
	c.Mark(1, marks, 30)
	if diff := cmp.Diff([]int64{batch.NoMark, 5, 10}, marks); diff != "" {
		t.Errorf("marks are the lesser of both splits: %s", diff)
	}
	check("the lesser of both", 10, false)
	c.SetIdle(0)
	check("without the idle one", 30, false)
	c.Mark(0, nil, 12)
	check("a split that wakes up does not turn time back", 30, false)
	c.SetIdle(1)
	c.SetIdle(0)
	check("all idle", 30, true)
	c.Mark(0, nil, 50)
	c.End(0)
	c.End(1)
	check("all ended", batch.Final, false)
}

func assignerOf(t *testing.T, spec plan.WindowSpec, of value.Type, zone string) *assigner {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAssigner(spec, plan.OutputColumn{Type: of}, Environment{Context: &plan.Context{Zone: location}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestWindowsOnTheWall: windows of an instant lie on the local clock; the hour
// that repeats is in one window, which waits for its second pass.
func TestWindowsOnTheWall(t *testing.T) {
	hour := plan.WindowSpec{Kind: plan.Tumble, Size: 3_600_000}
	a := assignerOf(t, hour, value.TimestampLTZOf(3), "America/Los_Angeles")
	wall := func(day, clock string) int64 {
		at, err := time.Parse("2006-01-02 15:04:05", day+" "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	for _, c := range []struct{ name, day, end, fires string }{
		{"winter", "2021-01-05", "03:00:00", "2021-01-05 11:00:00"},
		{"before the repeated hour", "2021-11-07", "01:00:00", "2021-11-07 08:00:00"},
		{"the repeated hour", "2021-11-07", "02:00:00", "2021-11-07 10:00:00"},
		{"after it", "2021-11-07", "03:00:00", "2021-11-07 11:00:00"},
		{"before the skipped hour", "2021-03-14", "02:00:00", "2021-03-14 10:00:00"},
		{"after the skipped hour", "2021-03-14", "04:00:00", "2021-03-14 11:00:00"},
	} {
		if got, want := a.fires(wall(c.day, c.end)), wall(c.fires[:10], c.fires[11:])-1; got != want {
			t.Errorf("%s: fires at %s, want %s", c.name, time.UnixMilli(got).UTC(), time.UnixMilli(want).UTC())
		}
	}
	if got, want := a.fires(wall("2021-03-14", "03:00:00")), wall("2021-03-14", "10:00:00"); got != want {
		t.Errorf("the skipped hour: fires at %s, want when the clock skips, %s", time.UnixMilli(got).UTC(), time.UnixMilli(want).UTC())
	}
	column := batch.NewColumn(value.TimestampLTZOf(3), 0)
	for _, at := range []string{"2021-11-07 08:30:00", "2021-11-07 09:30:00"} { // 01:30 twice
		column.AppendValue(value.Value{Type: column.Type, Int: wall(at[:10], at[11:]) * 1000})
	}
	for i := range 2 {
		if got, want := a.slice(a.clock(column, i)), wall("2021-11-07", "02:00:00"); got != want {
			t.Errorf("pass %d of the hour is in the window that ends at %s", i+1, time.UnixMilli(got).UTC())
		}
	}
}

func TestTimestampsRoundDown(t *testing.T) {
	for _, precision := range []int{3, 6, 9} {
		c := batch.NewColumn(value.TimestampOf(precision), 0)
		c.Resize(1)
		setMilliseconds(c, 0, -1)
		if got := milliseconds(c, 0); got != -1 {
			t.Errorf("TIMESTAMP(%d): -1 ms reads back as %d", precision, got)
		}
	}
	c := batch.NewColumn(value.TimestampOf(6), 0)
	c.AppendValue(value.Value{Type: c.Type, Int: -1})
	if got := milliseconds(c, 0); got != -1 {
		t.Errorf("-1 µs is in millisecond %d", got)
	}
}

// checked wraps an operator and fails a test when its protocol is broken: by
// the operator, or by whoever drives it.
type checked struct {
	engine.Operator
	t       *testing.T
	now     engine.Watermark
	flushed bool
}

func (c *checked) out(emit engine.Emit) engine.Emit {
	return func(b *batch.Batch) error {
		for i, column := range b.Columns {
			if column.Len() != b.Rows {
				c.t.Errorf("column %d has %d of %d rows", i, column.Len(), b.Rows)
			}
		}
		if b.Rows == 0 || b.Rows > batch.MaxRows || b.Kinds != nil && len(b.Kinds) != b.Rows || b.Marks != nil && len(b.Marks) != b.Rows {
			c.t.Errorf("a batch of %d rows with %d kinds and %d marks", b.Rows, len(b.Kinds), len(b.Marks))
		}
		for i := range b.Rows {
			if b.Mark(i) > c.now {
				c.t.Errorf("a row has the mark %d, the watermark downstream is %d", b.Mark(i), c.now)
			}
		}
		return emit(b)
	}
}

func (c *checked) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	c.flushed = false
	return c.Operator.Process(port, rows, c.out(emit))
}

func (c *checked) Advance(w engine.Watermark, emit engine.Emit) error {
	if w <= c.now {
		c.t.Errorf("watermark %d after %d", w, c.now)
	}
	c.flushed = false
	err := c.Operator.Advance(w, c.out(emit))
	c.now = w
	return err
}

func (c *checked) Flush(emit engine.Emit) error {
	c.flushed = true
	return c.Operator.Flush(c.out(emit))
}

func (c *checked) Save(to engine.Changes) error {
	if !c.flushed {
		c.t.Error("Save without Flush")
	}
	return c.Operator.Save(to)
}

// TestWindowChangelog follows one window through its life: early, final,
// revised, gone.
func TestWindowChangelog(t *testing.T) {
	env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1)}
	stamp, number := value.TimestampOf(3), value.BigIntType
	scan := &plan.Scan{Table: &plan.Table{Columns: []plan.TableColumn{{Name: "at", Type: stamp}, {Name: "v", Type: number}}}, Columns: []int{0, 1}}
	node := &plan.WindowAggregate{Input: scan, Spec: plan.WindowSpec{Kind: plan.Tumble, Size: 100}, Names: []string{"total"},
		Calls: []plan.AggregateCall{aggregateOf("SUM", &plan.Column{Index: 1, Of: number})}, Properties: []plan.WindowProperty{{Kind: plan.WindowEnd}},
		Emit: plan.EmitEarly, Late: plan.LatePolicy{Action: plan.LateRevise, Keep: 50 * time.Millisecond}}
	dropped := 0
	env.Dropped = func(n int) { dropped += n }
	prepare, err := NewPrepareWindows(env, node)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := NewWindowAggregate(env, node, false)
	if err != nil {
		t.Fatal(err)
	}
	op := &checked{Operator: inner, t: t, now: batch.NoMark}
	var log []string
	emit := func(b *batch.Batch) error {
		b.Each(func(i int) {
			log = append(log, fmt.Sprintf("%s %d until %d", b.Kind(i), b.Columns[0].Ints[i], b.Columns[1].Ints[i]/1000))
		})
		return nil
	}
	add := func(at, v int64, mark engine.Watermark) {
		times, numbers := batch.NewColumn(stamp, 1), batch.NewColumn(number, 1)
		times.AppendValue(value.Value{Type: stamp, Int: at * 1000})
		numbers.AppendValue(value.OfBigInt(v))
		rows := &batch.Batch{Rows: 1, Columns: []*batch.Column{times, numbers}, Marks: []int64{mark}}
		if err := prepare.Process(0, rows, func(b *batch.Batch) error { return op.Process(0, b, emit) }); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, log); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		log = nil
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add(10, 1, batch.NoMark)
	do(op.Flush(emit))
	expect("the first early result", "+I 1 until 100")
	do(op.Flush(emit))
	expect("nothing has changed")
	add(20, 5, 15)
	add(20, -5, 15)
	do(op.Flush(emit))
	expect("changes that cancel out")
	add(30, 2, 20)
	do(op.Advance(99, emit))
	expect("the final result", "-U 1 until 100", "+U 3 until 100")
	add(40, 4, 99)
	do(op.Flush(emit))
	expect("a late row revises it", "-U 3 until 100", "+U 7 until 100")
	add(50, 8, 120)
	do(op.Advance(149, emit))
	expect("what no Flush has shown is shown before the window goes", "-U 7 until 100", "+U 15 until 100")
	add(60, 16, 149)
	do(op.Flush(emit))
	expect("too late")
	if dropped != 1 || len(inner.shown) != 0 || inner.groups.table.live() != 0 {
		t.Errorf("%d rows dropped; %d windows and %d groups are left", dropped, len(inner.shown), inner.groups.table.live())
	}
}

func TestNullTimes(t *testing.T) {
	times := batch.NewColumn(value.TimestampOf(3), 2)
	times.AppendNull()
	times.AppendValue(value.Value{Type: times.Type, Int: 5})
	rows := &batch.Batch{Rows: 2, Columns: []*batch.Column{times}}
	if _, err := withTimes(Environment{Context: &plan.Context{Streaming: true}}, rows, 0, "at"); !problem.Is(err, problem.InvalidValue) {
		t.Errorf("streaming mode gave %v", err)
	}
	kept, err := withTimes(Environment{Context: &plan.Context{}}, rows, 0, "at")
	if err != nil || kept.Rows != 1 || kept.Columns[0].Ints[0] != 5 {
		t.Errorf("batch mode kept %v, %v", kept, err)
	}
}
