package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/function"
)

// filtered is input without the rows that fail one of the conditions.
func filtered(input plan.Node, conditions []plan.Expr) plan.Node {
	if len(conditions) == 0 {
		return input
	}
	return &plan.Filter{Input: input, Condition: conjunction(conditions)}
}

// conjunction is the AND of conditions, of which there is at least one.
func conjunction(conditions []plan.Expr) plan.Expr {
	if len(conditions) == 1 {
		return conditions[0]
	}
	and, _ := function.Lookup("AND")
	return remake(&plan.Call{At: plan.At{Position: conditions[0].Pos()}, Function: and}, conditions)
}

// split tells the conditions that can move below an operator from those that
// stay. A condition that could fail only moves when none before it stays: that
// one may be what keeps it from failing.
func split(conditions []plan.Expr, moves func(plan.Expr) bool) (moving, staying []plan.Expr) {
	for _, c := range conditions {
		if plan.Deterministic(c) && moves(c) && (len(staying) == 0 || neverFails(c)) {
			moving = append(moving, c)
		} else {
			staying = append(staying, c)
		}
	}
	return moving, staying
}

// neverFails reports whether e surely gives a value for every row: it is made
// of columns, constants, comparisons and logic.
func neverFails(e plan.Expr) bool {
	safe := true
	plan.InspectExpr(e, func(e plan.Expr) bool {
		switch e := e.(type) {
		case *plan.Call:
			safe = safe && (e.Function.Category == "comparison" || e.Function.Category == "logic")
		case *plan.Cast:
			safe = safe && e.Try
		case *plan.Column, *plan.Literal, *plan.Case, *plan.Field:
		}
		return safe
	})
	return safe
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
