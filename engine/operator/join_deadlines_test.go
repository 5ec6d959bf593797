package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// boundedJoin is a join where the times of partners of the left are at most its
// own and plus[0], if that is bounded, and of the right in the same way; or where
// they are equal.
type boundedJoin struct {
	node    *plan.Join
	bounded [2]bool
	plus    [2]int64
	equal   bool // the times are equal: they are a key, and there is no condition
}

func drawBoundedJoin(t *rapid.T) boundedJoin {
	b := boundedJoin{node: &plan.Join{Kind: rapid.SampledFrom(joinKinds).Draw(t, "kind"), Left: joinScan("l"), Right: joinScan("r")}}
	b.bounded = rapid.SampledFrom([][2]bool{{true, false}, {false, true}, {true, true}}).Draw(t, "bounded")
	if b.equal = rapid.Bool().Draw(t, "equal times"); b.equal {
		b.node.Keys = []plan.JoinKey{{Left: joinTimeColumn, Right: joinTimeColumn}}
		for side, bounded := range b.bounded {
			if bounded {
				b.node.Bounds[side] = &plan.JoinBound{Until: joinTimeColumn, Time: joinTimeColumn}
			}
		}
		return b
	}
	for side, bounded := range b.bounded {
		if !bounded {
			continue
		}
		b.plus[side] = rapid.Int64Range(-5, 30).Draw(t, "plus")
		bound := &plan.JoinBound{Until: joinTimeColumn, Plus: b.plus[side], Time: joinTimeColumn}
		if rapid.Bool().Draw(t, "the time is an end") { // one millisecond later than event time
			bound.IsEnd = true
		}
		b.node.Bounds[side] = bound
		columns := [2]plan.Expr{&plan.Column{Index: joinTimeColumn, Of: joinTime}, &plan.Column{Index: joinWidth + joinTimeColumn, Of: joinTime}}
		interval := &plan.Literal{Value: value.Value{Type: value.Type{Kind: value.IntervalDayTime, Precision: 3}, Int: b.plus[side]}}
		condition := callOf("<=", columns[1-side], callOf("+", columns[side], interval))
		if b.node.Condition != nil {
			condition = callOf("AND", b.node.Condition, condition)
		}
		b.node.Condition = condition
	}
	return b
}

// inTime is the rows of a side that are not late by what bounds the other's.
func (b *boundedJoin) inTime(side int, rows relation) relation {
	bound := b.node.Bounds[1-side]
	if bound == nil {
		return rows
	}
	var kept relation
	for _, r := range rows {
		if bound.EventTime(r.at) > r.mark {
			kept = append(kept, r)
		}
	}
	return kept
}

// partners is the condition.
func (b *boundedJoin) partners(l, r joinRow) bool {
	return (!b.equal || l.at == r.at) && (!b.bounded[0] || r.at <= l.at+b.plus[0]) && (!b.bounded[1] || l.at <= r.at+b.plus[1])
}

// TestBoundedJoin compares joins that forget rows with the definition: the join
// of the rows that are not late by their own marks, whatever the size of batches,
// the number of workers, how far the watermark is, restarts and what is in files.
// In the end, nothing is held or stored of what has a bound.
func TestBoundedJoin(t *testing.T) {
	spilledEver, lateEver := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		b := drawBoundedJoin(rt)
		keyed := rapid.Bool().Draw(rt, "keyed")
		if keyed {
			b.node.Keys = append(b.node.Keys, plan.JoinKey{})
		}
		spill := (keyed || b.equal) && rapid.Bool().Draw(rt, "spill")
		appends := [2]bool{true, true}
		made := []*Join{}
		dropped := 0
		construct := func(env Environment) (engine.Operator, error) {
			env.Appends, env.Dropped = appends, func(rows int) { dropped += rows }
			j, err := NewJoin(env, b.node)
			made = append(made, j)
			return j, err
		}
		spilled := func() int { return 0 }
		if spill {
			construct, spilled = spilling(t, b.node, 1<<20, true, appends)
		}
		r := newJoinRunner(rt, true, !keyed && !b.equal, construct)
		if b.equal {
			r.keyColumns = []int{joinTimeColumn, joinKeyColumn}[:len(b.node.Keys)]
		}
		r.start(rapid.IntRange(1, 3).Draw(rt, "workers"))
		f := newJoinFeed(r, rapid.Int64Range(0, 20).Draw(rt, "delay"))
		f.random(rt, func(_ int, at int64) joinRow {
			if spill && rapid.IntRange(0, 9).Draw(rt, "evict") == 0 {
				for _, op := range r.workers {
					j := op.(*Join)
					if j.sides[0].live()+j.sides[1].live() > 0 {
						r.must(j.spill.evict(true))
					}
				}
			}
			if b.equal {
				at -= at % 10
			}
			return joinRow{key: drawKey(rt), at: at}
		})
		r.flush()
		left, right := b.inTime(0, f.sides[0]), b.inTime(1, f.sides[1])
		want := joinOf(b.node.Kind, left, right, func(l, r joinRow) bool {
			return (!keyed || equalKeys(l, r, false)) && b.partners(l, r)
		})
		if diff := cmp.Diff(want, r.rows()); diff != "" {
			rt.Fatalf("left %v, right %v: %s", f.sides[0], f.sides[1], diff)
		}
		spilledEver += spilled()
		late := len(f.sides[0]) + len(f.sides[1]) - len(left) - len(right)
		lateEver += late
		if spill {
			return
		}
		if dropped != late {
			rt.Fatalf("%d rows were dropped, %d are late", dropped, late)
		}
		r.restart(1)
		last := made[len(made)-1]
		for side, bounded := range b.bounded {
			if held := last.sides[side].live(); bounded && held > 0 {
				rt.Fatalf("%d rows of side %d are stored in the end", held, side)
			}
		}
	})
	if spilledEver == 0 || lateEver == 0 {
		t.Errorf("%d joins have spilled, %d rows were late", spilledEver, lateEver)
	}
}

// TestJoinForgetsPastDeadlines: what is past its deadline is gone at the next
// watermark, from memory and from stored state, and what comes when it is past or
// without a time is shown, but never kept.
func TestJoinForgetsPastDeadlines(t *testing.T) {
	node := &plan.Join{
		Kind: plan.LeftJoin, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}},
		Condition: callOf("<=", &plan.Column{Index: joinWidth + joinTimeColumn, Of: joinTime}, &plan.Column{Index: joinTimeColumn, Of: joinTime}),
	}
	node.Bounds[0] = &plan.JoinBound{Until: joinTimeColumn, Time: joinTimeColumn}
	var join *Join
	r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) {
		env.Appends = [2]bool{true, true}
		var err error
		join, err = NewJoin(env, node)
		return join, err
	})
	r.start(1)
	row := func(at int64) joinRow {
		key := int64(1)
		return joinRow{key: &key, v: at, at: at, mark: batch.NoMark}
	}
	held := func(want int) {
		t.Helper()
		if got := join.sides[0].live(); got != want {
			t.Errorf("%d rows of the left are held, want %d", got, want)
		}
	}
	timeless := joinBatch([]joinRow{row(0)})
	timeless.Columns[joinTimeColumn].SetNull(0)
	r.must(join.Process(0, timeless, r.emit))
	held(0)
	r.process(0, []joinRow{row(100), row(200)})
	held(2)
	r.process(1, []joinRow{row(90)})
	r.advance(100)
	held(1)
	r.process(0, []joinRow{row(95)})
	held(1)
	r.restart(1)
	held(1)
	if stored := r.state.size(); stored != 2 {
		t.Errorf("%d rows are stored, want one of each side", stored)
	}
	r.advance(200)
	held(0)
	r.restart(1)
	if stored := r.state.size(); stored != 1 {
		t.Errorf("%d rows are stored, want the right one", stored)
	}
	want := []string{"1 0 @NULL | " + nothing, "1 100 @100 | 1 90 @90", "1 200 @200 | 1 90 @90", "1 95 @95 | 1 90 @90"}
	if diff := cmp.Diff(want, r.rows()); diff != "" {
		t.Error(diff)
	}
}
