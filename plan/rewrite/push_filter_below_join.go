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
	left, conditions := bind.Split(conditions, func(c plan.Expr) bool { return !j.Kind.KeepsRight() && ofLeft(c, width) })
	right, conditions := bind.Split(conditions, func(c plan.Expr) bool { return !j.Kind.KeepsLeft() && ofRight(c, width) })
	if len(left)+len(right) == 0 {
		return joinedOn(j, conditions)
	}
	for i, c := range right {
		right[i] = plan.Shift(c, -width)
	}
	below := *j
	below.Left, below.Right = filtered(j.Left, left), filtered(j.Right, right)
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
	moving, staying := bind.Split(plan.Conjuncts(f.Condition), func(c plan.Expr) bool { return ofLeft(c, width) })
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
