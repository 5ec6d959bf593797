package olap

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
)

// TestMultisetKeepsCopies compares a table without a key with a counter of rows,
// through epochs that add and take away the same rows several times, through
// restarts, and through being dropped and made anew with a key.
func TestMultisetKeepsCopies(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer func() { s.Close() }()
	table := counts
	table.Key, table.Multiset = nil, true
	rapid.Check(t, func(r *rapid.T) {
		if err := s.DropTable(t.Context(), table.Name); err != nil {
			r.Fatal(err)
		}
		w := writer(t, s, table)
		copies := map[change]int{}
		for epoch := range rapid.IntRange(1, 5).Draw(r, "epochs") {
			if rapid.IntRange(0, 4).Draw(r, "restart") == 0 {
				s.Close()
				s = openStore(t, dir)
				w = writer(t, s, table)
			}
			var rows []change
			for range rapid.IntRange(0, 20).Draw(r, "rows") {
				row := change{minute: 1, campaign: rapid.SampledFrom([]any{nil, "a", "b"}).Draw(r, "campaign"), n: int64(rapid.IntRange(0, 2).Draw(r, "n"))}
				held := row
				if copies[held] > 0 && rapid.Bool().Draw(r, "taken") {
					row.kind = batch.Delete
					copies[held]--
				} else {
					copies[held]++
				}
				rows = append(rows, row)
			}
			if err := w.Apply(t.Context(), uint64(epoch+1), 0, []*batch.Batch{changes(rows...)}); err != nil {
				r.Fatal(err)
			}
		}
		var want []string
		for row, n := range copies {
			campaign := row.campaign
			if campaign == nil {
				campaign = "NULL"
			}
			for range n {
				want = append(want, fmt.Sprintf("%v %d", campaign, row.n))
			}
		}
		slices.Sort(want)
		got := ask(t, s, Question{SQL: allCounts})
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			r.Error(diff)
		}
	})
	if err := s.DropTable(t.Context(), table.Name); err != nil {
		t.Fatal(err)
	}
	w := writer(t, s, counts)
	if err := w.Apply(t.Context(), 1, 0, []*batch.Batch{changes(change{0, 1, "keyed", 1})}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"keyed 1"}, ask(t, s, Question{SQL: `SELECT * EXCLUDE (minute) FROM "dws$counts"`, Columns: counts.Columns[1:]})); diff != "" {
		t.Error(diff)
	}
}
