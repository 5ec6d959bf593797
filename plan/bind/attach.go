package bind

import (
	"slices"
	"time"

	"tidemark/plan"
)

// leftOver reports a subquery that is in the finished plan: it stands where
// nothing attaches it.
func (b *binder) leftOver(n plan.Node) {
	plan.Inspect(n, func(n plan.Node) bool {
		plan.MapExprs(n, func(e plan.Expr) plan.Expr {
			plan.InspectExpr(e, func(e plan.Expr) bool {
				if q, ok := e.(*subquery); ok {
					b.unsupported(q.Pos(), "a subquery here", "compute it in a column of a subquery in FROM")
				}
				return true
			})
			return e
		})
		return true
	})
}

// attaching notes the plan that subqueries are about to be attached to, all of
// whose columns stay where they are, until the function that it gives is called.
// Domains are made of it, so that they do not double with each subquery.
func (b *binder) attaching(node plan.Node) (done func()) {
	before := b.base
	if before == nil {
		b.base = node
	}
	return func() { b.base = before }
}

// attach joins a plan with the subqueries in expressions over it. The plan's
// columns stay at their places; what is added stands behind them.
func (b *binder) attach(node plan.Node, exprs []plan.Expr) (plan.Node, []plan.Expr) {
	if b.subqueries == 0 {
		return node, exprs
	}
	defer b.attaching(node)()
	attached := slices.Clone(exprs)
	for i, e := range exprs {
		if e == nil {
			continue
		}
		attached[i] = plan.TransformExpr(e, func(e plan.Expr) plan.Expr {
			if q, ok := e.(*subquery); ok {
				var v plan.Expr
				if node, v = b.subqueryValue(node, q); v != nil {
					return v
				}
			}
			return e
		})
	}
	return node, attached
}

// attachItems is attach for a select list and what is computed for sorting.
func (b *binder) attachItems(node plan.Node, items []item, hidden []plan.Expr) plan.Node {
	defer b.attaching(node)()
	for i, it := range items {
		var attached []plan.Expr
		node, attached = b.attach(node, []plan.Expr{it.expr})
		items[i].expr = attached[0]
	}
	node, attached := b.attach(node, hidden)
	copy(hidden, attached)
	return node
}

// attachAggregate is attach for the keys, arguments and filters of an aggregate.
func (b *binder) attachAggregate(a *plan.Aggregate) *plan.Aggregate {
	if b.subqueries == 0 {
		return a
	}
	input := a.Input
	defer b.attaching(input)()
	c := *plan.MapExprs(a, func(e plan.Expr) plan.Expr {
		var attached []plan.Expr
		input, attached = b.attach(input, []plan.Expr{e})
		return attached[0]
	}).(*plan.Aggregate)
	c.Input = input
	return &c
}

// attachValues is attach for constant rows: those with subqueries are no
// constants, but one row each of a query without FROM.
func (b *binder) attachValues(v *plan.Values) plan.Node {
	if b.subqueries == 0 || !slices.ContainsFunc(v.Rows, func(row []plan.Expr) bool { return slices.ContainsFunc(row, hasSubquery) }) {
		return v
	}
	var union plan.Union
	for _, row := range v.Rows {
		node, exprs := b.attach(&plan.Values{Rows: [][]plan.Expr{{}}}, row)
		p := &plan.Project{Input: node, Exprs: exprs, Times: make([]plan.TimeAttribute, len(row))}
		for _, c := range v.Columns {
			p.Names = append(p.Names, c.Name)
		}
		union.All = append(union.All, p)
	}
	if len(union.All) == 1 {
		return union.All[0]
	}
	return &union
}

// attachFilter keeps the rows of node that meet a condition with subqueries:
// EXISTS and IN become semi joins, their negations anti joins.
func (b *binder) attachFilter(node plan.Node, condition plan.Expr) plan.Node {
	if !hasSubquery(condition) {
		return filtered(node, condition)
	}
	defer b.attaching(node)()
	width := len(node.Schema())
	var plain, values []plan.Expr
	var asked []*subquery
	var not []bool
	for _, c := range plan.Conjuncts(condition) {
		q, negated := askedSubquery(c)
		switch {
		case q != nil:
			asked, not = append(asked, q), append(not, negated)
		case hasSubquery(c):
			values = append(values, c)
		default:
			plain = append(plain, c)
		}
	}
	node = Where(node, plain)
	for i, q := range asked {
		var rest plan.Expr
		if node, rest = b.semiJoin(node, q, not[i]); rest != nil {
			values = append(values, rest)
		}
	}
	node, values = b.attach(node, values)
	return firstColumns(Where(node, values), width)
}

// attachJoin is Join for conditions with subqueries. Pairs of an inner join are
// asked when they are there. In an outer join a subquery is computed for the rows
// of the side that it is about; it is nil after one that is about both was
// reported.
func (b *binder) attachJoin(kind plan.JoinKind, left, right plan.Node, conditions []plan.Expr, ttl [2]time.Duration) plan.Node {
	var plain, asking []plan.Expr
	for _, c := range conditions {
		if hasSubquery(c) {
			asking = append(asking, c)
		} else {
			plain = append(plain, c)
		}
	}
	switch {
	case len(asking) == 0:
		return KeptJoin(kind, left, right, conditions, ttl)
	case kind == plan.InnerJoin:
		return b.attachFilter(KeptJoin(kind, left, right, plain, ttl), Conjunction(asking))
	}
	width, widthRight := len(left.Schema()), len(right.Schema())
	atLeft, atRight := map[*subquery]plan.Expr{}, map[*subquery]plan.Expr{}
	for _, c := range asking {
		for _, q := range subqueriesIn(c) {
			var values []plan.Expr
			switch q.about(width) {
			case noSide, leftSide:
				left, values = b.attach(left, []plan.Expr{q})
				atLeft[q] = values[0]
			case rightSide:
				right, values = b.attach(right, []plan.Expr{q.lifted(func(e plan.Expr) plan.Expr { return plan.Shift(e, -width) })})
				atRight[q] = values[0]
			default:
				b.unsupported(q.Pos(), "a subquery about both sides in ON of a "+kind.String()+" JOIN", "an INNER JOIN can have one; else compute it in a column of one side")
				return nil
			}
		}
	}
	wide := len(left.Schema())
	all := slices.Concat(plain, asking)
	for i, c := range all {
		all[i] = plan.TransformExpr(c, func(e plan.Expr) plan.Expr {
			switch e := e.(type) {
			case *plan.Column:
				if e.Index >= width {
					return plan.Shift(e, wide-width)
				}
			case *subquery:
				if v := atLeft[e]; v != nil {
					return v
				}
				return plan.Shift(atRight[e], wide)
			}
			return e
		})
	}
	return plan.Pick(KeptJoin(kind, left, right, all, ttl), append(numbers(0, width), numbers(wide, widthRight)...)...)
}

// attachOperands attaches the subqueries in what a subquery takes from the outer
// row: in the left side of IN.
func (b *binder) attachOperands(node plan.Node, q *subquery) (plan.Node, *subquery) {
	if q.match == nil || !hasSubquery(q.match) {
		return node, q
	}
	return node, q.lifted(func(e plan.Expr) plan.Expr {
		var attached []plan.Expr
		node, attached = b.attach(node, []plan.Expr{e})
		return attached[0]
	})
}

// askedSubquery is the EXISTS or IN that a condition is, or is the negation of.
func askedSubquery(e plan.Expr) (q *subquery, negated bool) {
	if c, ok := e.(*plan.Call); ok && c.Function.Name == "NOT" {
		q, negated = askedSubquery(c.Args[0])
		return q, !negated
	}
	q, _ = e.(*subquery)
	if q != nil && q.kind == scalarSubquery {
		return nil, false
	}
	return q, false
}
