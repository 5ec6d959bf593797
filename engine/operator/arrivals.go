package operator

import (
	"cmp"
	"slices"
	"sort"

	"tidemark/base/batch"
	"tidemark/engine"
)

// arrivals puts rows into the order of their marks. An operator whose answer
// depends on which row comes first must not depend on which of its senders is
// faster: it takes a row only when the watermark has reached the row's mark, as
// every row with a smaller mark is there by then. Rows with the same mark stay
// in the order in which they came.
//
// Rows of one sender come in order, and are passed on as they stand.
type arrivals struct {
	held    []heldArrivals
	mixed   bool             // marks fall somewhere from one row to the next
	highest engine.Watermark // mark of the last row, unless they are mixed
}

// heldArrivals is a compact batch of which the rows before from have been taken.
type heldArrivals struct {
	rows *batch.Batch
	from int
}

// arrival is where a row is held.
type arrival struct {
	mark       engine.Watermark
	batch, row int32
}

// add keeps the rows of a compact batch.
func (a *arrivals) add(rows *batch.Batch) {
	if rows.Rows == 0 {
		return
	}
	if len(a.held) == 0 {
		a.mixed, a.highest = false, batch.NoMark
	}
	for i := 0; i < rows.Rows && !a.mixed; i++ {
		mark := rows.Mark(i)
		a.mixed, a.highest = mark < a.highest, mark
	}
	a.held = append(a.held, heldArrivals{rows: rows})
}

// take gives the rows with marks up to the watermark, in order, as batches.
func (a *arrivals) take(now engine.Watermark, use func(*batch.Batch) error) error {
	if a.mixed {
		return a.takeMixed(now, use)
	}
	for len(a.held) > 0 {
		first := &a.held[0]
		end := first.from + sort.Search(first.rows.Rows-first.from, func(i int) bool { return first.rows.Mark(first.from+i) > now })
		if end == first.from {
			return nil
		}
		part := partOf(first.rows, first.from, end)
		if first.from = end; end == first.rows.Rows {
			a.held = slices.Delete(a.held, 0, 1)
		}
		if err := use(part); err != nil {
			return err
		}
	}
	return nil
}

// takeMixed is take where rows have to be sorted.
func (a *arrivals) takeMixed(now engine.Watermark, use func(*batch.Batch) error) error {
	var due, rest []arrival
	for number, h := range a.held {
		for i := h.from; i < h.rows.Rows; i++ {
			r := arrival{h.rows.Mark(i), int32(number), int32(i)}
			if r.mark <= now {
				due = append(due, r)
			} else {
				rest = append(rest, r)
			}
		}
	}
	if len(due) == 0 {
		return nil
	}
	slices.SortStableFunc(due, func(x, y arrival) int { return cmp.Compare(x.mark, y.mark) })
	batches := a.gather(due)
	left := a.gather(rest)
	a.held = nil
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

// gather copies rows into batches of their own.
func (a *arrivals) gather(rows []arrival) []*batch.Batch {
	var batches []*batch.Batch
	for start := 0; start < len(rows); start += batch.MaxRows {
		part := rows[start:min(start+batch.MaxRows, len(rows))]
		b := &batch.Batch{Rows: len(part), Marks: make([]int64, len(part))}
		for _, c := range a.held[part[0].batch].rows.Columns {
			b.Columns = append(b.Columns, batch.NewColumn(c.Type, len(part)))
		}
		for i, r := range part {
			from := a.held[r.batch].rows
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
	for _, h := range a.held {
		for i := h.from; i < h.rows.Rows; i++ {
			f(h.rows, i)
		}
	}
}
