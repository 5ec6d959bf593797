package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// rowHeap collects rows in key form that are to be shown, and reads them as columns
// a column at a time. Texts stay where they are collected: each row is copied once.
type rowHeap struct {
	types  []value.Type
	gives  bool // some columns are texts, whose heap the collected bytes become
	bytes  []byte
	starts []uint32
	last   int // bytes that were read last
}

// rowHeapMax is how many bytes are collected at most, but for the last row: views of
// columns reach 4 GiB far.
const rowHeapMax = 1 << 28

func newRowHeap(types []value.Type) rowHeap {
	h := rowHeap{types: types}
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
	if h.bytes == nil {
		h.bytes = make([]byte, 0, max(h.last, len(row)))
	}
	h.starts = append(h.starts, uint32(len(h.bytes)))
	h.bytes = append(h.bytes, row...)
}

// extend adds further columns to the row that was added last.
func (h *rowHeap) extend(behind []byte) { h.bytes = append(h.bytes, behind...) }

// read gives all rows as columns and forgets them.
func (h *rowHeap) read() ([]*batch.Column, error) {
	columns := columnsOf(h.types, len(h.starts))
	if err := batch.ReadRows(columns, h.bytes, h.starts); err != nil {
		return nil, fmt.Errorf("show rows: %w", err)
	}
	h.last = len(h.bytes) // what follows is often as much
	h.bytes, h.starts = h.bytes[:0], h.starts[:0]
	if h.gives {
		h.bytes = nil
	}
	return columns, nil
}
