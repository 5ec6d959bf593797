package expr

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// frame is a set of rows that steps are evaluated for: the rows of a batch, or
// those of them that a branch is taken for.
type frame struct {
	columns []*batch.Column // of the outermost frame
	parent  *frame          // whose rows these are some of
	sel     []uint16        // the rows, numbered as in the outermost frame; nil for all of it
	rows    int
	marks   []int64
	done    []*batch.Column // result of each step, nil until it is evaluated
}

// Eval computes the expressions for the live rows of in. Result columns that
// are plain references to input columns may share them; all others are new.
func (p *Program) Eval(ctx *plan.Context, in *batch.Batch) ([]*batch.Column, error) {
	outermost := p.begin(in)
	defer p.end(outermost)
	f := outermost
	if in.Sel != nil {
		f = p.among(outermost, in.Sel)
		defer p.release(f)
	}
	return p.evalAll(ctx, f, p.results)
}

func (p *Program) evalAll(ctx *plan.Context, f *frame, steps []int) ([]*batch.Column, error) {
	columns := make([]*batch.Column, len(steps))
	for i, s := range steps {
		var err error
		if columns[i], err = p.eval(ctx, f, s); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// begin gives the outermost frame of a batch: all its rows, live or not.
func (p *Program) begin(in *batch.Batch) *frame {
	for _, c := range in.Columns {
		// Kernels may share this heap and append to it: without spare room
		// behind it, two of them cannot write to the same bytes.
		clip(c)
	}
	f := p.take()
	f.columns, f.rows, f.marks = in.Columns, in.Rows, in.Marks
	return f
}

// end forgets the batch.
func (p *Program) end(outermost *frame) {
	p.release(outermost)
	for i := range p.kept {
		p.kept[i] = rowsOf{}
	}
}

// clip leaves no room behind a column's heap. A column that has none is not
// written to: other tasks may be reading it.
func clip(c *batch.Column) {
	if cap(c.Heap) > len(c.Heap) {
		c.Heap = c.Heap[:len(c.Heap):len(c.Heap)]
	}
}

// within is the frame of the given rows of f, numbered as in f.
func (p *Program) within(f *frame, rows []uint16) *frame {
	if f.sel == nil {
		return p.among(f, rows)
	}
	sel := make([]uint16, len(rows))
	for i, row := range rows {
		sel[i] = f.sel[row]
	}
	return p.among(f, sel)
}

// among is the frame of the given rows of f, numbered as in the outermost frame.
func (p *Program) among(f *frame, sel []uint16) *frame {
	inner := p.take()
	inner.columns, inner.parent, inner.sel, inner.rows = f.columns, f, sel, len(sel)
	if outermost := f.outermost(); outermost.marks != nil {
		inner.marks = make([]int64, len(sel))
		for i, row := range sel {
			inner.marks[i] = outermost.marks[row]
		}
	}
	return inner
}

func (f *frame) outermost() *frame {
	for f.parent != nil {
		f = f.parent
	}
	return f
}

func (p *Program) take() *frame {
	if n := len(p.frames); n > 0 {
		f := p.frames[n-1]
		p.frames = p.frames[:n-1]
		return f
	}
	return &frame{done: make([]*batch.Column, len(p.steps))}
}

func (p *Program) release(f *frame) {
	clear(f.done)
	*f = frame{done: f.done}
	p.frames = append(p.frames, f)
}

// eval gives the column of step s for the rows of f.
func (p *Program) eval(ctx *plan.Context, f *frame, s int) (*batch.Column, error) {
	if c := f.done[s]; c != nil {
		return c, nil
	}
	c, err := p.have(ctx, f, s)
	if c == nil && err == nil {
		if c, err = p.compute(ctx, f, s); err == nil && f.parent != nil && p.steps[s].keeps {
			p.kept[s] = rowsOf{f.sel, c}
		}
	}
	if err != nil {
		return nil, err
	}
	clip(c)
	f.done[s] = c
	return c, nil
}

// have gives the column of step s for the rows of an inner frame from what was
// computed for these and others before, nil when that is not all of them.
func (p *Program) have(ctx *plan.Context, f *frame, s int) (*batch.Column, error) {
	if f.parent == nil {
		return nil, nil
	}
	if p.steps[s].kind == columnStep || p.isPath(s) {
		// The outermost frame has all. Of a field, that is without the others.
		outer, err := p.eval(ctx, f.outermost(), s)
		if err != nil {
			return nil, err
		}
		return outer.Gather(f.sel), nil
	}
	for outer := f.parent; outer != nil; outer = outer.parent {
		if c := outer.done[s]; c != nil {
			return rowsOf{outer.sel, c}.gather(f.sel), nil
		}
	}
	if p.steps[s].keeps && p.kept[s].column != nil {
		return p.kept[s].gather(f.sel), nil
	}
	return nil, nil
}

// rowsOf is a column of some rows of the outermost frame.
type rowsOf struct {
	sel    []uint16 // ascending; nil for all rows
	column *batch.Column
}

// gather gives the column of other rows, which ascend, too; nil when some of them
// are missing.
func (r rowsOf) gather(rows []uint16) *batch.Column {
	if r.sel == nil {
		return r.column.Gather(rows)
	}
	places, at := make([]uint16, len(rows)), 0
	for i, row := range rows {
		for at < len(r.sel) && r.sel[at] < row {
			at++
		}
		if at == len(r.sel) || r.sel[at] != row {
			return nil
		}
		places[i] = uint16(at)
	}
	return r.column.Gather(places)
}

// isPath reports whether a step takes a field of an input column, which costs
// nothing and cannot fail.
func (p *Program) isPath(s int) bool {
	if p.steps[s].kind != fieldStep {
		return false
	}
	input := p.steps[s].args[0]
	return p.steps[input].kind == columnStep || p.isPath(input)
}

func (p *Program) compute(ctx *plan.Context, f *frame, s int) (*batch.Column, error) {
	st := &p.steps[s]
	switch st.kind {
	case columnStep:
		return f.columns[st.column], nil
	case literalStep:
		return st.literal.column(f.rows, st.escapes), nil
	case callStep:
		return p.call(ctx, f, st)
	case connectiveStep:
		return p.connective(ctx, f, st)
	case caseStep:
		return p.choose(ctx, f, st)
	case lookupStep:
		return p.dispatch(ctx, f, st)
	case renameStep:
		input, err := p.eval(ctx, f, st.args[0])
		if err != nil {
			return nil, err
		}
		renamed := *input
		renamed.Type = st.of
		return &renamed, nil
	case fieldStep:
		return p.field(ctx, f, st)
	}
	panic("unreachable")
}

// output is an empty result column for rows rows, in memory of an earlier batch
// where that is safe.
func (st *step) output(rows int) *batch.Column {
	switch st.of.Class() {
	case value.Bools, value.Ints, value.Floats, value.Wides:
		if !st.escapes {
			if st.scratch == nil {
				st.scratch = batch.NewColumn(st.of, rows)
			}
			st.scratch.Nulls = nil
			st.scratch.Resize(0)
			st.scratch.Resize(rows)
			return st.scratch
		}
	default:
	}
	out := batch.NewColumn(st.of, rows)
	out.Resize(rows)
	return out
}

func (p *Program) call(ctx *plan.Context, f *frame, st *step) (*batch.Column, error) {
	args := make([]*batch.Column, len(st.args))
	for i, a := range st.args {
		var err error
		if args[i], err = p.eval(ctx, f, a); err != nil {
			return nil, err
		}
	}
	return st.run(ctx, f, args)
}

// run calls the kernel.
func (st *step) run(ctx *plan.Context, f *frame, args []*batch.Column) (*batch.Column, error) {
	out := st.output(f.rows)
	if st.strict {
		for _, a := range args {
			if a.Nulls == nil {
				continue
			}
			if out.Nulls == nil {
				out.Nulls = batch.NewBitmap(f.rows)
			}
			for w := range out.Nulls {
				out.Nulls[w] |= a.Nulls[w]
			}
		}
	}
	ctx.Marks = f.marks
	if err := st.kernel(ctx, args, out); err != nil {
		return nil, placed(err, st.position)
	}
	return out, nil
}

// connective evaluates AND and OR from left to right, each argument only for
// the rows that those before it have not decided; for the others it takes the
// deciding value, so that the kernel sees what SQL would.
func (p *Program) connective(ctx *plan.Context, f *frame, st *step) (*batch.Column, error) {
	args := make([]*batch.Column, len(st.args))
	var err error
	if args[0], err = p.eval(ctx, f, st.args[0]); err != nil {
		return nil, err
	}
	open := make([]uint16, 0, f.rows)
	for i := range f.rows {
		if args[0].IsNull(i) || args[0].Bools[i] != st.decisive {
			open = append(open, uint16(i))
		}
	}
	for k := 1; k < len(st.args); k++ {
		if len(open) == f.rows {
			if args[k], err = p.eval(ctx, f, st.args[k]); err != nil {
				return nil, err
			}
			open = stillOpen(open, args[k], st.decisive)
			continue
		}
		spread := batch.NewColumn(value.BooleanType, f.rows)
		spread.Resize(f.rows)
		for i := range spread.Bools {
			spread.Bools[i] = st.decisive
		}
		if len(open) > 0 {
			if err := p.evalWithin(ctx, f, open, st.args[k], spread); err != nil {
				return nil, err
			}
		}
		args[k] = spread
		open = stillOpen(open, spread, st.decisive)
	}
	return st.run(ctx, f, args)
}

func stillOpen(open []uint16, c *batch.Column, decisive bool) []uint16 {
	still := open[:0:0]
	for _, i := range open {
		if c.IsNull(int(i)) || c.Bools[i] != decisive {
			still = append(still, i)
		}
	}
	return still
}

// evalWithin evaluates step s for some rows of f and puts the values into those
// rows of out.
func (p *Program) evalWithin(ctx *plan.Context, f *frame, rows []uint16, s int, out *batch.Column) error {
	inner := p.within(f, rows)
	defer p.release(inner)
	c, err := p.eval(ctx, inner, s)
	if err != nil {
		return err
	}
	out.Scatter(rows, c)
	return nil
}

// choose evaluates a CASE: each condition for the rows that no branch was taken
// for yet, each branch for the rows that take it.
func (p *Program) choose(ctx *plan.Context, f *frame, st *step) (*batch.Column, error) {
	out := batch.NewColumn(st.of, f.rows)
	out.Resize(f.rows)
	left := make([]uint16, f.rows)
	for i := range left {
		left[i] = uint16(i)
	}
	branches := len(st.args) / 2
	for b := 0; b < branches && len(left) > 0; b++ {
		taken, rest, err := p.split(ctx, f, left, st.args[2*b])
		if err != nil {
			return nil, err
		}
		if len(taken) == f.rows {
			return p.eval(ctx, f, st.args[2*b+1])
		}
		if len(taken) > 0 {
			if err := p.evalWithin(ctx, f, taken, st.args[2*b+1], out); err != nil {
				return nil, err
			}
		}
		left = rest
	}
	otherwise := st.args[len(st.args)-1]
	if len(left) == f.rows {
		return p.eval(ctx, f, otherwise)
	}
	if len(left) > 0 {
		if err := p.evalWithin(ctx, f, left, otherwise, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// split divides rows by whether the condition is TRUE.
func (p *Program) split(ctx *plan.Context, f *frame, rows []uint16, condition int) (taken, rest []uint16, err error) {
	var c *batch.Column
	if len(rows) == f.rows {
		c, err = p.eval(ctx, f, condition)
	} else {
		inner := p.within(f, rows)
		defer p.release(inner)
		c, err = p.eval(ctx, inner, condition)
	}
	if err != nil {
		return nil, nil, err
	}
	for i, row := range rows {
		if c.Bools[i] && !c.IsNull(i) {
			taken = append(taken, row)
		} else {
			rest = append(rest, row)
		}
	}
	return taken, rest, nil
}

func (p *Program) field(ctx *plan.Context, f *frame, st *step) (*batch.Column, error) {
	input, err := p.eval(ctx, f, st.args[0])
	if err != nil {
		return nil, err
	}
	field := *input.Children[st.column]
	field.Nulls = batch.Union(field.Nulls, input.Nulls)
	return &field, nil
}
