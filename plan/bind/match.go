package bind

import (
	"slices"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// matchRecognize binds MATCH_RECOGNIZE over a relation: Flink's subset of it,
// and beyond that ALL ROWS PER MATCH, SUBSET, CLASSIFIER, FINAL, variables in
// several places, and the patterns of the SQL standard but for anchors.
func (b *binder) matchRecognize(m *sql.MatchRecognize, outer *scope) plan.Node {
	before := len(b.found)
	input, rows := b.relation(m.Input, outer)
	b.refuseMatchClauses(m)
	if input == nil {
		return nil
	}
	n := &plan.Match{Input: input, AllRows: m.Rows != sql.RowsDefault && m.Rows != sql.OneRow}
	n.Partition = b.matchPartition(m, rows)
	n.Order = b.matchOrder(m, rows)
	n.Pattern, n.Shape = b.pattern(m.Pattern)
	n.Within = b.within(m)
	if len(b.found) > before {
		return nil
	}
	n.Skip = b.matchSkip(m, n)
	sets := b.subsets(m, n)
	previous := &previousRows{}
	b.define(m, &matchScope{node: n, rows: rows, sets: sets, previous: previous})
	b.measures(m, &matchScope{node: n, rows: rows, sets: sets, previous: previous})
	if len(b.found) > before {
		return nil
	}
	previous.below(n)
	if n.AllRows {
		shown := n.Before()
		for c := range rows.columns {
			if !slices.Contains(shown, c) {
				n.Rest = append(n.Rest, c)
			}
		}
	}
	return n
}

// refuseMatchClauses reports the clauses that are not built.
func (b *binder) refuseMatchClauses(m *sql.MatchRecognize) {
	if m.Rows == sql.AllRowsWithUnmatched {
		b.unsupported(m.Pos(), string(m.Rows), "ALL ROWS PER MATCH shows the rows of matches")
	}
}

func (b *binder) matchPartition(m *sql.MatchRecognize, rows relation) []int {
	var columns []int
	for _, e := range m.PartitionBy {
		c := b.matchColumnOf(e, rows, "PARTITION BY")
		if c != nil && !slices.Contains(columns, c.Index) {
			columns = append(columns, c.Index)
		}
	}
	return columns
}

// matchColumnOf binds a column of the input; nil after a problem was reported.
func (b *binder) matchColumnOf(e sql.Expr, rows relation, clause string) *plan.Column {
	bound := b.expr(e, &scope{relations: []relation{rows}, clause: clause})
	if bound == nil {
		return nil
	}
	c, ok := bound.(*plan.Column)
	if !ok {
		b.unsupported(e.Pos(), "an expression in "+clause+" of MATCH_RECOGNIZE", "compute it in a subquery and name the column here")
		return nil
	}
	return c
}

// matchOrder binds ORDER BY, which begins with time.
func (b *binder) matchOrder(m *sql.MatchRecognize, rows relation) []plan.SortKey {
	const timeFirst = "begin with the column that has a WATERMARK, a window_time or the MATCH_ROWTIME of another match: ORDER BY rowtime"
	if len(m.OrderBy) == 0 {
		b.wrong(m.Pos(), problem.InvalidQuery, timeFirst, "MATCH_RECOGNIZE needs ORDER BY")
		return nil
	}
	var keys []plan.SortKey
	for i, item := range m.OrderBy {
		c := b.matchColumnOf(item.Expr, rows, "ORDER BY")
		if c == nil || !b.sortable(c) {
			continue
		}
		if i == 0 {
			isTime := rows.columns[c.Index].Time != plan.NoTime || !b.session.Streaming && c.Of.IsTimestamp()
			switch {
			case !isTime:
				b.wrong(item.Pos(), problem.InvalidQuery, timeFirst, "ORDER BY of MATCH_RECOGNIZE begins with a time attribute, but %s is none", c.Name)
			case item.Descending:
				b.wrong(item.Pos(), problem.InvalidQuery, "remove DESC; further columns can be DESC", "time goes forward in MATCH_RECOGNIZE")
			}
		}
		keys = append(keys, sortKey(item, c))
	}
	return keys
}

func (b *binder) within(m *sql.MatchRecognize) time.Duration {
	if m.Within == nil {
		return 0
	}
	i, ok := m.Within.(*sql.Interval)
	if !ok {
		b.wrong(m.Within.Pos(), problem.InvalidQuery, "write WITHIN INTERVAL '10' MINUTE", "WITHIN needs a constant interval")
		return 0
	}
	e := b.interval(i)
	if e == nil {
		return 0
	}
	v := e.(*plan.Literal).Value
	if v.Type.Kind != value.IntervalDayTime || v.Int <= 0 || v.Int > int64(withinMax/time.Millisecond) {
		b.wrong(i.Pos(), problem.InvalidQuery, "write days, hours, minutes or seconds: WITHIN INTERVAL '10' MINUTE", "WITHIN needs a time above zero and up to a hundred years, in days or less")
		return 0
	}
	return time.Duration(v.Int) * time.Millisecond
}

// withinMax keeps sums of it and event times in bounds.
const withinMax = 100 * 365 * 24 * time.Hour

func (b *binder) matchSkip(m *sql.MatchRecognize, n *plan.Match) plan.MatchSkip {
	switch m.AfterMatch.Kind {
	case sql.SkipPastLastRow:
		return plan.MatchSkip{Kind: plan.SkipPastLastRow}
	case sql.SkipToFirst, sql.SkipToLast:
		v := m.AfterMatch.Variable
		set := setOf(n, v.Text)
		if set == 0 {
			b.wrong(v.Pos(), problem.InvalidQuery, didYouMean(v.Text, variables(n), "variables are "+listed(variables(n))), "the pattern has no variable %s to skip to", v.Text)
			return plan.MatchSkip{}
		}
		kind := plan.SkipToFirst
		if m.AfterMatch.Kind == sql.SkipToLast {
			kind = plan.SkipToLast
		}
		return plan.MatchSkip{Kind: kind, Set: set}
	case sql.SkipDefault, sql.SkipToNextRow:
	}
	return plan.MatchSkip{Kind: plan.SkipToNextRow}
}

// setOf is the parts of the pattern with the variable, none if it has none.
func setOf(n *plan.Match, name string) plan.VariableSet {
	var set plan.VariableSet
	for i, p := range n.Pattern {
		if p.Variable == name {
			set |= 1 << i
		}
	}
	return set
}

func variables(n *plan.Match) []string {
	var names []string
	for _, p := range n.Pattern {
		if !slices.Contains(names, p.Variable) {
			names = append(names, p.Variable)
		}
	}
	return names
}

// subsets are the names that stand for rows of a match: variables and, beyond
// what Flink has, the names that SUBSET gives to several of them.
func (b *binder) subsets(m *sql.MatchRecognize, n *plan.Match) map[string]plan.VariableSet {
	sets := map[string]plan.VariableSet{}
	for _, name := range variables(n) {
		sets[name] = setOf(n, name)
	}
	for _, s := range m.Subsets {
		if _, taken := sets[s.Name.Text]; taken {
			b.wrong(s.Name.Pos(), problem.InvalidQuery, "choose another name", "%s is the name of a variable or of another SUBSET", s.Name.Text)
			continue
		}
		var set plan.VariableSet
		for _, v := range s.Variables {
			parts := setOf(n, v.Text)
			if parts == 0 {
				b.wrong(v.Pos(), problem.InvalidQuery, didYouMean(v.Text, variables(n), "variables are "+listed(variables(n))), "the pattern has no variable %s", v.Text)
			}
			set |= parts
		}
		sets[s.Name.Text] = set
	}
	return sets
}

func (b *binder) define(m *sql.MatchRecognize, match *matchScope) {
	n := match.node
	defined := map[string]bool{}
	for _, d := range m.Define {
		name := d.Variable.Text
		set := setOf(n, name)
		if set == 0 {
			b.wrong(d.Pos(), problem.InvalidQuery, didYouMean(d.Variable.Text, variables(n), "remove it, or add it to PATTERN"), "DEFINE of %s, which the pattern does not have", d.Variable.Text)
			continue
		}
		if defined[name] {
			b.wrong(d.Pos(), problem.InvalidQuery, "join the conditions with AND", "%s is defined twice", d.Variable.Text)
			continue
		}
		defined[name] = true
		inside := *match
		inside.defined = set
		condition := b.condition(d.Condition, &scope{clause: "DEFINE", match: &inside}, "DEFINE")
		for i := range n.Pattern {
			if set.Has(i) {
				n.Pattern[i].Condition = condition
			}
		}
	}
}

func (b *binder) measures(m *sql.MatchRecognize, match *matchScope) {
	n := match.node
	if len(m.Measures) == 0 && len(n.Partition) == 0 && !n.AllRows {
		b.wrong(m.Pos(), problem.InvalidQuery, "add MEASURES", "a match without MEASURES and PARTITION BY has no columns")
	}
	for _, measure := range m.Measures {
		e := b.expr(measure.Expr, &scope{clause: "MEASURES", match: match})
		if e != nil && e.Type().Kind == value.Null {
			e = b.untypedNull(e)
		}
		n.Measures, n.Names = append(n.Measures, e), append(n.Names, measure.Alias.Text)
	}
}
