package bind

import (
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// subqueryKind is what a subquery in an expression stands for.
type subqueryKind uint8

const (
	scalarSubquery subqueryKind = iota // the one value of its one row, NULL when there is none
	existsSubquery                     // whether it has rows
	anySubquery                        // whether match is TRUE of a row, as IN says it: NULL when it is not, but is NULL of one
)

// subquery stands in a bound expression for a subquery, until the operator that
// the expression belongs to is made: attach then joins the operator's input with
// the subquery. Like outerColumn, it is a constant without parts for the rest of
// the program, and never leaves the binder.
type subquery struct {
	plan.Column
	kind  subqueryKind
	of    *level // of the query that the expression belongs to
	rows  plan.Node
	match plan.Expr // of anySubquery, over the columns of rows and the outer row
}

func (b *binder) newSubquery(kind subqueryKind, pos problem.Position, s *scope, rows plan.Node, of value.Type) *subquery {
	q := &subquery{kind: kind, of: s.level, rows: rows}
	q.Position, q.Of, q.Index, q.Name = pos, of, -1, "(SELECT …)"
	b.subqueries++
	return q
}

// Same tells plan.EqualExprs that a subquery is itself.
func (q *subquery) Same(e plan.Expr) bool { return plan.Expr(q) == e }

// lifted is the subquery for an expression that moves: f maps what it takes from
// the outer row.
func (q *subquery) lifted(f func(plan.Expr) plan.Expr) *subquery {
	c := *q
	lift := func(o *outerColumn) plan.Expr { return outer(q.of, f(o.expr)) }
	c.rows, c.match = mapOuterIn(q.rows, q.of, lift), mapOuter(q.match, q.of, lift)
	return &c
}

// subqueryRows binds the query of a subquery in an expression.
func (b *binder) subqueryRows(pos problem.Position, q *sql.Query, s *scope) plan.Node {
	if s.level == nil {
		b.unsupported(pos, "a subquery in "+s.clause, "a query can use one in WHERE, SELECT, GROUP BY, HAVING and ORDER BY")
		return nil
	}
	return b.table(q, s)
}

// exists binds EXISTS (query).
func (b *binder) exists(e *sql.Exists, s *scope) plan.Expr {
	rows := b.subqueryRows(e.Pos(), e.Query, s)
	if rows == nil {
		return nil
	}
	return b.newSubquery(existsSubquery, e.Pos(), s, rows, value.BooleanType.Required())
}

// scalar binds a query as a value.
func (b *binder) scalar(e *sql.Subquery, s *scope) plan.Expr {
	rows := b.subqueryRows(e.Pos(), e.Query, s)
	if rows == nil {
		return nil
	}
	columns := rows.Schema()
	if len(columns) != 1 {
		b.wrong(e.Pos(), problem.InvalidQuery, "select the one that is meant; EXISTS (SELECT …) asks whether there are rows",
			"a subquery as a value has one column, this one has %d", len(columns))
		return nil
	}
	return b.newSubquery(scalarSubquery, e.Pos(), s, rows, columns[0].Type.Optional())
}

// inQuery binds operand IN (query).
func (b *binder) inQuery(e *sql.In, s *scope) plan.Expr {
	return b.negated(e.Pos(), e.Not, b.quantifiedOver(e.Pos(), "IN", "=", e.Operand, e.Query, s, false))
}

// quantified binds operand op ANY|ALL (query), and of a list as a chain of
// comparisons.
func (b *binder) quantified(e *sql.Quantified, s *scope) plan.Expr {
	all := e.Quantifier == sql.All
	if e.Query != nil {
		name := string(e.Op) + " " + string(e.Quantifier)
		return b.negated(e.Pos(), all, b.quantifiedOver(e.Pos(), name, string(e.Op), e.Left, e.Query, s, all))
	}
	left := b.expr(e.Left, s)
	var each []plan.Expr
	for _, member := range e.List {
		with := b.expr(member, s)
		if left == nil || with == nil {
			return nil
		}
		is := b.operator(member.Pos(), string(e.Op), []plan.Expr{left, with})
		if is == nil {
			return nil
		}
		each = append(each, is)
	}
	switch {
	case len(each) == 1:
		return each[0]
	case all:
		return b.operator(e.Pos(), "AND", each)
	}
	return b.operator(e.Pos(), "OR", each)
}

// quantifiedOver asks whether the comparison is true of a row of the query, or
// with negated whether it is false of one.
func (b *binder) quantifiedOver(pos problem.Position, name, op string, operand sql.Expr, q *sql.Query, s *scope, negated bool) plan.Expr {
	fields := []sql.Expr{operand}
	if row, ok := operand.(*sql.RowValue); ok && op == "=" {
		fields = row.Fields
	}
	left := b.exprs(s, fields...)
	rows := b.subqueryRows(q.Pos(), q, s)
	if left == nil || rows == nil {
		return nil
	}
	columns := rows.Schema()
	if len(columns) != len(left) {
		b.wrong(q.Pos(), problem.InvalidQuery, "select as many columns as stand on the left side", "%s compares %s with %s", name, counted(len(left), "value"), counted(len(columns), "column"))
		return nil
	}
	var each []plan.Expr
	for i, e := range left {
		sides := []plan.Expr{outer(s.level, e), outputColumn(columns, i, fields[i].Pos())}
		if f, _ := function.Lookup(op); !resolves(f, sides) {
			b.wrong(fields[i].Pos(), problem.TypeMismatch, "CAST one of them", "%s cannot compare %s with %s", name, e.Type().Optional(), columns[i].Type.Optional())
			return nil
		}
		is := b.operator(fields[i].Pos(), op, sides)
		each = append(each, is)
	}
	match := conjunction(each)
	if match = b.negated(pos, negated, match); match == nil {
		return nil
	}
	any := b.newSubquery(anySubquery, pos, s, rows, value.BooleanType.WithNullability(match.Type().NotNull))
	any.match = match
	return any
}

func resolves(f *plan.Function, args []plan.Expr) bool {
	arguments := make([]plan.Argument, len(args))
	for i, e := range args {
		arguments[i] = argument(e)
	}
	_, err := f.Resolve(arguments)
	return err == nil
}

// hasSubquery reports whether a subquery stands in e for itself to be attached.
func hasSubquery(e plan.Expr) bool {
	found := false
	plan.InspectExpr(e, func(e plan.Expr) bool {
		switch e := e.(type) {
		case *subquery:
			found = true
		case *outerColumn:
			found = found || hasSubquery(e.expr)
		}
		return !found
	})
	return found
}

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
func (b *binder) attachJoin(kind plan.JoinKind, left, right plan.Node, conditions []plan.Expr) plan.Node {
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
		return Join(kind, left, right, conditions)
	case kind == plan.InnerJoin:
		return b.attachFilter(Join(kind, left, right, plain), conjunction(asking))
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
				right, values = b.attach(right, []plan.Expr{q.lifted(func(e plan.Expr) plan.Expr { return moved(e, -width) })})
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
					return moved(e, wide-width)
				}
			case *subquery:
				if v := atLeft[e]; v != nil {
					return v
				}
				return moved(atRight[e], wide)
			}
			return e
		})
	}
	kept := make([]int, 0, width+widthRight)
	for i := range width {
		kept = append(kept, i)
	}
	for i := range widthRight {
		kept = append(kept, wide+i)
	}
	return onlyColumns(Join(kind, left, right, all), kept)
}

// subqueriesIn lists the subqueries in e, outside of each other.
func subqueriesIn(e plan.Expr) []*subquery {
	var all []*subquery
	plan.InspectExpr(e, func(e plan.Expr) bool {
		if q, ok := e.(*subquery); ok {
			all = append(all, q)
		}
		return true
	})
	return all
}

// about tells from which side of a join the subquery takes something.
func (q *subquery) about(width int) side {
	used := noSide
	for _, o := range outerColumns(q.rows, q.of, q.match) {
		used |= sideOf(o.expr, width)
		for _, inner := range subqueriesIn(o.expr) {
			used |= inner.about(width)
		}
	}
	return used
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

// semiJoin keeps the rows of node for which EXISTS or IN is TRUE, or with not
// those for which it is FALSE. rest is what remains to be asked of them.
func (b *binder) semiJoin(node plan.Node, q *subquery, not bool) (joined plan.Node, rest plan.Expr) {
	node, q = b.attachOperands(node, q)
	kind := plan.SemiJoin
	if not {
		kind = plan.AntiJoin
	}
	rows := q.rows
	if q.kind == existsSubquery {
		rows = onlyExistence(rows)
	}
	d := b.decorrelation(node, q, rows)
	f, ok := d.free(rows)
	if !ok {
		return node, nil
	}
	if f.always || len(d.taken) == 0 {
		return node, b.negated(q.Pos(), not, q)
	}
	if q.kind == anySubquery {
		match := d.substituted(q.match, f.outs)
		if not && !match.Type().NotNull {
			if _, keyed := d.tieOf(match); keyed && len(f.conditions) == 0 {
				// What matches goes by keys; what is NULL is asked of the rest. A
				// correlated subquery has other keys.
				rest = b.operator(q.Pos(), "NOT", []plan.Expr{q.unknown(b)})
			} else {
				match = b.operator(q.Pos(), "IS NOT FALSE", []plan.Expr{match})
			}
		}
		f.conditions = append(f.conditions, plan.Conjuncts(match)...)
	}
	return b.pair(kind, node, f.node, d.beside(f.conditions)), rest
}

// unknown asks whether x = y is NULL for a row y of the subquery: is x NULL and
// is there one, or is one of them NULL?
func (q *subquery) unknown(b *binder) plan.Expr {
	c := q.match.(*plan.Call)
	x, y := c.Args[0], c.Args[1]
	if hasColumns(x) {
		x, y = y, x
	}
	exists := func(rows plan.Node) plan.Expr {
		e := *q
		e.kind, e.rows, e.match, e.Of = existsSubquery, rows, nil, value.BooleanType.Required()
		return &e
	}
	never := plan.Expr(&plan.Literal{At: q.At, Value: value.OfBool(false)})
	either := []plan.Expr{never, never}
	if !x.Type().NotNull {
		isNull := b.operator(q.Pos(), "IS NULL", []plan.Expr{inside(x, q.of)})
		either[0] = b.operator(q.Pos(), "AND", []plan.Expr{isNull, exists(q.rows)})
	}
	if !y.Type().NotNull {
		either[1] = exists(&plan.Filter{Input: q.rows, Condition: b.operator(q.Pos(), "IS NULL", []plan.Expr{y})})
	}
	return b.operator(q.Pos(), "OR", either)
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

func (b *binder) decorrelation(node plan.Node, q *subquery, rows plan.Node) *decorrelation {
	return &decorrelation{binder: b, of: q.of, outer: node, taken: outerColumns(rows, q.of, q.match)}
}

// beside puts conditions over a freed node and the outer row next to the columns
// of that row.
func (d *decorrelation) beside(exprs []plan.Expr) []plan.Expr {
	width := len(d.outer.Schema())
	next := make([]plan.Expr, len(exprs))
	for i, e := range exprs {
		next[i] = inside(moved(e, width), d.of)
	}
	return next
}

// onlyExistence leaves out what does not decide whether there are rows.
func onlyExistence(n plan.Node) plan.Node {
	switch n := n.(type) {
	case *plan.Project:
		return onlyExistence(n.Input)
	case *plan.Sort:
		return onlyExistence(n.Input)
	case *plan.Aggregate:
		if len(n.Keys) > 0 && n.Sets == nil {
			return onlyExistence(n.Input)
		}
	case *plan.Limit:
		if n.Offset == 0 && n.Count != 0 {
			return onlyExistence(n.Input)
		}
	case *plan.Rank:
		if n.From == 1 && n.To >= 1 {
			return onlyExistence(n.Input)
		}
	}
	return n
}

// subqueryValue joins node with a subquery and gives its value over the joined
// plan, nil after a problem was reported.
func (b *binder) subqueryValue(node plan.Node, q *subquery) (plan.Node, plan.Expr) {
	node, q = b.attachOperands(node, q)
	switch q.kind {
	case existsSubquery:
		return b.existsValue(node, q)
	case anySubquery:
		return b.anyValue(node, q)
	case scalarSubquery:
	}
	return b.scalarValue(node, q)
}

func (b *binder) scalarValue(node plan.Node, q *subquery) (plan.Node, plan.Expr) {
	d := b.decorrelation(node, q, q.rows)
	width := len(node.Schema())
	if len(d.taken) == 0 {
		rows, kind := q.rows, plan.LeftJoin
		switch {
		case alwaysOneRow(rows):
			kind = plan.InnerJoin
		case !atMostOneRow(rows):
			rows, kind = b.singleValue(q.Pos(), rows, nil), plan.InnerJoin
		}
		joined := b.pair(kind, node, rows, nil)
		return joined, nullable(outputColumn(joined.Schema(), width, q.Pos()))
	}
	f, ok := d.free(q.rows)
	if !ok {
		return node, nil
	}
	if !f.always {
		if !d.tied(f) || d.anyRefers(f.outs) {
			f = d.ground(f)
		}
		f = d.laid(f)
		ties := columnsOf(f.node.Schema()[1:], 1)
		if key, unique := plan.UniqueKey(f.node); !unique || slices.Contains(key, 0) {
			f.node = b.singleValue(q.Pos(), f.node, ties)
		}
	}
	joined := b.pair(plan.LeftJoin, node, f.node, d.beside(f.conditions))
	padded := append(columnsOf(node.Schema(), 0), columnsOf(joined.Schema()[width:], width)...)
	v := d.beside(f.outs)[0]
	v = b.substituted(v, padded)
	if len(f.having) > 0 {
		v = b.onlyIf(conjunction(b.substitute(d.beside(f.having), padded)), v)
	}
	return joined, nullable(v)
}

// nullable is e with a type that allows NULL: a subquery as a value is never
// known to have one.
func nullable(e plan.Expr) plan.Expr {
	switch e := e.(type) {
	case *plan.Column:
		c := *e
		c.Of = c.Of.Optional()
		return &c
	case *plan.Call:
		c, overload := *e, *e.Overload
		overload.Result = overload.Result.Optional()
		c.Overload = &overload
		return &c
	case *plan.Case:
		c := *e
		c.Of = c.Of.Optional()
		return &c
	case *plan.Cast:
		c := *e
		c.To = c.To.Optional()
		return &c
	case *plan.Literal, *plan.Field:
	}
	return e
}

// onlyIf is v where the condition is TRUE, else NULL.
func (b *binder) onlyIf(condition, v plan.Expr) plan.Expr {
	at := plan.At{Position: v.Pos()}
	of := v.Type().Optional()
	return &plan.Case{At: at, Whens: []plan.When{{Condition: condition, Then: v}}, Else: &plan.Literal{At: at, Value: value.NullOf(of)}, Of: of}
}

// singleValue is the first column of rows for each group of rows that are equal
// in the other columns, of which keys are all, and those columns. A group of
// several rows is a problem when the job runs. Without keys there is always one
// row, NULL when there is none in rows.
func (b *binder) singleValue(pos problem.Position, rows plan.Node, keys []plan.Expr) plan.Node {
	s := rows.Schema()
	a := &plan.Aggregate{Input: rows, Keys: keys}
	for _, key := range keys {
		a.Names = append(a.Names, nameOf(key, "tie"))
	}
	a.Calls = []plan.AggregateCall{
		b.aggregateOf("FIRST_VALUE", plan.Expr(&plan.Column{Index: 0, Name: s[0].Name, Of: s[0].Type.Optional()})),
		b.aggregateOf("COUNT"),
	}
	a.Names = append(a.Names, s[0].Name, "rows")
	grouped := a.Schema()
	p := &plan.Project{Input: a, Names: []string{s[0].Name}, Times: make([]plan.TimeAttribute, len(keys)+1)}
	p.Exprs = []plan.Expr{b.operator(pos, "SINGLE_VALUE", []plan.Expr{outputColumn(grouped, len(keys), pos), outputColumn(grouped, len(keys)+1, pos)})}
	for i := range keys {
		p.Exprs, p.Names = append(p.Exprs, outputColumn(grouped, i, pos)), append(p.Names, a.Names[i])
	}
	p.Names = uniqueNames(p.Names)
	return p
}

func (b *binder) existsValue(node plan.Node, q *subquery) (plan.Node, plan.Expr) {
	rows := onlyExistence(q.rows)
	d := b.decorrelation(node, q, rows)
	width := len(node.Schema())
	yes := plan.Expr(&plan.Literal{At: q.At, Value: value.OfBool(true)})
	if len(d.taken) == 0 {
		if alwaysOneRow(rows) {
			return node, yes
		}
		one := &plan.Literal{Value: value.OfBool(true)}
		marked := &plan.Project{Input: rows, Exprs: []plan.Expr{one}, Names: []string{"exists"}, Times: make([]plan.TimeAttribute, 1)}
		found := &plan.Aggregate{Input: marked, Names: []string{"exists"}, Calls: []plan.AggregateCall{b.aggregateOf("MAX", &plan.Column{Name: "exists", Of: value.BooleanType})}}
		joined := b.pair(plan.InnerJoin, node, found, nil)
		return joined, b.present(joined, width, q.Pos())
	}
	f, ok := d.free(rows)
	if !ok {
		return node, nil
	}
	if f.always {
		if len(f.having) == 0 {
			return node, yes
		}
		joined := b.pair(plan.LeftJoin, node, f.node, d.beside(f.conditions))
		padded := append(columnsOf(node.Schema(), 0), columnsOf(joined.Schema()[width:], width)...)
		return joined, b.operator(q.Pos(), "IS TRUE", []plan.Expr{conjunction(b.substitute(d.beside(f.having), padded))})
	}
	if f.outs = nil; !d.tied(f) || len(f.conditions) == 0 {
		f = d.ground(f)
	}
	f = d.laid(f)
	ties := len(f.node.Schema())
	found := distinct(f.node)
	p := &plan.Project{Input: found, Exprs: append(columnsOf(found.Schema(), 0), yes), Times: make([]plan.TimeAttribute, ties+1)}
	for _, c := range found.Schema() {
		p.Names = append(p.Names, c.Name)
	}
	p.Names = uniqueNames(append(p.Names, "exists"))
	joined := b.pair(plan.LeftJoin, node, p, d.beside(f.conditions))
	return joined, b.present(joined, width+ties, q.Pos())
}

// present asks whether a column is there at all.
func (b *binder) present(n plan.Node, column int, pos problem.Position) plan.Expr {
	c := outputColumn(n.Schema(), column, pos)
	c.Of = c.Of.Optional()
	return b.operator(pos, "IS NOT NULL", []plan.Expr{c})
}

// anyValue is TRUE where the comparison is TRUE of a row, else NULL where it is
// NULL of one, else FALSE.
func (b *binder) anyValue(node plan.Node, q *subquery) (plan.Node, plan.Expr) {
	exists := func(condition plan.Expr) *subquery {
		e := *q
		e.kind, e.match, e.Of = existsSubquery, nil, value.BooleanType.Required()
		e.rows = &plan.Filter{Input: q.rows, Condition: condition}
		return &e
	}
	found := exists(q.match)
	if q.match.Type().NotNull {
		return b.existsValue(node, found)
	}
	d := b.decorrelation(node, q, q.rows)
	var unknown plan.Expr
	if _, keyed := d.tieOf(q.match); keyed {
		unknown = q.unknown(b)
	} else {
		unknown = exists(b.operator(q.Pos(), "IS NOT FALSE", []plan.Expr{q.match}))
	}
	node, values := b.attach(node, []plan.Expr{found, unknown})
	literal := func(v value.Value) plan.Expr { return &plan.Literal{At: q.At, Value: v} }
	return node, &plan.Case{At: q.At, Of: value.BooleanType, Else: literal(value.OfBool(false)), Whens: []plan.When{
		{Condition: values[0], Then: literal(value.OfBool(true))},
		{Condition: values[1], Then: literal(value.NullOf(value.BooleanType))},
	}}
}

// aggregateOf is a call of an aggregate function of the table by name.
func (b *binder) aggregateOf(name string, args ...plan.Expr) plan.AggregateCall {
	f, _ := function.Lookup(name)
	return plan.AggregateCall{Function: f, Overload: b.overload(problem.Position{}, f, args), Args: args}
}

// alwaysOneRow reports that a plan gives one row, whatever its tables hold.
func alwaysOneRow(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Project:
		return alwaysOneRow(n.Input)
	case *plan.Sort:
		return alwaysOneRow(n.Input)
	case *plan.Aggregate:
		return len(n.Keys) == 0
	case *plan.Values:
		return len(n.Rows) == 1
	}
	return false
}

// atMostOneRow reports that a plan gives no second row, whatever its tables hold.
func atMostOneRow(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Limit:
		return n.Count == 0 || n.Count == 1 || atMostOneRow(n.Input)
	case *plan.Rank:
		return len(n.Partition) == 0 && n.Function == plan.RowNumber && n.To <= n.From || atMostOneRow(n.Input)
	case *plan.Project:
		return atMostOneRow(n.Input)
	case *plan.Filter:
		return atMostOneRow(n.Input)
	}
	key, ok := plan.UniqueKey(n)
	return alwaysOneRow(n) || ok && len(key) == 0
}
