package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
)

// rowChangelog collects changes of rows that are given in key form, and emits
// them in batches.
type rowChangelog struct {
	mark    engine.Watermark
	emit    engine.Emit
	rows    rowHeap
	kinds   []batch.Kind
	updates bool // kinds has others than inserts
}

func newRowChangelog(types []value.Type, mark engine.Watermark, from *lending, emit engine.Emit) *rowChangelog {
	return &rowChangelog{rows: newRowHeap(types, from), mark: mark, emit: emit}
}

// add appends a row, whose columns are given in one or two parts. A batch never
// ends between the two rows of an update.
func (c *rowChangelog) add(kind batch.Kind, row, behind []byte) error {
	c.rows.add(row)
	c.rows.extend(behind)
	c.kinds = append(c.kinds, kind)
	c.updates = c.updates || kind != batch.Insert
	if kind != batch.UpdateBefore && c.rows.isFull() {
		return c.flush()
	}
	return nil
}

// flush passes on what was collected.
func (c *rowChangelog) flush() error {
	rows := c.rows.len()
	if rows == 0 {
		return nil
	}
	columns, lease, err := c.rows.read()
	if err != nil {
		return err
	}
	b := &batch.Batch{Columns: columns, Rows: rows, Marks: constantMarks(c.mark, rows), Lease: lease}
	if c.updates {
		b.Kinds = c.kinds
	}
	c.kinds, c.updates = make([]batch.Kind, 0, rows), false
	return c.emit(b)
}
