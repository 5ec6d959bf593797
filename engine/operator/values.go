package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// ValuesOf computes the rows of a constant table.
func ValuesOf(ctx *plan.Context, n *plan.Values) ([]*batch.Batch, error) {
	types := make([]value.Type, len(n.Columns))
	for i, c := range n.Columns {
		types[i] = c.Type
	}
	var all []*batch.Batch
	for start := 0; start < len(n.Rows); start += batch.MaxRows {
		rows := n.Rows[start:min(start+batch.MaxRows, len(n.Rows))]
		columns := columnsOf(types, len(rows))
		for _, exprs := range rows {
			program, err := expr.Compile(exprs)
			if err != nil {
				return nil, err
			}
			results, err := program.Eval(ctx, &batch.Batch{Rows: 1})
			if err != nil {
				return nil, err
			}
			for i, c := range results {
				columns[i].Append(c, 0)
			}
		}
		all = append(all, &batch.Batch{Columns: columns, Rows: len(rows)})
	}
	return all, nil
}
