package operator

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
)

// arrivals puts rows into the order of their marks. An operator whose answer
// depends on which row comes first must not depend on which of its senders is
// faster: it takes a row only when the watermark has reached the row's mark, as
// every row with a smaller mark is there by then. Rows with the same mark stay
// in the order in which they came.
type arrivals struct {
	held []*batch.Batch // compact
	rows []arrival      // of held that have not been taken, in order of arrival
}

type arrival struct {
	mark       engine.Watermark
	batch, row int32
}

// add keeps the rows of a compact batch.
func (a *arrivals) add(rows *batch.Batch) {
	if rows.Rows == 0 {
		return
	}
	a.held = append(a.held, rows)
	for i := range rows.Rows {
		a.rows = append(a.rows, arrival{rows.Mark(i), int32(len(a.held) - 1), int32(i)})
	}
}

// take gives the rows with marks up to the watermark, in order, as batches.
func (a *arrivals) take(now engine.Watermark, use func(*batch.Batch) error) error {
	if len(a.rows) == 0 {
		return nil
	}
	if one := a.whole(now); one != nil {
		a.clear()
		return use(one)
	}
	var due, rest []arrival
	for _, r := range a.rows {
		if r.mark <= now {
			due = append(due, r)
		} else {
			rest = append(rest, r)
		}
	}
	if len(due) == 0 {
		return nil
	}
	slices.SortStableFunc(due, func(x, y arrival) int {
		switch {
		case x.mark < y.mark:
			return -1
		case x.mark > y.mark:
			return 1
		}
		return 0
	})
	batches := a.gather(due)
	left := a.gather(rest)
	a.clear()
	for _, b := range left {
		a.add(b)
	}
	for _, b := range batches {
		if err := use(b); err != nil {
			return err
		}
	}
	return nil
}

// whole is the only batch when all of it can be taken as it stands: the usual
// case, of a single sender.
func (a *arrivals) whole(now engine.Watermark) *batch.Batch {
	if len(a.held) != 1 {
		return nil
	}
	before := batch.NoMark
	for _, r := range a.rows {
		if r.mark < before || r.mark > now {
			return nil
		}
		before = r.mark
	}
	return a.held[0]
}

// gather copies rows into batches of their own.
func (a *arrivals) gather(rows []arrival) []*batch.Batch {
	var batches []*batch.Batch
	for start := 0; start < len(rows); start += batch.MaxRows {
		part := rows[start:min(start+batch.MaxRows, len(rows))]
		b := &batch.Batch{Rows: len(part), Marks: make([]int64, len(part))}
		for _, c := range a.held[part[0].batch].Columns {
			b.Columns = append(b.Columns, batch.NewColumn(c.Type, len(part)))
		}
		for i, r := range part {
			from := a.held[r.batch]
			for c, column := range b.Columns {
				column.Append(from.Columns[c], int(r.row))
			}
			b.Marks[i] = r.mark
			if kind := from.Kind(int(r.row)); kind != batch.Insert || b.Kinds != nil {
				if b.Kinds == nil {
					b.Kinds = make([]batch.Kind, i, len(part))
				}
				b.Kinds = append(b.Kinds, kind)
			}
		}
		batches = append(batches, b)
	}
	return batches
}

// each calls f with every row that is held.
func (a *arrivals) each(f func(from *batch.Batch, row int)) {
	for _, r := range a.rows {
		f(a.held[r.batch], int(r.row))
	}
}

func (a *arrivals) clear() { a.held, a.rows = a.held[:0], a.rows[:0] }
