package bind

import (
	"strconv"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// cteScope is the common table expressions that a name can mean, the innermost
// first.
type cteScope struct {
	cte   *sql.CTE
	outer *cteScope // what the expression itself can refer to
	scope *scope    // the query around WITH
	used  bool
}

func (c *cteScope) find(name string) *cteScope {
	for ; c != nil; c = c.outer {
		if c.cte.Name.Text == name {
			return c
		}
	}
	return nil
}

// query binds a whole query; nil after a problem was reported.
func (b *binder) query(q *sql.Query, outer *scope) plan.Node {
	saved := b.ctes
	defer func() { b.ctes = saved }()
	for _, cte := range q.With {
		b.ctes = &cteScope{cte: cte, outer: b.ctes, scope: outer}
	}
	order := &ordering{items: q.OrderBy}
	node := b.body(q.Body, outer, order)
	for c := b.ctes; c != saved; c = c.outer {
		if !c.used {
			b.commonTable(c) // for its problems
		}
	}
	if node == nil {
		return nil
	}
	node = b.limit(q, order.sort(node))
	if outer == nil && b.subqueries > 0 {
		b.leftOver(node)
	}
	return node
}

// body binds what makes the rows of a query, and sorts them by o.
func (b *binder) body(body sql.QueryBody, outer *scope, o *ordering) plan.Node {
	var node plan.Node
	switch body := body.(type) {
	case *sql.Select:
		return b.selection(body, outer, o)
	case *sql.SetOperation:
		node = b.setOperation(body, outer)
	case *sql.Values:
		node = b.values(body, outer)
	case *sql.TableBody:
		node, _ = b.tableByName(&sql.TableRef{Span: body.Span, Path: body.Table})
	case *sql.Nested:
		node = b.query(body.Query, outer)
	}
	if node == nil {
		return nil
	}
	o.overOutput(b, node)
	return node
}

// ordering is the ORDER BY of a query on its way into the plan: its keys are
// columns of the query's output, or hidden ones behind it.
type ordering struct {
	items  []*sql.OrderItem
	keys   []plan.SortKey
	hidden []plan.Expr // computed for sorting only, over the same input as the select items
	width  int         // columns of the output without the hidden ones
}

func sortKey(item *sql.OrderItem, e plan.Expr) plan.SortKey {
	key := plan.SortKey{Expr: e, Descending: item.Descending, NullsFirst: !item.Descending}
	switch item.Nulls {
	case sql.NullsFirst:
		key.NullsFirst = true
	case sql.NullsLast:
		key.NullsFirst = false
	case sql.NullsDefault:
	}
	return key
}

// ordinal is the output column that ORDER BY 2 means; ok is false when the item
// is no number.
func (b *binder) ordinal(item *sql.OrderItem, output plan.Schema) (column *plan.Column, ok bool) {
	l, isLiteral := item.Expr.(*sql.Literal)
	if !isLiteral || l.Kind != sql.IntegerLiteral {
		return nil, false
	}
	n, err := strconv.Atoi(l.Text)
	if err != nil || n < 1 || n > len(output) {
		b.wrong(l.Pos(), problem.InvalidQuery, "the result has "+counted(len(output), "column"), "ORDER BY %s is no column of the result", l.Text)
		return nil, true
	}
	return outputColumn(output, n-1, l.Pos()), true
}

// overOutput binds the keys over the columns of a finished query.
func (o *ordering) overOutput(b *binder, node plan.Node) {
	output := node.Schema()
	o.width = len(output)
	s := &scope{relations: []relation{{columns: output}}, clause: "ORDER BY"}
	for _, item := range o.items {
		if column, ok := b.ordinal(item, output); ok {
			if column != nil {
				o.keys = append(o.keys, sortKey(item, column))
			}
		} else if e := b.expr(item.Expr, s); e != nil && b.sortable(e) {
			o.keys = append(o.keys, sortKey(item, e))
		}
	}
}

// sortable reports whether values of e have an order, and a problem when not.
func (b *binder) sortable(e plan.Expr) bool {
	switch e.Type().Kind {
	case value.Map, value.Variant, value.Raw:
		b.wrong(e.Pos(), problem.TypeMismatch, "sort by a part of it", "%s has no order", e.Type().Optional())
		return false
	}
	return true
}

// sort orders node and takes off the columns that were there for sorting only.
func (o *ordering) sort(node plan.Node) plan.Node {
	if len(o.keys) == 0 {
		return node
	}
	sorted := &plan.Sort{Input: node, Keys: o.keys}
	if len(o.hidden) == 0 {
		return sorted
	}
	return plan.PickFirst(sorted, o.width)
}

// limit adds LIMIT and OFFSET.
func (b *binder) limit(q *sql.Query, node plan.Node) plan.Node {
	count, offset := int64(-1), int64(0)
	if q.Limit != nil {
		count = b.rowCount(q.Limit, "LIMIT")
	}
	if q.Offset != nil {
		offset = b.rowCount(q.Offset, "OFFSET")
	}
	switch {
	case count < 0 && offset == 0:
		return node
	case b.session.Streaming:
		return firstRows(&plan.Limit{Input: node, Offset: offset, Count: count})
	}
	return &plan.Limit{Input: node, Offset: offset, Count: count}
}

func (b *binder) rowCount(e sql.Expr, clause string) int64 {
	l, ok := e.(*sql.Literal)
	if ok && l.Kind == sql.IntegerLiteral {
		if n, err := strconv.ParseInt(l.Text, 10, 64); err == nil {
			return n
		}
	}
	b.wrong(e.Pos(), problem.InvalidQuery, "write a whole number, such as 10", "%s is not a constant number of rows", clause)
	return 0
}

// distinct keeps one of equal rows.
func distinct(input plan.Node) *plan.Aggregate {
	s := input.Schema()
	a := &plan.Aggregate{Input: input, Keys: make([]plan.Expr, len(s)), Names: make([]string, len(s))}
	for i, c := range s {
		a.Keys[i], a.Names[i] = outputColumn(s, i, problem.Position{}), c.Name
	}
	return a
}

// values binds VALUES.
func (b *binder) values(v *sql.Values, outer *scope) plan.Node {
	s := &scope{outer: outer, level: &level{}, clause: "VALUES"}
	rows := make([][]plan.Expr, len(v.Rows))
	width := len(v.Rows[0])
	ok := true
	for i, row := range v.Rows {
		if len(row) != width {
			b.wrong(row[0].Pos(), problem.InvalidQuery, "give every row the same number of values",
				"this row has %s, the first one %d", counted(len(row), "value"), width)
			ok = false
			continue
		}
		for _, e := range row {
			bound := b.expr(e, s)
			ok = ok && bound != nil
			rows[i] = append(rows[i], bound)
		}
	}
	if !ok {
		return nil
	}
	columns := make(plan.Schema, width)
	for c := range columns {
		all := make([]value.Type, len(rows))
		for i := range rows {
			all[i] = rows[i][c].Type()
		}
		common, fits := value.LeastRestrictive(all...)
		if !fits {
			for i := range rows {
				if _, fits := value.LeastRestrictive(all[0], all[i]); !fits {
					b.wrong(v.Rows[i][c].Pos(), problem.TypeMismatch, "CAST one of them",
						"value %d is %s here but %s in the first row", c+1, all[i].Optional(), all[0].Optional())
					break
				}
			}
			ok = false
			continue
		}
		columns[c] = plan.OutputColumn{Name: unnamed(c), Type: common}
		for i := range rows {
			rows[i][c] = b.implicit(rows[i][c], common)
		}
	}
	if !ok {
		return nil
	}
	return b.attachValues(&plan.Values{Columns: columns, Rows: rows})
}

// table binds a query that others read as a table. A stream has no order then;
// in batch mode rows stay in the order that was asked for, for functions that
// take them as they come.
func (b *binder) table(q *sql.Query, outer *scope) plan.Node {
	node := b.query(q, outer)
	if node == nil || !b.session.Streaming {
		return node
	}
	return unsorted(node)
}

// unsorted is a query as a table, which has no order of its own.
func unsorted(n plan.Node) plan.Node {
	switch n := n.(type) {
	case *plan.Sort:
		return n.Input
	case *plan.Project: // takes off columns that were there for sorting
		if sort, ok := n.Input.(*plan.Sort); ok {
			return plan.WithInputs(n, []plan.Node{sort.Input})
		}
	}
	return n
}
