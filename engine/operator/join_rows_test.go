package operator

import (
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// One decodedRows serves both sides of a join in turn, whose rows look different.
func TestDecodedRowsOfBothSides(t *testing.T) {
	var d decodedRows
	for _, types := range [][]value.Type{
		{value.BigIntType, value.StringType}, {value.StringType}, {value.StringType, value.BigIntType, value.StringType},
	} {
		schema := make(plan.Schema, len(types))
		rows := &batch.Batch{Rows: 1}
		for i, typ := range types {
			schema[i].Type = typ
			column := batch.NewColumn(typ, 1)
			if typ.IsText() {
				column.AppendValue(value.OfString("text"))
			} else {
				column.AppendValue(value.OfBigInt(7))
			}
			rows.Columns = append(rows.Columns, column)
		}
		var encoded joinRows
		d.input = newJoinInput(schema, []int{len(types) - 1}, nil)
		d.input.encode(&encoded, rows)
		d.clear()
		for range 3 {
			if err := d.add(encoded.row(0)); err != nil {
				t.Fatal(err)
			}
		}
		columns, err := d.inOrder()
		if err != nil {
			t.Fatal(err)
		}
		for i, column := range columns {
			if column.Len() != 3 || column.Value(2).String() != rows.Columns[i].Value(0).String() {
				t.Errorf("column %d of %v: %d rows, the last %s", i, types, column.Len(), column.Value(column.Len()-1))
			}
		}
	}
}
