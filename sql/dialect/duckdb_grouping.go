package dialect

import (
	"slices"

	"tidemark/sql"
)

// having leaves out the grand total over no rows, which DuckDB gives as soon as
// () is among the sets, and Flink only when it stands alone. No other group is
// without rows.
func (d *duckdb) having(s *sql.Select) string {
	if s.GroupBy == nil || !slices.ContainsFunc(s.GroupBy.Elements, severalSets) || slices.ContainsFunc(s.GroupBy.Elements, alwaysSome) {
		return ""
	}
	return "count(*) > 0"
}

// severalSets reports whether an element stands for more than one set.
func severalSets(g *sql.GroupElement) bool {
	switch g.Kind {
	case sql.GroupRollup, sql.GroupCube:
		return true
	case sql.GroupSets:
		return len(g.Elements) > 1 || slices.ContainsFunc(g.Elements, severalSets)
	}
	return false
}

// alwaysSome reports whether each set of an element has an expression.
func alwaysSome(g *sql.GroupElement) bool {
	switch g.Kind {
	case sql.GroupSet:
		return len(g.Exprs) > 0
	case sql.GroupSets:
		return !slices.ContainsFunc(g.Elements, func(e *sql.GroupElement) bool { return !alwaysSome(e) })
	}
	return false
}
