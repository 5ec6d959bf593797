package operator

import (
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// joinInput says how the rows of one side of a join are stored: in key form, the
// key columns first, so that the key is how the row begins, then the others.
type joinInput struct {
	types     []value.Type // of the input's columns
	stored    []value.Type // of the columns as they are stored
	order     []int        // input column at each place of the stored form
	place     []int        // place in the stored form of each input column
	keys      int          // how many of the stored columns are the key
	unequal   []int        // input columns of the key where NULL equals nothing
	keyOrder  []*batch.Column
	restOrder []*batch.Column
	single    [1]*batch.Column
}

// newJoinInput lays out rows of the schema whose key is columns keys; unequal
// are those of them where NULL equals nothing.
func newJoinInput(s plan.Schema, keys, unequal []int) *joinInput {
	in := &joinInput{types: schemaTypes(s), place: make([]int, len(s)), keys: len(keys), unequal: unequal}
	isKey := make([]bool, len(s))
	add := func(column int) {
		in.place[column] = len(in.order)
		in.order = append(in.order, column)
		in.stored = append(in.stored, in.types[column])
	}
	for _, column := range keys {
		add(column)
		isKey[column] = true
	}
	for column := range s {
		if !isKey[column] {
			add(column)
		}
	}
	return in
}

// joinInputs lays out both sides of a join with the keys.
func joinInputs(left, right plan.Schema, keys []plan.JoinKey) [2]*joinInput {
	var columns, unequal [2][]int
	for _, k := range keys {
		for side, column := range [2]int{k.Left, k.Right} {
			columns[side] = append(columns[side], column)
			if !k.NullSafe {
				unequal[side] = append(unequal[side], column)
			}
		}
	}
	return [2]*joinInput{newJoinInput(left, columns[0], unequal[0]), newJoinInput(right, columns[1], unequal[1])}
}

// joinRows is the rows of a batch in stored form, in memory that is used again
// for the next one.
type joinRows struct {
	bytes   []byte
	starts  []int // of each row, and the end of the last one
	keyEnds []int
	hashes  []uint64 // of the keys, where they were asked for
}

// encode replaces what r holds by the rows of a batch, all of which are live.
func (in *joinInput) encode(r *joinRows, rows *batch.Batch) {
	in.keyOrder, in.restOrder = in.keyOrder[:0], in.restOrder[:0]
	for place, column := range in.order {
		if place < in.keys {
			in.keyOrder = append(in.keyOrder, rows.Columns[column])
		} else {
			in.restOrder = append(in.restOrder, rows.Columns[column])
		}
	}
	r.bytes, r.starts, r.keyEnds = r.bytes[:0], r.starts[:0], r.keyEnds[:0]
	for i := range rows.Rows {
		r.starts = append(r.starts, len(r.bytes))
		r.bytes = batch.AppendKey(r.bytes, in.keyOrder, i)
		r.keyEnds = append(r.keyEnds, len(r.bytes))
		r.bytes = batch.AppendKey(r.bytes, in.restOrder, i)
	}
	r.starts = append(r.starts, len(r.bytes))
}

// appendKey adds the key of row i of the columns, and nothing else of it.
func (in *joinInput) appendKey(r *joinRows, columns []*batch.Column, i int) {
	if len(r.starts) == 0 {
		r.starts = append(r.starts, 0)
	}
	for _, column := range in.order[:in.keys] {
		in.single[0] = columns[column]
		r.bytes = batch.AppendKey(r.bytes, in.single[:], i)
	}
	r.keyEnds, r.starts = append(r.keyEnds, len(r.bytes)), append(r.starts, len(r.bytes))
}

// appendRow adds row i of the columns.
func (in *joinInput) appendRow(r *joinRows, columns []*batch.Column, i int) {
	in.appendKey(r, columns, i)
	for _, column := range in.order[in.keys:] {
		in.single[0] = columns[column]
		r.bytes = batch.AppendKey(r.bytes, in.single[:], i)
	}
	r.starts[len(r.starts)-1] = len(r.bytes)
}

// clear forgets all rows.
func (r *joinRows) clear() {
	r.bytes, r.starts, r.keyEnds, r.hashes = r.bytes[:0], r.starts[:0], r.keyEnds[:0], r.hashes[:0]
}

// add appends row i of others.
func (r *joinRows) add(from *joinRows, i int) {
	if len(r.starts) == 0 {
		r.starts = append(r.starts, 0)
	}
	r.keyEnds = append(r.keyEnds, len(r.bytes)+from.keyEnds[i]-from.starts[i])
	r.bytes = append(r.bytes, from.row(i)...)
	r.starts, r.hashes = append(r.starts, len(r.bytes)), append(r.hashes, from.hashes[i])
}

// hash computes the hashes of the keys.
func (r *joinRows) hash(seed uint64) {
	r.hashes = r.hashes[:0]
	for i := range r.keyEnds {
		r.hashes = append(r.hashes, batch.Hash(seed, r.key(i)))
	}
}

// key is the key of row i, valid until the next encode.
func (r *joinRows) key(i int) []byte { return r.bytes[r.starts[i]:r.keyEnds[i]:r.keyEnds[i]] }

// row is row i, valid until the next encode.
func (r *joinRows) row(i int) []byte { return r.bytes[r.starts[i]:r.starts[i+1]:r.starts[i+1]] }

// decodedRows is stored rows as columns again. The rows are copied end to end into
// one piece of memory, of which all texts are views.
type decodedRows struct {
	input   *joinInput
	rows    int
	bytes   int // of all rows
	pending [][]byte
	heap    []byte          // the rows that are not pending
	at      []uint32        // scratch
	columns []*batch.Column // as they are stored
}

// clear begins anew: what was handed out stays as it is.
func (d *decodedRows) clear() {
	d.pending, d.rows, d.bytes, d.heap, d.columns = d.pending[:0], 0, 0, nil, nil
}

// add appends a stored row, and whatever is behind it. It is read by inOrder.
func (d *decodedRows) add(row []byte) error {
	if d.bytes+len(row) > batch.MaxHeap {
		return problem.New(problem.TooLarge, "the rows of one key of a join have more than %d bytes", batch.MaxHeap).
			WithHint("add a condition with = to the join")
	}
	d.pending = append(d.pending, row)
	d.bytes += len(row)
	d.rows++
	return nil
}

// inOrder is the rows as the columns of the input.
func (d *decodedRows) inOrder() ([]*batch.Column, error) {
	if d.columns == nil {
		d.columns = columnsOf(d.input.stored, d.rows)
	}
	d.at = d.at[:0]
	if d.heap == nil {
		d.heap = make([]byte, 0, d.bytes) // growing a slice would fill it with zeros first
	} else {
		d.heap = slices.Grow(d.heap, d.bytes-len(d.heap))
	}
	for _, row := range d.pending {
		d.at = append(d.at, uint32(len(d.heap)))
		d.heap = append(d.heap, row...)
	}
	d.pending = d.pending[:0]
	if err := batch.ReadRows(d.columns, d.heap, d.at); err != nil {
		return nil, fmt.Errorf("read rows of a join: %w", err)
	}
	columns := make([]*batch.Column, len(d.input.types))
	for column, place := range d.input.place {
		columns[column] = d.columns[place]
	}
	return columns, nil
}
