package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// TestIntervalJoin compares interval joins of random streams with late rows with
// the definition, and checks that no pair is late for what comes next.
func TestIntervalJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lower := rapid.Int64Range(-20, 10).Draw(t, "lower")
		upper := lower + rapid.Int64Range(-2, 30).Draw(t, "span")
		keyed, conditional := rapid.Bool().Draw(t, "keyed"), rapid.Bool().Draw(t, "conditional")
		node := &plan.Join{
			Kind: rapid.SampledFrom(joinKinds).Draw(t, "kind"), Left: joinScan("l"), Right: joinScan("r"),
			Interval: &plan.JoinInterval{Left: joinTimeColumn, Right: joinTimeColumn, Lower: lower, Upper: upper},
		}
		if keyed {
			node.Keys = []plan.JoinKey{{}}
		}
		if conditional {
			node.Condition = lessNumber()
		}
		width := rapid.Int64Range(1, 20).Draw(t, "width of generations")
		r := newJoinRunner(t, true, !keyed, func(env Environment) (engine.Operator, error) {
			j, err := NewIntervalJoin(env, node)
			for _, side := range j.sides {
				side.width = width
			}
			return j, err
		})
		r.appends = true
		r.start(rapid.IntRange(1, 3).Draw(t, "workers"))
		r.check = func(row string, mark engine.Watermark) {
			downstream := r.downstream()
			times := timesOf(row)
			for _, at := range times {
				isLate := at <= downstream || at <= mark
				if len(times) == 2 && isLate {
					t.Fatalf("the pair %s is late at %d", row, downstream)
				}
				if isLate && mark < downstream {
					t.Fatalf("%s has the mark %d, the watermark downstream is %d", row, mark, downstream)
				}
			}
		}
		f := newJoinFeed(r, rapid.Int64Range(0, 20).Draw(t, "delay"))
		f.random(t, func(_ int, at int64) joinRow {
			return joinRow{key: drawKey(t), v: rapid.Int64Range(0, 3).Draw(t, "v"), at: at}
		})
		want := joinOf(node.Kind, f.sides[0], f.sides[1], func(l, r joinRow) bool {
			return (!keyed || equalKeys(l, r, false)) && (!conditional || l.v < r.v) &&
				l.at+lower <= r.at && r.at <= l.at+upper && l.mark <= r.at-lower && r.mark <= l.at+upper
		})
		if diff := cmp.Diff(want, r.rows()); diff != "" {
			t.Fatalf("%s", diff)
		}
		r.restart(1)
		if n := r.state.size(); n != 1 {
			t.Fatalf("%d entries are stored at the end", n)
		}
	})
}

// TestIntervalJoinForgets: with the watermark far ahead nothing is kept.
func TestIntervalJoinForgets(t *testing.T) {
	node := &plan.Join{Kind: plan.LeftJoin, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}},
		Interval: &plan.JoinInterval{Left: joinTimeColumn, Right: joinTimeColumn, Upper: 100}}
	r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) { return NewIntervalJoin(env, node) })
	r.start(1)
	key := int64(1)
	for at := int64(0); at < 1_000_000; at += 500 {
		r.process(int(at/500%2), []joinRow{{key: &key, at: at, mark: at - 1}})
		r.advance(at - 1)
	}
	j := r.workers[0].(*IntervalJoin)
	if n := len(j.sides[0].byID) + len(j.sides[1].byID); n > 4 {
		t.Errorf("%d generations are kept", n)
	}
	r.advance(batch.Final)
	if n := len(r.rows()); n != 1000 {
		t.Errorf("%d rows, want all left rows", n)
	}
}
