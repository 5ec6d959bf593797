package operator

import (
	"bytes"
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// Aggregate is GROUP BY without windows. Its input are rows in the Layout of
// the plan node. In streaming mode it gives a changelog, compacted between two
// flushes and without updates that change nothing; in batch mode the groups,
// once, at the end.
//
// A group with a time to live is forgotten when no row came to it for so long, and
// begins anew with the next one; what was shown of it stays. Then updates that
// change nothing are shown as well, so that who reads them keeps what he has of
// the group.
//
// State, in the worker's key groups: key of the group → the time of the last write
// if groups expire, and the stored form of the group (groups.appendState). The rows shown last are not stored: as every Save
// follows a Flush, they are the results of the states.
//
// Groups that are more than Environment.Memory go to files (Spilling).
type Aggregate struct {
	env     Environment
	node    *plan.Aggregate
	layout  *Layout
	groups  *groups
	shown   rowStore // of each group: the values shown last
	pending []uint32 // groups with changes since the last Flush, in order of the first
	unsaved []uint32 // groups with changes since the last Save
	deleted [][]byte // keys of stored groups that are gone
	now     engine.Watermark
	expiry  *expiry
	lending lending // of what was shown
}

// NewAggregate makes the operator for rows prepared by NewPrepare.
func NewAggregate(env Environment, n *plan.Aggregate) (*Aggregate, error) {
	l := LayoutOf(n)
	return &Aggregate{env: env, node: n, layout: l, groups: newGroups(env, l), now: batch.NoMark, expiry: newExpiry(env, n.TTL)}, nil
}

// Process takes rows into their groups, or out of them.
func (a *Aggregate) Process(_ int, rows *batch.Batch, _ engine.Emit) error {
	rows = rows.Compact()
	codes, fresh := a.groups.locate(nil, rows)
	touched := codes
	rows, codes = a.renew(rows, codes, fresh)
	a.groups.update(codes, rows)
	if IsGlobal(a.node) {
		touched = codes // a group without rows is dropped when it is shown, but not this one
	}
	for _, code := range touched {
		a.touch(code)
	}
	return nil
}

// touch notes that a group has changed.
func (a *Aggregate) touch(code uint32) {
	a.stir(code)
	if a.groups.flags[code]&unsaved == 0 {
		a.groups.flags[code] |= unsaved
		a.unsaved = append(a.unsaved, code)
	}
}

// stir notes that a group is to be shown at the next Flush.
func (a *Aggregate) stir(code uint32) {
	if a.groups.flags[code]&changed == 0 {
		a.groups.flags[code] |= changed
		a.pending = append(a.pending, code)
	}
}

// IsGlobal reports whether an aggregation has one row even over no rows.
func IsGlobal(n *plan.Aggregate) bool {
	return len(n.Keys) == 0 && n.Sets == nil || len(n.Sets) == 1 && len(n.Sets[0]) == 0
}

// Advance notes the watermark. At the end of the input it shows what batch mode
// has held back, and the row of a global aggregation that had none.
func (a *Aggregate) Advance(w engine.Watermark, emit engine.Emit) error {
	a.now = w
	if w != batch.Final {
		return nil
	}
	if IsGlobal(a.node) {
		var key []byte
		if a.layout.Sets != nil {
			key = a.emptySetKey()
		}
		if a.env.Worker.Has(engine.GroupOf(key)) {
			code := a.groups.table.put(key)
			a.groups.resize()
			if a.shown.get(code) == nil {
				a.touch(code)
			}
		}
	}
	return a.show(emit)
}

// emptySetKey is the key of the only group of GROUPING SETS (()).
func (a *Aggregate) emptySetKey() []byte {
	columns := columnsOf(a.layout.Keys, 1)
	for _, c := range columns[:len(columns)-1] {
		c.AppendNull()
	}
	columns[len(columns)-1].AppendValue(value.Value{Type: setType})
	return batch.AppendKey(nil, columns, 0)
}

// Flush shows the groups that have changed.
func (a *Aggregate) Flush(emit engine.Emit) error {
	if !a.env.Context.Streaming {
		return nil
	}
	if err := a.show(emit); err != nil {
		return err
	}
	a.expire()
	return nil
}

func (a *Aggregate) show(emit engine.Emit) error {
	out := newChangelog(a.layout, a.node.Groupings, a.now, &a.lending)
	for start := 0; start < len(a.pending); start += batch.MaxRows / 2 {
		codes := a.pending[start:min(start+batch.MaxRows/2, len(a.pending))]
		a.showGroups(codes, out)
		if err := out.emit(emit); err != nil {
			return err
		}
	}
	a.pending = a.pending[:0]
	return nil
}

func (a *Aggregate) showGroups(codes []uint32, out *changelog) {
	results := a.groups.results(codes)
	var row []byte
	for i, code := range codes {
		a.groups.flags[code] &^= changed
		before := a.shown.get(code)
		if a.groups.rows[code] <= 0 && !IsGlobal(a.node) {
			if before != nil {
				out.add(batch.Delete, a.groups.table.key(code), before)
			}
			a.drop(code)
			continue
		}
		row = append(batch.AppendKey(row[:0], results, i), 0) // never empty
		switch {
		case before == nil:
			out.add(batch.Insert, a.groups.table.key(code), row)
		case bytes.Equal(before, row) && a.expiry == nil:
			continue
		default:
			if !a.env.Upserts {
				out.add(batch.UpdateBefore, a.groups.table.key(code), before)
			}
			out.add(batch.UpdateAfter, a.groups.table.key(code), row)
		}
		a.shown.put(code, row)
	}
}

// drop forgets a group that has no rows.
func (a *Aggregate) drop(code uint32) {
	if a.groups.flags[code]&saved != 0 {
		a.deleted = append(a.deleted, append([]byte(nil), a.groups.table.key(code)...))
	}
	a.shown.drop(code)
	a.expiry.forget(code)
	// The code may be given out again before the next Save: a second entry in
	// the list does no harm, as only flagged groups are written.
	a.groups.remove(code)
}

// Save writes the groups that have changed.
func (a *Aggregate) Save(to engine.Changes) error {
	for _, key := range a.deleted {
		to.Delete(engine.GroupOf(key), key)
	}
	a.deleted = a.deleted[:0]
	var state []byte
	for _, code := range a.unsaved {
		if a.groups.flags[code]&unsaved == 0 {
			continue
		}
		a.groups.flags[code] = a.groups.flags[code]&^unsaved | saved
		key := a.groups.table.key(code)
		state = a.groups.appendState(a.expiry.append(state[:0], code), code)
		to.Put(engine.GroupOf(key), key, state)
	}
	a.unsaved = a.unsaved[:0]
	return nil
}

// Load reads the groups of this worker.
func (a *Aggregate) Load(from engine.Saved) error {
	first := a.groups.table.size()
	err := from.Each(a.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		written, val, err := a.expiry.cut(val)
		if err != nil {
			return err
		}
		code := a.groups.table.put(key)
		a.groups.resize()
		a.groups.flags[code] |= saved
		a.expiry.restore(code, written)
		return a.groups.readState(code, val)
	})
	if err != nil {
		return fmt.Errorf("load aggregation: %w", err)
	}
	all := make([]uint32, a.groups.table.size()-first)
	for i := range all {
		all[i] = uint32(first + i)
	}
	if !a.env.Context.Streaming {
		for _, code := range all {
			a.stir(code)
		}
		return nil
	}
	var row []byte
	for start := 0; start < len(all); start += batch.MaxRows {
		codes := all[start:min(start+batch.MaxRows, len(all))]
		results := a.groups.results(codes)
		for i, code := range codes {
			row = append(batch.AppendKey(row[:0], results, i), 0)
			a.shown.put(code, row)
		}
	}
	return nil
}

// changelog collects output rows given as key forms.
type changelog struct {
	layout    *Layout
	groupings [][]int
	mark      engine.Watermark
	rows      rowHeap // keys, then results
	kinds     []batch.Kind
}

func newChangelog(l *Layout, groupings [][]int, mark engine.Watermark, from *lending) *changelog {
	types := append(append([]value.Type(nil), l.Keys...), l.resultTypes()...)
	return &changelog{layout: l, groupings: groupings, mark: mark, rows: newRowHeap(types, from)}
}

// add appends a row with the group's key and the results, both in key form.
func (c *changelog) add(kind batch.Kind, key, results []byte) {
	c.rows.add(key)
	c.rows.extend(results)
	c.kinds = append(c.kinds, kind)
}

// batch is what was collected, with further columns behind; nil when nothing was.
func (c *changelog) batch(more ...*batch.Column) (*batch.Batch, error) {
	rows := len(c.kinds)
	if rows == 0 {
		return nil, nil
	}
	columns, lease, err := c.rows.read()
	if err != nil {
		return nil, err
	}
	b := &batch.Batch{Rows: rows, Kinds: c.kinds, Marks: constantMarks(c.mark, rows), Lease: lease}
	c.kinds = nil
	keys, results := columns[:len(c.layout.Keys)], columns[len(c.layout.Keys):]
	b.Columns = append(append(b.Columns, c.layout.shownKeys(keys)...), results...)
	b.Columns = append(append(b.Columns, c.layout.groupings(c.groupings, keys, rows)...), more...)
	return b, nil
}

func (c *changelog) emit(emit engine.Emit) error {
	b, err := c.batch()
	if err != nil || b == nil {
		return err
	}
	return emit(b)
}
