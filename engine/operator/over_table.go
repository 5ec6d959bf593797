package operator

import (
	"bytes"
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// OverTable computes the calls of an Over from whole partitions: at the end of
// the input in batch mode, and in streaming mode, where the calls do not settle
// as event time goes on or the input takes rows back, at every Flush for the
// partitions that have changed. It then shows the rows that came and went, and
// those whose results are other ones.
//
// It keeps all rows, and each Flush costs as much as the partitions that have
// changed are long.
//
// State: the rows (orderedRows). What was shown is not stored: as every Save
// follows a Flush, it can be computed. Partitions that are more than
// Environment.Memory go to files (Spilling).
type OverTable struct {
	env   Environment
	node  *plan.Over
	rows  *orderedRows
	calls *overCalls
	now   engine.Watermark

	touched map[uint32]bool
	pending []uint32 // touched partitions, in order of the first change
	results rowStore // of each shown row: its results in key form, then one byte so that it is never empty
	gone    []uint32 // shown rows that were taken back since the last Flush
	lending lending  // of what was shown
}

// overSlabRows is for how many rows results are computed at once: more would
// only need more memory.
const overSlabRows = 1 << 14

// NewOverTable makes the operator.
func NewOverTable(env Environment, n *plan.Over) (*OverTable, error) {
	o := &OverTable{env: env, node: n, now: batch.NoMark, touched: map[uint32]bool{}}
	var err error
	if o.rows, err = newOrderedRows(n.Input.Schema(), n.Partition, n.Order); err != nil {
		return nil, err
	}
	o.calls, err = newOverCalls(env, n, o.rows)
	return o, err
}

// Process takes rows into their partitions, or out of them.
func (o *OverTable) Process(_ int, in *batch.Batch, _ engine.Emit) error {
	in = in.Compact()
	codes, keys, err := o.rows.locate(o.env.Context, in)
	if err != nil {
		return err
	}
	for i, code := range codes {
		if !in.Kind(i).Retracts() {
			o.rows.insert(code, in.Columns, keys, i)
		} else if row, ok := o.rows.find(code, in.Columns, keys, i); ok {
			if *o.rows.flags.at(row)&rowShown != 0 {
				o.gone = append(o.gone, row)
			}
			o.rows.remove(row)
		} // else it is taken back before it came, or was never there
		o.touch(code)
	}
	return nil
}

func (o *OverTable) touch(code uint32) {
	if !o.touched[code] {
		o.touched[code] = true
		o.pending = append(o.pending, code)
	}
}

// Advance notes the watermark; in batch mode it shows everything at the end.
func (o *OverTable) Advance(w engine.Watermark, emit engine.Emit) error {
	if w == batch.Final {
		if err := o.show(emit); err != nil {
			return err
		}
	}
	o.now = w
	return nil
}

// Flush shows what has changed since the last one.
func (o *OverTable) Flush(emit engine.Emit) error {
	if !o.env.Context.Streaming {
		return nil
	}
	return o.show(emit)
}

func (o *OverTable) show(emit engine.Emit) error {
	out := newRowChangelog(schemaTypes(o.node.Schema()), o.now, &o.lending, emit)
	for _, row := range o.gone {
		if err := out.add(batch.Delete, o.rows.row(row), o.shown(row)); err != nil {
			return err
		}
		o.results.drop(row)
		*o.rows.flags.at(row) &^= rowShown
	}
	o.gone = o.gone[:0]
	o.rows.release()
	err := o.recompute(o.pending, func(run *overRun, results []*batch.Column) error { return o.showRun(run, results, out) })
	if err != nil {
		return err
	}
	for _, code := range o.pending {
		delete(o.touched, code)
		if o.rows.runs.size(code) == 0 {
			o.rows.drop(code)
		}
	}
	o.pending = o.pending[:0]
	return out.flush()
}

// shown is the results of a row that downstream has.
func (o *OverTable) shown(row uint32) []byte {
	stored := o.results.get(row)
	return stored[:len(stored)-1]
}

// recompute gives the results of all rows of the partitions, one run each.
func (o *OverTable) recompute(codes []uint32, visit func(*overRun, []*batch.Column) error) error {
	for len(codes) > 0 {
		var runs []*overRun
		rows := 0
		for len(codes) > 0 && rows < overSlabRows {
			r := &overRun{group: uint32(len(runs)), rows: o.rows.runs.list(codes[0]), first: rows}
			r.setPeers(o.rows.arePeers)
			rows += len(r.rows)
			runs, codes = append(runs, r), codes[1:]
		}
		all := make([]uint32, 0, rows)
		for _, r := range runs {
			r.at = make([]uint32, len(r.rows))
			for i, row := range r.rows {
				r.at[i] = uint32(len(all))
				all = append(all, row)
			}
		}
		d, err := o.calls.decode(all)
		if err != nil {
			return err
		}
		for _, r := range runs {
			o.calls.key(r, d)
		}
		results := o.calls.compute(runs, d, rows, nil)
		o.calls.clear(len(runs))
		for _, r := range runs {
			if err := visit(r, results); err != nil {
				return err
			}
		}
	}
	return nil
}

// showRun shows the rows of a partition that are new or have other results.
func (o *OverTable) showRun(r *overRun, results []*batch.Column, out *rowChangelog) error {
	var now []byte
	for i, row := range r.rows {
		now = append(batch.AppendKey(now[:0], results, r.first+i), 0)
		isShown := *o.rows.flags.at(row)&rowShown != 0
		if isShown && bytes.Equal(now, o.results.get(row)) {
			continue
		}
		kind := batch.Insert
		if isShown {
			kind = batch.UpdateAfter
			if !o.env.Upserts {
				if err := out.add(batch.UpdateBefore, o.rows.row(row), o.shown(row)); err != nil {
					return err
				}
			}
		}
		if err := out.add(kind, o.rows.row(row), now[:len(now)-1]); err != nil {
			return err
		}
		o.setShown(row, now)
	}
	return nil
}

// setShown notes what downstream has; in batch mode nothing is shown twice.
func (o *OverTable) setShown(row uint32, results []byte) {
	if o.env.Context.Streaming {
		o.results.put(row, results)
		*o.rows.flags.at(row) |= rowShown
	}
}

// Save writes the rows that came since the last Save and are still there.
func (o *OverTable) Save(to engine.Changes) error {
	o.rows.save(to)
	return nil
}

// Load reads the rows of this worker.
func (o *OverTable) Load(from engine.Saved) error {
	err := from.Each(o.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		row, _, err := o.rows.load(o.env.Context, key, val)
		if err == nil {
			o.touch(*o.rows.owners.at(row))
		}
		return err
	})
	if err == nil && o.env.Context.Streaming {
		err = o.restoreShown(o.pending)
		o.pending = o.pending[:0]
		clear(o.touched)
	}
	if err != nil {
		return fmt.Errorf("load OVER: %w", err)
	}
	return nil
}

// restoreShown computes what had been shown of partitions when they were stored.
func (o *OverTable) restoreShown(codes []uint32) error {
	var results []byte
	return o.recompute(codes, func(r *overRun, columns []*batch.Column) error {
		for i, row := range r.rows {
			results = append(batch.AppendKey(results[:0], columns, r.first+i), 0)
			o.setShown(row, results)
		}
		return nil
	})
}

// clear empties the accumulators of the first groups.
func (c *overCalls) clear(groups int) {
	for i := range c.calls {
		if a := c.calls[i].accumulator; a != nil {
			for g := range groups {
				a.Clear(uint32(g))
			}
		}
	}
}
