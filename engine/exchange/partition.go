package exchange

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// Partition cuts batches by key for a number of tasks.
type Partition struct {
	keys    []int // columns of the key
	tasks   int
	single  bool // everything goes to task to
	to      int
	encoded batch.Keys
	parts   [][]uint16
}

// NewPartition cuts by the given columns.
func NewPartition(keys []int, tasks int) *Partition {
	return &Partition{keys: keys, tasks: tasks, parts: make([][]uint16, tasks)}
}

// NewSingle sends everything to one task of several.
func NewSingle(to, tasks int) *Partition { return &Partition{single: true, to: to, tasks: tasks} }

// Cut gives the part of the rows for each task, nil where there is none. The
// parts have only live rows.
func (p *Partition) Cut(rows *batch.Batch) []*batch.Batch {
	cut := make([]*batch.Batch, p.tasks)
	if p.single || p.tasks == 1 {
		cut[p.to] = rows.Compact()
		return cut
	}
	rows = rows.Compact()
	columns := make([]*batch.Column, len(p.keys))
	for i, k := range p.keys {
		columns[i] = rows.Columns[k]
	}
	p.encoded.Encode(nil, columns, rows.Rows)
	for t := range p.parts {
		p.parts[t] = p.parts[t][:0]
	}
	for i := range rows.Rows {
		t := engine.Route(engine.GroupOf(p.encoded.At(i)), p.tasks)
		p.parts[t] = append(p.parts[t], uint16(i))
	}
	for t, part := range p.parts {
		switch len(part) {
		case 0:
		case rows.Rows:
			cut[t] = rows
		default:
			selected := *rows
			selected.Sel = part
			cut[t] = selected.Compact()
		}
	}
	return cut
}
