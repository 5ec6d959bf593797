package rewrite

import (
	"fmt"

	"tidemark/plan"
)

// pruneMore is prune for joins and for what ranks and numbers rows.
func pruneMore(n plan.Node, used []bool) (pruned plan.Node, position []int) {
	switch n := n.(type) {
	case *plan.Join:
		return pruneJoin(n, used)
	case *plan.TemporalJoin:
		s := pruneSides(n.Kind, n.Left, n.Right, n.Keys, n.Condition, used, []int{n.LeftTime}, []int{n.RightTime})
		return &plan.TemporalJoin{Kind: n.Kind, Left: s.left, Right: s.right, Keys: s.keys, Condition: s.condition,
			LeftTime: s.atLeft[n.LeftTime], RightTime: s.atRight[n.RightTime]}, s.position
	case *plan.LookupJoin:
		return pruneLookup(n, used)
	case *plan.Unnest:
		width := len(n.Input.Schema())
		need := append([]bool(nil), used[:width]...)
		plan.MarkUsed(need, n.Collection)
		if n.Condition != nil {
			whole := make([]bool, len(used))
			plan.MarkUsed(whole, n.Condition)
			for i := range need {
				need[i] = need[i] || whole[i]
			}
		}
		input, at := prune(n.Input, need)
		position := behind(at, len(input.Schema()), len(used)-width)
		c := *n
		c.Input, c.Collection = input, plan.Renumber(n.Collection, at)
		if n.Condition != nil {
			c.Condition = plan.Renumber(n.Condition, position)
		}
		return &c, position
	case *plan.Over:
		return pruneOver(n, used)
	case *plan.Rank:
		width := len(n.Input.Schema())
		need := append([]bool(nil), used[:width]...)
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
			return &c, append(append([]int(nil), at...), -1)
		}
		return &c, behind(at, len(input.Schema()), 1)
	case *plan.Match:
		return pruneMatch(n, used)
	case *plan.Shared:
		// Its columns are those that somebody uses.
		all := make([]bool, len(used))
		for i := range all {
			all[i] = true
		}
		return n, kept(all)
	case *plan.Normalize:
		// Equal keys with other differences are changes, seen or not.
		need := append([]bool(nil), used...)
		for _, k := range n.Keys {
			need[k] = true
		}
		input, at := prune(n.Input, need)
		return &plan.Normalize{Input: input, Keys: moved(n.Keys, at)}, at
	}
	panic(fmt.Sprintf("rewrite: unknown node %T", n))
}

// behind is the positions at, and then n more from first on.
func behind(at []int, first, n int) []int {
	position := append([]int(nil), at...)
	for i := range n {
		position = append(position, first+i)
	}
	return position
}

func moved(columns, at []int) []int {
	to := make([]int, len(columns))
	for i, c := range columns {
		to[i] = at[c]
	}
	return to
}

func movedOrder(order []plan.SortKey, at []int) []plan.SortKey {
	to := append([]plan.SortKey(nil), order...)
	for i := range to {
		to[i].Expr = plan.Renumber(to[i].Expr, at)
	}
	return to
}

func markOrdering(need []bool, partition []int, order []plan.SortKey) {
	for _, c := range partition {
		need[c] = true
	}
	for _, k := range order {
		plan.MarkUsed(need, k.Expr)
	}
}

// sides is a join without columns that nobody needs.
type sides struct {
	left, right     plan.Node
	atLeft, atRight []int
	keys            []plan.JoinKey
	condition       plan.Expr
	position        []int
}

// pruneSides prunes both inputs of a join; the left and right extra columns
// must stay.
func pruneSides(kind plan.JoinKind, left, right plan.Node, keys []plan.JoinKey, condition plan.Expr, used []bool, extraLeft, extraRight []int) sides {
	width, widthRight := len(left.Schema()), len(right.Schema())
	need := make([]bool, width+widthRight)
	copy(need, used)
	if condition != nil {
		plan.MarkUsed(need, condition)
	}
	for _, k := range keys {
		need[k.Left], need[width+k.Right] = true, true
	}
	for _, c := range extraLeft {
		need[c] = true
	}
	for _, c := range extraRight {
		need[width+c] = true
	}
	var s sides
	s.left, s.atLeft = prune(left, need[:width])
	s.right, s.atRight = prune(right, need[width:])
	for _, k := range keys {
		s.keys = append(s.keys, plan.JoinKey{Left: s.atLeft[k.Left], Right: s.atRight[k.Right], NullSafe: k.NullSafe})
	}
	both := append([]int(nil), s.atLeft...)
	for _, p := range s.atRight {
		if p >= 0 {
			p += len(s.left.Schema())
		}
		both = append(both, p)
	}
	if condition != nil {
		s.condition = plan.Renumber(condition, both)
	}
	s.position = both
	if !kind.ShowsRight() {
		s.position = s.atLeft
	}
	return s
}

func pruneJoin(n *plan.Join, used []bool) (plan.Node, []int) {
	var left, right []int
	if i := n.Interval; i != nil {
		left, right = append(left, i.Left), append(right, i.Right)
	}
	if w := n.Window; w != nil {
		left, right = append(left, w.Left), append(right, w.Right)
	}
	s := pruneSides(n.Kind, n.Left, n.Right, n.Keys, n.Condition, used, left, right)
	c := &plan.Join{Kind: n.Kind, Left: s.left, Right: s.right, Keys: s.keys, Condition: s.condition}
	if i := n.Interval; i != nil {
		c.Interval = &plan.JoinInterval{Left: s.atLeft[i.Left], Right: s.atRight[i.Right], Lower: i.Lower, Upper: i.Upper}
	}
	if w := n.Window; w != nil {
		c.Window = &plan.JoinWindow{Left: s.atLeft[w.Left], Right: s.atRight[w.Right]}
	}
	return c, s.position
}

func pruneLookup(n *plan.LookupJoin, used []bool) (plan.Node, []int) {
	width := len(n.Input.Schema())
	need := append([]bool(nil), used...)
	if n.Condition != nil {
		plan.MarkUsed(need, n.Condition)
	}
	for _, k := range n.Keys {
		plan.MarkUsed(need[:width], k.Value)
		need[width+k.Column] = true
	}
	input, at := prune(n.Input, need[:width])
	looked := kept(need[width:])
	c := *n
	c.Input, c.Columns, c.Keys = input, nil, nil
	position := append([]int(nil), at...)
	for i, column := range n.Columns {
		p := looked[i]
		if p >= 0 {
			c.Columns = append(c.Columns, column)
			p += len(input.Schema())
		}
		position = append(position, p)
	}
	for _, k := range n.Keys {
		c.Keys = append(c.Keys, plan.LookupKey{Column: looked[k.Column], Value: plan.Renumber(k.Value, at)})
	}
	if n.Condition != nil {
		c.Condition = plan.Renumber(n.Condition, position)
	}
	return &c, position
}

func pruneOver(n *plan.Over, used []bool) (plan.Node, []int) {
	width := len(n.Input.Schema())
	need := append([]bool(nil), used[:width]...)
	markOrdering(need, n.Partition, n.Order)
	for i, call := range n.Calls {
		if used[width+i] {
			plan.MarkUsed(need, call.Args...)
			plan.MarkUsed(need, call.Filter)
		}
	}
	input, at := prune(n.Input, need)
	c := &plan.Over{Input: input, Partition: moved(n.Partition, at), Order: movedOrder(n.Order, at)}
	position := append([]int(nil), at...)
	for i, call := range n.Calls {
		if !used[width+i] {
			position = append(position, -1)
			continue
		}
		position = append(position, len(input.Schema())+len(c.Calls))
		args := make([]plan.Expr, len(call.Args))
		for j, arg := range call.Args {
			args[j] = plan.Renumber(arg, at)
		}
		call.Args = args
		if call.Filter != nil {
			call.Filter = plan.Renumber(call.Filter, at)
		}
		c.Calls, c.Names = append(c.Calls, call), append(c.Names, n.Names[i])
	}
	if len(c.Calls) == 0 {
		return input, position
	}
	return c, position
}
