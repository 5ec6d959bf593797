package operator

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// timeSorted is what must be shown of rows in the order in which they come: for
// each mark in turn what is let through, and then the rows that carry it.
func timeSorted(rows []joinRow, byNumber bool) (shown []joinRow, late int) {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b joinRow) int { return cmp.Compare(a.mark, b.mark) })
	var waiting []joinRow
	newest := int64(-1 << 62)
	letThrough := func(w engine.Watermark) {
		slices.SortStableFunc(waiting, func(a, b joinRow) int {
			if byNumber && a.at == b.at {
				return cmp.Compare(b.v, a.v)
			}
			return cmp.Compare(a.at, b.at)
		})
		for len(waiting) > 0 && waiting[0].at <= w {
			newest = waiting[0].at
			shown, waiting = append(shown, waiting[0]), waiting[1:]
		}
	}
	for i, r := range rows {
		if i > 0 && r.mark > rows[i-1].mark {
			letThrough(r.mark)
		}
		if r.at <= newest {
			late++
			continue
		}
		waiting = append(waiting, r)
	}
	letThrough(batch.Final)
	return shown, late
}

// TestTimeSort gives rows of several senders in random pieces, with restarts.
func TestTimeSort(t *testing.T) {
	scan := joinScan("t")
	rapid.Check(t, func(t *rapid.T) {
		keys := []plan.SortKey{{Expr: &plan.Column{Index: joinTimeColumn, Of: joinTime}, NullsFirst: true}}
		byNumber := rapid.Bool().Draw(t, "two keys")
		if byNumber {
			keys = append(keys, plan.SortKey{Expr: &plan.Column{Index: joinNumberColumn, Of: value.BigIntType.Required()}, Descending: true})
		}
		// Each sender's marks rise, and a watermark may follow the rows of a mark.
		senders := make([][]joinRow, rapid.IntRange(1, 3).Draw(t, "senders"))
		for s := range senders {
			mark := engine.Watermark(batch.NoMark)
			for range rapid.IntRange(0, 20).Draw(t, "rows") {
				if rapid.Bool().Draw(t, "rises") {
					mark = max(mark, 0) + rapid.Int64Range(0, 6).Draw(t, "by")
				}
				at := max(mark, 0) + rapid.Int64Range(-12, 8).Draw(t, "ahead")
				key := int64(s)
				senders[s] = append(senders[s], joinRow{key: &key, v: rapid.Int64Range(0, 99).Draw(t, "number"), at: at, mark: mark})
			}
		}
		var got []string
		late := 0
		now := engine.Watermark(batch.NoMark)
		state := storedState{}
		emit := func(b *batch.Batch) error {
			for i := range b.Rows {
				row := b.Row(i)
				if at := row[joinTimeColumn].Int / 1000; at > now || b.Mark(i) != at-1 {
					return fmt.Errorf("a row of %d with mark %d is shown at %d", at, b.Mark(i), now)
				}
				got = append(got, fmt.Sprint(row[joinKeyColumn].Int, row[joinNumberColumn].Int, row[joinTimeColumn].Int/1000))
			}
			return nil
		}
		start := func() engine.Operator {
			env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Saves: true, Dropped: func(n int) { late += n }}
			op, err := NewSort(env, &plan.Sort{Input: &plan.Watermark{Input: scan, Column: joinTimeColumn}, Keys: keys})
			check(t, err)
			check(t, op.Load(state))
			return op
		}
		op := start()
		var came []joinRow
		for {
			var left []int
			lowest := engine.Watermark(batch.Final)
			for s, rows := range senders {
				if len(rows) > 0 {
					left, lowest = append(left, s), min(lowest, rows[0].mark)
				}
			}
			if len(left) == 0 {
				break
			}
			if rapid.IntRange(0, 2).Draw(t, "watermark") == 0 && lowest > now {
				now = lowest
				check(t, op.Advance(now, emit))
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				check(t, op.Save(state))
				op = start()
			}
			s := rapid.SampledFrom(left).Draw(t, "sender")
			n := rapid.IntRange(1, len(senders[s])).Draw(t, "piece")
			check(t, op.Process(0, joinBatch(senders[s][:n]), emit))
			came, senders[s] = append(came, senders[s][:n]...), senders[s][n:]
		}
		now = batch.Final
		check(t, op.Advance(now, emit))
		check(t, op.Save(state))
		rows, dropped := timeSorted(came, byNumber)
		want := make([]string, len(rows))
		for i, r := range rows {
			want[i] = fmt.Sprint(*r.key, r.v, r.at)
		}
		if !slices.Equal(want, got) || late != dropped {
			t.Fatalf("shown %q and %d late, want %q and %d", got, late, want, dropped)
		}
		if state.size() > 2 {
			t.Errorf("%d entries of state stay when every row has been shown", state.size())
		}
	})
}
