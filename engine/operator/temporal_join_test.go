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

// versionOf is the right row that a left row is joined with, by the definition.
func versionOf(l joinRow, right relation) (joinRow, bool) {
	asOf := max(l.at, l.mark)
	var newest *joinRow
	for i, r := range right {
		since := r.at
		if r.mark >= r.at {
			since = r.mark + 1
		}
		if r.kind == batch.UpdateBefore || !equalKeys(l, r, false) || since > asOf {
			continue
		}
		if newest == nil || r.at >= newest.at {
			newest = &right[i]
		}
	}
	if newest == nil || newest.at > l.at || newest.kind == batch.Delete {
		return joinRow{}, false
	}
	return *newest, true
}

// TestTemporalJoin compares temporal joins of random streams with the definition.
func TestTemporalJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		conditional := rapid.Bool().Draw(t, "conditional")
		streaming := rapid.IntRange(0, 3).Draw(t, "batch mode") > 0
		kind := rapid.SampledFrom([]plan.JoinKind{plan.InnerJoin, plan.LeftJoin}).Draw(t, "kind")
		node := &plan.TemporalJoin{Kind: kind, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}}, LeftTime: joinTimeColumn, RightTime: joinTimeColumn}
		if conditional {
			node.Condition = lessNumber()
		}
		r := newJoinRunner(t, streaming, false, func(env Environment) (engine.Operator, error) { return NewTemporalJoin(env, node) })
		r.appends = true
		r.start(rapid.IntRange(1, 3).Draw(t, "workers"))
		r.check = func(row string, mark engine.Watermark) {
			if mark < r.now {
				t.Fatalf("%s has the mark %d at the watermark %d", row, mark, r.now)
			}
			if at := timesOf(row)[0]; at <= r.now && at > mark {
				t.Fatalf("%s was not late and is so by the watermark %d", row, r.now)
			}
		}
		f := newJoinFeed(r, rapid.Int64Range(0, 20).Draw(t, "delay"))
		f.bounded = !streaming
		f.random(t, func(port int, at int64) joinRow {
			row := joinRow{key: drawKey(t), v: rapid.Int64Range(0, 3).Draw(t, "v"), at: at}
			if port == 1 {
				row.kind = batch.Kind(rapid.IntRange(0, 3).Draw(t, "change"))
			}
			return row
		})
		want := map[string]int{}
		for _, l := range f.sides[0] {
			v, found := versionOf(l, f.sides[1])
			switch {
			case found && (!conditional || l.v < v.v):
				want[l.String()+" | "+v.String()]++
			case kind == plan.LeftJoin:
				want[l.String()+" | "+nothing]++
			}
		}
		if diff := cmp.Diff(sortedRows(want), r.rows()); diff != "" {
			t.Fatalf("%s", diff)
		}
		for _, op := range r.workers {
			if versions := op.(*TemporalJoin).versions; len(versions.list.list)-len(versions.list.unused) > versions.keys.live() {
				t.Fatalf("%d versions of %d keys are kept", len(versions.list.list)-len(versions.list.unused), versions.keys.live())
			}
		}
		r.restart(1)
		if n := r.state.size(); n > 1+3 {
			t.Fatalf("%d entries are stored at the end", n)
		}
	})
}

// TestTemporalJoinOfNullTimes: in batch mode a row without a time has no version.
func TestTemporalJoinOfNullTimes(t *testing.T) {
	node := &plan.TemporalJoin{Kind: plan.LeftJoin, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}}, LeftTime: joinTimeColumn, RightTime: joinTimeColumn}
	r := newJoinRunner(t, false, false, func(env Environment) (engine.Operator, error) { return NewTemporalJoin(env, node) })
	r.start(1)
	key := int64(1)
	rows := joinBatch([]joinRow{{key: &key, v: 7, mark: batch.NoMark}})
	rows.Columns[joinTimeColumn] = batch.NewColumn(value.TimestampOf(3), 1)
	rows.Columns[joinTimeColumn].AppendNull()
	r.process(1, []joinRow{{key: &key, v: 8, at: -5, mark: batch.NoMark}})
	r.must(r.workers[0].Process(0, rows, r.emit))
	r.advance(batch.Final)
	if diff := cmp.Diff([]string{"1 7 @NULL | " + nothing}, r.rows()); diff != "" {
		t.Error(diff)
	}
}
