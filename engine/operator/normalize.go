package operator

import (
	"bytes"
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// Normalize makes complete changes of rows that replace each other by key. It
// keeps the row of each key: a row for a key that has one is an update of it, or
// nothing when it is the same; taking back the row of a key that has none is
// nothing. What is taken back is the row that was kept, whatever the change says.
//
// In streaming mode every change comes with the mark of the row that made it; in
// batch mode the rows are given once, at the end.
//
// A row with a time to live is forgotten when no change came to it for so long;
// what was shown of it stays. Then changes that change nothing are shown as well,
// so that who reads them keeps what he has of the key.
//
// State, in the worker's key groups: key → the time of the last write if rows
// expire, and the row, both in key form. Rows that are
// more than Environment.Memory go to files (Spilling).
type Normalize struct {
	env     Environment
	columns []int
	types   []value.Type
	keys    *table
	rows    rowStore
	flags   []groupFlags
	unsaved []uint32
	deleted [][]byte // stored keys that have no row any more
	expiry  *expiry
	lending lending // of what was shown

	encoded batch.Keys
	codes   []uint32
	row     []byte
}

// NewNormalize makes the operator, whose input is cut by the key.
func NewNormalize(env Environment, n *plan.Normalize) *Normalize {
	o := &Normalize{env: env, columns: n.Keys, keys: newTable(), codes: make([]uint32, batch.MaxRows), expiry: newExpiry(env, n.TTL)}
	for _, c := range n.Input.Schema() {
		o.types = append(o.types, c.Type)
	}
	return o
}

// Process takes rows into the table, and in streaming mode emits the changes.
func (o *Normalize) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	in := rows.Compact()
	o.encoded.Encode(nil, o.keyOf(in), in.Rows)
	o.keys.encode(&o.encoded, o.codes, nil)
	for len(o.flags) < o.keys.size() {
		o.flags = append(o.flags, 0)
	}
	o.renew(in.Rows)
	out := &changes{rows: newRowHeap(o.types, &o.lending), emit: emit, silent: !o.env.Context.Streaming}
	for i := range in.Rows {
		code := o.codes[i]
		before := o.rows.get(code)
		switch kind := in.Kind(i); {
		case kind == batch.UpdateBefore && i+1 < in.Rows && in.Kind(i+1) == batch.UpdateAfter && o.codes[i+1] == code:
			continue // the next row replaces it
		case kind.Retracts():
			if before == nil {
				continue
			}
			if err := out.add(batch.Delete, before, in.Mark(i)); err != nil {
				return err
			}
			o.rows.drop(code)
		default:
			o.row = append(batch.AppendKey(o.row[:0], in.Columns, i), 0) // never empty
			if o.expiry == nil && bytes.Equal(before, o.row) {
				continue
			}
			after := batch.Insert
			if before != nil {
				after = batch.UpdateAfter
				if !o.env.Upserts {
					if err := out.add(batch.UpdateBefore, before, in.Mark(i)); err != nil {
						return err
					}
				}
			}
			if err := out.add(after, o.row, in.Mark(i)); err != nil {
				return err
			}
			o.rows.put(code, o.row)
		}
		o.touch(code)
	}
	o.tidy(in.Rows)
	return out.flush()
}

func (o *Normalize) touch(code uint32) {
	o.expiry.write(code)
	if o.flags[code]&unsaved == 0 {
		o.flags[code] |= unsaved
		o.unsaved = append(o.unsaved, code)
	}
	o.flags[code] |= known
}

// tidy removes the keys of the batch that have no row. A key that was seen
// before has the flag known only while it is in the table.
func (o *Normalize) tidy(rows int) {
	for _, code := range o.codes[:rows] {
		o.flags[code] |= known
	}
	for _, code := range o.codes[:rows] {
		if o.flags[code]&known == 0 || o.rows.get(code) != nil {
			continue
		}
		o.remove(code)
	}
}

// remove takes a key out that has no row.
func (o *Normalize) remove(code uint32) {
	if o.flags[code]&saved != 0 {
		o.deleted = append(o.deleted, append([]byte(nil), o.keys.key(code)...))
	}
	o.flags[code] = 0
	o.expiry.forget(code)
	o.keys.remove(code)
}

// Flush has held nothing back, and forgets what has expired.
func (o *Normalize) Flush(engine.Emit) error {
	o.expire()
	return nil
}

// Advance gives the rows at the end of a batch.
func (o *Normalize) Advance(w engine.Watermark, emit engine.Emit) error {
	if o.env.Context.Streaming || w != batch.Final {
		return nil
	}
	out := &changes{rows: newRowHeap(o.types, &o.lending), emit: emit}
	for code := range o.keys.size() {
		row := o.rows.get(uint32(code))
		if row == nil {
			continue
		}
		if err := out.add(batch.Insert, row, batch.NoMark); err != nil {
			return err
		}
	}
	return out.flush()
}

// Save writes the rows that have changed.
func (o *Normalize) Save(to engine.Changes) error {
	for _, key := range o.deleted {
		to.Delete(engine.GroupOf(key), key)
	}
	o.deleted = o.deleted[:0]
	var val []byte
	for _, code := range o.unsaved {
		if o.flags[code]&unsaved == 0 {
			continue // forgotten since
		}
		o.flags[code] = o.flags[code]&^unsaved | saved
		key := o.keys.key(code)
		val = append(o.expiry.append(val[:0], code), o.rows.get(code)...)
		to.Put(engine.GroupOf(key), key, val)
	}
	o.unsaved = o.unsaved[:0]
	return nil
}

// Load reads the rows of this worker.
func (o *Normalize) Load(from engine.Saved) error {
	err := from.Each(o.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		return o.add(key, val, known|saved)
	})
	if err != nil {
		return fmt.Errorf("load rows by key: %w", err)
	}
	return nil
}

// add puts a row that was stored into the table.
func (o *Normalize) add(key, val []byte, flags groupFlags) error {
	written, row, err := o.expiry.cut(val)
	if err != nil {
		return err
	}
	code := o.keys.put(key)
	for len(o.flags) < o.keys.size() {
		o.flags = append(o.flags, 0)
	}
	o.flags[code] = flags
	o.rows.put(code, row)
	o.expiry.restore(code, written)
	return nil
}

// changes collects rows in key form, each with its kind and mark.
type changes struct {
	emit   engine.Emit
	silent bool
	rows   rowHeap
	kinds  []batch.Kind
	marks  []int64
}

// add appends a row, and emits when the batch is full.
func (c *changes) add(kind batch.Kind, row []byte, mark engine.Watermark) error {
	if c.silent {
		return nil
	}
	c.rows.add(row)
	c.kinds, c.marks = append(c.kinds, kind), append(c.marks, mark)
	if c.rows.isFull() {
		return c.flush()
	}
	return nil
}

func (c *changes) flush() error {
	rows := c.rows.len()
	if rows == 0 {
		return nil
	}
	columns, lease, err := c.rows.read()
	if err != nil {
		return err
	}
	full := &batch.Batch{Columns: columns, Rows: rows, Kinds: c.kinds, Marks: c.marks, Lease: lease}
	c.kinds, c.marks = nil, nil
	return c.emit(full)
}
