package olap

import (
	"errors"
	"io"
	"testing"

	"tidemark/base/batch"
)

// TestSave demands that a keyed table and a multiset go back to a moment that was
// saved, with the epoch of that moment, whatever was applied meanwhile.
func TestSave(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	bag := Table{Name: "bag", Columns: counts.Columns, Multiset: true}
	for _, table := range []Table{counts, bag} {
		t.Run(table.Name, func(t *testing.T) {
			w := writer(t, s, table)
			apply := func(epoch uint64, all ...change) {
				t.Helper()
				if err := w.Apply(t.Context(), epoch, int64(epoch)*1000, []*batch.Batch{changes(all...)}); err != nil {
					t.Fatal(err)
				}
			}
			apply(1, change{batch.Insert, 1, "a", 10}, change{batch.Insert, 2, nil, 20})
			saved, err := s.Save(t.Context(), []Table{table})
			if err != nil {
				t.Fatal(err)
			}
			defer saved.Close()
			apply(2, change{batch.Delete, 1, "a", 10}, change{batch.Insert, 3, "c", 30})
			if got := saved.Epochs[0]; got != (SavedEpoch{Epoch: 1, Watermark: 1000}) {
				t.Fatalf("saved %+v", got)
			}
			broken := errors.New("broken")
			if err := w.Replace(t.Context(), saved.Epochs[0], func() (*batch.Batch, error) { return nil, broken }); !errors.Is(err, broken) {
				t.Fatalf("a replacement that breaks off gave %v", err)
			}
			if epoch, _, err := w.Committed(t.Context()); epoch != 2 || err != nil {
				t.Fatalf("after a replacement that broke off: epoch %d, %v", epoch, err)
			}
			if err := w.Replace(t.Context(), saved.Epochs[0], func() (*batch.Batch, error) { return saved.Next(t.Context(), 0) }); err != nil {
				t.Fatal(err)
			}
			if epoch, mark, err := w.Committed(t.Context()); epoch != 1 || mark != 1000 || err != nil {
				t.Errorf("after the replacement: epoch %d, watermark %d, %v", epoch, mark, err)
			}
			apply(2, change{batch.Delete, 2, nil, 20}, change{batch.Insert, 4, "d", 40})
			after, err := s.Save(t.Context(), []Table{table})
			if err != nil {
				t.Fatal(err)
			}
			defer after.Close()
			var sum int64
			for {
				rows, err := after.Next(t.Context(), 0)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for i := range rows.Rows {
					sum += rows.Columns[2].Ints[i]
				}
			}
			if sum != 50 {
				t.Errorf("the rows sum up to %d, want 10 of the moment and 40 of later", sum)
			}
		})
	}
}
