package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/bind"
)

// pushFilterBelowJoin drops rows before they are joined: conditions on one side
// go below a join that does not pad that side with NULLs, and what an inner join
// could ask of pairs becomes part of it.
func pushFilterBelowJoin(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	j, ok := f.Input.(*plan.Join)
	if !ok {
		return nil
	}
	width := len(j.Left.Schema())
	conditions := plan.Conjuncts(f.Condition)
	left, conditions := split(conditions, func(c plan.Expr) bool { return !j.Kind.KeepsRight() && ofLeft(c, width) })
	right, conditions := split(conditions, func(c plan.Expr) bool { return !j.Kind.KeepsLeft() && ofRight(c, width) })
	if len(left)+len(right) == 0 {
		return joinedOn(j, conditions)
	}
	below := *j
	below.Left, below.Right = filtered(j.Left, left), filtered(j.Right, overRight(right, width, len(j.Schema())))
	return filtered(&below, conditions)
}

// joinedOn gives the conditions on both sides to an inner join; nil when there
// is none that it can take.
func joinedOn(j *plan.Join, conditions []plan.Expr) plan.Node {
	n := bind.Where(j, conditions)
	if f, ok := n.(*plan.Filter); ok && f.Input == plan.Node(j) {
		return nil
	}
	return n
}

// pushConditionBelowJoin filters each side on its own by what ON says of it
// alone, unless rows of that side are in the result whether they pass or not.
func pushConditionBelowJoin(n plan.Node) plan.Node {
	j, ok := n.(*plan.Join)
	if !ok || j.Condition == nil {
		return nil
	}
	width := len(j.Left.Schema())
	conditions := plan.Conjuncts(j.Condition)
	left, conditions := split(conditions, func(c plan.Expr) bool { return !j.Kind.KeepsLeft() && ofLeft(c, width) })
	right, conditions := split(conditions, func(c plan.Expr) bool { return !j.Kind.KeepsRight() && ofRight(c, width) })
	if len(left)+len(right) == 0 {
		return nil
	}
	below := *j
	below.Left, below.Right = filtered(j.Left, left), filtered(j.Right, overRight(right, width, width+len(j.Right.Schema())))
	below.Condition = nil
	if len(conditions) > 0 {
		below.Condition = conjunction(conditions)
	}
	return &below
}

// pushFilterBelowLookup drops rows before something is added to them: elements
// of a collection, a row of another table.
func pushFilterBelowLookup(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	switch f.Input.(type) {
	case *plan.Unnest, *plan.TemporalJoin, *plan.LookupJoin:
	default:
		return nil
	}
	inputs := append([]plan.Node(nil), f.Input.Inputs()...)
	width := len(inputs[0].Schema())
	moving, staying := split(plan.Conjuncts(f.Condition), func(c plan.Expr) bool { return ofLeft(c, width) })
	if len(moving) == 0 {
		return nil
	}
	inputs[0] = filtered(inputs[0], moving)
	return filtered(plan.WithInputs(f.Input, inputs), staying)
}

func ofLeft(e plan.Expr, width int) bool {
	return plan.UsesOnly(e, func(column int) bool { return column < width })
}

func ofRight(e plan.Expr, width int) bool {
	return plan.UsesOnly(e, func(column int) bool { return column >= width })
}

// overRight moves conditions on the right of a join, over columns of both, to
// below it.
func overRight(conditions []plan.Expr, width, columns int) []plan.Expr {
	to := make([]int, columns)
	for i := range to {
		to[i] = i - width
	}
	moved := make([]plan.Expr, len(conditions))
	for i, c := range conditions {
		moved[i] = plan.Renumber(c, to)
	}
	return moved
}
