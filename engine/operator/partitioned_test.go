package operator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// event is a row of the tests of OVER and Top-N: partition, value, event time and
// an id, and the watermark before it.
type event struct {
	k, v, at, id value.Value
	kind         batch.Kind
	mark         engine.Watermark
}

var (
	eventNumber = value.BigIntType
	eventTime   = value.TimestampOf(3)
	eventScan   = &plan.Scan{Table: &plan.Table{Columns: []plan.TableColumn{
		{Name: "k", Type: eventNumber}, {Name: "v", Type: eventNumber}, {Name: "at", Type: eventTime}, {Name: "id", Type: eventNumber},
	}}, Columns: []int{0, 1, 2, 3}}
)

// timedEvents is the events with their time as event time.
func timedEvents() plan.Node {
	return &plan.Watermark{Input: eventScan, Column: 2, Delayed: eventColumn(2)}
}

func eventColumn(i int) plan.Expr {
	c := eventScan.Schema()[i]
	return &plan.Column{Index: i, Name: c.Name, Of: c.Type}
}

func (e event) values() []value.Value { return []value.Value{e.k, e.v, e.at, e.id} }

// drawEvents draws rows, some of which take back earlier ones.
func drawEvents(t *rapid.T, retracts bool) []event {
	var all, there []event
	delay := rapid.Int64Range(0, 6).Draw(t, "delay")
	now, mark := int64(0), batch.NoMark
	for i := range rapid.IntRange(0, 60).Draw(t, "rows") {
		if retracts && len(there) > 0 && rapid.IntRange(0, 2).Draw(t, "take back") == 0 {
			at := rapid.IntRange(0, len(there)-1).Draw(t, "which")
			e := there[at]
			e.kind, e.mark = batch.Delete, mark
			// Of equal rows the first is taken back.
			at = slices.IndexFunc(there, func(x event) bool { return sameEvent(x, e) })
			there = slices.Delete(there, at, at+1)
			all = append(all, e)
			continue
		}
		now += rapid.Int64Range(0, 3).Draw(t, "pause")
		at := now - rapid.Int64Range(0, 8).Draw(t, "disorder")
		e := event{
			k: value.OfBigInt(rapid.Int64Range(0, 3).Draw(t, "k")), v: value.OfBigInt(rapid.Int64Range(-3, 3).Draw(t, "v")),
			at: value.Value{Type: eventTime, Int: at * 1000}, id: value.OfBigInt(int64(i)), mark: mark,
		}
		if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
			e.v = value.NullOf(eventNumber)
		}
		if rapid.IntRange(0, 9).Draw(t, "repeat") == 0 {
			e.id = value.OfBigInt(-1)
		}
		all, there = append(all, e), append(there, e)
		mark = max(mark, at-delay)
	}
	return all
}

func sameEvent(a, b event) bool {
	for i, v := range a.values() {
		if w := b.values()[i]; v.Null != w.Null || !v.Null && v.Int != w.Int {
			return false
		}
	}
	return true
}

// drive runs events through up to workersMax workers of an operator, by partition: with batches of some size,
// flushes here and there, and a restart with other workers in the middle; some of
// the time all state goes to files now and then. It gives
// the rows that are there in the end, in order of their text, and whether any
// was taken back.
func drive(t *rapid.T, events []event, workersMax int, streaming bool, construct func(Environment) (engine.Operator, error)) (rows []string, updates bool) {
	size := rapid.SampledFrom([]int{1, 7, 4096}).Draw(t, "batch size")
	restart := rapid.IntRange(0, len(events)).Draw(t, "restart")
	kept := storedState{}
	bag := map[string]int{}
	emit := func(b *batch.Batch) error {
		b.Each(func(i int) {
			text := fmt.Sprint(texts(b.Row(i)))
			if b.Kind(i).Retracts() {
				updates = true
				bag[text]--
			} else {
				bag[text]++
			}
			if bag[text] < 0 {
				t.Fatalf("%s %s takes back what is not there", b.Kind(i), text)
			}
		})
		return nil
	}
	var workers []engine.Operator
	spills := newRandomSpills(t)
	defer spills.close()
	start := func(n int) {
		workers, spills.of = nil, nil
		for i := range n {
			env := spills.limit(Environment{Context: &plan.Context{Streaming: streaming, Zone: time.UTC}, Worker: engine.WorkerOf(i, n), Saves: true})
			op, err := construct(env)
			check(t, err)
			op = spills.add(env, op)
			check(t, op.Load(kept))
			workers = append(workers, op)
		}
	}
	start(rapid.IntRange(1, workersMax).Draw(t, "workers"))
	now := batch.NoMark
	feed := func(part []event) {
		spills.evictSome(emit)
		for i, op := range workers {
			if b := batchOf(part, i, len(workers)); b != nil {
				check(t, op.Process(0, b, emit))
			}
		}
		w := now
		for _, e := range part {
			w = max(w, e.mark)
		}
		flush := rapid.IntRange(0, 2).Draw(t, "flush") == 0
		for _, op := range workers {
			if w > now && streaming {
				check(t, op.Advance(w, emit))
			}
			if flush {
				check(t, op.Flush(emit))
			}
		}
		now = w
	}
	save := func() {
		for _, op := range workers {
			check(t, op.Flush(emit))
			check(t, op.Save(kept))
		}
	}
	for i := 0; i < len(events); {
		end := min(i+size, len(events))
		if i < restart && end > restart {
			end = restart
		}
		feed(events[i:end])
		if i = end; i == restart {
			save()
			start(rapid.IntRange(1, workersMax).Draw(t, "workers after"))
		} else if rapid.IntRange(0, 5).Draw(t, "save") == 0 {
			save()
		}
	}
	spills.evictSome(emit)
	for _, op := range workers {
		check(t, op.Advance(batch.Final, emit))
		check(t, op.Flush(emit))
	}
	for text, n := range bag {
		for range n {
			rows = append(rows, text)
		}
	}
	slices.Sort(rows)
	return rows, updates
}

func check(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func texts(row []value.Value) []string {
	var all []string
	for _, v := range row {
		all = append(all, string(v.AppendText(nil, nil)))
	}
	return all
}

// batchOf is the events whose partition belongs to worker i of n; nil for none.
func batchOf(events []event, i, n int) *batch.Batch {
	b := &batch.Batch{Columns: columnsOf(schemaTypes(eventScan.Schema()), len(events))}
	for _, e := range events {
		key := batch.NewColumn(eventNumber, 1)
		key.AppendValue(e.k)
		if engine.Route(engine.GroupOf(batch.AppendKey(nil, []*batch.Column{key}, 0)), n) != i {
			continue
		}
		for c, v := range e.values() {
			b.Columns[c].AppendValue(v)
		}
		b.Kinds, b.Marks = append(b.Kinds, e.kind), append(b.Marks, e.mark)
		b.Rows++
	}
	if b.Rows == 0 {
		return nil
	}
	return b
}

// present is the events that are there in the end.
func present(events []event) []event {
	var there []event
	for _, e := range events {
		if !e.kind.Retracts() {
			there = append(there, e)
			continue
		}
		at := slices.IndexFunc(there, func(x event) bool { return sameEvent(x, e) })
		there = slices.Delete(there, at, at+1)
	}
	return there
}

// drawOrder draws sort keys.
func drawOrder(t *rapid.T) []plan.SortKey {
	var order []plan.SortKey
	for range rapid.IntRange(1, 2).Draw(t, "sort keys") {
		order = append(order, plan.SortKey{
			Expr:       eventColumn(rapid.SampledFrom([]int{1, 2}).Draw(t, "column")),
			Descending: rapid.Bool().Draw(t, "descending"), NullsFirst: rapid.Bool().Draw(t, "nulls first"),
		})
	}
	return order
}

// compareEvents orders events as SQL says.
func compareEvents(order []plan.SortKey) func(a, b event) int {
	return func(a, b event) int {
		for _, k := range order {
			c := k.Expr.(*plan.Column).Index
			x, y := a.values()[c], b.values()[c]
			switch {
			case x.Null && y.Null:
			case x.Null != y.Null:
				if x.Null == k.NullsFirst {
					return -1
				}
				return 1
			case x.Int != y.Int:
				if (x.Int < y.Int) != k.Descending {
					return -1
				}
				return 1
			}
		}
		return 0
	}
}

// byPartition gives the events of each partition, in order.
func byPartition(events []event, order []plan.SortKey) [][]event {
	parts := map[int64][]event{}
	for _, e := range events {
		parts[e.k.Int] = append(parts[e.k.Int], e)
	}
	var all [][]event
	for _, part := range parts {
		slices.SortStableFunc(part, compareEvents(order))
		all = append(all, part)
	}
	return all
}

func sorted(rows []string) []string {
	slices.Sort(rows)
	return rows
}

func wantRows(t *rapid.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(sorted(want), got); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// TestRankIsTheFirstRows compares Top-N with sorting everything.
func TestRankIsTheFirstRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		retracts := rapid.Bool().Draw(t, "retracts")
		events := drawEvents(t, retracts)
		n := &plan.Rank{
			Input: eventScan, Partition: []int{0}, Order: drawOrder(t), WindowEnd: -1, Name: "n",
			Function: rapid.SampledFrom([]plan.RankFunction{plan.RowNumber, plan.PlainRank, plan.DenseRank}).Draw(t, "function"),
			From:     rapid.Int64Range(1, 3).Draw(t, "from"), To: rapid.Int64Range(1, 5).Draw(t, "to"),
			Number: rapid.Bool().Draw(t, "number"), TTL: drawLongTTL(t)[0],
		}
		streaming := rapid.Bool().Draw(t, "streaming")
		got, updates := drive(t, events, 3, streaming, func(env Environment) (engine.Operator, error) {
			env.Retracts = retracts
			return NewRank(env, n)
		})
		if updates && !streaming {
			t.Fatal("batch mode took rows back")
		}
		var want []string
		for _, part := range byPartition(present(events), n.Order) {
			rank, dense := int64(0), int64(0)
			for i, e := range part {
				if i == 0 || compareEvents(n.Order)(part[i-1], e) != 0 {
					rank, dense = int64(i)+1, dense+1
				}
				number := map[plan.RankFunction]int64{plan.RowNumber: int64(i) + 1, plan.PlainRank: rank, plan.DenseRank: dense}[n.Function]
				if number < n.From || number > n.To {
					continue
				}
				row := e.values()
				if n.Number {
					row = append(row, value.OfBigInt(number))
				}
				want = append(want, fmt.Sprint(texts(row)))
			}
		}
		wantRows(t, want, got)
	})
}

// TestKeepFirstWaits compares deduplication by event time with its rule, row by
// row.
func TestKeepFirstWaits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, false)
		n := &plan.Rank{Input: timedEvents(), Partition: []int{0}, Order: []plan.SortKey{{Expr: eventColumn(2), NullsFirst: true}}, From: 1, To: 1, WindowEnd: -1, TTL: drawLongTTL(t)[0]}
		if !n.KeepsFirst() {
			t.Fatal("this should keep the first row")
		}
		got, updates := drive(t, events, 3, true, func(env Environment) (engine.Operator, error) { return NewKeepFirst(env, n) })
		if updates {
			t.Fatal("a first row was taken back")
		}
		first := map[int64]event{}
		for _, e := range events {
			if e.at.Int/1000 <= e.mark {
				continue // late
			}
			f, known := first[e.k.Int]
			over := known && f.at.Int/1000 <= e.mark
			if !known || !over && e.at.Int < f.at.Int {
				first[e.k.Int] = e
			}
		}
		var want []string
		for _, e := range first {
			want = append(want, fmt.Sprint(texts(e.values())))
		}
		wantRows(t, want, got)
	})
}

// TestRankOfWindows compares the first rows of windows, and last versions, with
// sorting everything that was not late.
func TestRankOfWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, false)
		window := &plan.Window{Input: timedEvents(), Spec: plan.WindowSpec{Kind: plan.Tumble, Time: 2, Size: 5}}
		n := &plan.Rank{
			Input: window, Partition: []int{0, 4, 5}, Order: drawOrder(t), WindowEnd: 5,
			From: 1, To: rapid.Int64Range(1, 3).Draw(t, "to"), LatestFirst: rapid.Bool().Draw(t, "latest first"),
		}
		end := func(e event) int64 { return floorDivide(e.at.Int/1000, 5)*5 + 5 }
		got, updates := drive(t, events, 1, true, func(env Environment) (engine.Operator, error) {
			ranked, err := NewRank(env, n)
			if err != nil {
				return nil, err
			}
			windows, err := NewWindow(env, window)
			return &overWindows{windows, ranked}, err
		})
		if updates {
			t.Fatal("a row of a window was taken back")
		}
		perWindow := map[int64][]event{}
		for _, e := range events {
			if e.mark < end(e)-1 {
				perWindow[end(e)] = append(perWindow[end(e)], e)
			}
		}
		var want []string
		for to, inside := range perWindow {
			if n.LatestFirst {
				slices.Reverse(inside)
			}
			for _, part := range byPartition(inside, n.Order) {
				for _, e := range part[:min(len(part), int(n.To))] {
					stamp := func(ms int64) value.Value { return value.Value{Type: eventTime, Int: ms * 1000} }
					want = append(want, fmt.Sprint(texts(append(e.values(), stamp(to-5), stamp(to), stamp(to-1)))))
				}
			}
		}
		wantRows(t, want, got)
	})
}

// overWindows is an operator without state in front of another one.
type overWindows struct {
	first engine.Operator
	engine.Operator
}

// Process gives the second operator what the first one makes of the rows.
func (c *overWindows) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	return c.first.Process(port, rows, func(b *batch.Batch) error { return c.Operator.Process(port, b, emit) })
}
