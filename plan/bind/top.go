package bind

import (
	"math"

	"tidemark/base/value"
	"tidemark/plan"
)

// firstRows is a LIMIT as a Top-N, which keeps its rows right while the input
// changes, and can do so for each of several partitions.
func firstRows(n *plan.Limit) plan.Node {
	if n.Count == 0 {
		return &plan.Filter{Input: unsorted(n.Input), Condition: &plan.Literal{Value: value.OfBool(false)}}
	}
	rank := &plan.Rank{Function: plan.RowNumber, From: n.Offset + 1, To: math.MaxInt64, WindowEnd: -1}
	if n.Count > 0 && n.Count <= math.MaxInt64-n.Offset {
		rank.To = n.Offset + n.Count
	}
	switch input := n.Input.(type) {
	case *plan.Sort:
		rank.Input, rank.Order = input.Input, input.Keys
		return rank
	case *plan.Project: // takes off columns that were there for sorting
		if sort, ok := input.Input.(*plan.Sort); ok {
			rank.Input, rank.Order = sort.Input, sort.Keys
			return &plan.Project{Input: rank, Exprs: input.Exprs, Names: input.Names, Times: input.Times}
		}
	}
	rank.Input = n.Input
	return rank
}
