package rewrite

import (
	"slices"

	"tidemark/plan"
	"tidemark/plan/bind"
)

// pushFilterBelowWindow drops rows before they are copied into their windows.
// What a session is made of decides its bounds: from there only conditions on
// its partition key can go, which drop whole sessions.
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
	moving, staying := bind.Split(plan.Conjuncts(f.Condition), func(c plan.Expr) bool {
		return plan.UsesOnly(c, func(column int) bool {
			return column < width && (w.Spec.Kind != plan.Session || slices.Contains(w.Spec.Keys, column))
		})
	})
	if len(moving) == 0 {
		return nil
	}
	return filtered(&plan.Window{Input: filtered(w.Input, moving), Spec: w.Spec}, staying)
}
