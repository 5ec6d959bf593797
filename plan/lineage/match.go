package lineage

import "tidemark/plan"

// match is the sources of partition columns and measures. The order of rows and
// the conditions of variables choose which matches there are.
func (t *tracer) match(n *plan.Match) []sources {
	input := t.trace(n.Input)
	t.ordering(n.Partition, n.Order, input)
	reads := make([]sources, len(n.Reads))
	for i, r := range n.Reads {
		reads[i] = sources{}
		switch r.Kind {
		case plan.Navigate:
			reads[i].add(input[r.Column], Direct)
		case plan.Summarize:
			for _, arg := range r.Call.Args {
				reads[i].add(of(arg, input), Aggregated)
			}
		case plan.MatchTime:
			reads[i].add(input[n.TimeColumn()], Direct)
		case plan.Classifier:
		}
	}
	for _, p := range n.Pattern {
		if p.Condition != nil {
			t.influence(of(p.Condition, reads), Filters)
		}
	}
	var columns []sources
	for _, c := range n.Before() {
		columns = append(columns, input[c])
	}
	columns = append(columns, project(n.Measures, reads)...)
	for _, c := range n.Rest {
		columns = append(columns, input[c])
	}
	return columns
}
