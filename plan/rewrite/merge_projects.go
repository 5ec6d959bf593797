package rewrite

import "tidemark/plan"

// mergeProjects makes one projection of two, unless something would be computed
// twice.
func mergeProjects(n plan.Node) plan.Node {
	upper, ok := n.(*plan.Project)
	if !ok {
		return nil
	}
	lower, ok := upper.Input.(*plan.Project)
	if !ok {
		return nil
	}
	uses := make([]int, len(lower.Exprs))
	for _, e := range upper.Exprs {
		plan.InspectExpr(e, func(e plan.Expr) bool {
			if c, is := e.(*plan.Column); is {
				uses[c.Index]++
			}
			return true
		})
	}
	for i, e := range lower.Exprs {
		if uses[i] > 0 && !plan.Deterministic(e) || uses[i] > 1 && !cheap(e) {
			return nil
		}
	}
	merged := &plan.Project{Input: lower.Input, Names: upper.Names, Times: upper.Times, Exprs: make([]plan.Expr, len(upper.Exprs))}
	for i, e := range upper.Exprs {
		merged.Exprs[i] = plan.Substitute(e, lower.Exprs)
	}
	return merged
}
