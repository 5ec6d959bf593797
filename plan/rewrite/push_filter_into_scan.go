package rewrite

import "tidemark/plan"

// pushFilterIntoScan gives the conditions to the source. Not below a watermark:
// rows that are filtered out still move it.
func pushFilterIntoScan(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	s, ok := f.Input.(*plan.Scan)
	if !ok {
		return nil
	}
	moving, staying := split(plan.Conjuncts(f.Condition), func(plan.Expr) bool { return true })
	if len(moving) == 0 {
		return nil
	}
	if s.Filter != nil {
		moving = append(plan.Conjuncts(s.Filter), moving...)
	}
	below := *s
	below.Filter = conjunction(moving)
	return filtered(&below, staying)
}
