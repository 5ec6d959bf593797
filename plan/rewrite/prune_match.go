package rewrite

import "tidemark/plan"

// pruneMatch drops the measures that nobody uses and what only they look up.
func pruneMatch(n *plan.Match, used []bool) (plan.Node, []int) {
	keep := append([]bool(nil), used...)
	for i := range n.Partition {
		keep[i] = true
	}
	c := *n
	c.Measures, c.Names = nil, nil
	looked := make([]bool, len(n.Reads))
	for i, e := range n.Measures {
		if keep[len(n.Partition)+i] {
			plan.MarkUsed(looked, e)
			c.Measures, c.Names = append(c.Measures, e), append(c.Names, n.Names[i])
		}
	}
	for _, p := range n.Pattern {
		plan.MarkUsed(looked, p.Condition)
	}
	need := make([]bool, len(n.Input.Schema()))
	markOrdering(need, n.Partition, n.Order)
	for i, r := range n.Reads {
		switch {
		case !looked[i]:
		case r.Kind == plan.Navigate:
			need[r.Column] = true
		case r.Kind == plan.Summarize:
			plan.MarkUsed(need, r.Call.Args...)
		}
	}
	input, at := prune(n.Input, need)
	c.Input, c.Partition, c.Order = input, moved(n.Partition, at), movedOrder(n.Order, at)
	c.Reads = movedReads(n.Reads, looked, at)
	reads := kept(looked)
	for i, e := range c.Measures {
		c.Measures[i] = plan.Renumber(e, reads)
	}
	c.Pattern = append([]plan.PatternPart(nil), n.Pattern...)
	for i, p := range c.Pattern {
		if p.Condition != nil {
			c.Pattern[i].Condition = plan.Renumber(p.Condition, reads)
		}
	}
	return &c, kept(keep)
}

func movedReads(reads []plan.MatchRead, looked []bool, at []int) []plan.MatchRead {
	var moved []plan.MatchRead
	for i, r := range reads {
		if !looked[i] {
			continue
		}
		switch r.Kind {
		case plan.Navigate:
			r.Column = at[r.Column]
		case plan.Summarize:
			args := make([]plan.Expr, len(r.Call.Args))
			for j, arg := range r.Call.Args {
				args[j] = plan.Renumber(arg, at)
			}
			r.Call.Args = args
		case plan.MatchTime:
		}
		moved = append(moved, r)
	}
	return moved
}
