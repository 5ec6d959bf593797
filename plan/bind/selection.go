package bind

import (
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// item is an expression of the select list.
type item struct {
	expr plan.Expr
	name string
	at   problem.Position
}

// selection binds SELECT … FROM … up to QUALIFY, and the keys of o.
func (b *binder) selection(sel *sql.Select, outer *scope, o *ordering) plan.Node {
	before := len(b.found)
	b.refuseClauses(sel)
	saved, savedLives := b.hints, b.lives
	b.hints, b.lives = sel.Hints, b.lifetimes(sel.Hints)
	node, s := b.from(sel.From, outer)
	lives := b.lives
	b.hints, b.lives = saved, savedLives
	if s == nil {
		return nil
	}
	b.checkLifetimes(lives, s)
	ttl := lives.of(s.relations)
	s.selected = sel.Items
	if sel.Where != nil {
		node = b.filter(node, sel.Where, s.in("WHERE"))
		s.timed(node)
	}
	var g *grouping
	if b.isGrouped(sel, o) {
		if g = b.groupBy(sel, node, s); g == nil {
			return nil
		}
		g.ttl = ttl
	}
	s = s.in("SELECT")
	s.grouping, s.over = g, &overing{named: sel.Windows}
	c := &selecting{binder: b, node: node, times: timesOf(node), items: b.items(sel.Items, s), order: o}
	if sel.Having != nil {
		by := s.with("HAVING")
		by.over = nil
		c.having = b.condition(sel.Having, by, "HAVING")
	}
	if sel.Qualify != nil {
		c.qualify = b.qualify(sel.Qualify, c.items, s)
	}
	b.orderKeys(o, sel, c.items, s)
	if g != nil {
		c.aggregate(g, s.over)
	}
	if len(b.found) > before {
		return nil
	}
	switch {
	case len(s.over.calls) > 0:
		c.over(s.over)
	case c.qualify != nil:
		b.wrong(sel.Qualify.Pos(), problem.InvalidQuery, "put the condition into WHERE or HAVING", "QUALIFY needs a function with OVER")
		return nil
	}
	if with := b.attachItems(c.node, c.items, o.hidden); with != c.node {
		c.node, c.times = with, timesOf(with)
	}
	return o.project(c.node, c.items, c.times, sel, ttl)
}

// selecting is what a SELECT computes, while the operators that it needs come
// under it one by one.
type selecting struct {
	*binder
	node    plan.Node
	times   []plan.TimeAttribute // of node's columns, as the result may use them
	items   []item
	order   *ordering
	having  plan.Expr // nil for none, like qualify
	qualify plan.Expr
}

// move brings the expressions to the columns of an operator that came under
// them; f leaves nil alone.
func (c *selecting) move(f func(plan.Expr) plan.Expr) {
	for i := range c.items {
		c.items[i].expr = f(c.items[i].expr)
	}
	for i := range c.order.hidden {
		c.order.hidden[i] = f(c.order.hidden[i])
	}
	c.qualify = f(c.qualify)
}

// aggregate puts the groups and HAVING under the expressions and the calls with
// OVER.
func (c *selecting) aggregate(g *grouping, over *overing) {
	c.node, c.times = g.aggregate(c.binder)
	c.move(func(e plan.Expr) plan.Expr { return g.lift(c.binder, e) })
	over.lift(c.binder, g)
	having := g.lift(c.binder, c.having)
	if having == nil {
		return
	}
	c.node = c.attachFilter(c.node, having)
	if hasSubquery(having) {
		c.times = timesOf(c.node)
	}
}

// over puts the calls with OVER and QUALIFY under the expressions.
func (c *selecting) over(o *overing) {
	c.node = o.nodes(c.node, c.times)
	c.move(o.place)
	if c.qualify != nil {
		c.node = c.attachFilter(c.node, c.qualify)
	}
	c.times = timesOf(c.node)
}

// refuseClauses reports the clauses that are not built.
func (b *binder) refuseClauses(sel *sql.Select) {
	if sel.GroupBy != nil && sel.GroupBy.Distinct {
		b.unsupported(sel.GroupBy.Pos(), "GROUP BY DISTINCT", "leave DISTINCT away and remove the repeated sets")
	}
}

// filter keeps the rows of node for which the condition is true; with a wrong
// condition it is node itself.
func (b *binder) filter(node plan.Node, condition sql.Expr, s *scope) plan.Node {
	e := b.condition(condition, s, s.clause)
	if e == nil {
		return node
	}
	return b.attachFilter(node, e)
}

// filtered is the rows of node for which the condition is true: the first rows
// by their numbers, where the condition says so.
func filtered(node plan.Node, condition plan.Expr) plan.Node {
	f := &plan.Filter{Input: node, Condition: condition}
	if first := plan.RankOf(f); first != nil {
		return first
	}
	return Where(node, plan.Conjuncts(condition))
}

// condition binds a BOOLEAN for the clause.
func (b *binder) condition(e sql.Expr, s *scope, clause string) plan.Expr {
	bound := b.expr(e, s)
	if bound == nil {
		return nil
	}
	switch bound.Type().Kind {
	case value.Boolean:
		return bound
	case value.Null:
		return implicit(bound, value.BooleanType)
	}
	b.wrong(e.Pos(), problem.TypeMismatch, "compare it with something: "+plan.PrintExpr(bound, nil)+" <> …",
		"%s needs a condition, but this is %s", clause, bound.Type().Optional())
	return nil
}

// isGrouped reports whether the select has groups: a GROUP BY, a HAVING, or an
// aggregate function somewhere.
func (b *binder) isGrouped(sel *sql.Select, o *ordering) bool {
	if sel.GroupBy != nil || sel.Having != nil {
		return true
	}
	for _, it := range sel.Items {
		if hasAggregate(it.Expr) {
			return true
		}
	}
	for _, it := range o.items {
		if hasAggregate(it.Expr) {
			return true
		}
	}
	return sel.Qualify != nil && hasAggregate(sel.Qualify)
}

// hasAggregate reports whether e calls an aggregate function, not counting
// subqueries and the functions with OVER themselves.
func hasAggregate(e sql.Expr) bool {
	found := false
	sql.Inspect(e, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.Query:
			return false
		case *sql.Call:
			if n.Over != nil {
				return true
			}
			if f, ok := function.Lookup(n.Function()); ok && f.Aggregate && len(n.Name) == 1 {
				found = true
			}
		}
		return !found
	})
	return found
}

// items binds the select list; expressions that are wrong are nil.
func (b *binder) items(list []*sql.SelectItem, s *scope) []item {
	var items []item
	for _, it := range list {
		if star, ok := it.Expr.(*sql.Star); ok {
			items = append(items, b.star(star, s)...)
			continue
		}
		bound := item{expr: b.expr(it.Expr, s), at: it.Expr.Pos()}
		switch ref, isColumn := it.Expr.(*sql.ColumnRef); {
		case it.Alias != nil:
			bound.name = it.Alias.Text
		case isColumn:
			bound.name = ref.Path.Last().Text
		default:
			bound.name = unnamed(len(items))
		}
		if bound.expr != nil && bound.expr.Type().Kind == value.Null {
			bound.expr = b.untypedNull(bound.expr)
		}
		items = append(items, bound)
	}
	return items
}

// untypedNull refuses a NULL of no type as a result column.
func (b *binder) untypedNull(e plan.Expr) plan.Expr {
	b.wrong(e.Pos(), problem.TypeMismatch, "write CAST(NULL AS STRING), or another type", "NULL alone has no type")
	return nil
}

// star expands * and t.*.
func (b *binder) star(star *sql.Star, s *scope) []item {
	if len(star.Qualifier) == 0 {
		if len(s.relations) == 0 {
			b.wrong(star.Pos(), problem.InvalidQuery, "add FROM and a table", "* stands for the columns of FROM, and there is none")
			return []item{{}}
		}
		if paths := shownPaths(s.relations); paths != nil {
			b.bound.Stars[star] = paths
		}
		return shownColumns(s.relations, star.Pos())
	}
	for _, r := range s.relations {
		if n := r.qualifies(star.Qualifier); n == len(star.Qualifier) || n == 0 && len(r.path) > 1 && r.path.String() == star.Qualifier.String() {
			r.hidden = nil
			return shownColumns([]relation{r}, star.Pos())
		}
	}
	if found := s.find(star.Qualifier); len(found) == 1 {
		return b.rowStar(star, found[0])
	}
	name := star.Qualifier.String()
	b.wrong(star.Pos(), problem.UnknownTable, didYouMean(name, s.relationNames(), "tables here are "+listed(s.relationNames())), "no table %s here", name)
	return []item{{}}
}

// rowStar expands r.* of a ROW column r to its fields.
func (b *binder) rowStar(star *sql.Star, m match) []item {
	e := m.expr
	for _, name := range m.rest {
		if e = b.field(e, name); e == nil {
			return []item{{}}
		}
	}
	var items []item
	for _, f := range e.Type().Fields {
		items = append(items, item{expr: b.field(e, sql.NameOf(f.Name)), name: f.Name, at: star.Pos()})
	}
	if len(items) == 0 {
		b.wrong(star.Pos(), problem.TypeMismatch, "only tables and ROW columns have parts", "%s.* needs a table or a ROW", star.Qualifier)
		return []item{{}}
	}
	return items
}

// orderKeys binds ORDER BY of a select: names of result columns first, then
// what the select items themselves can refer to.
func (b *binder) orderKeys(o *ordering, sel *sql.Select, items []item, s *scope) {
	o.width = len(items)
	output := make(plan.Schema, len(items))
	byName := s.with("ORDER BY")
	byName.aliases = map[string]plan.Expr{}
	for i, it := range items {
		if it.expr == nil {
			continue
		}
		output[i] = plan.OutputColumn{Name: it.name, Type: it.expr.Type()}
		if _, repeated := byName.aliases[it.name]; !repeated {
			byName.aliases[it.name] = it.expr
		}
	}
	for _, by := range o.items {
		if column, ok := b.ordinal(by, output); ok {
			if column != nil && items[column.Index].expr != nil && b.sortable(items[column.Index].expr) {
				o.keys = append(o.keys, sortKey(by, column))
			}
			continue
		}
		e := b.expr(by.Expr, byName)
		if e == nil || !b.sortable(e) {
			continue
		}
		if _, constant := e.(*plan.Literal); constant {
			continue // orders nothing
		}
		o.keys = append(o.keys, sortKey(by, b.orderColumn(o, sel, items, e, by.Expr.Pos())))
	}
}

// orderColumn is the result column that e is computed in, a hidden one if it
// is not among the select items.
func (b *binder) orderColumn(o *ordering, sel *sql.Select, items []item, e plan.Expr, pos problem.Position) plan.Expr {
	at := plan.At{Position: pos}
	for i, it := range items {
		if it.expr != nil && plan.EqualExprs(it.expr, e) {
			return &plan.Column{At: at, Index: i, Name: it.name, Of: e.Type()}
		}
	}
	if sel.Distinct {
		b.wrong(pos, problem.InvalidQuery, "add it to the select list", "ORDER BY of SELECT DISTINCT needs a column of the result")
	}
	o.hidden = append(o.hidden, e)
	return &plan.Column{At: at, Index: len(items) + len(o.hidden) - 1, Name: "order", Of: e.Type()}
}

// project makes the result columns, hidden ones last, and applies DISTINCT, whose
// state lives for ttl. times are the time attributes of node's columns.
func (o *ordering) project(node plan.Node, items []item, times []plan.TimeAttribute, sel *sql.Select, ttl time.Duration) plan.Node {
	p := &plan.Project{Input: node}
	names := make([]string, 0, len(items))
	for _, it := range items {
		p.Exprs = append(p.Exprs, it.expr)
		names = append(names, it.name)
	}
	for range o.hidden {
		names = append(names, "order")
	}
	p.Exprs = append(p.Exprs, o.hidden...)
	p.Names = uniqueNames(names)
	for _, e := range p.Exprs {
		p.Times = append(p.Times, timeOf(e, times))
	}
	if !sel.Distinct {
		return p
	}
	d := distinct(p)
	d.TTL = ttl
	return d
}
