package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// Calc runs filters and projections that follow each other as one operator. A
// filter and the projection behind it are compiled together.
type Calc struct {
	stateless
	context *plan.Context
	steps   []calcStep
}

// calcStep is a filter, a projection, or both: exactly one member is set.
type calcStep struct {
	filter  *expr.Filter
	project *expr.Program
	both    *expr.Selection
	pick    []int // a projection that only picks columns: no row is copied
}

// NewCalc compiles Filter and Project nodes, given in the order in which rows
// pass them.
func NewCalc(env Environment, nodes []plan.Node) (*Calc, error) {
	c := &Calc{context: env.Context}
	for i := 0; i < len(nodes); i++ {
		var s calcStep
		var err error
		switch n := nodes[i].(type) {
		case *plan.Filter:
			if above, ok := projection(nodes, i+1); ok {
				s.both, err = expr.CompileSelection(n.Condition, above)
				i++
			} else {
				s.filter, err = expr.CompileFilter(n.Condition)
			}
		case *plan.Project:
			var picksOnly bool
			if s.pick, picksOnly = picks(n.Exprs); !picksOnly {
				s.project, err = expr.Compile(n.Exprs)
			}
		default:
			return nil, fmt.Errorf("compile calc: %T is neither filter nor projection", n)
		}
		if err != nil {
			return nil, err
		}
		c.steps = append(c.steps, s)
	}
	return c, nil
}

// projection gives what the projection computes that node i is, if it is one that
// does more than pick columns.
func projection(nodes []plan.Node, i int) ([]plan.Expr, bool) {
	if i == len(nodes) {
		return nil, false
	}
	p, ok := nodes[i].(*plan.Project)
	if !ok {
		return nil, false
	}
	_, picksOnly := picks(p.Exprs)
	return p.Exprs, !picksOnly
}

// picks gives the columns of a projection that is nothing but column references.
func picks(exprs []plan.Expr) (pick []int, all bool) {
	pick = make([]int, len(exprs))
	for i, e := range exprs {
		c, ok := e.(*plan.Column)
		if !ok {
			return nil, false
		}
		pick[i] = c.Index
	}
	return pick, true
}

// Process filters and projects.
func (c *Calc) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	for _, s := range c.steps {
		switch {
		case s.filter != nil:
			sel, err := s.filter.Select(c.context, rows)
			if err != nil {
				return err
			}
			if narrow(rows, sel); rows.Live() == 0 {
				return nil
			}
		case s.both != nil:
			sel, columns, err := s.both.Eval(c.context, rows)
			if err != nil {
				return err
			}
			if narrow(rows, sel); rows.Live() == 0 {
				return nil
			}
			rows = withColumns(rows, columns)
		case s.project != nil:
			columns, err := s.project.Eval(c.context, rows)
			if err != nil {
				return err
			}
			rows = withColumns(rows, columns)
		default:
			columns := make([]*batch.Column, len(s.pick))
			for i, from := range s.pick {
				columns[i] = rows.Columns[from]
			}
			rows = &batch.Batch{Columns: columns, Rows: rows.Rows, Sel: rows.Sel, Kinds: rows.Kinds, Marks: rows.Marks}
		}
	}
	return emit(rows)
}

// narrow leaves the rows of sel alive.
func narrow(rows *batch.Batch, sel []uint16) {
	rows.Sel = sel
	if rows.Live() > 0 {
		rows.Kinds = wholeUpdates(rows)
	}
}

// wholeUpdates is the row kinds of b where an update of which only one row passed
// a filter has become an insert or a delete.
func wholeUpdates(b *batch.Batch) []batch.Kind {
	if b.Kinds == nil || b.Sel == nil {
		return b.Kinds
	}
	kinds := b.Kinds
	become := func(row uint16, kind batch.Kind) {
		if &kinds[0] == &b.Kinds[0] {
			kinds = append([]batch.Kind(nil), b.Kinds...)
		}
		kinds[row] = kind
	}
	for i, row := range b.Sel {
		switch b.Kinds[row] {
		case batch.UpdateBefore:
			after := int(row) + 1
			if after < b.Rows && b.Kinds[after] == batch.UpdateAfter && (i+1 == len(b.Sel) || int(b.Sel[i+1]) != after) {
				become(row, batch.Delete)
			}
		case batch.UpdateAfter:
			before := int(row) - 1
			if before >= 0 && b.Kinds[before] == batch.UpdateBefore && (i == 0 || int(b.Sel[i-1]) != before) {
				become(row, batch.Insert)
			}
		case batch.Insert, batch.Delete:
		}
	}
	return kinds
}

// withColumns is the live rows of b with other columns, which have a row for
// each of them.
func withColumns(b *batch.Batch, columns []*batch.Column) *batch.Batch {
	meta := (&batch.Batch{Rows: b.Rows, Sel: b.Sel, Kinds: b.Kinds, Marks: b.Marks}).Compact()
	return &batch.Batch{Columns: columns, Rows: meta.Rows, Kinds: meta.Kinds, Marks: meta.Marks}
}
