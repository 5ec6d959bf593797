package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/bind"
)

// pushFilterBelowProject lets conditions run before the columns are computed,
// unless a condition would have to compute a column a second time.
func pushFilterBelowProject(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	p, ok := f.Input.(*plan.Project)
	if !ok {
		return nil
	}
	moving, staying := bind.Split(plan.Conjuncts(f.Condition), func(c plan.Expr) bool {
		return plan.UsesOnly(c, func(column int) bool { return cheap(p.Exprs[column]) })
	})
	if len(moving) == 0 {
		return nil
	}
	for i, c := range moving {
		moving[i] = plan.Substitute(c, p.Exprs)
	}
	below := *p
	below.Input = filtered(p.Input, moving)
	return filtered(&below, staying)
}
