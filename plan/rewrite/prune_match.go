package rewrite

import (
	"slices"

	"tidemark/plan"
)

// pruneMatch drops the measures and further columns that nobody uses, and what
// only they look up.
func pruneMatch(n *plan.Match, used []bool) (plan.Node, []int) {
	keep := slices.Clone(used)
	before := len(n.Before())
	for i := range before {
		keep[i] = true
	}
	c := *n
	c.Measures, c.Names = nil, nil
	looked := make([]bool, len(n.Reads))
	for i, e := range n.Measures {
		if keep[before+i] {
			plan.MarkUsed(looked, e)
			c.Measures, c.Names = append(c.Measures, e), append(c.Names, n.Names[i])
		}
	}
	for _, p := range n.Pattern {
		plan.MarkUsed(looked, p.Condition)
	}
	need := make([]bool, len(n.Input.Schema()))
	markOrdering(need, n.Partition, n.Order)
	c.Rest = nil
	for i, column := range n.Rest {
		if keep[before+len(n.Measures)+i] {
			need[column] = true
			c.Rest = append(c.Rest, column)
		}
	}
	for i, r := range n.Reads {
		switch {
		case !looked[i]:
		case r.Kind == plan.Navigate:
			need[r.Column] = true
		case r.Kind == plan.Summarize:
			plan.MarkUsed(need, r.Call.Args...)
			plan.MarkUsed(need, r.Call.Filter)
		}
	}
	input, at := prune(n.Input, need)
	c.Input, c.Partition, c.Order, c.Rest = input, moved(n.Partition, at), movedOrder(n.Order, at), moved(c.Rest, at)
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

// movedReads are the reads that are looked up, over columns at new positions.
func movedReads(reads []plan.MatchRead, looked []bool, at []int) []plan.MatchRead {
	var left []plan.MatchRead
	for i, r := range reads {
		if !looked[i] {
			continue
		}
		switch r.Kind {
		case plan.Navigate:
			r.Column = at[r.Column]
		case plan.Summarize:
			r.Call = movedCall(r.Call, at)
		case plan.MatchTime, plan.Classifier:
		}
		left = append(left, r)
	}
	return left
}
