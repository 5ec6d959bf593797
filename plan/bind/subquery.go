package bind

import (
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
		b.unsupported(pos, "a subquery in "+s.clause, "compute it in a column of a subquery in FROM; a query can use one in ON, WHERE, SELECT, GROUP BY, HAVING, QUALIFY and ORDER BY")
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
	match := Conjunction(each)
	if match = b.negated(pos, negated, match); match == nil {
		return nil
	}
	asked := b.newSubquery(anySubquery, pos, s, rows, value.BooleanType.WithNullability(match.Type().NotNull))
	asked.match = match
	return asked
}

// resolves reports whether a function takes such arguments.
func resolves(f *plan.Function, args []plan.Expr) bool {
	_, err := f.Resolve(arguments(args))
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
