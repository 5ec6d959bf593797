package operator

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

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
		got, _ := drive(t, events, 3, rapid.Bool().Draw(t, "streaming"), func(env Environment) (engine.Operator, error) {
			env.Retracts = retracts
			return newCounting(env, n)
		})
		wantRows(t, counted(present(events)), got)
	})
}
