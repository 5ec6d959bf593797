package rewrite

import "tidemark/plan"

// mergeFilters makes one filter of two; the lower conditions come first.
func mergeFilters(n plan.Node) plan.Node {
	upper, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	lower, ok := upper.Input.(*plan.Filter)
	if !ok {
		return nil
	}
	return filtered(lower.Input, append(plan.Conjuncts(lower.Condition), plan.Conjuncts(upper.Condition)...))
}
