package batch_test

import (
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// Scattered rows are where Gather finds them, and all others are as before.
func TestScatterIsTheReverseOfGather(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]value.Type{value.BigIntType, value.StringType}).Draw(t, "type")
		draw := func(n int, label string) *batch.Column {
			c := batch.NewColumn(typ, n)
			for range n {
				switch number := rapid.Int64Range(0, 9).Draw(t, label); {
				case number == 0:
					c.AppendNull()
				case typ.IsText():
					c.AppendValue(value.OfString("text"[:number%4]))
				default:
					c.AppendValue(value.OfBigInt(number))
				}
			}
			return c
		}
		to := draw(20, "before")
		before := to.Gather(rowsBut(nil))
		rows := rapid.SliceOfNDistinct(rapid.Uint16Range(0, 19), 0, 20, rapid.ID).Draw(t, "rows")
		from := draw(len(rows), "from")
		to.Scatter(rows, from)
		sameRows(t, to.Gather(rows), from)
		others := rowsBut(rows)
		sameRows(t, to.Gather(others), before.Gather(others))
	})
}

// rowsBut is the rows from 0 to 19 without some.
func rowsBut(without []uint16) (rows []uint16) {
	for row := range uint16(20) {
		keep := true
		for _, w := range without {
			keep = keep && w != row
		}
		if keep {
			rows = append(rows, row)
		}
	}
	return rows
}

func sameRows(t *rapid.T, got, want *batch.Column) {
	for i := range want.Len() {
		if got.Value(i).String() != want.Value(i).String() {
			t.Fatalf("row %d is %s, not %s", i, got.Value(i), want.Value(i))
		}
	}
}
