package rewrite

import (
	"slices"

	"tidemark/plan"
)

// pruneOver drops calls that nobody uses.
func pruneOver(n *plan.Over, used []bool) (plan.Node, []int) {
	width := len(n.Input.Schema())
	need := slices.Clone(used[:width])
	markOrdering(need, n.Partition, n.Order)
	for i, call := range n.Calls {
		if used[width+i] {
			plan.MarkUsed(need, call.Args...)
			plan.MarkUsed(need, call.Filter)
		}
	}
	input, at := prune(n.Input, need)
	c := &plan.Over{Input: input, Partition: moved(n.Partition, at), Order: movedOrder(n.Order, at), TTL: n.TTL}
	position := slices.Clone(at)
	for i, call := range n.Calls {
		if !used[width+i] {
			position = append(position, -1)
			continue
		}
		position = append(position, len(input.Schema())+len(c.Calls))
		call.AggregateCall = movedCall(call.AggregateCall, at)
		c.Calls, c.Names = append(c.Calls, call), append(c.Names, n.Names[i])
	}
	if len(c.Calls) == 0 {
		return input, position
	}
	return c, position
}

// pruneRank drops the number if nobody uses it.
func pruneRank(n *plan.Rank, used []bool) (plan.Node, []int) {
	width := len(n.Input.Schema())
	need := slices.Clone(used[:width])
	markOrdering(need, n.Partition, n.Order)
	if n.WindowEnd >= 0 {
		need[n.WindowEnd] = true
	}
	input, at := prune(n.Input, need)
	c := *n
	c.Input, c.Partition, c.Order = input, moved(n.Partition, at), movedOrder(n.Order, at)
	if n.WindowEnd >= 0 {
		c.WindowEnd = at[n.WindowEnd]
	}
	if !n.Number {
		return &c, at
	}
	if c.Number = used[width]; !c.Number {
		return &c, append(slices.Clone(at), -1)
	}
	return &c, behind(at, len(input.Schema()), 1)
}
