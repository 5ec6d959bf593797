package rewrite

import (
	"slices"

	"tidemark/plan"
)

func pruneTemporal(n *plan.TemporalJoin, used []bool) (plan.Node, []int) {
	s := pruneSides(n.Kind, n.Left, n.Right, n.Keys, n.Condition, used, []int{n.LeftTime}, []int{n.RightTime})
	return &plan.TemporalJoin{
		Kind: n.Kind, Left: s.left, Right: s.right, Keys: s.keys, Condition: s.condition,
		LeftTime: s.atLeft[n.LeftTime], RightTime: s.atRight[n.RightTime],
	}, s.position
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
	plan.MarkUsed(need, condition)
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
	c := &plan.Join{Kind: n.Kind, Left: s.left, Right: s.right, Keys: s.keys, Condition: s.condition, TTL: n.TTL}
	if i := n.Interval; i != nil {
		c.Interval = &plan.JoinInterval{Left: s.atLeft[i.Left], Right: s.atRight[i.Right], Lower: i.Lower, Upper: i.Upper}
	}
	if w := n.Window; w != nil {
		c.Window = &plan.JoinWindow{Left: s.atLeft[w.Left], Right: s.atRight[w.Right]}
	}
	return c, s.position
}

func pruneMultiJoin(n *plan.MultiJoin, used []bool) (plan.Node, []int) {
	pruned := &plan.MultiJoin{}
	var position []int
	first := 0 // column of the result that the input begins with
	for i, input := range n.All {
		width := len(input.Schema())
		need := slices.Clone(used[len(position) : len(position)+width])
		for _, k := range n.Keys[i] {
			need[k] = true
		}
		in, at := prune(input, need)
		pruned.All, pruned.Keys = append(pruned.All, in), append(pruned.Keys, moved(n.Keys[i], at))
		for _, p := range at {
			if p >= 0 {
				p += first
			}
			position = append(position, p)
		}
		first += len(in.Schema())
	}
	return pruned, position
}

func pruneLookup(n *plan.LookupJoin, used []bool) (plan.Node, []int) {
	width := len(n.Input.Schema())
	need := slices.Clone(used)
	plan.MarkUsed(need, n.Condition)
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
