package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
)

// heldBatches keeps rows as the columns that they came in until each of them is
// released: the memory of a batch is free when all of its rows are.
type heldBatches struct {
	list   []heldBatch
	unused []uint32
}

type heldBatch struct {
	columns []*batch.Column
	left    int // rows that are not released
}

// heldPlace is where a row is.
type heldPlace struct {
	batch uint32
	row   uint32
}

// add keeps the rows of a compact batch and gives its number.
func (h *heldBatches) add(rows *batch.Batch) (number uint32) {
	b := heldBatch{columns: make([]*batch.Column, len(rows.Columns)), left: rows.Rows}
	for i, c := range rows.Columns {
		b.columns[i] = detached(c)
	}
	if last := len(h.unused) - 1; last >= 0 {
		number, h.unused = h.unused[last], h.unused[:last]
		h.list[number] = b
		return number
	}
	h.list = append(h.list, b)
	return uint32(len(h.list) - 1)
}

// detached is a column without texts of others, if they are the larger part of its
// heap: they would be kept with it.
func detached(c *batch.Column) *batch.Column {
	own := 0
	for i, v := range c.Views {
		if !c.IsNull(i) {
			own += int(v.Length)
		}
	}
	if len(c.Heap) <= 2*own {
		return c
	}
	d := *c
	d.Views, d.Heap = make([]batch.View, len(c.Views)), make([]byte, 0, own)
	for i := range c.Views {
		if !c.IsNull(i) {
			d.SetBytes(i, c.Bytes(i))
		}
	}
	return &d
}

// release forgets a row.
func (h *heldBatches) release(at heldPlace) {
	b := &h.list[at.batch]
	if b.left--; b.left == 0 {
		*b = heldBatch{}
		h.unused = append(h.unused, at.batch)
	}
}

// columnsAt is the columns of the batch that a row is in.
func (h *heldBatches) columnsAt(at heldPlace) []*batch.Column { return h.list[at.batch].columns }

// gather copies rows into columns of their own, of the given types.
func (h *heldBatches) gather(types []value.Type, rows []heldPlace) []*batch.Column {
	columns := columnsOf(types, len(rows))
	for k, c := range columns {
		c.Resize(len(rows))
		for begin := 0; begin < len(rows); {
			end := begin + 1
			for end < len(rows) && rows[end].batch == rows[begin].batch {
				end++
			}
			gatherInto(c, begin, h.list[rows[begin].batch].columns[k], rows[begin:end])
			begin = end
		}
	}
	return columns
}

// gatherInto copies rows of a column to those of another one from first on.
func gatherInto(to *batch.Column, first int, from *batch.Column, rows []heldPlace) {
	if from.Nulls != nil || to.Nulls != nil {
		for i, at := range rows {
			to.Set(first+i, from, int(at.row))
		}
		return
	}
	switch to.Type.Class() {
	case value.Ints:
		ints := to.Ints[first : first+len(rows)]
		for i, at := range rows {
			ints[i] = from.Ints[at.row]
		}
	case value.Strings:
		for i, at := range rows {
			to.SetBytes(first+i, from.Bytes(int(at.row)))
		}
	default:
		for i, at := range rows {
			to.Set(first+i, from, int(at.row))
		}
	}
}
