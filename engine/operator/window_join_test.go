package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/engine"
	"tidemark/plan"
)

// TestWindowJoin compares window joins of random streams with late rows with the
// definition: the time of a row is the end of its window.
func TestWindowJoin(t *testing.T) {
	const size = 10
	rapid.Check(t, func(t *rapid.T) {
		conditional, nullSafe := rapid.Bool().Draw(t, "conditional"), rapid.Bool().Draw(t, "null safe")
		node := &plan.Join{
			Kind: rapid.SampledFrom(joinKinds).Draw(t, "kind"), Left: joinScan("l"), Right: joinScan("r"),
			Keys:   []plan.JoinKey{{NullSafe: nullSafe}, {Left: joinTimeColumn, Right: joinTimeColumn}},
			Window: &plan.JoinWindow{Left: joinTimeColumn, Right: joinTimeColumn},
		}
		if conditional {
			node.Condition = lessNumber()
		}
		r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) { return NewWindowJoin(env, node) })
		r.appends, r.keyColumns = true, []int{joinKeyColumn, joinTimeColumn}
		r.start(rapid.IntRange(1, 3).Draw(t, "workers"))
		r.check = func(row string, mark engine.Watermark) {
			for _, end := range timesOf(row) {
				if mark != r.now || end-1 <= r.now {
					t.Fatalf("%s has the mark %d at the watermark %d", row, mark, r.now)
				}
			}
		}
		f := newJoinFeed(r, rapid.Int64Range(0, 20).Draw(t, "delay"))
		f.random(t, func(_ int, at int64) joinRow {
			return joinRow{key: drawKey(t), v: rapid.Int64Range(0, 3).Draw(t, "v"), at: floorDivide(at, size)*size + size}
		})
		var inTime [2]relation
		for port, side := range f.sides {
			for _, row := range side {
				if row.mark < row.at-1 {
					inTime[port] = append(inTime[port], row)
				}
			}
		}
		want := joinOf(node.Kind, inTime[0], inTime[1], func(l, r joinRow) bool {
			return equalKeys(l, r, nullSafe) && l.at == r.at && (!conditional || l.v < r.v)
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
