package operator

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// visit is a row of the session tests.
type visit struct {
	user, at, weight int64
	mark             engine.Watermark
	sender           int
}

const visitGap = 10

// drawVisits gives rows in the order of their marks. Rows with the same mark come
// from one sender, which keeps their order: between senders nothing would.
func drawVisits(t *rapid.T) []visit {
	mark := batch.NoMark
	var visits []visit
	weight, sender := int64(1), 0
	for range rapid.IntRange(0, 40).Draw(t, "rows") {
		visits = append(visits, visit{
			user: rapid.Int64Range(0, 2).Draw(t, "user"), at: rapid.Int64Range(0, 120).Draw(t, "at"), weight: weight,
			mark: mark, sender: sender,
		})
		weight++
		if step := rapid.Int64Range(0, 15).Draw(t, "step"); step > 5 {
			mark, sender = max(mark, 0)+step-5, rapid.IntRange(0, 1).Draw(t, "sender")
		}
	}
	return visits
}

// wantSessions is what the rule says, row by row: the sessions of each user with
// the sums of their weights, and how many rows are late.
func wantSessions(visits []visit) (sessions []string, late int) {
	type open struct{ user, start, last, sum int64 }
	var all []*open // those that fired stay, and are told by the mark
	for _, v := range visits {
		home := &open{v.user, v.at, v.at, v.weight}
		joined := false
		rest := []*open{home}
		for _, s := range all {
			if s.user != v.user || s.last+visitGap-1 <= v.mark || v.at > s.last+visitGap || s.start > v.at+visitGap {
				rest = append(rest, s)
				continue
			}
			joined = true
			home.start, home.last, home.sum = min(home.start, s.start), max(home.last, s.last), home.sum+s.sum
		}
		if !joined && v.at+visitGap-1 <= v.mark {
			late++
			continue
		}
		all = rest
	}
	for _, s := range all {
		sessions = append(sessions, fmt.Sprintf("user %d from %d to %d: %d", s.user, s.start, s.last+visitGap, s.sum))
	}
	slices.Sort(sessions)
	return sessions, late
}

// visitBatch makes rows of visits.
func visitBatch(visits []visit) *batch.Batch {
	b := &batch.Batch{Rows: len(visits)}
	for range 3 {
		b.Columns = append(b.Columns, batch.NewColumn(value.BigIntType, len(visits)))
	}
	b.Columns[1] = batch.NewColumn(value.TimestampOf(3), len(visits))
	for _, v := range visits {
		b.Columns[0].AppendValue(value.OfBigInt(v.user))
		b.Columns[1].AppendValue(value.Value{Type: value.TimestampOf(3), Int: v.at * 1000})
		b.Columns[2].AppendValue(value.OfBigInt(v.weight))
		b.Marks = append(b.Marks, v.mark)
	}
	return b
}

// keptState is state in memory.
type keptState map[engine.KeyGroup]map[string][]byte

func (k keptState) Put(g engine.KeyGroup, key, val []byte) {
	if k[g] == nil {
		k[g] = map[string][]byte{}
	}
	k[g][string(key)] = slices.Clone(val)
}

func (k keptState) Delete(g engine.KeyGroup, key []byte) { delete(k[g], string(key)) }

func (k keptState) Each(w engine.Worker, f func(engine.KeyGroup, []byte, []byte) error) error {
	for g, entries := range k {
		if !w.Has(g) {
			continue
		}
		for key, val := range entries {
			if err := f(g, []byte(key), val); err != nil {
				return err
			}
		}
	}
	return nil
}

// sessionRun drives one operator over visits, some of whose senders are ahead
// of others, in batches, with restarts and with other numbers of workers.
type sessionRun struct {
	t       *rapid.T
	make    func(engine.Worker) engine.Operator
	prepare engine.Operator // nil for none
	emit    engine.Emit

	state     keptState
	operators []engine.Operator
	now       engine.Watermark
}

func (r *sessionRun) start(workers int) {
	r.operators = nil
	for i := range workers {
		op := r.make(engine.WorkerOf(i, workers))
		if err := op.Load(r.state); err != nil {
			r.t.Fatal(err)
		}
		r.operators = append(r.operators, op)
	}
}

func (r *sessionRun) each(f func(engine.Operator) error) {
	for _, op := range r.operators {
		if err := f(op); err != nil {
			r.t.Fatal(err)
		}
	}
}

// rows gives each worker its part.
func (r *sessionRun) rows(visits []visit) {
	parts := make([][]visit, len(r.operators))
	for _, v := range visits {
		b := visitBatch([]visit{v})
		to := engine.Route(engine.GroupOf(batch.AppendKey(nil, b.Columns[:1], 0)), len(parts))
		parts[to] = append(parts[to], v)
	}
	for i, part := range parts {
		if len(part) == 0 {
			continue
		}
		process := func(b *batch.Batch) error { return r.operators[i].Process(0, b, r.emit) }
		var err error
		if r.prepare != nil {
			err = r.prepare.Process(0, visitBatch(part), process)
		} else {
			err = process(visitBatch(part))
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *sessionRun) advance(w engine.Watermark) {
	if w > r.now {
		r.now = w
		r.each(func(op engine.Operator) error { return op.Advance(w, r.emit) })
	}
}

func (r *sessionRun) run(visits []visit) {
	r.state, r.now = keptState{}, batch.NoMark
	r.start(rapid.IntRange(1, 3).Draw(r.t, "workers"))
	size := rapid.SampledFrom([]int{1, 7, batch.MaxRows}).Draw(r.t, "batch")
	var queues [2][]visit
	for _, v := range visits {
		queues[v.sender] = append(queues[v.sender], v)
	}
	for len(queues[0])+len(queues[1]) > 0 {
		from := rapid.IntRange(0, 1).Draw(r.t, "next sender")
		if len(queues[from]) == 0 {
			from = 1 - from
		}
		n := min(size, len(queues[from]))
		r.rows(queues[from][:n])
		queues[from] = queues[from][n:]
		w := batch.Final
		for _, q := range queues {
			if len(q) > 0 {
				w = min(w, q[0].mark)
			}
		}
		if w != batch.Final {
			r.advance(w)
		}
		switch rapid.IntRange(0, 3).Draw(r.t, "barrier") {
		case 0:
			r.each(func(op engine.Operator) error { return op.Flush(r.emit) })
		case 1:
			r.each(func(op engine.Operator) error {
				if err := op.Flush(r.emit); err != nil {
					return err
				}
				return op.Save(r.state)
			})
			r.start(rapid.IntRange(1, 3).Draw(r.t, "workers"))
		}
	}
	r.advance(batch.Final)
}

func sessionSpec() plan.WindowSpec {
	return plan.WindowSpec{Kind: plan.Session, Time: 1, Gap: visitGap, Keys: []int{0}}
}

func visitScan() plan.Node {
	return &plan.Scan{Columns: []int{0, 1, 2}, Table: &plan.Table{Columns: []plan.TableColumn{
		{Name: "user", Type: value.BigIntType}, {Name: "at", Type: value.TimestampOf(3)}, {Name: "weight", Type: value.BigIntType}}}}
}

// TestSessionsFollowTheRule compares aggregated sessions with the rule, whatever
// the batches, the senders, the workers and the restarts; with early results,
// whose changes must add up, too.
func TestSessionsFollowTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		node := &plan.WindowAggregate{Input: visitScan(), Spec: sessionSpec(), Names: []string{"user", "sum"},
			Keys:       []plan.Expr{&plan.Column{Index: 0, Of: value.BigIntType}},
			Calls:      []plan.AggregateCall{aggregateOf("SUM", &plan.Column{Index: 2, Of: value.BigIntType})},
			Properties: []plan.WindowProperty{{Kind: plan.WindowStart}, {Kind: plan.WindowEnd}, {Kind: plan.WindowTime}}}
		if rapid.Bool().Draw(t, "early") {
			node.Emit = plan.EmitEarly
		}
		late := 0
		environment := func(w engine.Worker) Environment {
			return Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: w, Dropped: func(n int) { late += n }}
		}
		prepare, err := NewPrepareWindows(environment(engine.WorkerOf(0, 1)), node)
		if err != nil {
			t.Fatal(err)
		}
		table := map[string]int{}
		r := &sessionRun{t: t, prepare: prepare,
			make: func(w engine.Worker) engine.Operator {
				op, err := NewSessionAggregate(environment(w), node)
				if err != nil {
					t.Fatal(err)
				}
				return op
			},
			emit: func(b *batch.Batch) error {
				b.Each(func(i int) {
					c := b.Columns
					if c[4].Ints[i] != c[3].Ints[i]-1000 {
						t.Errorf("window_time is %d, the end %d", c[4].Ints[i], c[3].Ints[i])
					}
					row := fmt.Sprintf("user %d from %d to %d: %d", c[0].Ints[i], c[2].Ints[i]/1000, c[3].Ints[i]/1000, c[1].Ints[i])
					if b.Kind(i).Retracts() {
						table[row]--
					} else {
						table[row]++
					}
					if table[row] < 0 || node.Emit == plan.EmitFinal && b.Kind(i) != batch.Insert {
						t.Errorf("%s %s", b.Kind(i), row)
					}
				})
				return nil
			}}
		visits := drawVisits(t)
		r.run(visits)
		var got []string
		for row, n := range table {
			for range n {
				got = append(got, row)
			}
		}
		slices.Sort(got)
		want, wantLate := wantSessions(visits)
		if diff := gocmp.Diff(want, got); diff != "" || late != wantLate {
			t.Errorf("%d rows late, want %d; sessions: %s", late, wantLate, diff)
		}
		for _, op := range r.operators {
			a := op.(*SessionAggregate)
			if a.groups.table.live() != 0 || a.sessions.keys.live() != 0 || len(a.unused) != int(a.numbers) {
				t.Errorf("%d groups, %d keys and %d numbers are left", a.groups.table.live(), a.sessions.keys.live(), int(a.numbers)-len(a.unused))
			}
		}
	})
}

// TestSessionRowsFollowTheRule is the same for the table function, which gives
// every row with the bounds of its session.
func TestSessionRowsFollowTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		node := &plan.Window{Input: visitScan(), Spec: sessionSpec()}
		type bounds struct{ user, start, end int64 }
		sums := map[bounds]int64{}
		r := &sessionRun{t: t,
			make: func(w engine.Worker) engine.Operator {
				op, err := NewSessionWindow(Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: w}, node)
				if err != nil {
					t.Fatal(err)
				}
				return op
			},
			emit: func(b *batch.Batch) error {
				b.Each(func(i int) {
					c := b.Columns
					sums[bounds{c[0].Ints[i], c[3].Ints[i] / 1000, c[4].Ints[i] / 1000}] += c[2].Ints[i]
				})
				return nil
			}}
		visits := drawVisits(t)
		r.run(visits)
		got := []string(nil)
		for b, sum := range sums {
			got = append(got, fmt.Sprintf("user %d from %d to %d: %d", b.user, b.start, b.end, sum))
		}
		slices.Sort(got)
		want, _ := wantSessions(visits)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestArrivalsComeInOrderOfMarks checks that rows with equal marks stay in the
// order in which they came, and that kinds travel along.
func TestArrivalsComeInOrderOfMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a arrivals
		type row struct{ mark, number int64 }
		var waiting, got, want []row
		take := func(b *batch.Batch) error {
			for i := range b.Rows {
				number := b.Columns[0].Ints[i]
				if (b.Kind(i) == batch.Delete) != (number%3 == 0) {
					t.Errorf("row %d has kind %s", number, b.Kind(i))
				}
				got = append(got, row{b.Mark(i), number})
			}
			return nil
		}
		number, last := int64(0), int64(0)
		ordered := rapid.Bool().Draw(t, "one sender")
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			b := &batch.Batch{Columns: []*batch.Column{batch.NewColumn(value.BigIntType, 0)}}
			for range rapid.IntRange(0, 9).Draw(t, "rows") {
				mark := rapid.Int64Range(0, 9).Draw(t, "mark")
				if ordered {
					mark = last + mark/8
				}
				last = mark
				b.Columns[0].AppendValue(value.OfBigInt(number))
				kind := batch.Insert
				if number%3 == 0 {
					kind = batch.Delete
				}
				b.Marks, b.Kinds, b.Rows = append(b.Marks, mark), append(b.Kinds, kind), b.Rows+1
				waiting = append(waiting, row{mark, number})
				number++
			}
			a.add(b)
			now := rapid.Int64Range(-1, 10).Draw(t, "now")
			if err := a.take(now, take); err != nil {
				t.Fatal(err)
			}
			var due, rest []row
			for _, r := range waiting {
				if r.mark <= now {
					due = append(due, r)
				} else {
					rest = append(rest, r)
				}
			}
			slices.SortStableFunc(due, func(a, b row) int { return cmp.Compare(a.mark, b.mark) })
			want, waiting = append(want, due...), rest
		}
		if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(row{})); diff != "" {
			t.Error(diff)
		}
	})
}
