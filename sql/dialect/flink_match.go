package dialect

import "tidemark/sql"

// match refuses what MATCH_RECOGNIZE of Flink (2.1) lacks. Flink itself finds
// most of it only when the job is planned, and names no place.
func (r *refusal) match(m *sql.MatchRecognize) {
	if m.Rows != sql.RowsDefault && m.Rows != sql.OneRow {
		r.lacks(m, string(m.Rows), "write ONE ROW PER MATCH with measures")
	}
	for _, measure := range m.Measures {
		r.navigation(measure.Expr)
	}
	for _, definition := range m.Define {
		r.navigation(definition.Condition)
	}
	r.sequence(m)
}

// navigation refuses functions of a match that Flink does not have.
func (r *refusal) navigation(e sql.Expr) {
	sql.Inspect(e, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.Unary:
			if n.Op == sql.Running {
				r.lacks(n, "RUNNING", "leave it out in DEFINE; in MEASURES only FINAL has a meaning with ONE ROW PER MATCH")
			}
		case *sql.Call:
			switch n.Function() {
			case "PREV", "NEXT":
				r.lacks(n, n.Function()+" in MATCH_RECOGNIZE", "write LAST(variable.column, 1)")
			case "CLASSIFIER", "MATCH_NUMBER":
				r.lacks(n, n.Function()+" in MATCH_RECOGNIZE", "leave it out")
			}
		}
		return r.found == nil
	})
}

// quantified is an element of a pattern: a variable and how often it occurs.
type quantified struct {
	node      sql.Pattern
	name      string
	min, max  int
	reluctant bool
}

// greedy is what Flink calls a greedy element: one that may stop in several
// places and prefers the last. A lone ? is none.
func (q quantified) greedy() bool { return !q.reluctant && q.max != 1 && q.min != q.max }

// sequence refuses patterns that are more than a sequence of quantified
// variables, and those sequences that Flink refuses.
func (r *refusal) sequence(m *sql.MatchRecognize) {
	elements := r.elements(m.Pattern)
	if r.found != nil {
		return
	}
	seen := map[string]bool{}
	optional := 0
	for i, e := range elements {
		if seen[e.name] {
			r.lacks(e.node, "patterns that name a variable twice", "give the second a name and definition of its own")
		}
		seen[e.name] = true
		if e.min > 0 {
			continue
		}
		optional++
		if e.reluctant && e.max == 1 {
			r.lacks(e.node, "the reluctant quantifier ??", "write ?")
		}
		if i > 0 && elements[i-1].greedy() {
			r.lacks(e.node, "an optional variable behind a greedy one", "make the one before it reluctant")
		}
	}
	last := elements[len(elements)-1]
	switch {
	case optional == len(elements):
		r.lacks(m.Pattern, "patterns that match nothing at all", "demand one variable at least")
	case last.greedy():
		r.lacks(last.node, "a greedy quantifier at the pattern's end", "make it reluctant, or end the pattern with a plain variable")
	}
}

// elements flattens a pattern.
func (r *refusal) elements(pattern sql.Pattern) []quantified {
	switch n := pattern.(type) {
	case *sql.PatternVariable:
		return []quantified{{node: n, name: n.Name.Text, min: 1, max: 1}}
	case *sql.PatternConcat:
		var all []quantified
		for _, part := range n.Parts {
			all = append(all, r.elements(part)...)
		}
		return all
	case *sql.PatternQuantified:
		if v, ok := n.Pattern.(*sql.PatternVariable); ok {
			return []quantified{{node: n, name: v.Name.Text, min: n.Min, max: n.Max, reluctant: n.Reluctant}}
		}
		r.lacks(n, "groups in patterns", "quantify single variables")
	case *sql.PatternAlternation:
		r.lacks(n, "alternation in patterns", "write one variable whose condition has an OR")
	case *sql.PatternPermute:
		r.lacks(n, "PERMUTE", "write the orders as patterns of their own, joined by UNION ALL")
	case *sql.PatternExclusion:
		r.lacks(n, "{- … -} in patterns", "leave the variable out of the measures")
	case *sql.PatternAnchor:
		r.fault(n, "Flink ignores ^ and $ in patterns", "leave it out")
	case *sql.PatternEmpty:
		r.lacks(n, "the empty pattern ()", "demand one variable at least")
	}
	return nil
}
