package rewrite

import "tidemark/plan"

// removeTrueFilter removes a filter that keeps every row.
func removeTrueFilter(n plan.Node) plan.Node {
	if f, ok := n.(*plan.Filter); ok && plan.IsTrue(f.Condition) {
		return f.Input
	}
	return nil
}
