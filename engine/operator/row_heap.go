package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// rowHeap collects rows in key form that are to be shown, and reads them as columns
// a column at a time. Texts stay where they are collected: each row is copied once.
type rowHeap struct {
	lending *lending  // where memory comes from and goes back to; nil for new memory each time
	memory  *lentRows // of the rows that are collected; nil for what is new

	types  []value.Type
	gives  bool // some columns are texts, whose heap the collected bytes become
	bytes  []byte
	starts []uint32
	last   int // bytes that were read last
}

// rowHeapMax is how many bytes are collected at most, but for the last row: views of
// columns reach 4 GiB far.
const rowHeapMax = 1 << 28

func newRowHeap(types []value.Type, from *lending) rowHeap {
	h := rowHeap{types: types, lending: from}
	for _, t := range types {
		h.gives = h.gives || t.Class() == value.Strings
	}
	return h
}

// len is how many rows there are.
func (h *rowHeap) len() int { return len(h.starts) }

// isFull reports whether the rows are to be read before one more pair comes.
func (h *rowHeap) isFull() bool {
	return len(h.starts) >= batch.MaxRows-1 || len(h.bytes) > rowHeapMax
}

// add begins a row.
func (h *rowHeap) add(row []byte) {
	if len(h.starts) == 0 {
		h.begin(len(row))
	}
	h.starts = append(h.starts, uint32(len(h.bytes)))
	h.bytes = append(h.bytes, row...)
}

// begin finds memory for rows, the first of which has n bytes.
func (h *rowHeap) begin(n int) {
	if h.memory = h.lending.take(); h.memory != nil && h.gives {
		h.bytes = h.memory.heap[:0]
	}
	if h.bytes == nil {
		h.bytes = make([]byte, 0, max(h.last, n))
	}
}

// extend adds further columns to the row that was added last.
func (h *rowHeap) extend(behind []byte) { h.bytes = append(h.bytes, behind...) }

// read gives all rows as columns and forgets them. The lease is of the columns.
func (h *rowHeap) read() ([]*batch.Column, *batch.Lease, error) {
	rows := h.memory
	if rows == nil {
		rows = &lentRows{columns: columnsOf(h.types, len(h.starts))}
	}
	for _, c := range rows.columns {
		c.Reset()
	}
	if err := batch.ReadRows(rows.columns, h.bytes, h.starts); err != nil {
		return nil, nil, fmt.Errorf("show rows: %w", err)
	}
	h.last = len(h.bytes) // what follows is often as much
	rows.heap = h.bytes
	h.bytes, h.starts, h.memory = h.bytes[:0], h.starts[:0], nil
	if h.gives {
		h.bytes = nil
	}
	columns, lease := h.lending.lend(rows)
	return columns, lease, nil
}
