package olap

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
)

func TestCompare(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	old, next := counts, counts
	old.Name, next.Name = "old", "next"
	fill := func(table Table, all ...change) {
		t.Helper()
		if err := writer(t, s, table).Apply(t.Context(), 1, 0, []*batch.Batch{changes(all...)}); err != nil {
			t.Fatal(err)
		}
	}
	fill(old, change{batch.Insert, 1, "same", 1}, change{batch.Insert, 1, nil, 2}, change{batch.Insert, 1, "differs", 3}, change{batch.Insert, 2, "gone", 4})
	fill(next, change{batch.Insert, 1, "same", 1}, change{batch.Insert, 1, nil, 2}, change{batch.Insert, 1, "differs", 30}, change{batch.Insert, 3, "came", 5}, change{batch.Insert, 4, "came", 6})
	bag := next
	bag.Name, bag.Key = "bag", nil
	bag.Columns = append(append([]value.Field{}, counts.Columns[:2]...), value.Field{Name: "n", Type: value.BigIntType})
	fill(bag, change{batch.Insert, 1, "same", 1}, change{batch.Insert, 1, "same", 1}, change{batch.Insert, 1, "differs", 30})
	other := Table{Name: "other", Columns: []value.Field{{Name: "elsewhere", Type: value.BigIntType}}, Key: []int{0}}
	if err := s.CreateTable(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		first, second Table
		want          Comparison
	}{
		{old, next, Comparison{Equal: 2, Differing: 1, OnlyFirst: 1, OnlySecond: 2}},
		{old, old, Comparison{Equal: 4}},
		{next, bag, Comparison{Equal: 2, OnlyFirst: 3, OnlySecond: 1}},
		{old, other, Comparison{}},
	} {
		got, err := s.Compare(t.Context(), c.first, c.second)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s and %s: %v %s", c.first.Name, c.second.Name, err, diff)
		}
	}
}
