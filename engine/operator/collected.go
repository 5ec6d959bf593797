package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// collected is all rows of a bounded input in one table of columns, which may
// have more rows than a batch.
type collected struct {
	columns []*batch.Column
	rows    int
}

// collectedRowsMax bounds what Sort holds in memory.
const collectedRowsMax = 50_000_000

func newCollected(types []value.Type) *collected {
	return &collected{columns: columnsOf(types, 0)}
}

// add appends the live rows of b with the given further columns behind them.
func (c *collected) add(b *batch.Batch, more []*batch.Column) error {
	if c.rows+b.Rows > collectedRowsMax {
		return problem.New(problem.TooLarge, "a result of more than %d rows cannot be sorted", collectedRowsMax).WithHint("add a LIMIT, or filter first")
	}
	if retractions(b) != nil {
		return fmt.Errorf("sort: the input takes rows back")
	}
	columns := append(append([]*batch.Column(nil), b.Columns...), more...)
	for i, into := range c.columns {
		if into.Type.Class() == value.Strings && len(into.Heap)+len(columns[i].Heap) > batch.MaxHeap {
			return problem.New(problem.TooLarge, "a result with more than %d bytes of text in a column cannot be sorted", batch.MaxHeap)
		}
		for row := range b.Rows {
			into.Append(columns[i], row)
		}
	}
	c.rows += b.Rows
	return nil
}
