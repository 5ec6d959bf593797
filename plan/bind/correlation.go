package bind

import (
	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
)

// level is the identity of a query's FROM: all scopes of one SELECT share it,
// and names inside its subqueries say by it whose row they belong to. (It has a
// size, so that no two are at the same address.)
type level struct{ _ byte }

// outerColumn is a value of the row that a subquery is computed for, inside the
// plan of that subquery: a correlated name, or the left side of IN. It never
// leaves the binder: decorrelation replaces all of them.
//
// Embedding a column makes it an expression that the rest of the program takes
// for a constant without parts.
type outerColumn struct {
	plan.Column
	of   *level
	expr plan.Expr // over the input of the query that the level is of
}

// Same tells plan.EqualExprs whether e is the same value of the same row.
func (o *outerColumn) Same(e plan.Expr) bool {
	other, ok := e.(*outerColumn)
	return ok && o.of == other.of && plan.EqualExprs(o.expr, other.expr)
}

// outer is e for a subquery: what is constant for the level is so inside too.
func outer(of *level, e plan.Expr) plan.Expr {
	if !hasColumns(e) && !hasSubquery(e) && plan.Deterministic(e) {
		return e
	}
	o := &outerColumn{of: of, expr: e}
	o.Position, o.Of, o.Index = e.Pos(), e.Type(), -1
	if c, ok := e.(*plan.Column); ok {
		o.Name = c.Name
	}
	return o
}

// mapOuter replaces the values of the level's row that e refers to.
func mapOuter(e plan.Expr, of *level, f func(*outerColumn) plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	return plan.TransformExpr(e, func(e plan.Expr) plan.Expr {
		if o, ok := e.(*outerColumn); ok && o.of == of {
			return f(o)
		}
		return e
	})
}

// mapOuterIn is mapOuter for every expression of a plan.
func mapOuterIn(n plan.Node, of *level, f func(*outerColumn) plan.Expr) plan.Node {
	inputs := append([]plan.Node(nil), n.Inputs()...)
	for i, input := range inputs {
		inputs[i] = mapOuterIn(input, of, f)
	}
	return plan.MapExprs(plan.WithInputs(n, inputs), func(e plan.Expr) plan.Expr { return mapOuter(e, of, f) })
}

// inside replaces the level's row by an expression over that row itself: it
// turns what a subquery refers to into plain columns, where the row is at hand.
func inside(e plan.Expr, of *level) plan.Expr {
	return mapOuter(e, of, func(o *outerColumn) plan.Expr { return o.expr })
}

// refersTo reports whether e refers to the level's row; nil means any level.
func refersTo(e plan.Expr, of *level) bool {
	found := false
	if e != nil {
		plan.InspectExpr(e, func(e plan.Expr) bool {
			o, ok := e.(*outerColumn)
			found = found || ok && (of == nil || o.of == of)
			return !found
		})
	}
	return found
}

// correlated reports whether some expression of the plan refers to the level's
// row.
func correlated(n plan.Node, of *level) bool {
	found := false
	plan.Inspect(n, func(n plan.Node) bool {
		found = found || refersHere(n, of)
		return !found
	})
	return found
}

// refersHere reports whether an expression of the operator itself refers to the
// level's row.
func refersHere(n plan.Node, of *level) bool {
	found := false
	plan.MapExprs(n, func(e plan.Expr) plan.Expr {
		found = found || refersTo(e, of)
		return e
	})
	return found
}

// outerColumns lists what the plan and the expressions take from the level's
// row, each once.
func outerColumns(n plan.Node, of *level, more ...plan.Expr) []*outerColumn {
	var all []*outerColumn
	collect := func(o *outerColumn) plan.Expr {
		for _, known := range all {
			if plan.EqualExprs(known.expr, o.expr) {
				return o
			}
		}
		all = append(all, o)
		return o
	}
	mapOuterIn(n, of, collect)
	for _, e := range more {
		mapOuter(e, of, collect)
	}
	return all
}

// correlatedName finds what a name means that no table of s has: a column of the
// nearest query around it that has one. It gives nil after it reported that
// there is none.
func (b *binder) correlatedName(ref *sql.ColumnRef, s *scope) ([]match, *level) {
	for around := s.outer; around != nil; around = around.outer {
		found := around.find(ref.Path)
		switch {
		case len(found) == 0:
			continue
		case len(found) > 1:
			b.wrong(ref.Pos(), problem.Ambiguous, "write the table in front of it: "+b.qualifiedChoices(ref.Path, around),
				"column %s is in several tables of the query around this one", ref.Path)
			return nil, nil
		case around.level == nil:
			b.unsupported(ref.Pos(), "a subquery that uses "+ref.Path.String()+" of "+around.clause, "compute both sides on their own and combine them")
			return nil, nil
		}
		return found, around.level
	}
	b.unknownColumn(ref, s)
	return nil, nil
}
