package rewrite

import "tidemark/plan"

// pushFilterBelowWindow drops rows before they are copied into their windows.
func pushFilterBelowWindow(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	w, ok := f.Input.(*plan.Window)
	if !ok {
		return nil
	}
	width := len(w.Input.Schema())
	moving, staying := split(plan.Conjuncts(f.Condition), func(c plan.Expr) bool {
		return plan.UsesOnly(c, func(column int) bool { return column < width })
	})
	if len(moving) == 0 {
		return nil
	}
	return filtered(&plan.Window{Input: filtered(w.Input, moving), Spec: w.Spec}, staying)
}
