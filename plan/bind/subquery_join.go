package bind

import (
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
)

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
	return Join(kind, node, f.node, d.beside(f.conditions)), rest
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

func (b *binder) decorrelation(node plan.Node, q *subquery, rows plan.Node) *decorrelation {
	return &decorrelation{binder: b, of: q.of, outer: node, taken: outerColumns(rows, q.of, q.match)}
}

// beside puts conditions over a freed node and the outer row next to the columns
// of that row.
func (d *decorrelation) beside(exprs []plan.Expr) []plan.Expr {
	width := len(d.outer.Schema())
	next := make([]plan.Expr, len(exprs))
	for i, e := range exprs {
		next[i] = inside(plan.Shift(e, width), d.of)
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
		joined := Join(kind, node, rows, nil)
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
	joined := Join(plan.LeftJoin, node, f.node, d.beside(f.conditions))
	padded := append(columnsOf(node.Schema(), 0), columnsOf(joined.Schema()[width:], width)...)
	v := d.beside(f.outs)[0]
	v = b.substituted(v, padded)
	if len(f.having) > 0 {
		v = b.onlyIf(Conjunction(b.substitute(d.beside(f.having), padded)), v)
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
	p := &plan.Project{Input: a}
	p.Add(b.operator(pos, "SINGLE_VALUE", []plan.Expr{outputColumn(grouped, len(keys), pos), outputColumn(grouped, len(keys)+1, pos)}), s[0].Name, plan.NoTime)
	for i := range keys {
		p.Add(outputColumn(grouped, i, pos), a.Names[i], plan.NoTime)
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
		marked := plan.Pick(rows)
		marked.Add(&plan.Literal{Value: value.OfBool(true)}, "exists", plan.NoTime)
		found := &plan.Aggregate{Input: marked, Names: []string{"exists"}, Calls: []plan.AggregateCall{b.aggregateOf("MAX", &plan.Column{Name: "exists", Of: value.BooleanType})}}
		joined := Join(plan.InnerJoin, node, found, nil)
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
		joined := Join(plan.LeftJoin, node, f.node, d.beside(f.conditions))
		padded := append(columnsOf(node.Schema(), 0), columnsOf(joined.Schema()[width:], width)...)
		return joined, b.operator(q.Pos(), "IS TRUE", []plan.Expr{Conjunction(b.substitute(d.beside(f.having), padded))})
	}
	if f.outs = nil; !d.tied(f) || len(f.conditions) == 0 {
		f = d.ground(f)
	}
	f = d.laid(f)
	ties := len(f.node.Schema())
	found := distinct(f.node)
	p := plan.PickAll(found)
	p.Add(yes, "exists", plan.NoTime)
	p.Names = uniqueNames(p.Names)
	joined := Join(plan.LeftJoin, node, p, d.beside(f.conditions))
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
