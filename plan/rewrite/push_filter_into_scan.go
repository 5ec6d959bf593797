package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/bind"
)

// pushFilterIntoScan gives the conditions to the source. Not below a watermark:
// rows that are filtered out still move it. Nor where rows replace each other by
// key: a row that does not pass still removes the one before it. The key of an
// outside table whose rows take nothing back replaces nothing.
func pushFilterIntoScan(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	s, ok := f.Input.(*plan.Scan)
	if !ok || len(s.Table.PrimaryKey) > 0 && (s.Table.Kind != plan.External || s.Changing) {
		return nil
	}
	moving, staying := bind.Split(plan.Conjuncts(f.Condition), func(plan.Expr) bool { return true })
	if len(moving) == 0 {
		return nil
	}
	if s.Filter != nil {
		moving = append(plan.Conjuncts(s.Filter), moving...)
	}
	below := *s
	below.Filter = bind.Conjunction(moving)
	return filtered(&below, staying)
}
