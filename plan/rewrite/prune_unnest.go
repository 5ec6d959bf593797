package rewrite

import (
	"slices"

	"tidemark/plan"
)

// pruneUnnest keeps all columns of the elements: they cost nothing of their own.
func pruneUnnest(n *plan.Unnest, used []bool) (plan.Node, []int) {
	width := len(n.Input.Schema())
	need := slices.Clone(used)
	plan.MarkUsed(need[:width], n.Collection)
	plan.MarkUsed(need, n.Condition)
	input, at := prune(n.Input, need[:width])
	position := behind(at, len(input.Schema()), len(used)-width)
	c := *n
	c.Input, c.Collection = input, plan.Renumber(n.Collection, at)
	if n.Condition != nil {
		c.Condition = plan.Renumber(n.Condition, position)
	}
	return &c, position
}
