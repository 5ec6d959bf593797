package operator

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// LatestVersions is a deduplication that keeps the latest row of each partition,
// as a TemporalJoin reads it: it passes on every row that was the latest one when
// it came, where a Rank shows only what is left at a Flush. It neither takes
// rows back nor repeats them; a row that is older than the latest one is lost.
//
// State: key of the partition → time of its latest row (8 bytes, big endian).
type LatestVersions struct {
	node      *plan.Rank
	worker    engine.Worker
	time      int
	table     *table
	latest    []int64
	flags     []groupFlags
	unsaved   []uint32
	keys      batch.Keys
	codes     []uint32
	partition []*batch.Column
}

// NewLatestVersions makes the operator of a Rank that KeepsLatest.
func NewLatestVersions(env Environment, n *plan.Rank) (*LatestVersions, error) {
	column, ok := n.Order[0].Expr.(*plan.Column)
	if !ok {
		return nil, fmt.Errorf("keep the latest rows: %s is no column", plan.PrintExpr(n.Order[0].Expr, n.Input.Schema()))
	}
	return &LatestVersions{node: n, worker: env.Worker, time: column.Index, table: newTable(), codes: make([]uint32, batch.MaxRows)}, nil
}

// KeepsLatest reports whether a Rank keeps the row of each partition that is the
// latest by event time.
func KeepsLatest(n *plan.Rank) bool {
	if n.Function != plan.RowNumber || n.From > 1 || n.To != 1 || n.WindowEnd >= 0 || len(n.Order) != 1 || !n.Order[0].Descending {
		return false
	}
	column, ok := n.Order[0].Expr.(*plan.Column)
	return ok && n.Input.Schema()[column.Index].Time == plan.Rowtime
}

// Process passes on the rows that are the latest of their partition.
func (l *LatestVersions) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	rows = rows.Compact()
	l.partition = l.partition[:0]
	for _, column := range l.node.Partition {
		l.partition = append(l.partition, rows.Columns[column])
	}
	l.keys.Encode(nil, l.partition, rows.Rows)
	l.table.encode(&l.keys, l.codes, nil)
	for len(l.latest) < l.table.size() {
		l.latest, l.flags = append(l.latest, 0), append(l.flags, 0)
	}
	times, sel := rows.Columns[l.time], make([]uint16, 0, rows.Rows)
	for i, code := range l.codes[:rows.Rows] {
		if times.IsNull(i) {
			continue // it has no place among the others
		}
		at := milliseconds(times, i)
		if l.flags[code]&live != 0 && at < l.latest[code] {
			continue
		}
		sel = append(sel, uint16(i))
		l.latest[code] = at
		if l.flags[code]&unsaved == 0 {
			l.unsaved = append(l.unsaved, code)
		}
		l.flags[code] |= live | unsaved
	}
	if len(sel) == 0 {
		return nil
	}
	out := (&batch.Batch{Columns: rows.Columns, Rows: rows.Rows, Sel: sel, Marks: rows.Marks}).Compact()
	if l.node.Number {
		out.Columns = append(out.Columns[:len(out.Columns):len(out.Columns)], ones(out.Rows))
	}
	return emit(out)
}

// Advance has nothing to show.
func (l *LatestVersions) Advance(engine.Watermark, engine.Emit) error { return nil }

// Flush has nothing to show.
func (l *LatestVersions) Flush(engine.Emit) error { return nil }

// Save writes the times that have changed.
func (l *LatestVersions) Save(to engine.Changes) error {
	for _, code := range l.unsaved {
		l.flags[code] &^= unsaved
		key := l.table.key(code)
		to.Put(engine.GroupOf(key), key, binary.BigEndian.AppendUint64(nil, uint64(l.latest[code])))
	}
	l.unsaved = l.unsaved[:0]
	return nil
}

// Load reads the times of this worker.
func (l *LatestVersions) Load(from engine.Saved) error {
	return from.Each(l.worker, func(_ engine.KeyGroup, key, val []byte) error {
		if len(val) != 8 {
			return errors.New("load latest versions: a time is damaged")
		}
		code := l.table.put(key)
		for len(l.latest) < l.table.size() {
			l.latest, l.flags = append(l.latest, 0), append(l.flags, 0)
		}
		l.latest[code], l.flags[code] = int64(binary.BigEndian.Uint64(val)), live
		return nil
	})
}
