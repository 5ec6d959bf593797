package native

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// change is a row of two columns, key and value.
func changes(rows ...any) *batch.Batch {
	b := &batch.Batch{Columns: []*batch.Column{batch.NewColumn(value.BigIntType, 0), batch.NewColumn(value.StringType, 0)}}
	for i := 0; i < len(rows); i += 3 {
		b.Kinds = append(b.Kinds, rows[i].(batch.Kind))
		b.Columns[0].AppendValue(value.OfBigInt(int64(rows[i+1].(int))))
		if text, ok := rows[i+2].(string); ok {
			b.Columns[1].AppendValue(value.OfString(text))
		} else {
			b.Columns[1].AppendNull()
		}
		b.Rows++
	}
	return b
}

// What is deleted within an epoch does not reach the hot store, and what comes
// after the deletion does.
func TestDeletedWithinAnEpoch(t *testing.T) {
	batches := []*batch.Batch{
		changes(batch.Insert, 1, "a", batch.Insert, 2, "b", batch.Insert, 3, "c"),
		changes(batch.Delete, 2, nil, batch.Delete, 3, nil, batch.Insert, 3, "again", batch.Delete, 4, nil),
	}
	batches[0].Kinds = nil
	var got []string
	for _, b := range withoutDeleted(batches, []int{0}) {
		b.Each(func(i int) {
			row := b.Row(i)
			got = append(got, fmt.Sprint(b.Kind(i), " ", row[0], " ", row[1]))
		})
	}
	if diff := cmp.Diff([]string{"+I 1 a", "-D 2 NULL", "-D 3 NULL", "+I 3 again", "-D 4 NULL"}, got); diff != "" {
		t.Error(diff)
	}
	if same := withoutDeleted(batches[:1], []int{0}); same[0] != batches[0] {
		t.Error("a commit without deletions was changed")
	}
}
