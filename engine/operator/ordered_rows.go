package operator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// orderedRows keeps rows by partition, in the order of sort keys; rows that sort
// alike are in the order in which they came, or with latestFirst in the reverse.
//
// Rows are numbered, and numbers of removed rows are given out again; of rows
// that are shown not before the next release, so that they can still be read.
//
// Stored form, in the key group of the partition: 'r', key of the partition, and
// the row's number in the order of arrival (8 bytes, big endian) → the row in key
// form.
type orderedRows struct {
	schema      plan.Schema
	partition   []int
	order       []plan.SortKey
	latestFirst bool
	program     *expr.Program // sort keys that are no columns themselves

	table    *table    // of partitions
	runs     []*rowRun // of each partition
	rows     rowStore  // of each row, in key form
	keys     rowStore  // of each row: the order form of its sort keys, then one byte so that it is never empty
	owners   []uint32  // of each row: its partition
	arrivals []uint64  // of each row: its number in the order of arrival
	flags    []rowFlags
	arrived  uint64 // rows that have arrived
	live     int    // rows that are there
	unused   []uint32
	removed  []uint32 // to be free after the next release
	unsaved  []uint32 // rows added since the last save; those that are gone have lost their flag
	deleted  [][]byte // stored keys of rows that are gone

	encoded batch.Keys
	codes   []uint32
	scratch []byte
}

// rowFlags are marks on rows.
type rowFlags uint8

const (
	rowUnsaved rowFlags = 1 << iota // came since the last save
	rowSaved                        // is in stored state
	rowShown                        // downstream has it
)

// storedRow begins the stored keys of rows.
const storedRow = 'r'

// unsavedMin is how long the list of unsaved rows may get in any case: a job
// that is never saved must not remember every row that has come and gone.
const unsavedMin = 1 << 12

// chunkRowsMax is how many rows a chunk of a run has at most: inserting moves
// half as many numbers on average.
const chunkRowsMax = 512

// rowRun is the rows of one partition in order, in chunks, so that a long run
// need not be moved for each row.
type rowRun struct {
	chunks [][]uint32
	size   int
}

func newOrderedRows(schema plan.Schema, partition []int, order []plan.SortKey) (*orderedRows, error) {
	exprs := make([]plan.Expr, len(order))
	for i, k := range order {
		exprs[i] = k.Expr
	}
	program, err := expr.Compile(exprs)
	if err != nil {
		return nil, err
	}
	return &orderedRows{
		schema: schema, partition: partition, order: order, program: program,
		table: newTable(), codes: make([]uint32, batch.MaxRows),
	}, nil
}

// locate finds or makes the partitions of rows, all of which are live, and gives
// the columns of their sort keys. The codes are valid until the next call.
func (o *orderedRows) locate(ctx *plan.Context, in *batch.Batch) (codes []uint32, keys []*batch.Column, err error) {
	o.encoded.Encode(nil, o.keyOf(in), in.Rows)
	o.table.encode(&o.encoded, o.codes, nil)
	for _, code := range o.codes[:in.Rows] {
		o.begin(code)
	}
	keys, err = o.program.Eval(ctx, in)
	return o.codes[:in.Rows], keys, err
}

// keyOf are the columns that rows are partitioned by.
func (o *orderedRows) keyOf(in *batch.Batch) []*batch.Column { return columnsAt(in, o.partition) }

// partitionOf finds or makes the partition with a key.
func (o *orderedRows) partitionOf(key []byte) uint32 {
	code := o.table.put(key)
	o.begin(code)
	return code
}

// begin makes the run of a partition, if it is new.
func (o *orderedRows) begin(code uint32) {
	for len(o.runs) < o.table.size() {
		o.runs = append(o.runs, nil)
	}
	if o.runs[code] == nil {
		o.runs[code] = &rowRun{}
	}
}

// insert adds row i of the columns to its partition, as the last to arrive, and
// gives its number.
func (o *orderedRows) insert(code uint32, columns, keys []*batch.Column, i int) uint32 {
	o.arrived++
	row := o.add(code, columns, keys, i, o.arrived)
	o.flags[row] = rowUnsaved
	if o.unsaved = append(o.unsaved, row); len(o.unsaved) > unsavedMin && len(o.unsaved) > 2*len(o.flags) {
		o.tidyUnsaved()
	}
	return row
}

// tidyUnsaved makes the list of unsaved rows anew.
func (o *orderedRows) tidyUnsaved() {
	o.unsaved = o.unsaved[:0]
	for row, f := range o.flags {
		if f&rowUnsaved != 0 {
			o.unsaved = append(o.unsaved, uint32(row))
		}
	}
}

// add gives a row a number and puts it into its place.
func (o *orderedRows) add(code uint32, columns, keys []*batch.Column, i int, arrival uint64) uint32 {
	row := o.number(code, arrival)
	o.scratch = append(appendOrder(o.scratch[:0], o.order, keys, i), 0)
	o.keys.put(row, o.scratch)
	o.scratch = append(batch.AppendKey(o.scratch[:0], columns, i), 0)
	o.rows.put(row, o.scratch)
	o.runs[code].insert(row, o.compare)
	return row
}

// number gives a number to a row of a partition.
func (o *orderedRows) number(code uint32, arrival uint64) uint32 {
	var row uint32
	if last := len(o.unused) - 1; last >= 0 {
		row = o.unused[last]
		o.unused = o.unused[:last]
	} else {
		row = uint32(len(o.arrivals))
		o.arrivals, o.owners, o.flags = append(o.arrivals, 0), append(o.owners, 0), append(o.flags, 0)
	}
	o.live++
	o.arrivals[row], o.owners[row], o.flags[row] = arrival, code, 0
	return row
}

// isBehind reports whether row i of the keys, as the last to arrive, sorts behind
// a row of its partition.
func (o *orderedRows) isBehind(row uint32, keys []*batch.Column, i int) bool {
	o.scratch = append(appendOrder(o.scratch[:0], o.order, keys, i), 0)
	c := bytes.Compare(o.scratch, o.keys.get(row))
	return c > 0 || c == 0 && !o.latestFirst
}

// row is a row in key form.
func (o *orderedRows) row(row uint32) []byte {
	stored := o.rows.get(row)
	return stored[:len(stored)-1]
}

// compare orders two rows of a partition.
func (o *orderedRows) compare(a, b uint32) int {
	if c := bytes.Compare(o.keys.get(a), o.keys.get(b)); c != 0 {
		return c
	}
	if (o.arrivals[a] < o.arrivals[b]) != o.latestFirst {
		return -1
	}
	return 1
}

// arePeers reports whether two rows sort alike.
func (o *orderedRows) arePeers(a, b uint32) bool { return bytes.Equal(o.keys.get(a), o.keys.get(b)) }

// find gives the first row of a partition that equals row i of the columns.
func (o *orderedRows) find(code uint32, columns, keys []*batch.Column, i int) (row uint32, ok bool) {
	key := append(appendOrder(nil, o.order, keys, i), 0)
	o.scratch = batch.AppendKey(o.scratch[:0], columns, i)
	o.runs[code].from(func(row uint32) bool { return bytes.Compare(o.keys.get(row), key) >= 0 }, func(candidate uint32) bool {
		if !bytes.Equal(o.keys.get(candidate), key) {
			return false
		}
		if bytes.Equal(o.row(candidate), o.scratch) {
			row, ok = candidate, true
		}
		return !ok
	})
	return row, ok
}

// remove takes a row out of its partition. A row that is shown can be read until
// the next release.
func (o *orderedRows) remove(row uint32) {
	o.runs[o.owners[row]].remove(row, o.compare)
	o.live--
	f := o.flags[row]
	if f&rowSaved != 0 {
		o.deleted = append(o.deleted, o.storedKey(row))
	}
	o.flags[row] = f & rowShown
	if f&rowShown != 0 {
		o.removed = append(o.removed, row)
	} else {
		o.free(row)
	}
}

func (o *orderedRows) free(row uint32) {
	o.rows.drop(row)
	o.keys.drop(row)
	o.flags[row] = 0
	o.unused = append(o.unused, row)
}

// release forgets the removed rows.
func (o *orderedRows) release() {
	for _, row := range o.removed {
		o.free(row)
	}
	o.removed = o.removed[:0]
}

func (o *orderedRows) storedKey(row uint32) []byte {
	key := append([]byte{storedRow}, o.table.key(o.owners[row])...)
	return binary.BigEndian.AppendUint64(key, o.arrivals[row])
}

// save writes the rows that came since the last save, and what is gone.
func (o *orderedRows) save(to engine.Changes) {
	for _, key := range o.deleted {
		to.Delete(engine.GroupOf(key[1:len(key)-8]), key)
	}
	o.deleted = o.deleted[:0]
	for _, row := range o.unsaved {
		if o.flags[row]&rowUnsaved == 0 {
			continue // gone, or written under another entry of the list
		}
		o.flags[row] = o.flags[row]&^rowUnsaved | rowSaved
		to.Put(engine.GroupOf(o.table.key(o.owners[row])), o.storedKey(row), o.row(row))
	}
	o.unsaved = o.unsaved[:0]
}

// load reads a stored row and gives its columns, of one row.
func (o *orderedRows) load(ctx *plan.Context, key, val []byte) (row uint32, columns []*batch.Column, err error) {
	columns = columnsOf(schemaTypes(o.schema), 1)
	if len(key) < 1+8 || key[0] != storedRow {
		return 0, nil, errors.New("a key is none of a row")
	}
	if _, err := batch.AppendRow(columns, val); err != nil {
		return 0, nil, err
	}
	codes, keys, err := o.locate(ctx, &batch.Batch{Columns: columns, Rows: 1})
	if err != nil {
		return 0, nil, err
	}
	arrival := binary.BigEndian.Uint64(key[len(key)-8:])
	o.arrived = max(o.arrived, arrival)
	row = o.add(codes[0], columns, keys, 0, arrival)
	o.flags[row] = rowSaved
	return row, columns, nil
}

// drop removes a partition without rows.
func (o *orderedRows) drop(code uint32) {
	o.runs[code] = nil
	o.table.remove(code)
}

// list is the rows of a partition in order.
func (o *orderedRows) list(code uint32) []uint32 {
	r := o.runs[code]
	all := make([]uint32, 0, r.size)
	for _, chunk := range r.chunks {
		all = append(all, chunk...)
	}
	return all
}

// place is where row belongs: its chunk and the place in it.
func (r *rowRun) place(row uint32, compare func(a, b uint32) int) (chunk, at int) {
	chunk, _ = slices.BinarySearchFunc(r.chunks, row, func(c []uint32, row uint32) int { return compareOrSame(c[len(c)-1], row, compare) })
	if chunk == len(r.chunks) {
		return chunk, 0
	}
	at, _ = slices.BinarySearchFunc(r.chunks[chunk], row, func(x, row uint32) int { return compareOrSame(x, row, compare) })
	return chunk, at
}

func compareOrSame(a, b uint32, compare func(a, b uint32) int) int {
	if a == b {
		return 0
	}
	return compare(a, b)
}

func (r *rowRun) insert(row uint32, compare func(a, b uint32) int) {
	r.size++
	chunk, at := r.place(row, compare)
	if chunk == len(r.chunks) {
		if chunk == 0 {
			r.chunks = append(r.chunks, []uint32{row})
			return
		}
		chunk--
		at = len(r.chunks[chunk])
	}
	r.chunks[chunk] = slices.Insert(r.chunks[chunk], at, row)
	if c := r.chunks[chunk]; len(c) > chunkRowsMax {
		half := len(c) / 2
		r.chunks = slices.Insert(r.chunks, chunk+1, append(make([]uint32, 0, chunkRowsMax), c[half:]...))
		r.chunks[chunk] = c[:half]
	}
}

func (r *rowRun) remove(row uint32, compare func(a, b uint32) int) {
	r.size--
	chunk, at := r.place(row, compare)
	r.chunks[chunk] = slices.Delete(r.chunks[chunk], at, at+1)
	if len(r.chunks[chunk]) == 0 {
		r.chunks = slices.Delete(r.chunks, chunk, chunk+1)
	}
}

// from visits the rows from the first one on for which reached is true, as long
// as visit wants more. reached is false up to some row and then true.
func (r *rowRun) from(reached func(uint32) bool, visit func(uint32) bool) {
	order := func(row uint32, _ struct{}) int {
		if reached(row) {
			return 1
		}
		return -1
	}
	chunk, _ := slices.BinarySearchFunc(r.chunks, struct{}{}, func(c []uint32, none struct{}) int { return order(c[len(c)-1], none) })
	if chunk == len(r.chunks) {
		return
	}
	at, _ := slices.BinarySearchFunc(r.chunks[chunk], struct{}{}, order)
	for ; chunk < len(r.chunks); chunk, at = chunk+1, 0 {
		for _, row := range r.chunks[chunk][at:] {
			if !visit(row) {
				return
			}
		}
	}
}

// last is the row that sorts last; the run has one.
func (r *rowRun) last() uint32 {
	c := r.chunks[len(r.chunks)-1]
	return c[len(c)-1]
}

// each visits the rows in order as long as visit wants more.
func (r *rowRun) each(visit func(uint32) bool) {
	for _, chunk := range r.chunks {
		for _, row := range chunk {
			if !visit(row) {
				return
			}
		}
	}
}
