package operator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// TestJoin compares joins of random changelogs with the definition, after every
// batch, whatever the size of batches, the number of workers, and restarts.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(joinKinds).Draw(t, "kind")
		node := &plan.Join{Kind: kind, Left: joinScan("l"), Right: joinScan("r"), TTL: drawLongTTL(t)}
		keyed := rapid.Bool().Draw(t, "keyed")
		nullSafe := keyed && rapid.Bool().Draw(t, "null safe")
		if keyed {
			node.Keys = []plan.JoinKey{{NullSafe: nullSafe}}
		}
		conditional := rapid.Bool().Draw(t, "conditional")
		if conditional {
			node.Condition = lessNumber()
		}
		streaming := rapid.Bool().Draw(t, "streaming")
		appends := [2]bool{rapid.Bool().Draw(t, "left appends"), rapid.Bool().Draw(t, "right appends")}
		r := newJoinRunner(t, streaming, !keyed, func(env Environment) (engine.Operator, error) {
			env.Appends = appends
			return NewJoin(env, node)
		})
		r.appends = !streaming
		r.start(rapid.IntRange(1, 3).Draw(t, "workers"))
		var sides [2]relation
		expected := func() []string {
			return joinOf(kind, sides[0], sides[1], func(l, r joinRow) bool {
				return (!keyed || equalKeys(l, r, nullSafe)) && (!conditional || l.v < r.v)
			})
		}
		for range rapid.IntRange(0, 30).Draw(t, "batches") {
			port := rapid.IntRange(0, 1).Draw(t, "port")
			var rows []joinRow
			for range rapid.IntRange(1, min(12, joinBatchRows.Draw(t, "rows"))).Draw(t, "batch") {
				row := joinRow{key: drawKey(t), v: rapid.Int64Range(0, 3).Draw(t, "v")}
				if there := sides[port]; len(there) > 0 && !appends[port] && rapid.Bool().Draw(t, "delete") {
					row = there[rapid.IntRange(0, len(there)-1).Draw(t, "which")]
					row.kind = rapid.SampledFrom([]batch.Kind{batch.Delete, batch.UpdateBefore}).Draw(t, "how")
				}
				rows = append(rows, row)
				sides[port] = sides[port].apply(row)
			}
			r.process(port, rows)
			if streaming {
				if diff := cmp.Diff(expected(), r.rows()); diff != "" {
					t.Fatalf("after a batch: %s", diff)
				}
			}
			if rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
				r.restart(rapid.IntRange(1, 3).Draw(t, "workers"))
			}
		}
		r.advance(batch.Final)
		if diff := cmp.Diff(expected(), r.rows()); diff != "" {
			t.Fatalf("at the end: %s", diff)
		}
		r.restart(1)
		if stored := r.state.size(); streaming && stored > len(sides[0])+len(sides[1]) {
			t.Fatalf("%d rows are stored, %d are there", stored, len(sides[0])+len(sides[1]))
		}
	})
}

// drawLongTTL is a time to live that the run of a test does not reach, of one side
// or both, or none.
func drawLongTTL(t *rapid.T) [2]time.Duration {
	long := rapid.SampledFrom([]time.Duration{0, plan.Forever, time.Hour})
	return [2]time.Duration{long.Draw(t, "left ttl"), long.Draw(t, "right ttl")}
}

// TestJoinOfManyPairs has more pairs than a batch has rows.
func TestJoinOfManyPairs(t *testing.T) {
	for _, kind := range joinKinds {
		node := &plan.Join{Kind: kind, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}}, Condition: lessNumber()}
		r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) { return NewJoin(env, node) })
		r.start(1)
		var left, right relation
		for i := range int64(300) {
			key := i % 2
			left, right = append(left, joinRow{key: &key, v: i}), append(right, joinRow{key: &key, v: 299 - i})
		}
		r.process(0, left)
		r.process(1, right)
		want := joinOf(kind, left, right, func(l, r joinRow) bool { return *l.key == *r.key && l.v < r.v })
		if diff := cmp.Diff(want, r.rows()); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}

// TestJoinIgnoresUnknownRows: what is taken back unknown changes nothing.
func TestJoinIgnoresUnknownRows(t *testing.T) {
	key := int64(1)
	for _, kind := range joinKinds {
		node := &plan.Join{Kind: kind, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}}}
		r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) { return NewJoin(env, node) })
		r.start(1)
		r.process(0, []joinRow{{key: &key, v: 1}})
		before := r.rows()
		r.process(1, []joinRow{{key: &key, v: 2, kind: batch.Delete}})
		if diff := cmp.Diff(before, r.rows()); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}
