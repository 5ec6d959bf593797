package operator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// randomSpills has the operators of a test spill at random moments, however much
// they hold; or never, as drawn.
type randomSpills struct {
	t     *rapid.T
	spill *state.Spill // nil for never
	of    []*Spilling
}

func newRandomSpills(t *rapid.T) *randomSpills {
	s := &randomSpills{t: t}
	if rapid.Bool().Draw(t, "spills") {
		s.spill = state.NewMemorySpill()
	}
	return s
}

func (s *randomSpills) close() {
	if s.spill != nil {
		check(s.t, s.spill.Close())
	}
}

func (s *randomSpills) limit(env Environment) Environment {
	if s.spill != nil {
		env.Memory, env.Spill = 1<<30, s.spill
	}
	return env
}

func (s *randomSpills) add(env Environment, op engine.Operator) engine.Operator {
	if behind, ok := op.(*overWindows); ok {
		behind.Operator = s.add(env, behind.Operator)
		return behind
	}
	op = NewSpilling(env, op)
	if spilling, ok := op.(*Spilling); ok {
		s.of = append(s.of, spilling)
	} else if s.spill != nil {
		s.t.Fatalf("%T does not spill", op)
	}
	return op
}

func (s *randomSpills) evictSome(emit engine.Emit) {
	for _, spilling := range s.of {
		if rapid.IntRange(0, 2).Draw(s.t, "evict") == 0 {
			check(s.t, spilling.evict(emit))
		}
	}
}

// countingPlan is SELECT k, COUNT(*), SUM(v), MIN(v), COUNT(DISTINCT v) GROUP BY k.
func countingPlan() *plan.Aggregate {
	distinct := aggregateOf("COUNT", eventColumn(1))
	distinct.Distinct = true
	return &plan.Aggregate{
		Input: eventScan, Keys: []plan.Expr{eventColumn(0)}, Names: []string{"k", "n", "s", "m", "d"},
		Calls: []plan.AggregateCall{aggregateOf("COUNT"), aggregateOf("SUM", eventColumn(1)), aggregateOf("MIN", eventColumn(1)), distinct},
	}
}

// counted is what countingPlan gives.
func counted(events []event) []string {
	var want []string
	for _, part := range byPartition(events, nil) {
		sum, least := value.NullOf(eventNumber), value.NullOf(eventNumber)
		different := map[int64]bool{}
		for _, e := range part {
			if e.v.Null {
				continue
			}
			if least.Null || e.v.Int < least.Int {
				least = e.v
			}
			if sum.Null {
				sum = value.OfBigInt(0)
			}
			sum.Int += e.v.Int
			different[e.v.Int] = true
		}
		row := []value.Value{part[0].k, value.OfBigInt(int64(len(part))), sum, least, value.OfBigInt(int64(len(different)))}
		want = append(want, fmt.Sprint(texts(row)))
	}
	return want
}

func newCounting(env Environment, n *plan.Aggregate) (engine.Operator, error) {
	prepare, err := NewPrepare(env, n)
	if err != nil {
		return nil, err
	}
	aggregate, err := NewAggregate(env, n)
	return &overWindows{prepare, aggregate}, err
}

// TestAggregateOfGroups compares GROUP BY with its definition.
func TestAggregateOfGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		retracts := rapid.Bool().Draw(t, "retracts")
		events := drawEvents(t, retracts)
		n := countingPlan()
		n.TTL = drawLongTTL(t)[0]
		got, _ := drive(t, events, 3, rapid.Bool().Draw(t, "streaming"), func(env Environment) (engine.Operator, error) {
			env.Retracts = retracts
			return newCounting(env, n)
		})
		wantRows(t, counted(present(events)), got)
	})
}

// manyEvents are rows of some hundred keys, a little out of order.
func manyEvents(retracts bool) []event {
	const rows, keys = 6000, 500
	random := rand.New(rand.NewPCG(1, 2))
	var all []event
	mark := batch.NoMark
	for i := range int64(rows) {
		if retracts && i%5 == 4 {
			taken := all[len(all)-1-random.IntN(3)]
			taken.kind, taken.mark = batch.Delete, mark
			if !slices.ContainsFunc(all, func(e event) bool { return e.kind == batch.Delete && sameEvent(e, taken) }) && taken.kind == batch.Delete {
				all = append(all, taken)
				continue
			}
		}
		at := i - random.Int64N(20)
		all = append(all, event{
			k: value.OfBigInt(random.Int64N(keys)), v: value.OfBigInt(random.Int64N(50)), id: value.OfBigInt(i),
			at: value.Value{Type: eventTime, Int: at * 1000}, mark: mark,
		})
		mark = max(mark, i-15)
	}
	return all
}

// runLimited runs events through one operator with so much memory, 0 for no limit,
// and gives the rows that are there in the end, in order of their text.
func runLimited(t *testing.T, events []event, streaming bool, memory int64, construct func(Environment) (engine.Operator, error)) []string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	spill := state.NewMemorySpill()
	defer func() { must(spill.Close()) }()
	env := Environment{Context: &plan.Context{Streaming: streaming, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Memory: memory, Spill: spill}
	op, err := construct(env)
	must(err)
	var limited *Spilling
	limit := func(of engine.Operator) engine.Operator {
		of = NewSpilling(env, of)
		limited, _ = of.(*Spilling)
		return of
	}
	if behind, ok := op.(*overWindows); ok {
		behind.Operator = limit(behind.Operator)
	} else {
		op = limit(op)
	}
	bag := map[string]int{}
	emit := func(b *batch.Batch) error {
		b.Each(func(i int) {
			text := fmt.Sprint(texts(b.Row(i)))
			if b.Kind(i).Retracts() {
				bag[text]--
			} else {
				bag[text]++
			}
		})
		return nil
	}
	most, evictions := int64(0), 0
	for i := 0; i < len(events); i += 100 {
		part := events[i:min(i+100, len(events))]
		must(op.Process(0, batchOf(part, 0, 1), emit))
		if limited != nil {
			most = max(most, limited.held())
			if limited.spilled {
				evictions++
			}
		}
		if streaming && i%500 == 0 {
			must(op.Advance(part[len(part)-1].mark, emit))
		}
		if i%1000 == 0 {
			must(op.Flush(emit))
		}
	}
	must(op.Advance(batch.Final, emit))
	must(op.Flush(emit))
	if memory > 0 && (evictions == 0 || most > memory) {
		t.Errorf("%d of %d bytes were held at most, something was in files for %d batches", most, memory, evictions)
	}
	var rows []string
	for text, n := range bag {
		for range n {
			rows = append(rows, text)
		}
	}
	return sorted(rows)
}

// windowPlan counts rows and sums up numbers by key and window.
func windowPlan(spec plan.WindowSpec) *plan.WindowAggregate {
	return &plan.WindowAggregate{
		Input: timedEvents(), Spec: spec, Keys: []plan.Expr{eventColumn(0)}, Names: []string{"k", "n", "s", "to"},
		Calls:      []plan.AggregateCall{aggregateOf("COUNT"), aggregateOf("SUM", eventColumn(1))},
		Properties: []plan.WindowProperty{{Kind: plan.WindowEnd, Name: "to"}},
	}
}

func newWindowed(env Environment, n *plan.WindowAggregate) (engine.Operator, error) {
	prepare, err := NewPrepareWindows(env, n)
	if err != nil {
		return nil, err
	}
	aggregate, err := NewWindowAggregate(env, n, false)
	return &overWindows{prepare, aggregate}, err
}

// TestWindowsOfGroups compares GROUP BY over windows with its definition.
func TestWindowsOfGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, false)
		n := windowPlan(plan.WindowSpec{Kind: plan.Tumble, Time: 2, Size: 6})
		step := int64(6)
		if rapid.Bool().Draw(t, "hop") {
			step = 2
			n.Spec = plan.WindowSpec{Kind: plan.Hop, Time: 2, Size: 6, Slide: 2}
		}
		got, updates := drive(t, events, 3, true, func(env Environment) (engine.Operator, error) { return newWindowed(env, n) })
		if updates {
			t.Fatal("a window was shown twice")
		}
		type group struct{ k, to int64 }
		counts, sums := map[group]int64{}, map[group]value.Value{}
		for _, e := range events {
			for to := floorDivide(e.at.Int/1000, step)*step + step; to <= e.at.Int/1000+6; to += step {
				if e.mark >= to-1 {
					continue // late for this window
				}
				g := group{e.k.Int, to}
				counts[g]++
				sum, ok := sums[g]
				if !ok {
					sum = value.NullOf(eventNumber)
				}
				if !e.v.Null {
					sum = value.OfBigInt(sum.Int + e.v.Int)
				}
				sums[g] = sum
			}
		}
		var want []string
		for g, count := range counts {
			row := []value.Value{value.OfBigInt(g.k), value.OfBigInt(count), sums[g], {Type: eventTime, Int: g.to * 1000}}
			want = append(want, fmt.Sprint(texts(row)))
		}
		wantRows(t, want, got)
	})
}

// TestSpillingKeepsItsShare: operators with a tenth of the memory that their state
// takes give what they give with all of it.
func TestSpillingKeepsItsShare(t *testing.T) {
	byTime := []plan.SortKey{{Expr: eventColumn(2), NullsFirst: true}}
	byValue := []plan.SortKey{{Expr: eventColumn(1), Descending: true}}
	first := &plan.Rank{Input: timedEvents(), Partition: []int{0}, Order: byTime, From: 1, To: 1, WindowEnd: -1}
	top := &plan.Rank{Input: eventScan, Partition: []int{0}, Order: byValue, From: 1, To: 4, WindowEnd: -1, Number: true, Name: "n"}
	window := &plan.Window{Input: timedEvents(), Spec: plan.WindowSpec{Kind: plan.Tumble, Time: 2, Size: 1000}}
	topOfWindow := &plan.Rank{Input: window, Partition: []int{0, 4, 5}, Order: byValue, WindowEnd: 5, From: 1, To: 2}
	hop := windowPlan(plan.WindowSpec{Kind: plan.Hop, Time: 2, Size: 1500, Slide: 500})
	frame := plan.Frame{From: plan.FrameBound{Kind: plan.Preceding, Offset: 3}, To: plan.FrameBound{Kind: plan.CurrentRow}}
	over := func(input plan.Node, order []plan.SortKey) *plan.Over {
		call := windowCallOf("SUM", eventColumn(1))
		return &plan.Over{Input: input, Partition: []int{0}, Order: order, Names: []string{"s"}, Calls: []plan.OverCall{{AggregateCall: call, Frame: frame}}}
	}
	stream, whole := over(timedEvents(), byTime), over(eventScan, byValue)
	for _, c := range []struct {
		name      string
		streaming bool
		retracts  bool
		memory    int64
		construct func(Environment) (engine.Operator, error)
	}{
		{"groups", true, true, 48 << 10, func(env Environment) (engine.Operator, error) { return newCounting(env, countingPlan()) }},
		{"groups of a batch", false, true, 48 << 10, func(env Environment) (engine.Operator, error) { return newCounting(env, countingPlan()) }},
		{"parts of groups", false, false, 48 << 10, func(env Environment) (engine.Operator, error) { return newCounting(env, countingPlan()) }},
		{"parts of top", false, false, 96 << 10, func(env Environment) (engine.Operator, error) { return NewRank(env, top) }},
		{"first rows", true, false, 12 << 10, func(env Environment) (engine.Operator, error) { return NewKeepFirst(env, first) }},
		{"top", true, true, 96 << 10, func(env Environment) (engine.Operator, error) { return NewRank(env, top) }},
		{"top of a batch", false, true, 96 << 10, func(env Environment) (engine.Operator, error) { return NewRank(env, top) }},
		{"top of windows", true, false, 48 << 10, func(env Environment) (engine.Operator, error) {
			ranked, err := NewRank(env, topOfWindow)
			if err != nil {
				return nil, err
			}
			windows, err := NewWindow(env, window)
			return &overWindows{windows, ranked}, err
		}},
		{"windows", true, false, 48 << 10, func(env Environment) (engine.Operator, error) { return newWindowed(env, hop) }},
		{"windows of a batch", false, false, 48 << 10, func(env Environment) (engine.Operator, error) { return newWindowed(env, hop) }},
		{"OVER in order", true, false, 48 << 10, func(env Environment) (engine.Operator, error) { return NewOverStream(env, stream) }},
		{"OVER", true, true, 96 << 10, func(env Environment) (engine.Operator, error) { return NewOverTable(env, whole) }},
		{"OVER of a batch", false, true, 96 << 10, func(env Environment) (engine.Operator, error) { return NewOverTable(env, whole) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			construct := func(env Environment) (engine.Operator, error) {
				env.Retracts = c.retracts
				return c.construct(env)
			}
			events := manyEvents(c.retracts)
			want := runLimited(t, events, c.streaming, 0, construct)
			got := runLimited(t, events, c.streaming, c.memory, construct)
			if diff := cmp.Diff(want, got); diff != "" || len(want) < 400 {
				t.Errorf("%d rows: %s", len(want), diff)
			}
		})
	}
}

// TestKeyTooLargeForMemory: when the state of one key does not fit, the problem
// says so.
func TestKeyTooLargeForMemory(t *testing.T) {
	spill := state.NewMemorySpill()
	defer spill.Close() //nolint:errcheck // it is in memory
	env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Memory: 32 << 10, Spill: spill}
	op, err := newCounting(env, countingPlan())
	if err != nil {
		t.Fatal(err)
	}
	op.(*overWindows).Operator = NewSpilling(env, op.(*overWindows).Operator)
	for i := range int64(2000) {
		e := event{k: value.OfBigInt(1), v: value.OfBigInt(i), at: value.Value{Type: eventTime}, id: value.OfBigInt(i)}
		if err = op.Process(0, batchOf([]event{e}, 0, 1), func(*batch.Batch) error { return nil }); err != nil {
			break
		}
	}
	if !problem.Is(err, problem.TooLarge) {
		t.Errorf("got %v", err)
	}
}
