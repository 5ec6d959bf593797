package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// overCalls computes the calls of an Over for runs of rows.
//
// Aggregates are computed in rounds: each run gives its next step (rows that come
// into the frame, rows that leave it, rows that get the result), and the steps of
// all runs are one call of the accumulator. So many partitions with a row each
// cost no more than one partition with as many peers.
type overCalls struct {
	context *plan.Context
	node    *plan.Over
	rows    *orderedRows
	program *expr.Program // arguments and filters, then the first sort key
	calls   []overFunction
	keyed   bool  // frames are bounded by distances of the first sort key
	keyAt   int   // in the program
	unit    int64 // of the key
	width   int   // columns of the input
}

// overFunction is one call.
type overFunction struct {
	call        plan.OverCall
	args        []int            // in the program
	filter      int              // in the program; -1 for all rows
	accumulator plan.Accumulator // nil for functions that number rows or look at others
	offset      int64            // of LAG and LEAD; buckets of NTILE
}

// isBounded reports whether rows leave the frame again.
func (f *overFunction) isBounded() bool { return f.call.Frame.From.Kind != plan.UnboundedPreceding }

func newOverCalls(env Environment, n *plan.Over, rows *orderedRows) (*overCalls, error) {
	c := &overCalls{context: env.Context, node: n, rows: rows, width: len(n.Input.Schema())}
	var exprs []plan.Expr
	add := func(e plan.Expr) int {
		exprs = append(exprs, e)
		return len(exprs) - 1
	}
	for _, call := range n.Calls {
		f := overFunction{call: call, filter: -1}
		for _, arg := range call.Args {
			f.args = append(f.args, add(arg))
		}
		if call.Filter != nil {
			f.filter = add(call.Filter)
		}
		if err := f.settle(env); err != nil {
			return nil, err
		}
		if frame := call.Frame; frame.Range && (hasDistance(frame.From) || hasDistance(frame.To)) {
			c.keyed = true
		}
		c.calls = append(c.calls, f)
	}
	if c.keyed {
		c.keyAt = add(n.Order[0].Expr)
		c.unit = frameUnit(n.Order[0].Expr.Type())
	}
	var err error
	c.program, err = expr.Compile(exprs)
	return c, err
}

func hasDistance(b plan.FrameBound) bool { return b.Kind == plan.Preceding || b.Kind == plan.Following }

// settle makes the states of an aggregate and reads the constants of others.
func (f *overFunction) settle(env Environment) error {
	constant := func(i int, otherwise int64) int64 {
		if i >= len(f.call.Args) {
			return otherwise
		}
		if l, ok := f.call.Args[i].(*plan.Literal); ok {
			return l.Value.Int
		}
		return otherwise
	}
	switch f.call.Function.Name {
	case "ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST":
	case "NTILE":
		f.offset = constant(0, 1)
	case "LAG", "LEAD":
		f.offset = constant(1, 1)
	default:
		if !f.call.Function.Aggregate {
			return fmt.Errorf("compile OVER: no function %s", f.call.Function.Name)
		}
		f.accumulator = f.newAccumulator(env.Context)
	}
	return nil
}

func (f *overFunction) newAccumulator(of *plan.Context) plan.Accumulator {
	ctx := *of
	ctx.Retracts = f.isBounded()
	return newAccumulator(&ctx, f.call.AggregateCall)
}

// decoded is rows as columns, in blocks of a batch's size, with what the program
// makes of them.
type decoded struct {
	columns [][]*batch.Column
	values  [][]*batch.Column
	rows    int
}

func (d *decoded) value(i int, row uint32) (*batch.Column, int) {
	return d.values[row/batch.MaxRows][i], int(row % batch.MaxRows)
}

// decode reads rows back and computes arguments, filters and keys.
func (c *overCalls) decode(rows []uint32) (*decoded, error) {
	d := &decoded{rows: len(rows)}
	types := schemaTypes(c.rows.schema)
	for start := 0; start < len(rows); start += batch.MaxRows {
		part := rows[start:min(start+batch.MaxRows, len(rows))]
		columns := columnsOf(types, len(part))
		for _, row := range part {
			if _, err := batch.AppendRow(columns, c.rows.row(row)); err != nil {
				return nil, fmt.Errorf("read row: %w", err)
			}
		}
		values, err := c.program.Eval(c.context, &batch.Batch{Columns: columns[:c.width], Rows: len(part)})
		if err != nil {
			return nil, err
		}
		d.columns, d.values = append(d.columns, columns), append(d.values, values)
	}
	return d, nil
}

// key fills the keys of a run that frames are bounded by.
func (c *overCalls) key(r *overRun, d *decoded) {
	if !c.keyed {
		return
	}
	r.keys = make([]int64, len(r.rows))
	nulls := 0
	for i, at := range r.at {
		column, row := d.value(c.keyAt, at)
		if column.IsNull(row) {
			nulls++
			continue
		}
		r.keys[i] = frameKey(column, row, c.node.Order[0].Descending)
	}
	if c.node.Order[0].NullsFirst {
		r.before = nulls
	} else {
		r.behind = nulls
	}
}

// compute gives one column per call for the shown rows of all runs, which have
// the given number of rows altogether.
func (c *overCalls) compute(runs []*overRun, d *decoded, shown int, states []frameState) []*batch.Column {
	columns := make([]*batch.Column, len(c.calls))
	for i := range c.calls {
		f := &c.calls[i]
		columns[i] = batch.NewColumn(f.call.Overload.Result, shown)
		columns[i].Resize(shown)
		switch {
		case f.accumulator != nil:
			c.aggregate(f, i, runs, d, columns[i], states)
		default:
			for _, r := range runs {
				c.position(f, r, d, columns[i])
			}
		}
	}
	return columns
}

// frameState is how far the frames of a partition's calls have got in a stream:
// rows [from, to) of the partition are in, counted from its first row.
type frameState struct{ ends []frameReach }

type frameReach struct{ from, to int64 }

// frameStep is a move of a run's frame.
type frameStep struct {
	add, cut [2]int // rows of the run that come in, and that leave
	shown    [2]int // ordinals of the rows that get the result
}

// steps are the moves of one call's frame over a run. reach is where the frame
// stands before, and afterwards; nil for a run that begins with nothing in it.
func (c *overCalls) steps(f *overFunction, r *overRun, reach *frameReach) []frameStep {
	ends := r.framesOf(f.call.Frame, c.unit)
	var steps []frameStep
	from, to := 0, 0
	if reach != nil {
		from, to = int(max(reach.from-r.base, 0)), int(max(reach.to-r.base, 0))
	}
	for k := range ends.from {
		wantFrom, wantTo := ends.from[k], ends.to[k]
		if !f.isBounded() {
			wantFrom = from
		}
		if len(steps) > 0 && wantFrom == from && wantTo <= to {
			steps[len(steps)-1].shown[1]++
			continue
		}
		s := frameStep{shown: [2]int{r.first + k, r.first + k + 1}}
		s.add = [2]int{to, max(to, wantTo)}
		to = s.add[1]
		s.cut = [2]int{from, max(from, min(wantFrom, to))}
		from = s.cut[1]
		steps = append(steps, s)
	}
	if reach != nil {
		reach.from, reach.to = int64(from)+r.base, int64(to)+r.base
	}
	return steps
}

// aggregate computes an aggregate function in rounds.
func (c *overCalls) aggregate(f *overFunction, call int, runs []*overRun, d *decoded, out *batch.Column, states []frameState) {
	steps := make([][]frameStep, len(runs))
	rounds := 0
	groups := uint32(0)
	for i, r := range runs {
		var reach *frameReach
		if states != nil {
			reach = &states[r.group].ends[call]
		}
		steps[i] = c.steps(f, r, reach)
		rounds = max(rounds, len(steps[i]))
		groups = max(groups, r.group+1)
	}
	f.accumulator.Resize(int(groups))
	m := &frameMoves{function: f, d: d}
	for round := range rounds {
		m.reset()
		for i, r := range runs {
			if round < len(steps[i]) {
				s := steps[i][round]
				m.move(r, s.add, false)
				m.move(r, s.cut, true)
			}
		}
		m.update()
		m.shown = m.shown[:0]
		for i, r := range runs {
			if round < len(steps[i]) {
				m.shown = append(m.shown, r.group)
			}
		}
		results := batch.NewColumn(out.Type, len(m.shown))
		results.Resize(len(m.shown))
		f.accumulator.Result(m.shown, results)
		k := 0
		for i := range runs {
			if round < len(steps[i]) {
				for o := steps[i][round].shown[0]; o < steps[i][round].shown[1]; o++ {
					out.Set(o, results, k)
				}
				k++
			}
		}
		if round+1 < rounds && len(runs) > 1 {
			runs, steps = unfinished(runs, steps, round+1)
		}
	}
}

// unfinished leaves out the runs that have no further step.
func unfinished(runs []*overRun, steps [][]frameStep, round int) ([]*overRun, [][]frameStep) {
	var r []*overRun
	var s [][]frameStep
	for i := range runs {
		if round < len(steps[i]) {
			r, s = append(r, runs[i]), append(s, steps[i])
		}
	}
	return r, s
}

// frameMoves collects the rows of one round.
type frameMoves struct {
	function *overFunction
	d        *decoded
	groups   []uint32
	rows     []uint32
	retract  []bool
	cuts     bool
	shown    []uint32
	args     []*batch.Column
}

func (m *frameMoves) reset() {
	m.groups, m.rows, m.retract, m.cuts = m.groups[:0], m.rows[:0], m.retract[:0], false
}

// move notes that rows of a run come in or leave, but for those that the FILTER
// leaves out.
func (m *frameMoves) move(r *overRun, span [2]int, leave bool) {
	for i := span[0]; i < span[1]; i++ {
		at := r.at[i]
		if f := m.function.filter; f >= 0 {
			column, row := m.d.value(f, at)
			if column.IsNull(row) || !column.Bools[row] {
				continue
			}
		}
		m.groups, m.rows, m.retract = append(m.groups, r.group), append(m.rows, at), append(m.retract, leave)
		m.cuts = m.cuts || leave
	}
}

// update takes the rows into the accumulator.
func (m *frameMoves) update() {
	if len(m.rows) == 0 {
		return
	}
	m.args = m.args[:0]
	for k, arg := range m.function.args {
		c := batch.NewColumn(m.function.call.Args[k].Type(), len(m.rows))
		for _, at := range m.rows {
			from, row := m.d.value(arg, at)
			c.Append(from, row)
		}
		m.args = append(m.args, c)
	}
	retract := m.retract
	if !m.cuts {
		retract = nil
	}
	m.function.accumulator.Update(m.groups, m.args, retract)
}

// position computes a function that numbers rows or looks at others.
func (c *overCalls) position(f *overFunction, r *overRun, d *decoded, out *batch.Column) {
	n := len(r.rows)
	distinct := r.distinct
	for k := range n - r.start {
		i, o := r.start+k, r.first+k
		if r.peers[k][0] == i {
			distinct++
		}
		rank := r.base + int64(r.peers[k][0]) + 1
		switch f.call.Function.Name {
		case "ROW_NUMBER":
			out.Ints[o] = r.base + int64(i) + 1
		case "RANK":
			out.Ints[o] = rank
		case "DENSE_RANK":
			out.Ints[o] = distinct
		case "PERCENT_RANK":
			if n > 1 {
				out.Floats[o] = float64(rank-1) / float64(n-1)
			}
		case "CUME_DIST":
			out.Floats[o] = float64(r.peers[k][1]) / float64(n)
		case "NTILE":
			out.Ints[o] = bucket(int64(i), int64(n), f.offset)
		case "LAG":
			f.neighbour(r, d, i, -1, out, o)
		case "LEAD":
			f.neighbour(r, d, i, 1, out, o)
		}
	}
}

// bucket is the number of row i's bucket when n rows are cut into buckets, the
// first of which have one row more.
func bucket(i, n, buckets int64) int64 {
	size, larger := n/buckets, n%buckets
	if i < larger*(size+1) {
		return i/(size+1) + 1
	}
	return larger + (i-larger*(size+1))/size + 1
}

// neighbour writes the value of the row that is offset rows before or after row
// i, or the default.
func (f *overFunction) neighbour(r *overRun, d *decoded, i, step int, out *batch.Column, o int) {
	found := i
	switch {
	case f.offset > int64(len(r.rows)):
		found = -1
	case !f.call.IgnoreNulls:
		found += step * int(f.offset)
	default:
		for left := f.offset; left > 0; {
			if found += step; found < 0 || found >= len(r.rows) {
				break
			}
			if column, row := d.value(f.args[0], r.at[found]); !column.IsNull(row) {
				left--
			}
		}
	}
	switch {
	case found >= 0 && found < len(r.rows):
		column, row := d.value(f.args[0], r.at[found])
		out.Set(o, column, row)
	case len(f.args) == 3:
		column, row := d.value(f.args[2], r.at[i])
		out.Set(o, column, row)
	default:
		out.SetNull(o)
	}
}
