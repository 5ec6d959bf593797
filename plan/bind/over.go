package bind

import (
	"fmt"
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// overFirst is the index of the first imagined column of calls with OVER: no
// input has so many columns.
const overFirst = 1 << 24

// overing is the calls with OVER of one SELECT while its clauses are bound.
//
// An expression around such a call is first bound over an imagined column,
// overFirst and the number of the call. When all calls are known, nodes makes
// the plan that computes them, and place gives the columns their true place.
type overing struct {
	named []*sql.NamedWindow // the WINDOW clause
	calls []overCall
	at    []int // of each call: its column, once nodes has made it
}

// overCall is a call with its window.
type overCall struct {
	plan.OverCall
	partition []plan.Expr
	order     []plan.SortKey
}

// rowFrame is how the functions that take no frame see their rows.
var rowFrame = plan.Frame{Range: true, To: plan.FrameBound{Kind: plan.CurrentRow}}

// callOver binds a call with OVER: an imagined column.
func (b *binder) callOver(c *sql.Call, s *scope) plan.Expr {
	f, ok := function.Lookup(c.Function())
	switch {
	case !ok:
		b.exprs(s, c.Args...)
		b.wrong(c.Pos(), problem.UnknownFunction, didYouMean(c.Function(), function.Names(), "SHOW FUNCTIONS lists them all"), "no function %s", c.Function())
		return nil
	case s.over == nil:
		b.wrong(c.Pos(), problem.InvalidQuery, "compute it in a subquery and use its result around that; QUALIFY filters by it", "a function with OVER is not allowed in %s", s.clause)
		return nil
	case !f.Aggregate && f.Category != function.WindowCategory:
		b.wrong(c.Pos(), problem.InvalidQuery, "remove OVER", "%s computes a value from one row, so that OVER means nothing", f.Name)
		return nil
	}
	b.bound.Calls[c] = f
	call := overCall{OverCall: plan.OverCall{AggregateCall: plan.AggregateCall{Function: f, Distinct: c.Distinct}}}
	clauses := b.overClauses(c, f, &call)
	window := b.window(c, f, s, &call)
	arguments := b.overArguments(c, f, s, &call)
	if !clauses || !window || !arguments {
		return nil
	}
	return s.over.column(call, c.Pos())
}

// overClauses checks what stands between the arguments and OVER.
func (b *binder) overClauses(c *sql.Call, f *plan.Function, call *overCall) bool {
	looks := f.Name == "LAG" || f.Name == "LEAD"
	picks := f.Name == "FIRST_VALUE" || f.Name == "LAST_VALUE"
	switch {
	case len(c.OrderBy) > 0 || len(c.WithinGroup) > 0:
		b.wrong(c.Pos(), problem.InvalidQuery, "rows come in the order of OVER", "ORDER BY inside %s does not go with OVER", f.Name)
	case c.Nulls != sql.DefaultNulls && !looks && !picks:
		b.wrong(c.Pos(), problem.InvalidQuery, "remove it", "%s means nothing in %s", c.Nulls, f.Name)
	case c.Nulls == sql.RespectNulls && picks:
		b.unsupported(c.Pos(), "RESPECT NULLS in "+f.Name, "it leaves NULL out; COALESCE the argument to keep it")
	case !f.Aggregate && c.Distinct:
		b.wrong(c.Pos(), problem.InvalidQuery, "remove DISTINCT", "%s is no aggregate function, so that DISTINCT means nothing", f.Name)
	case !f.Aggregate && c.Filter != nil:
		b.wrong(c.Filter.Pos(), problem.InvalidQuery, "use CASE WHEN … THEN … END", "%s is no aggregate function, so that FILTER means nothing", f.Name)
	default:
		call.IgnoreNulls = looks && c.Nulls == sql.IgnoreNulls
		return true
	}
	return false
}

// overArguments binds arguments and FILTER, and settles the types. A frame that
// may be empty gives NULL even for arguments that are NOT NULL.
func (b *binder) overArguments(c *sql.Call, f *plan.Function, s *scope, call *overCall) bool {
	inside := s.with("an argument of " + f.Name)
	inside.over, inside.aliases = nil, nil
	ok := true
	if c.Filter != nil {
		filter := s.with("FILTER")
		filter.over, filter.aliases = nil, nil
		call.Filter = b.condition(c.Filter, filter, "FILTER")
		ok = call.Filter != nil
	}
	if !countsRows(c, f) {
		call.Args = b.arguments(c, inside)
		ok = ok && (call.Args != nil || len(c.Args) == 0)
	}
	if !ok {
		return false
	}
	frameMaybeEmpty := call.Frame.From.Kind != plan.UnboundedPreceding || call.Frame.To.Kind < plan.CurrentRow
	return b.settled(c.Pos(), &call.AggregateCall, f.Aggregate && (call.Filter != nil || frameMaybeEmpty))
}

// window binds what stands behind OVER, with what it takes from a named window.
func (b *binder) window(c *sql.Call, f *plan.Function, s *scope, call *overCall) bool {
	spec, ok := b.namedWindow(c.Over, s.over.named, len(s.over.named))
	if !ok {
		return false
	}
	by := s.with("OVER")
	by.over, by.aliases = nil, nil
	before := len(b.found)
	for _, e := range spec.PartitionBy {
		if bound := b.expr(e, by); bound != nil {
			call.partition = append(call.partition, bound)
		}
	}
	for _, item := range spec.OrderBy {
		e := b.expr(item.Expr, by)
		if e == nil || !b.sortable(e) {
			continue
		}
		if _, constant := e.(*plan.Literal); !constant {
			call.order = append(call.order, sortKey(item, e))
		}
	}
	if len(b.found) > before {
		return false
	}
	if f.Category == function.WindowCategory {
		switch {
		case spec.Frame != nil:
			b.wrong(spec.Frame.Pos(), problem.InvalidQuery, "remove ROWS or RANGE", "%s takes no frame: it sees the whole partition", f.Name)
			return false
		case len(spec.OrderBy) == 0 && f.Name != "ROW_NUMBER":
			b.wrong(c.Over.Pos(), problem.InvalidQuery, "add ORDER BY", "%s needs an order", f.Name)
			return false
		}
		call.Frame = rowFrame
		return true
	}
	return b.frame(spec, by, call)
}

// namedWindow is a window with what it takes from the named one that it starts
// from, which is among the first of the WINDOW clause.
func (b *binder) namedWindow(w *sql.WindowSpec, named []*sql.NamedWindow, first int) (*sql.WindowSpec, bool) {
	if w.Base == nil {
		return w, true
	}
	for i := range first {
		if named[i].Name.Text != w.Base.Text {
			continue
		}
		base, ok := b.namedWindow(named[i].Spec, named, i)
		if !ok || w.Bare {
			return base, ok
		}
		return b.extended(w, base)
	}
	var names []string
	for _, n := range named {
		names = append(names, n.Name.Text)
	}
	otherwise := "add WINDOW " + w.Base.Text + " AS (PARTITION BY … ORDER BY …) behind FROM, WHERE and GROUP BY"
	b.wrong(w.Base.Pos(), problem.InvalidQuery, didYouMean(w.Base.Text, names, otherwise), "no window %s", w.Base.Text)
	return nil, false
}

// extended is base with what w adds to it.
func (b *binder) extended(w, base *sql.WindowSpec) (*sql.WindowSpec, bool) {
	switch {
	case len(w.PartitionBy) > 0:
		b.wrong(w.Pos(), problem.InvalidQuery, "leave PARTITION BY to the named window", "window %s has its partition already", w.Base.Text)
		return nil, false
	case len(w.OrderBy) > 0 && len(base.OrderBy) > 0:
		b.wrong(w.Pos(), problem.InvalidQuery, "leave one of them away", "window %s has an ORDER BY already", w.Base.Text)
		return nil, false
	case base.Frame != nil:
		b.wrong(w.Pos(), problem.InvalidQuery, "write OVER "+w.Base.Text+", without parentheses, or the frame in OVER only", "window %s has a frame and cannot be extended", w.Base.Text)
		return nil, false
	}
	all := *base
	all.Frame = w.Frame
	if len(w.OrderBy) > 0 {
		all.OrderBy = w.OrderBy
	}
	return &all, true
}

// frame binds ROWS or RANGE. Without it the frame goes from the first row to the
// peers of the current one, which without an order are all rows.
func (b *binder) frame(spec *sql.WindowSpec, s *scope, call *overCall) bool {
	call.Frame = rowFrame
	f := spec.Frame
	if f == nil {
		return true
	}
	stop := sql.Bound{Kind: sql.CurrentRow}
	if f.Stop != nil {
		stop = *f.Stop
	}
	if f.Start.Kind > stop.Kind || f.Start.Kind == sql.UnboundedFollowing || stop.Kind == sql.UnboundedPreceding {
		b.wrong(f.Pos(), problem.InvalidQuery, "write the earlier end first: ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "the frame ends before it starts")
		return false
	}
	call.Frame.Range = f.Range
	from, okFrom := b.frameBound(f, f.Start, s, call)
	to, okTo := b.frameBound(f, stop, s, call)
	call.Frame.From, call.Frame.To = from, to
	return okFrom && okTo
}

// frameBounds are the kinds of the plan for those of the syntax.
var frameBounds = map[sql.BoundKind]plan.FrameBoundKind{
	sql.UnboundedPreceding: plan.UnboundedPreceding, sql.Preceding: plan.Preceding, sql.CurrentRow: plan.CurrentRow,
	sql.Following: plan.Following, sql.UnboundedFollowing: plan.UnboundedFollowing,
}

func (b *binder) frameBound(f *sql.Frame, at sql.Bound, s *scope, call *overCall) (plan.FrameBound, bool) {
	bound := plan.FrameBound{Kind: frameBounds[at.Kind]}
	if at.Offset == nil {
		return bound, true
	}
	e := b.expr(at.Offset, s)
	if e == nil {
		return bound, false
	}
	l, constant := e.(*plan.Literal)
	if !f.Range {
		if !constant || !e.Type().IsInteger() || l.Value.Null || l.Value.Int < 0 {
			b.wrong(at.Offset.Pos(), problem.InvalidQuery, "write a whole number, such as 10", "a frame of ROWS is bounded by a constant number of rows")
			return bound, false
		}
		bound.Offset = l.Value.Int
		return bound, true
	}
	if len(call.order) != 1 {
		b.wrong(f.Pos(), problem.InvalidQuery, "order by one column, or use ROWS", "a distance of RANGE needs exactly one ORDER BY column")
		return bound, false
	}
	key := call.order[0].Expr.Type()
	switch {
	case !constant || l.Value.Null || l.Value.Int < 0:
		b.wrong(at.Offset.Pos(), problem.InvalidQuery, "write a constant, such as INTERVAL '1' HOUR", "a frame of RANGE is bounded by a constant distance")
	case e.Type().Kind == value.IntervalDayTime && (key.IsTimestamp() || key.Kind == value.Date), e.Type().IsInteger() && key.IsInteger():
		bound.Offset = l.Value.Int
		return bound, true
	case key.IsTimestamp() || key.Kind == value.Date:
		b.wrong(at.Offset.Pos(), problem.TypeMismatch, "write it in days or less, such as INTERVAL '30' DAY", "a distance of %s cannot be %s", key.Optional(), e.Type().Optional())
	case key.IsInteger():
		b.wrong(at.Offset.Pos(), problem.TypeMismatch, "write a whole number", "a distance of %s cannot be %s", key.Optional(), e.Type().Optional())
	default:
		b.unsupported(f.Pos(), "a distance of RANGE over "+key.Optional().String(), "order by a time or an integer, or use ROWS")
	}
	return bound, false
}

// column is the imagined column of a call, which is added unless it is there.
func (o *overing) column(c overCall, pos problem.Position) plan.Expr {
	number := len(o.calls)
	for i, other := range o.calls {
		if other.sameWindow(c) && other.Frame == c.Frame && other.IgnoreNulls == c.IgnoreNulls && sameCall(other.AggregateCall, c.AggregateCall) {
			number = i
		}
	}
	if number == len(o.calls) {
		o.calls = append(o.calls, c)
	}
	return &plan.Column{At: plan.At{Position: pos}, Index: overFirst + number, Name: c.Function.Name, Of: c.Overload.Result}
}

// sameWindow reports whether both calls see the same partitions in the same
// order.
func (c *overCall) sameWindow(other overCall) bool {
	if len(c.partition) != len(other.partition) || len(c.order) != len(other.order) {
		return false
	}
	for i, e := range c.partition {
		if !plan.EqualExprs(e, other.partition[i]) {
			return false
		}
	}
	for i, k := range c.order {
		o := other.order[i]
		if k.Descending != o.Descending || k.NullsFirst != o.NullsFirst || !plan.EqualExprs(k.Expr, o.Expr) {
			return false
		}
	}
	return true
}

// lift moves the parts of all calls over the aggregation of g.
func (o *overing) lift(b *binder, g *grouping) {
	lifted := func(exprs []plan.Expr) {
		for i := range exprs {
			exprs[i] = g.lift(b, exprs[i])
		}
	}
	for i := range o.calls {
		c := &o.calls[i]
		lifted(c.Args)
		lifted(c.partition)
		for k := range c.order {
			c.order[k].Expr = g.lift(b, c.order[k].Expr)
		}
		c.Filter = g.lift(b, c.Filter)
	}
}

// nodes makes the plan that computes the calls over node, whose columns have the
// given time attributes: one Over for each window.
func (o *overing) nodes(node plan.Node, times []plan.TimeAttribute) plan.Node {
	input := plan.PickAll(node)
	copy(input.Times, times)
	width := len(input.Exprs)
	partitions := make([][]int, len(o.calls))
	for i, c := range o.calls {
		for _, e := range c.partition {
			partitions[i] = append(partitions[i], o.partitionColumn(input, e, times))
		}
	}
	if len(input.Exprs) > width || !slices.Equal(timesOf(node), times) {
		node = input
	}
	o.at = make([]int, len(o.calls))
	done := make([]bool, len(o.calls))
	for i, c := range o.calls {
		if done[i] {
			continue
		}
		n := &plan.Over{Input: node, Partition: partitions[i], Order: c.order}
		width := len(node.Schema())
		for k := i; k < len(o.calls); k++ {
			if other := o.calls[k]; !done[k] && c.sameWindow(other) {
				done[k], o.at[k] = true, width+len(n.Calls)
				n.Calls, n.Names = append(n.Calls, other.OverCall), append(n.Names, fmt.Sprintf("over$%d", k))
			}
		}
		node = n
	}
	return node
}

// partitionColumn is the column of input that e is computed in, a new one if
// there is none.
func (o *overing) partitionColumn(input *plan.Project, e plan.Expr, times []plan.TimeAttribute) int {
	for i, known := range input.Exprs {
		if plan.EqualExprs(known, e) {
			return i
		}
	}
	input.Add(e, fmt.Sprintf("partition$%d", len(input.Exprs)), timeOf(e, times))
	return len(input.Exprs) - 1
}

// place gives the imagined columns of e their true place; it leaves nil alone.
func (o *overing) place(e plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	return plan.TransformExpr(e, func(e plan.Expr) plan.Expr {
		if q, ok := e.(*subquery); ok {
			return q.lifted(o.place)
		}
		c, ok := e.(*plan.Column)
		if !ok || c.Index < overFirst {
			return e
		}
		moved := *c
		moved.Index = o.at[c.Index-overFirst]
		return &moved
	})
}

// qualify binds QUALIFY, which may use the names of the select list where FROM
// has no column of that name.
func (b *binder) qualify(e sql.Expr, items []item, s *scope) plan.Expr {
	by := s.with("QUALIFY")
	by.aliases = map[string]plan.Expr{}
	for _, it := range items {
		if it.expr == nil || len(s.find(sql.Path{sql.NameOf(it.name)})) > 0 {
			continue
		}
		if _, repeated := by.aliases[it.name]; !repeated {
			by.aliases[it.name] = it.expr
		}
	}
	return b.condition(e, by, "QUALIFY")
}
