package operator

import (
	"bytes"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// batchFirsts finds of the rows of a batch those that come first in their partition.
// Where a partition shows one row, and none is ever taken back, the others need no
// look: whoever writes a key writes it often in a short time.
type batchFirsts struct {
	of   pages[uint16] // of each partition: the row found so far, from 1; 0 for none
	rows []uint16
	a, b []byte // scratch
}

// find gives the first rows of all partitions of a batch, in order. The slice is
// valid until the next call.
func (f *batchFirsts) find(o *orderedRows, codes []uint32, keys []*batch.Column) []uint16 {
	f.of.resize(o.table.size())
	for i, code := range codes {
		if at := f.of.at(code); *at == 0 || f.isBefore(o, keys, i, int(*at)-1) {
			*at = uint16(i + 1)
		}
	}
	f.rows = f.rows[:0]
	for i, code := range codes {
		if at := f.of.at(code); int(*at) == i+1 {
			f.rows = append(f.rows, uint16(i))
			*at = 0
		}
	}
	return f.rows
}

// isBefore reports whether row i sorts before row j, which came before it.
func (f *batchFirsts) isBefore(o *orderedRows, keys []*batch.Column, i, j int) bool {
	var order int
	if k := keys[0]; len(keys) == 1 && k.Type.Class() == value.Ints && k.Nulls == nil {
		if order = compareValues(k, i, j); o.order[0].Descending {
			order = -order
		}
	} else {
		f.a, f.b = appendOrder(f.a[:0], o.order, keys, i), appendOrder(f.b[:0], o.order, keys, j)
		order = bytes.Compare(f.a, f.b)
	}
	return order < 0 || order == 0 && o.latestFirst
}
