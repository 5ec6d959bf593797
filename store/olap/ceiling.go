package olap

import (
	"context"
	"fmt"
	"math"
	"strings"

	"tidemark/base/value"
)

// ceiling is a value of a key column that no stored row is above. A row that is
// above it has a key that is not there, so that nobody has to look for it: what has
// windows or growing numbers in its key is mostly appended. Rows that others remove
// leave a ceiling as high as it was, which does no harm.
type ceiling struct {
	column int // of the table
	most   int64
}

// findCeilings asks the table for its ceilings, unless they are known. The caller
// holds mu.
func (w *Writer) findCeilings(ctx context.Context) error {
	if w.mu.ceilings != nil {
		return nil
	}
	found, most := []ceiling{}, []string{}
	if w.fills != nil { // or rows are merged one by one
		for _, k := range w.table.Key {
			if text := mostOf(w.table.Columns[k]); text != "" {
				found, most = append(found, ceiling{k, math.MinInt64}), append(most, text)
			}
		}
	}
	if len(found) > 0 {
		row, err := w.query(ctx, "SELECT "+strings.Join(most, ", ")+" FROM "+quote(w.table.Name))
		if err != nil {
			return fmt.Errorf("read greatest keys of %s: %w", w.table.Name, err)
		}
		for i := range found {
			if n, ok := row[i].(int64); ok { // or the table is empty
				found[i].most = n
			}
		}
	}
	w.mu.ceilings = found
	return nil
}

// mostOf asks for the greatest value of a column as a column of batch.Ints has it;
// "" for types that have no ceiling.
func mostOf(f value.Field) string {
	switch {
	case f.Type.Class() != value.Ints:
		return ""
	case f.Type.IsInteger():
		return "max(" + quote(f.Name) + ")::BIGINT"
	case f.Type.Kind == value.Timestamp || f.Type.Kind == value.TimestampLTZ:
		return "epoch_us(max(" + quote(f.Name) + "))"
	}
	return ""
}

// overCeilings finds the rows whose keys are above all that are stored, but for those
// that are taken away, and the others. No two rows have the same key. It raises the
// ceilings before anything is written: whether it is then need not be known. The
// caller holds mu.
func (w *Writer) overCeilings(rows []place) (over, others []place) {
	for _, p := range rows {
		switch {
		case !w.isOver(p):
			others = append(others, p)
		case !p.b.Kind(p.row).Retracts():
			over = append(over, p)
		}
	}
	for i := range w.mu.ceilings {
		k := &w.mu.ceilings[i]
		for _, p := range rows {
			if c := p.b.Columns[k.column]; !c.IsNull(p.row) {
				k.most = max(k.most, c.Ints[p.row])
			}
		}
	}
	return over, others
}

func (w *Writer) isOver(p place) bool {
	for _, k := range w.mu.ceilings {
		if c := p.b.Columns[k.column]; !c.IsNull(p.row) && c.Ints[p.row] > k.most {
			return true
		}
	}
	return false
}
