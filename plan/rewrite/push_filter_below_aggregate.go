package rewrite

import (
	"slices"

	"tidemark/plan"
	"tidemark/plan/bind"
)

// pushFilterBelowAggregate drops whole groups before they are built: conditions
// over keys alone. Those over window properties stay, or the aggregate would no
// longer stand next to its window; so do those over keys that some grouping set
// leaves out.
func pushFilterBelowAggregate(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	a, ok := f.Input.(*plan.Aggregate)
	if !ok {
		return nil
	}
	origins := plan.WindowOrigins(a.Input)
	pushable := func(column int) bool {
		if column >= len(a.Keys) || !cheap(a.Keys[column]) {
			return false
		}
		for _, set := range a.Sets {
			if !slices.Contains(set, column) {
				return false
			}
		}
		c, isColumn := a.Keys[column].(*plan.Column)
		return !isColumn || origins[c.Index].Source == nil
	}
	moving, staying := bind.Split(plan.Conjuncts(f.Condition), func(c plan.Expr) bool {
		_, constant := c.(*plan.Literal)
		return !constant && plan.UsesOnly(c, pushable)
	})
	if len(moving) == 0 {
		return nil
	}
	for i, c := range moving {
		moving[i] = plan.Substitute(c, a.Keys)
	}
	below := *a
	below.Input = filtered(a.Input, moving)
	return filtered(&below, staying)
}
