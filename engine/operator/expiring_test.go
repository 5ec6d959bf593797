package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// TestOperatorsExpire runs testdata/expiry: what operators show of rows while time
// passes.
//
//	operator ttl=…   begins anew with the operator that the input names
//	rows             a row a line: kind, key, value, time in ms; shows what comes out, with a flush
//	pass             lets so much time pass
//	advance          raises the watermark to so many ms
//	restart          saves, and goes on from what was saved
//	spill            puts all state into files
//	held             how many keys are in memory, and stored after a Save
//
// Behind what comes out stands how many keys were asked for after they had
// expired, if any were.
func TestOperatorsExpire(t *testing.T) {
	datadriven.Walk(t, "testdata/expiry", func(t *testing.T, path string) {
		var x *expiringOperator
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "operator" {
				var ttl string
				d.ScanArgs(t, "ttl", &ttl)
				x = newExpiringOperator(t, strings.TrimSpace(d.Input), durationOf(t, ttl))
				return ""
			}
			return x.run(t, d)
		})
	})
}

func durationOf(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type expiringOperator struct {
	construct func() engine.Operator
	op        engine.Operator
	clock     *testClock
	saved     storedState
	shown     strings.Builder
}

func newExpiringOperator(t *testing.T, name string, ttl time.Duration) *expiringOperator {
	x := &expiringOperator{clock: newTestClock(), saved: storedState{}}
	spill := state.NewMemorySpill()
	t.Cleanup(func() { _ = spill.Close() })
	env := x.clock.environment()
	env.Memory, env.Spill, env.Retracts = 1<<30, spill, true
	latest := []plan.SortKey{{Expr: eventColumn(2), Descending: true}}
	x.construct = func() engine.Operator {
		var op engine.Operator
		var err error
		switch name {
		case "SUM(v) BY k":
			op, err = newSumming(env, []plan.Expr{eventColumn(0)}, ttl)
		case "SUM(v)":
			op, err = newSumming(env, nil, ttl)
		case "the two greatest v BY k":
			greatest := env
			greatest.Retracts = false
			op, err = NewRank(greatest, &plan.Rank{Input: eventScan, Partition: []int{0}, Order: []plan.SortKey{{Expr: eventColumn(1), Descending: true}}, From: 1, To: 2, WindowEnd: -1, TTL: ttl})
		case "the latest BY k":
			op, err = NewRank(env, &plan.Rank{Input: eventScan, Partition: []int{0}, Order: latest, From: 1, To: 1, WindowEnd: -1, TTL: ttl})
		case "the first BY k":
			op, err = NewKeepFirst(env, &plan.Rank{Input: timedEvents(), Partition: []int{0}, Order: []plan.SortKey{{Expr: eventColumn(2)}}, From: 1, To: 1, WindowEnd: -1, TTL: ttl})
		case "SUM(v) so far BY k":
			so := plan.Frame{Range: true, From: plan.FrameBound{Kind: plan.UnboundedPreceding}, To: plan.FrameBound{Kind: plan.CurrentRow}}
			op, err = NewOverStream(env, &plan.Over{
				Input: timedEvents(), Partition: []int{0}, Order: []plan.SortKey{{Expr: eventColumn(2)}}, Names: []string{"s"}, TTL: ttl,
				Calls: []plan.OverCall{{AggregateCall: aggregateOf("SUM", eventColumn(1)), Frame: so}},
			})
		case "the row of each k":
			op = NewNormalize(env, &plan.Normalize{Input: eventScan, Keys: []int{0}, TTL: ttl})
		default:
			t.Fatalf("there is no operator %q", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if w, ok := op.(*overWindows); ok {
			w.Operator = NewSpilling(env, w.Operator)
			return w
		}
		return NewSpilling(env, op)
	}
	x.op = x.construct()
	return x
}

// newSumming is SELECT keys, SUM(v) GROUP BY keys.
func newSumming(env Environment, keys []plan.Expr, ttl time.Duration) (engine.Operator, error) {
	n := &plan.Aggregate{Input: eventScan, Keys: keys, Names: []string{"k", "s"}[2-len(keys)-1:], Calls: []plan.AggregateCall{aggregateOf("SUM", eventColumn(1))}, TTL: ttl}
	prepare, err := NewPrepare(env, n)
	if err != nil {
		return nil, err
	}
	aggregate, err := NewAggregate(env, n)
	return &overWindows{prepare, aggregate}, err
}

func (x *expiringOperator) emit(b *batch.Batch) error {
	b.Each(func(i int) {
		row := texts(b.Row(i))
		switch len(row) { // time and id say nothing here
		case 4:
			row = row[:2]
		case 5:
			row = append(row[:2], row[4])
		}
		fmt.Fprintf(&x.shown, "%s %v\n", b.Kind(i), row)
	})
	return nil
}

func (x *expiringOperator) spilling() *Spilling {
	op := x.op
	if w, ok := op.(*overWindows); ok {
		op = w.Operator
	}
	return op.(*Spilling)
}

func (x *expiringOperator) run(t *testing.T, d *datadriven.TestData) string {
	x.shown.Reset()
	x.clock.asked = 0
	var err error
	argument := func() string { return d.CmdArgs[0].Key }
	switch d.Cmd {
	case "rows":
		if b := batchOf(eventsOf(t, d.Input), 0, 1); b != nil {
			err = x.op.Process(0, b, x.emit)
		}
		if err == nil {
			err = x.op.Flush(x.emit)
		}
	case "pass":
		x.clock.pass(durationOf(t, argument()))
	case "advance":
		var to int64
		if _, err = fmt.Sscan(argument(), &to); err == nil {
			err = x.op.Advance(to, x.emit)
		}
	case "end":
		err = x.op.Advance(batch.Final, x.emit)
	case "restart":
		if err = x.op.Flush(x.emit); err == nil {
			err = x.op.Save(x.saved)
		}
		if x.op = x.construct(); err == nil {
			err = x.op.Load(x.saved)
		}
	case "spill":
		err = x.spilling().evict(x.emit)
	case "held":
		if err = x.op.Flush(x.emit); err == nil {
			err = x.op.Save(x.saved)
		}
		keys := 0
		for key := range int64(5) {
			if x.spilling().of.has(batch.AppendKey(nil, []*batch.Column{numbersOf(key)}, 0)) {
				keys++
			}
		}
		fmt.Fprintf(&x.shown, "%d in memory, %d stored\n", keys, x.saved.size())
	default:
		t.Fatalf("there is no command %s", d.Cmd)
	}
	if err != nil {
		return err.Error() + "\n"
	}
	if x.clock.asked > 0 {
		fmt.Fprintf(&x.shown, "asked for after they had expired: %d\n", x.clock.asked)
	}
	return x.shown.String()
}

func numbersOf(number int64) *batch.Column {
	c := batch.NewColumn(eventNumber, 1)
	c.AppendValue(value.OfBigInt(number))
	return c
}

// eventsOf reads rows: kind, key, value, time.
func eventsOf(t *testing.T, input string) []event {
	kinds := map[string]batch.Kind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}
	var all []event
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		if line == "" {
			continue
		}
		var kind string
		var k, v, at int64
		if _, err := fmt.Sscan(line, &kind, &k, &v, &at); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, event{k: value.OfBigInt(k), v: value.OfBigInt(v), at: value.Value{Type: eventTime, Int: at * 1000}, id: value.OfBigInt(0), kind: kinds[kind], mark: batch.NoMark})
	}
	return all
}
