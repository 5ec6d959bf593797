package rewrite

import "tidemark/plan"

// pushFilterBelowUnion filters each input on its own, so that the conditions
// can go on to the sources.
func pushFilterBelowUnion(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok || !plan.Deterministic(f.Condition) {
		return nil
	}
	u, ok := f.Input.(*plan.Union)
	if !ok {
		return nil
	}
	inputs := make([]plan.Node, len(u.All))
	for i, input := range u.All {
		inputs[i] = &plan.Filter{Input: input, Condition: f.Condition}
	}
	return &plan.Union{All: inputs}
}
