package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
)

// rowChangelog collects changes of rows that are given in key form, and emits
// them in batches.
type rowChangelog struct {
	types   []value.Type
	mark    engine.Watermark
	emit    engine.Emit
	columns []*batch.Column
	kinds   []batch.Kind
	updates bool // kinds has others than inserts
}

func newRowChangelog(types []value.Type, mark engine.Watermark, emit engine.Emit) *rowChangelog {
	c := &rowChangelog{types: types, mark: mark, emit: emit}
	c.clear()
	return c
}

func (c *rowChangelog) clear() {
	c.columns, c.kinds, c.updates = columnsOf(c.types, 0), nil, false
}

// add appends a row, whose columns are given in one or two parts. A batch never
// ends between the two rows of an update.
func (c *rowChangelog) add(kind batch.Kind, row, behind []byte) error {
	columns := c.columns
	for _, part := range [][]byte{row, behind} {
		for len(part) > 0 {
			var err error
			if part, err = batch.AppendRow(columns[:1], part); err != nil {
				return fmt.Errorf("show row: %w", err)
			}
			columns = columns[1:]
		}
	}
	c.kinds = append(c.kinds, kind)
	c.updates = c.updates || kind != batch.Insert
	if len(c.kinds) >= batch.MaxRows-1 && kind != batch.UpdateBefore {
		return c.flush()
	}
	return nil
}

// flush passes on what was collected.
func (c *rowChangelog) flush() error {
	rows := len(c.kinds)
	if rows == 0 {
		return nil
	}
	b := &batch.Batch{Columns: c.columns, Rows: rows, Marks: constantMarks(c.mark, rows)}
	if c.updates {
		b.Kinds = c.kinds
	}
	c.clear()
	return c.emit(b)
}
