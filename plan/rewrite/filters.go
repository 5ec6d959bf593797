package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/bind"
)

// filtered is input without the rows that fail one of the conditions.
func filtered(input plan.Node, conditions []plan.Expr) plan.Node {
	if len(conditions) == 0 {
		return input
	}
	return &plan.Filter{Input: input, Condition: bind.Conjunction(conditions)}
}

// cheap reports whether computing e twice costs next to nothing.
func cheap(e plan.Expr) bool {
	switch e := e.(type) {
	case *plan.Column, *plan.Literal:
		return true
	case *plan.Field:
		return cheap(e.Input)
	}
	return false
}
