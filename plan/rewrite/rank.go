package rewrite

import "tidemark/plan"

// rank keeps only the first rows where a filter over row numbers does: the
// binder sees a filter in the text that stands on its numbers, this rule one
// that came there from elsewhere.
func rank(n plan.Node) plan.Node {
	f, ok := n.(*plan.Filter)
	if !ok {
		return nil
	}
	first := plan.RankOf(f)
	if first == nil {
		return nil
	}
	was, is := f.Schema(), first.Schema()
	for i, c := range was {
		if c.Time != is[i].Time && is[i].Time == plan.NoTime {
			return nil // somebody above relies on the time
		}
	}
	return first
}

// rankWindowTime is withWindowTime for the first rows of each window: a further
// column comes behind the number.
func rankWindowTime(n *plan.Rank, source plan.Node) (extended plan.Node, column int) {
	if n.WindowEnd < 0 {
		return nil, 0
	}
	input, column := withWindowTime(n.Input, source)
	if input == nil {
		return nil, 0
	}
	ranked := *n
	ranked.Input = input
	width := len(n.Input.Schema())
	if !n.Number || column < width {
		return &ranked, column
	}
	number := len(ranked.Schema()) - 1
	return plan.Pick(&ranked, append(numbered(width), number, column)...), width + 1
}
