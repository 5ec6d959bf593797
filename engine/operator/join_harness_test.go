package operator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// The tables of join tests: a key, a number, and a time in milliseconds.
const (
	joinKeyColumn = iota
	joinNumberColumn
	joinTimeColumn
	joinWidth
)

// joinRow is a row of a test: a nil key is NULL.
type joinRow struct {
	kind  batch.Kind
	key   *int64
	v, at int64
	mark  engine.Watermark
}

func (r joinRow) String() string {
	key := "NULL"
	if r.key != nil {
		key = fmt.Sprint(*r.key)
	}
	return fmt.Sprintf("%s %d @%d", key, r.v, r.at)
}

const nothing = "NULL NULL @NULL"

var joinTime = value.TimestampOf(3)

func joinScan(name string) *plan.Scan {
	return &plan.Scan{Columns: []int{0, 1, 2}, Table: &plan.Table{Name: name, Watermark: &plan.WatermarkSpec{Column: joinTimeColumn}, Columns: []plan.TableColumn{
		{Name: "k", Type: value.BigIntType}, {Name: "v", Type: value.BigIntType.Required()}, {Name: "at", Type: joinTime},
	}}}
}

// lessNumber is the condition l.v < r.v.
func lessNumber() plan.Expr {
	number := value.BigIntType.Required()
	return callOf("<", &plan.Column{Index: joinNumberColumn, Of: number}, &plan.Column{Index: joinWidth + joinNumberColumn, Of: number})
}

func joinBatch(rows []joinRow) *batch.Batch {
	b := &batch.Batch{Rows: len(rows), Columns: []*batch.Column{
		batch.NewColumn(value.BigIntType, len(rows)), batch.NewColumn(value.BigIntType.Required(), len(rows)), batch.NewColumn(joinTime, len(rows)),
	}}
	for _, r := range rows {
		if r.key == nil {
			b.Columns[0].AppendNull()
		} else {
			b.Columns[0].AppendValue(value.OfBigInt(*r.key))
		}
		b.Columns[1].AppendValue(value.OfBigInt(r.v))
		b.Columns[2].AppendValue(value.Value{Type: joinTime, Int: r.at * 1000})
		b.Kinds, b.Marks = append(b.Kinds, r.kind), append(b.Marks, r.mark)
	}
	return b
}

// storedState is what operators have saved.
type storedState map[engine.KeyGroup]map[string]string

func (s storedState) Put(group engine.KeyGroup, key, val []byte) {
	if s[group] == nil {
		s[group] = map[string]string{}
	}
	s[group][string(key)] = string(val)
}

func (s storedState) Delete(group engine.KeyGroup, key []byte) { delete(s[group], string(key)) }

func (s storedState) Each(w engine.Worker, f func(engine.KeyGroup, []byte, []byte) error) error {
	for group, entries := range s {
		if !w.Has(group) {
			continue
		}
		for key, val := range entries {
			if err := f(group, []byte(key), []byte(val)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s storedState) size() int {
	n := 0
	for _, entries := range s {
		n += len(entries)
	}
	return n
}

// joinRunner runs a join with several workers and holds its result as a table.
type joinRunner struct {
	t          require
	construct  func(Environment) (engine.Operator, error)
	streaming  bool
	keyless    bool
	keyColumns []int
	workers    []engine.Operator
	contexts   []*plan.Context // of the workers
	now        engine.Watermark
	state      storedState
	table      map[string]int
	appends    bool // rows must not be taken back
	check      func(row string, mark engine.Watermark)
}

// require is what a runner needs of a test.
type require interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newJoinRunner(t require, streaming, keyless bool, construct func(Environment) (engine.Operator, error)) *joinRunner {
	return &joinRunner{t: t, construct: construct, streaming: streaming, keyless: keyless, keyColumns: []int{joinKeyColumn}, now: batch.NoMark,
		state: storedState{}, table: map[string]int{}}
}

// start makes n workers with what was saved.
func (r *joinRunner) start(n int) {
	r.t.Helper()
	r.workers, r.contexts = nil, nil
	for i := range n {
		ctx := &plan.Context{Streaming: r.streaming, Zone: time.UTC}
		r.contexts = append(r.contexts, ctx)
		env := Environment{Context: ctx, Worker: engine.WorkerOf(i, n), Saves: true}
		op, err := r.construct(env)
		r.must(err)
		r.must(op.Load(r.state))
		r.workers = append(r.workers, op)
	}
}

func (r *joinRunner) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%v", err)
	}
}

// restart saves, forgets everything that was not saved, and starts n workers.
func (r *joinRunner) restart(n int) {
	r.t.Helper()
	r.flush()
	for _, op := range r.workers {
		r.must(op.Save(r.state))
	}
	r.start(n)
}

// flush has all workers show what they have held back, a minute later.
func (r *joinRunner) flush() {
	r.t.Helper()
	for _, ctx := range r.contexts {
		ctx.Now = ctx.Now.Add(time.Minute)
	}
	for _, op := range r.workers {
		r.must(op.Flush(r.emit))
	}
}

// process sends rows to the workers of their keys.
func (r *joinRunner) process(port int, rows []joinRow) {
	r.t.Helper()
	parts := make([][]joinRow, len(r.workers))
	for _, row := range rows {
		to := 0
		if !r.keyless {
			var key []*batch.Column
			for _, column := range r.keyColumns {
				key = append(key, joinBatch([]joinRow{row}).Columns[column])
			}
			to = engine.Route(engine.GroupOf(batch.AppendKey(nil, key, 0)), len(r.workers))
		}
		parts[to] = append(parts[to], row)
	}
	for i, part := range parts {
		if len(part) > 0 {
			r.must(r.workers[i].Process(port, joinBatch(part), r.emit))
		}
	}
}

func (r *joinRunner) advance(w engine.Watermark) {
	r.t.Helper()
	if w <= r.now {
		return
	}
	for _, op := range r.workers {
		r.must(op.Advance(w, r.emit))
	}
	r.now = w
}

// downstream is how far the next operator's watermark is.
func (r *joinRunner) downstream() engine.Watermark {
	if h, ok := r.workers[0].(engine.Holder); ok {
		return h.Held(r.now)
	}
	return r.now
}

func (r *joinRunner) emit(b *batch.Batch) error {
	if b.Rows == 0 || b.Rows > batch.MaxRows || b.Kinds != nil && len(b.Kinds) != b.Rows || b.Marks != nil && len(b.Marks) != b.Rows {
		r.t.Fatalf("a batch of %d rows with %d kinds and %d marks", b.Rows, len(b.Kinds), len(b.Marks))
	}
	for i, c := range b.Columns {
		if c.Len() != b.Rows {
			r.t.Fatalf("column %d has %d of %d rows", i, c.Len(), b.Rows)
		}
	}
	if !slices.IsSorted(b.Marks) {
		r.t.Fatalf("marks %v", b.Marks)
	}
	b.Each(func(i int) {
		row := shownJoin(b, i)
		if b.Kind(i).Retracts() {
			if r.table[row]--; r.table[row] < 0 || r.appends {
				r.t.Fatalf("%s is taken back", row)
			}
			return
		}
		r.table[row]++
		if r.check != nil {
			r.check(row, b.Mark(i))
		}
	})
	return nil
}

// shownJoin prints a row of one or two sides.
func shownJoin(b *batch.Batch, i int) string {
	var parts []string
	for side := 0; side < len(b.Columns); side += joinWidth {
		var cells []string
		for _, c := range b.Columns[side : side+joinWidth] {
			switch {
			case c.IsNull(i):
				cells = append(cells, "NULL")
			case c.Type.Kind == joinTime.Kind:
				cells = append(cells, fmt.Sprint(c.Ints[i]/1000))
			default:
				cells = append(cells, fmt.Sprint(c.Ints[i]))
			}
		}
		parts = append(parts, fmt.Sprintf("%s %s @%s", cells[0], cells[1], cells[2]))
	}
	return strings.Join(parts, " | ")
}

// rows is the table, sorted.
func (r *joinRunner) rows() []string { return sortedRows(r.table) }

func sortedRows(table map[string]int) []string {
	var rows []string
	for _, row := range slices.Sorted(maps.Keys(table)) {
		for range table[row] {
			rows = append(rows, row)
		}
	}
	return rows
}

// relation is the rows of one side that are there.
type relation []joinRow

// apply changes the relation by a row.
func (l relation) apply(row joinRow) relation {
	if !row.kind.Retracts() {
		return append(l, row)
	}
	for i, other := range l {
		if other.String() == row.String() {
			return slices.Delete(slices.Clone(l), i, i+1)
		}
	}
	return l
}

// joinOf is the join by its definition.
func joinOf(kind plan.JoinKind, left, right relation, partners func(l, r joinRow) bool) []string {
	table := map[string]int{}
	hasPartner := make([]bool, len(right))
	for _, l := range left {
		found := false
		for i, r := range right {
			if !partners(l, r) {
				continue
			}
			found, hasPartner[i] = true, true
			if kind.ShowsRight() {
				table[l.String()+" | "+r.String()]++
			}
		}
		switch {
		case kind == plan.SemiJoin && found, kind == plan.AntiJoin && !found:
			table[l.String()]++
		case kind.ShowsRight() && kind.KeepsLeft() && !found:
			table[l.String()+" | "+nothing]++
		}
	}
	for i, r := range right {
		if kind.KeepsRight() && !hasPartner[i] {
			table[nothing+" | "+r.String()]++
		}
	}
	return sortedRows(table)
}

var joinKinds = []plan.JoinKind{plan.InnerJoin, plan.LeftJoin, plan.RightJoin, plan.FullJoin, plan.SemiJoin, plan.AntiJoin}

// drawKey is NULL or one of a few keys.
func drawKey(t *rapid.T) *int64 {
	key := rapid.Int64Range(-1, 2).Draw(t, "key")
	if key < 0 {
		return nil
	}
	return &key
}

var joinBatchRows = rapid.SampledFrom([]int{1, 7, batch.MaxRows})

func equalKeys(l, r joinRow, nullSafe bool) bool {
	if l.key == nil || r.key == nil {
		return nullSafe && l.key == r.key
	}
	return *l.key == *r.key
}

// joinFeed is two inputs in event time, each with its own watermark.
type joinFeed struct {
	runner  *joinRunner
	delay   int64
	bounded bool // batch mode: no marks, no watermark before the end
	marks   [2]engine.Watermark
	sides   [2]relation // with the marks of rows
}

func newJoinFeed(r *joinRunner, delay int64) *joinFeed {
	return &joinFeed{runner: r, delay: delay, marks: [2]engine.Watermark{batch.NoMark, batch.NoMark}}
}

// add marks a row of the port.
func (f *joinFeed) add(port int, row joinRow) joinRow {
	row.mark = f.marks[port]
	if !f.bounded {
		f.marks[port] = max(f.marks[port], row.at-f.delay)
	}
	f.sides[port] = append(f.sides[port], row)
	return row
}

// advance lets the operator's watermark follow those of the inputs.
func (f *joinFeed) advance() {
	f.runner.t.Helper()
	f.runner.advance(min(f.marks[0], f.marks[1]))
}

// random feeds batches of random rows, with restarts, to the end; make makes a
// row at a time.
func (f *joinFeed) random(t *rapid.T, make func(port int, at int64) joinRow) {
	base := int64(0)
	for range rapid.IntRange(0, 40).Draw(t, "batches") {
		port := rapid.IntRange(0, 1).Draw(t, "port")
		base += rapid.Int64Range(0, 20).Draw(t, "passed")
		var rows []joinRow
		for range rapid.IntRange(1, min(12, joinBatchRows.Draw(t, "rows"))).Draw(t, "batch") {
			rows = append(rows, f.add(port, make(port, base+rapid.Int64Range(-25, 5).Draw(t, "time"))))
		}
		f.runner.process(port, rows)
		if rapid.Bool().Draw(t, "advance") {
			f.advance()
		}
		if rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
			f.runner.restart(rapid.IntRange(1, 3).Draw(t, "workers"))
		}
	}
	f.runner.advance(batch.Final)
}

// timesOf are the times in a shown row.
func timesOf(row string) []int64 {
	var times []int64
	for _, part := range strings.Split(row, " | ") {
		var at int64
		if _, err := fmt.Sscan(part[strings.LastIndex(part, "@")+1:], &at); err == nil {
			times = append(times, at)
		}
	}
	return times
}

var _ require = (*testing.B)(nil)
