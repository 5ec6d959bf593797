package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/bind"
)

// narrowOuterJoin leaves out the rows beside NULLs where a condition above drops
// them again: what is never shown need not be taken back either, and what ON says
// of one side alone can be asked before.
func narrowOuterJoin(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	j, ok := f.Input.(*plan.Join)
	if !ok || !j.Kind.ShowsRight() || j.Kind == plan.InnerJoin {
		return nil
	}
	width := len(j.Left.Schema())
	var dropsLeft, dropsRight bool // rows of the left without a partner, and of the right
	for _, c := range plan.Conjuncts(f.Condition) {
		dropsLeft = dropsLeft || neverTrue(c, func(column int) bool { return column >= width })
		dropsRight = dropsRight || neverTrue(c, func(column int) bool { return column < width })
	}
	kind := kindOf(j.Kind.KeepsLeft() && !dropsLeft, j.Kind.KeepsRight() && !dropsRight)
	if kind == j.Kind {
		return nil
	}
	narrow := bind.KeptJoin(kind, j.Left, j.Right, bind.JoinConditions(j), j.TTL)
	return &plan.Filter{Input: narrow, Condition: f.Condition}
}

// kindOf is the join that keeps rows without a partner of these sides.
func kindOf(left, right bool) plan.JoinKind {
	switch {
	case left && right:
		return plan.FullJoin
	case left:
		return plan.LeftJoin
	case right:
		return plan.RightJoin
	}
	return plan.InnerJoin
}

// neverTrue reports whether a condition is surely not TRUE of rows in which the
// columns are NULL.
func neverTrue(e plan.Expr, null func(column int) bool) bool {
	if alwaysNull(e, null) {
		return true
	}
	c, ok := e.(*plan.Call)
	if !ok {
		l, constant := e.(*plan.Literal)
		return constant && !l.Value.Null && !l.Value.Bool
	}
	switch c.Function.Name {
	case "AND":
		for _, arg := range c.Args {
			if neverTrue(arg, null) {
				return true
			}
		}
		return false
	case "OR":
		for _, arg := range c.Args {
			if !neverTrue(arg, null) {
				return false
			}
		}
		return true
	case "IS NOT NULL":
		return alwaysNull(c.Args[0], null)
	case "IS TRUE":
		return neverTrue(c.Args[0], null)
	}
	return false
}

// alwaysNull reports whether an expression is surely NULL where the columns are.
func alwaysNull(e plan.Expr, null func(column int) bool) bool {
	switch e := e.(type) {
	case *plan.Column:
		return null(e.Index)
	case *plan.Literal:
		return e.Value.Null
	case *plan.Cast:
		return alwaysNull(e.Input, null)
	case *plan.Field:
		return alwaysNull(e.Input, null)
	case *plan.Call:
		if !e.Overload.Strict {
			return false
		}
		for _, arg := range e.Args {
			if alwaysNull(arg, null) {
				return true
			}
		}
	case *plan.Case:
	}
	return false
}
