package bind

import (
	"slices"
	"time"

	"tidemark/plan"
)

// decorrelation takes a subquery apart into a plan that is computed once for
// all rows of the query around it, and conditions that say which of its rows
// belong to which.
//
// Conditions climb: a filter on the outer row is taken off the plan and handed
// to the operator above, which lets it pass, or makes it part of its groups
// where it is an equality. Where neither is possible the plan is grounded: joined
// with the domain, the different values that the outer rows have, after which
// all that is left to compare are the domain's columns.
type decorrelation struct {
	*binder
	of    *level
	outer plan.Node      // the rows that the subquery is computed for
	taken []*outerColumn // what it takes from them
}

// freed is a subquery without references to the outer row o: its rows for o are
// outs over the rows of node that meet conditions, both of which may refer to o.
//
// With always it is that of an aggregate without GROUP BY: at most one row of
// node meets the conditions, and when none does, outs are computed over NULLs.
// The row is there if it meets having.
type freed struct {
	node       plan.Node
	conditions []plan.Expr
	outs       []plan.Expr
	always     bool
	having     []plan.Expr
}

// free takes a plan apart; ok is false after a problem was reported.
func (d *decorrelation) free(n plan.Node) (f freed, ok bool) {
	if !correlated(n, d.of) {
		return freed{node: n, outs: columnsOf(n.Schema(), 0)}, true
	}
	switch n := n.(type) {
	case *plan.Values:
		return d.freeValues(n)
	case *plan.Filter:
		return d.freeFilter(n)
	case *plan.Project:
		f, ok := d.free(n.Input)
		if ok {
			f.outs = d.substitute(n.Exprs, f.outs)
		}
		return f, ok
	case *plan.Join:
		return d.freeJoin(n)
	case *plan.Aggregate:
		return d.freeAggregate(n)
	case *plan.Union:
		return d.freeUnion(n)
	case *plan.Sort:
		return d.free(n.Input) // the order of a table means nothing
	case *plan.Limit:
		return d.free(firstRows(n))
	case *plan.Rank:
		return d.freeRank(n)
	case *plan.Over:
		return d.freeOver(n)
	case *plan.Window:
		if n.Spec.Kind != plan.Session {
			return d.freeOrdered(n, func(over plan.Node, _ []int) plan.Node { return over })
		}
	case *plan.Unnest:
		return d.freeUnnest(n)
	}
	d.refuse(n)
	return freed{}, false
}

// refuse reports that the plan cannot do without the outer row.
func (d *decorrelation) refuse(n plan.Node) {
	used := outerColumns(n, d.of)
	if len(used) == 0 {
		used = d.taken
	}
	d.unsupported(used[0].Pos(), "a subquery that uses "+used[0].Name+" of the query around it here", "join the tables in FROM, or compute both sides on their own and combine them")
}

// freeValues takes constant rows apart, which need no table.
func (d *decorrelation) freeValues(n *plan.Values) (freed, bool) {
	one := &plan.Values{Rows: [][]plan.Expr{{}}}
	rows := make([]freed, len(n.Rows))
	for i, row := range n.Rows {
		rows[i] = freed{node: one, outs: row}
	}
	if len(rows) == 1 {
		return rows[0], true
	}
	return d.unite(rows), true
}

func (d *decorrelation) freeFilter(n *plan.Filter) (freed, bool) {
	f, ok := d.free(n.Input)
	if !ok {
		return f, false
	}
	var here []plan.Expr
	for _, c := range d.substitute(plan.Conjuncts(n.Condition), f.outs) {
		switch {
		case f.always:
			f.having = append(f.having, c)
		case refersTo(c, d.of):
			f.conditions = append(f.conditions, c)
		default:
			here = append(here, c)
		}
	}
	f.node = Where(f.node, here)
	return f, true
}

// freeJoin lets the conditions of the side that is not padded climb, and
// grounds both sides where the other one is correlated.
func (d *decorrelation) freeJoin(n *plan.Join) (freed, bool) {
	switch n.Kind {
	case plan.RightJoin:
		return d.freeRightJoin(n)
	case plan.FullJoin:
		d.refuse(n)
		return freed{}, false
	case plan.InnerJoin, plan.LeftJoin, plan.SemiJoin, plan.AntiJoin:
	}
	left, okLeft := d.free(n.Left)
	right, okRight := d.free(n.Right)
	if !okLeft || !okRight {
		return freed{}, false
	}
	if left.always {
		left = d.ground(left)
	}
	if right.always {
		right = d.ground(right)
	}
	if n.Kind == plan.InnerJoin {
		return d.joinInner(left, right, JoinConditions(n), n.TTL), true
	}
	conditions := d.substitute(JoinConditions(n), beside(left, right))
	depends := len(right.conditions) > 0 || d.anyRefers(right.outs)
	if depends || d.anyRefers(conditions) {
		left = d.ground(left)
	}
	if depends {
		right = d.ground(right)
	}
	right = d.laid(right)
	width := len(left.node.Schema())
	conditions = d.atDomain(d.substitute(JoinConditions(n), beside(left, right)), left)
	if depends {
		theirs := d.ties(right)
		for i, mine := range d.ties(left) {
			conditions = append(conditions, same(mine.inner, plan.Shift(theirs[i].inner, width)))
		}
	}
	joined := KeptJoin(n.Kind, left.node, right.node, conditions, n.TTL)
	out := freed{node: joined, conditions: left.conditions, outs: left.outs}
	if n.Kind.ShowsRight() {
		out.outs = slices.Concat(left.outs, columnsOf(joined.Schema()[width:width+len(right.outs)], width))
	}
	return out, true
}

func (d *decorrelation) joinInner(left, right freed, on []plan.Expr, ttl [2]time.Duration) freed {
	width := len(left.node.Schema())
	outs := beside(left, right)
	out := freed{conditions: slices.Clone(left.conditions), outs: outs}
	for _, c := range right.conditions {
		out.conditions = append(out.conditions, plan.Shift(c, width))
	}
	var here []plan.Expr
	for _, c := range d.substitute(on, outs) {
		if refersTo(c, d.of) {
			out.conditions = append(out.conditions, c)
		} else {
			here = append(here, c)
		}
	}
	out.node = KeptJoin(plan.InnerJoin, left.node, right.node, here, ttl)
	return out
}

// beside is the output of two plans over the columns of both nodes.
func beside(left, right freed) []plan.Expr {
	outs := slices.Clone(left.outs)
	for _, e := range right.outs {
		outs = append(outs, plan.Shift(e, len(left.node.Schema())))
	}
	return outs
}

// freeRightJoin turns the join round.
func (d *decorrelation) freeRightJoin(n *plan.Join) (freed, bool) {
	left, right := len(n.Left.Schema()), len(n.Right.Schema())
	turned := make([]int, left+right)
	for i := range turned {
		turned[i] = i + right
		if i >= left {
			turned[i] = i - left
		}
	}
	conditions := JoinConditions(n)
	for i, c := range conditions {
		conditions[i] = plan.Renumber(c, turned)
	}
	swapped := &plan.Join{Kind: plan.LeftJoin, Left: n.Right, Right: n.Left, TTL: [2]time.Duration{n.TTL[1], n.TTL[0]}}
	if len(conditions) > 0 {
		swapped.Condition = Conjunction(conditions)
	}
	f, ok := d.freeJoin(swapped)
	if ok {
		f.outs = slices.Concat(f.outs[right:], f.outs[:right])
	}
	return f, ok
}

// freeAggregate makes the conditions part of the group key.
func (d *decorrelation) freeAggregate(n *plan.Aggregate) (freed, bool) {
	f, ok := d.free(n.Input)
	if !ok {
		return f, false
	}
	mapped := d.overOuts(n, f)
	if f.always || !d.tied(f) || refersHere(mapped, d.of) {
		f = d.ground(f)
		mapped = d.overOuts(n, f)
		mapped = plan.MapExprs(mapped, func(e plan.Expr) plan.Expr { return d.atDomain([]plan.Expr{e}, f)[0] }).(*plan.Aggregate)
	}
	global := len(n.Keys) == 0
	keys, calls := len(n.Keys), len(n.Calls)
	a := &plan.Aggregate{Input: f.node, Keys: slices.Clone(mapped.Keys), Names: slices.Clone(n.Names[:keys]), Calls: mapped.Calls, Groupings: n.Groupings, TTL: n.TTL}
	var extra []int
	out := freed{node: a, always: global}
	for _, t := range d.ties(f) {
		at := slices.IndexFunc(a.Keys[:keys], func(k plan.Expr) bool { return n.Sets == nil && plan.EqualExprs(k, t.inner) })
		if at < 0 {
			at = len(a.Keys)
			a.Keys, a.Names = append(a.Keys, t.inner), append(a.Names, nameOf(t.inner, "tie"))
			extra = append(extra, at)
		}
		key := &plan.Column{At: plan.At{Position: t.inner.Pos()}, Index: at, Name: a.Names[at], Of: t.inner.Type()}
		out.conditions = append(out.conditions, equal(key, t.outer, t.nullSafe))
	}
	for _, set := range n.Sets {
		a.Sets = append(a.Sets, append(slices.Clone(set), extra...))
	}
	a.Names = append(a.Names, n.Names[keys:]...)
	output := a.Schema()
	out.outs = slices.Concat(columnsOf(output[:keys], 0), columnsOf(output[len(a.Keys):], len(a.Keys)))
	for i := range calls {
		if global {
			out.outs[keys+i] = d.orEmpty(out.outs[keys+i].(*plan.Column), n.Calls[i])
		}
	}
	return out, true
}

// overOuts is the aggregate with its expressions over the node of f; its input
// is not to be used.
func (d *decorrelation) overOuts(n *plan.Aggregate, f freed) *plan.Aggregate {
	return plan.MapExprs(n, func(e plan.Expr) plan.Expr { return d.substitute([]plan.Expr{e}, f.outs)[0] }).(*plan.Aggregate)
}

// orEmpty is the column of an aggregate call where its group may be missing:
// the value of no rows stands there instead of NULL, 0 for COUNT.
func (d *decorrelation) orEmpty(column *plan.Column, call plan.AggregateCall) plan.Expr {
	padded := *column
	padded.Of = padded.Of.Optional()
	states, result := call.Overload.New(d.context), emptyColumn(call.Overload.Result)
	states.Resize(1)
	states.Result([]uint32{0}, result)
	if result.IsNull(0) {
		return &padded
	}
	empty := result.Value(0)
	empty.Type = call.Overload.Result.Required()
	return d.operator(column.Pos(), "COALESCE", []plan.Expr{&padded, &plan.Literal{At: column.At, Value: empty}})
}

func (d *decorrelation) freeUnion(n *plan.Union) (freed, bool) {
	parts := make([]freed, len(n.All))
	for i, input := range n.All {
		var ok bool
		if parts[i], ok = d.free(input); !ok {
			return freed{}, false
		}
	}
	return d.unite(parts), true
}

// unite is all rows of the parts, each beside the outer values it belongs to.
func (d *decorrelation) unite(parts []freed) freed {
	union := &plan.Union{}
	var first freed
	for i, part := range parts {
		f := d.laid(d.ground(part))
		if i == 0 {
			first = f
		}
		union.All = append(union.All, f.node)
	}
	s := union.Schema()
	out := freed{node: union, outs: columnsOf(s[:len(first.outs)], 0)}
	for i, o := range d.taken {
		out.conditions = append(out.conditions, same(outputColumn(s, len(first.outs)+i, o.Pos()), o))
	}
	return out
}

func (d *decorrelation) freeRank(n *plan.Rank) (freed, bool) {
	return d.freeOrdered(n, func(over plan.Node, partition []int) plan.Node {
		c := *over.(*plan.Rank)
		c.Partition = append(slices.Clone(n.Partition), partition...)
		return &c
	})
}

func (d *decorrelation) freeOver(n *plan.Over) (freed, bool) {
	return d.freeOrdered(n, func(over plan.Node, partition []int) plan.Node {
		c := *over.(*plan.Over)
		c.Partition = append(slices.Clone(n.Partition), partition...)
		return &c
	})
}

// freeOrdered takes an operator apart that looks at the rows of one outer row
// together, and adds columns behind its input. among makes it look at the rows
// that are equal in the columns of the partition, which stand behind those of
// its input.
func (d *decorrelation) freeOrdered(n plan.Node, among func(over plan.Node, partition []int) plan.Node) (freed, bool) {
	f, ok := d.free(n.Inputs()[0])
	if !ok {
		return f, false
	}
	if f.always || !d.tied(f) || d.anyRefers(f.outs) || refersHere(n, d.of) {
		f = d.ground(f)
	}
	f = d.laid(f)
	width, before := len(f.outs), len(f.node.Schema())
	over := plan.MapExprs(plan.WithInputs(n, []plan.Node{f.node}), func(e plan.Expr) plan.Expr {
		if !refersTo(e, d.of) {
			return e
		}
		return d.atDomain([]plan.Expr{e}, f)[0]
	})
	over = among(over, numbers(width, before-width))
	outs := columnsOf(over.Schema(), 0)
	return freed{node: over, conditions: f.conditions, outs: slices.Concat(outs[:width], outs[before:])}, true
}

func (d *decorrelation) freeUnnest(n *plan.Unnest) (freed, bool) {
	f, ok := d.free(n.Input)
	if !ok {
		return f, false
	}
	collection := d.substituted(n.Collection, f.outs)
	if f.always || refersTo(collection, d.of) {
		f = d.ground(f)
		collection = d.atDomain([]plan.Expr{d.substituted(n.Collection, f.outs)}, f)[0]
	}
	c := *n
	c.Input, c.Collection = f.node, collection
	width := len(f.node.Schema())
	f.node, f.outs = &c, slices.Concat(f.outs, columnsOf(c.Schema()[width:], width))
	return f, true
}
