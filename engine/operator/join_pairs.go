package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// noRow stands for the side of a joined row that is NULL in all columns.
const noRow = ^uint32(0)

// pairing tests pairs of rows of a join's sides and makes the joined rows.
type pairing struct {
	context *plan.Context
	kind    plan.JoinKind
	filter  *expr.Filter // nil when all pairs pass
	used    []bool       // columns, of the left and then of the right, that the filter reads
	types   [2][]value.Type
}

func newPairing(env Environment, kind plan.JoinKind, left, right plan.Schema, condition plan.Expr, out plan.Schema) (*pairing, error) {
	p := &pairing{context: env.Context, kind: kind, types: [2][]value.Type{schemaTypes(out[:len(left)])}}
	if kind.ShowsRight() {
		p.types[1] = schemaTypes(out[len(left):])
	}
	if condition == nil {
		return p, nil
	}
	p.used = make([]bool, len(left)+len(right))
	plan.MarkUsed(p.used, condition)
	var err error
	p.filter, err = expr.CompileFilter(condition)
	return p, err
}

// unreadColumn stands for a column that no condition reads.
var unreadColumn = &batch.Column{}

// pass tells which pairs meet the condition, at most batch.MaxRows of them;
// nil when all do. rows are the pairs' rows in the columns of each side.
func (p *pairing) pass(sides [2][]*batch.Column, rows [2][]uint32) ([]bool, error) {
	if p.filter == nil || len(rows[0]) == 0 {
		return nil, nil
	}
	candidates := &batch.Batch{Rows: len(rows[0])}
	for side, columns := range sides {
		for _, c := range columns {
			if p.used[len(candidates.Columns)] {
				c = c.GatherWide(rows[side])
			} else {
				c = unreadColumn
			}
			candidates.Columns = append(candidates.Columns, c)
		}
	}
	selected, err := p.filter.Select(p.context, candidates)
	if err != nil || selected == nil {
		return nil, err
	}
	passes := make([]bool, len(rows[0]))
	for _, i := range selected {
		passes[i] = true
	}
	return passes, nil
}

// joined is the joined rows of the given rows of each side, noRow where a side
// is NULL.
func (p *pairing) joined(sides [2][]*batch.Column, rows [2][]uint32) *batch.Batch {
	out := &batch.Batch{Rows: len(rows[0])}
	for side, types := range p.types {
		at := padding(rows[side])
		for i, t := range types {
			out.Columns = append(out.Columns, at.gather(sides[side][i], t))
		}
	}
	return out
}

// padded is rows of a side of which some are noRow.
type padded struct {
	rows  []uint32 // with 0 for noRow
	nulls []int    // where noRow stood
}

func padding(rows []uint32) padded {
	p := padded{rows: rows}
	for i, row := range rows {
		if row != noRow {
			continue
		}
		if p.nulls == nil {
			p.rows = append([]uint32(nil), rows...)
		}
		p.rows[i] = 0
		p.nulls = append(p.nulls, i)
	}
	return p
}

func (p padded) gather(from *batch.Column, t value.Type) *batch.Column {
	var c *batch.Column
	if len(p.nulls) == len(p.rows) {
		c = batch.NewColumn(t, len(p.rows))
		c.Resize(len(p.rows))
	} else {
		c = from.GatherWide(p.rows)
		c.Type = t
	}
	for _, i := range p.nulls {
		c.SetNull(i)
	}
	return c
}

// joinOutput collects joined rows by where their sides are.
type joinOutput struct {
	pairing *pairing
	sides   [2][]*batch.Column // what rows are rows of
	rows    [2][]uint32
	kinds   []batch.Kind
	mark    engine.Watermark
	emit    engine.Emit
}

// add appends times copies of a joined row, and emits when there are enough.
func (o *joinOutput) add(kind batch.Kind, left, right uint32, times int64) error {
	for range times {
		o.rows[0], o.rows[1] = append(o.rows[0], left), append(o.rows[1], right)
		if kind != batch.Insert && o.kinds == nil {
			o.kinds = make([]batch.Kind, len(o.rows[0])-1, batch.MaxRows)
		}
		if o.kinds != nil {
			o.kinds = append(o.kinds, kind)
		}
		if len(o.rows[0]) == batch.MaxRows {
			if err := o.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush emits what was collected. It has to be called before sides change.
func (o *joinOutput) flush() error {
	n := len(o.rows[0])
	if n == 0 {
		return nil
	}
	out := o.pairing.joined(o.sides, o.rows)
	out.Kinds, out.Marks = o.kinds, constantMarks(o.mark, n)
	o.rows[0], o.rows[1], o.kinds = o.rows[0][:0], o.rows[1][:0], nil
	return o.emit(out)
}
