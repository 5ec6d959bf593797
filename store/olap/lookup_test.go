package olap

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// TestAskByKey: rows with one of the values in each key column, whatever is in
// the values and names.
func TestAskByKey(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close() //nolint:errcheck // the answers were checked
	table := Table{Name: "shops\"x", Columns: []value.Field{
		{Name: "name", Type: value.StringType}, {Name: "id \"2\"", Type: value.IntType}, {Name: "open", Type: value.BooleanType},
	}}
	rows := &batch.Batch{Rows: 4}
	for _, f := range table.Columns {
		rows.Columns = append(rows.Columns, batch.NewColumn(f.Type, 0))
	}
	for i, name := range []string{"a", "b'; --", "", "NULL"} {
		rows.Columns[0].AppendValue(value.OfString(name))
		rows.Columns[1].AppendValue(value.Value{Type: value.IntType, Int: int64(i)})
		rows.Columns[2].AppendValue(value.Value{Type: value.BooleanType, Bool: i%2 == 0})
	}
	rows.Columns[0].SetNull(3)
	if err := writer(t, s, table).Apply(t.Context(), 1, 0, []*batch.Batch{rows}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		keys []int // columns of rows
		of   []uint32
		want []int64
	}{
		{[]int{0}, []uint32{0, 1, 2, 0}, []int64{0, 1, 2}},
		{[]int{1}, []uint32{3, 3}, []int64{3}},
		{[]int{2, 1}, []uint32{1, 3}, []int64{1, 3}},
		{[]int{2, 0}, []uint32{0, 1}, []int64{0, 1}},
	} {
		var keys []*batch.Column
		for _, column := range one.keys {
			if !CanAskBy(table.Columns[column].Type) {
				t.Errorf("%s is no key", table.Columns[column].Type)
			}
			keys = append(keys, rows.Columns[column].GatherWide(one.of))
		}
		var got []int64
		_, err := s.Query(t.Context(), AskByKey(table.Name, table.Columns, one.keys, keys, len(one.of)), func(_ []value.Field, b *batch.Batch) error {
			b.Each(func(i int) { got = append(got, b.Columns[1].Ints[i]) })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if diff := cmp.Diff(one.want, got); diff != "" {
			t.Errorf("keys %v of rows %v: %s", one.keys, one.of, diff)
		}
	}
}
