package operator

import (
	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// Prepare computes what an aggregation needs of its input, in its Layout: keys,
// time, arguments and filters, once per grouping set.
type Prepare struct {
	stateless
	context *plan.Context
	layout  *Layout
	program *expr.Program
	keys    int // of the plan
}

// NewPrepare makes the operator below an Aggregate.
func NewPrepare(env Environment, n *plan.Aggregate) (*Prepare, error) {
	l := newLayout(n.Keys, n.Sets, n.Calls)
	exprs := append(append([]plan.Expr(nil), n.Keys...), l.addArguments()...)
	return newPrepare(env, l, exprs, len(n.Keys))
}

// NewPrepareWindows makes the operator below a WindowAggregate.
func NewPrepareWindows(env Environment, n *plan.WindowAggregate) (*Prepare, error) {
	l := newLayout(n.Keys, n.Sets, n.Calls)
	timeColumn := n.Input.Schema()[n.Spec.Time]
	l.addTime(timeColumn.Type)
	exprs := append([]plan.Expr(nil), n.Keys...)
	exprs = append(exprs, &plan.Column{Index: n.Spec.Time, Name: timeColumn.Name, Of: timeColumn.Type})
	exprs = append(exprs, l.addArguments()...)
	if n.Late.Action != plan.LateDrop {
		exprs = append(exprs, l.addInput(n.Input.Schema())...)
	}
	return newPrepare(env, l, exprs, len(n.Keys))
}

func newPrepare(env Environment, l *Layout, exprs []plan.Expr, keys int) (*Prepare, error) {
	program, err := expr.Compile(exprs)
	if err != nil {
		return nil, err
	}
	return &Prepare{context: env.Context, layout: l, program: program, keys: keys}, nil
}

// Process evaluates the expressions and emits the rows, once for every set.
func (p *Prepare) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	columns, err := p.program.Eval(p.context, rows)
	if err != nil {
		return err
	}
	prepared := withColumns(rows, columns)
	if p.layout.Sets == nil {
		return emit(prepared)
	}
	for number, set := range p.layout.Sets {
		if err := emit(p.expand(prepared, number, set)); err != nil {
			return err
		}
	}
	return nil
}

// expand makes the rows of one grouping set: keys outside of it are NULL.
func (p *Prepare) expand(rows *batch.Batch, number int, set []int) *batch.Batch {
	columns := make([]*batch.Column, 0, len(rows.Columns)+1)
	for i, c := range rows.Columns[:p.keys] {
		if !inSet(set, i) {
			c = batch.NewColumn(p.layout.Keys[i], rows.Rows)
			c.Resize(rows.Rows)
			for row := range rows.Rows {
				c.SetNull(row)
			}
		}
		columns = append(columns, c)
	}
	numbers := batch.NewColumn(setType, rows.Rows)
	numbers.Resize(rows.Rows)
	for i := range numbers.Ints {
		numbers.Ints[i] = int64(number)
	}
	columns = append(append(columns, numbers), rows.Columns[p.keys:]...)
	return &batch.Batch{Columns: columns, Rows: rows.Rows, Kinds: rows.Kinds, Marks: rows.Marks}
}

// withTimes drops the rows whose time is NULL, in batch mode; in streaming mode
// such a row is an error, as it can be in no window and has no place in time.
func withTimes(env Environment, rows *batch.Batch, timeColumn int, name string) (*batch.Batch, error) {
	c := rows.Columns[timeColumn]
	if c.Nulls == nil || c.Nulls.Count() == 0 {
		return rows.Compact(), nil
	}
	sel := []uint16{}
	var null bool
	rows.Each(func(i int) {
		if c.IsNull(i) {
			null = true
		} else {
			sel = append(sel, uint16(i))
		}
	})
	if null && env.Context.Streaming {
		return nil, problem.New(problem.InvalidValue, "the time of a row is NULL").About(name).
			WithHint("filter such rows out before the window: WHERE %s IS NOT NULL", name)
	}
	return (&batch.Batch{Columns: rows.Columns, Rows: rows.Rows, Sel: sel, Kinds: rows.Kinds, Marks: rows.Marks}).Compact(), nil
}
