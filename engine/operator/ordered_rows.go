package operator

import (
	"bytes"
	"encoding/binary"
	"errors"

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

	table    *table        // of partitions
	runs     rowRuns       // of each partition
	rows     rowStore      // of each row: its bytes (uvarint) of the order form of its sort keys, that, and the row in key form
	owners   pages[uint32] // of each row: its partition
	arrivals pages[uint64] // of each row: its number in the order of arrival
	flags    pages[rowFlags]
	arrived  uint64 // rows that have arrived
	live     int    // rows that are there
	unused   []uint32
	removed  []uint32 // to be free after the next release
	unsaved  []uint32 // rows added since the last save; those that are gone have lost their flag
	deleted  [][]byte // stored keys of rows that are gone

	encoded batch.Keys
	codes   []uint32
	scratch []byte
	sortKey []byte
	looked  []span

	touching touching
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
	o.runs.resize(o.table.size())
	keys, err = o.program.Eval(ctx, in)
	return o.codes[:in.Rows], keys, err
}

// look reads the last rows of partitions, which are asked for next: so their cache
// misses overlap.
func (o *orderedRows) look(codes []uint32) {
	var looked uint32
	for _, code := range codes {
		looked += o.runs.runs.at(code).size
	}
	o.looked = o.looked[:0]
	for _, code := range codes {
		if o.runs.size(code) > 0 {
			o.looked = append(o.looked, *o.rows.spans.at(o.runs.last(code)))
		}
	}
	for _, at := range o.looked {
		looked += uint32(o.rows.arena.blocks[at.block][at.start])
	}
	o.touching = touching(looked)
}

// keyOf are the columns that rows are partitioned by.
func (o *orderedRows) keyOf(in *batch.Batch) []*batch.Column { return columnsAt(in, o.partition) }

// partitionOf finds or makes the partition with a key.
func (o *orderedRows) partitionOf(key []byte) uint32 {
	code := o.table.put(key)
	o.runs.resize(o.table.size())
	return code
}

// insert adds row i of the columns to its partition, as the last to arrive, and
// gives its number.
func (o *orderedRows) insert(code uint32, columns, keys []*batch.Column, i int) uint32 {
	o.arrived++
	row := o.add(code, columns, keys, i, o.arrived)
	*o.flags.at(row) = rowUnsaved
	if o.unsaved = append(o.unsaved, row); len(o.unsaved) > unsavedMin && len(o.unsaved) > 2*o.flags.len() {
		o.tidyUnsaved()
	}
	return row
}

// tidyUnsaved makes the list of unsaved rows anew.
func (o *orderedRows) tidyUnsaved() {
	o.unsaved = o.unsaved[:0]
	for row := range uint32(o.flags.len()) {
		if *o.flags.at(row)&rowUnsaved != 0 {
			o.unsaved = append(o.unsaved, row)
		}
	}
}

// add gives a row a number and puts it into its place.
func (o *orderedRows) add(code uint32, columns, keys []*batch.Column, i int, arrival uint64) uint32 {
	row := o.number(code, arrival)
	o.sortKey = appendOrder(o.sortKey[:0], o.order, keys, i)
	o.scratch = batch.AppendKey(appendSized(o.scratch[:0], o.sortKey), columns, i)
	o.rows.put(row, o.scratch)
	o.runs.insert(code, row, o.compare)
	return row
}

// number gives a number to a row of a partition.
func (o *orderedRows) number(code uint32, arrival uint64) uint32 {
	o.live++
	if last := len(o.unused) - 1; last >= 0 {
		row := o.unused[last]
		o.unused = o.unused[:last]
		*o.arrivals.at(row), *o.owners.at(row), *o.flags.at(row) = arrival, code, 0
		return row
	}
	o.arrivals.append(arrival)
	o.owners.append(code)
	return o.flags.append(0)
}

// isBehind reports whether row i of the keys, as the last to arrive, sorts behind
// a row of its partition.
func (o *orderedRows) isBehind(row uint32, keys []*batch.Column, i int) bool {
	o.scratch = appendOrder(o.scratch[:0], o.order, keys, i)
	c := bytes.Compare(o.scratch, o.key(row))
	return c > 0 || c == 0 && !o.latestFirst
}

// key is the order form of a row's sort keys.
func (o *orderedRows) key(row uint32) []byte {
	key, _ := cutSortKey(o.rows.get(row))
	return key
}

// row is a row in key form.
func (o *orderedRows) row(row uint32) []byte {
	_, rest := cutSortKey(o.rows.get(row))
	return rest
}

// cutSortKey cuts what is stored of a row in two.
func cutSortKey(stored []byte) (key, row []byte) {
	if n := int(stored[0]); n < 0x80 {
		return stored[1 : 1+n], stored[1+n:]
	}
	n, used := binary.Uvarint(stored)
	return stored[used : used+int(n)], stored[used+int(n):]
}

// compare orders two rows of a partition.
func (o *orderedRows) compare(a, b uint32) int {
	if c := bytes.Compare(o.key(a), o.key(b)); c != 0 {
		return c
	}
	if (*o.arrivals.at(a) < *o.arrivals.at(b)) != o.latestFirst {
		return -1
	}
	return 1
}

// arePeers reports whether two rows sort alike.
func (o *orderedRows) arePeers(a, b uint32) bool { return bytes.Equal(o.key(a), o.key(b)) }

// find gives the first row of a partition that equals row i of the columns.
func (o *orderedRows) find(code uint32, columns, keys []*batch.Column, i int) (row uint32, ok bool) {
	o.sortKey = appendOrder(o.sortKey[:0], o.order, keys, i)
	o.scratch = batch.AppendKey(appendSized(o.scratch[:0], o.sortKey), columns, i)
	o.runs.from(code, func(row uint32) bool { return bytes.Compare(o.key(row), o.sortKey) >= 0 }, func(candidate uint32) bool {
		if bytes.Equal(o.rows.get(candidate), o.scratch) {
			row, ok = candidate, true
			return false
		}
		return bytes.Equal(o.key(candidate), o.sortKey)
	})
	return row, ok
}

// remove takes a row out of its partition. A row that is shown can be read until
// the next release.
func (o *orderedRows) remove(row uint32) {
	o.runs.remove(*o.owners.at(row), row, o.compare)
	o.live--
	flags := o.flags.at(row)
	if *flags&rowSaved != 0 {
		o.deleted = append(o.deleted, o.storedKey(row))
	}
	*flags &= rowShown
	if *flags&rowShown != 0 {
		o.removed = append(o.removed, row)
	} else {
		o.free(row)
	}
}

func (o *orderedRows) free(row uint32) {
	o.rows.drop(row)
	*o.flags.at(row) = 0
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
	key := append([]byte{storedRow}, o.table.key(*o.owners.at(row))...)
	return binary.BigEndian.AppendUint64(key, *o.arrivals.at(row))
}

// save writes the rows that came since the last save, and what is gone.
func (o *orderedRows) save(to engine.Changes) {
	for _, key := range o.deleted {
		to.Delete(engine.GroupOf(key[1:len(key)-8]), key)
	}
	o.deleted = o.deleted[:0]
	for _, row := range o.unsaved {
		flags := o.flags.at(row)
		if *flags&rowUnsaved == 0 {
			continue // gone, or written under another entry of the list
		}
		*flags = *flags&^rowUnsaved | rowSaved
		to.Put(engine.GroupOf(o.table.key(*o.owners.at(row))), o.storedKey(row), o.row(row))
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
	*o.flags.at(row) = rowSaved
	return row, columns, nil
}

// drop removes a partition without rows.
func (o *orderedRows) drop(code uint32) {
	o.runs.drop(code)
	o.table.remove(code)
}
