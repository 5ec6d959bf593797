package corpus

import (
	"strings"
	"testing"
)

// TestRandomJoins asks random questions over joins of the embedded engine and of
// DuckDB. The tables are those of TestRandomSubqueries.
func TestRandomJoins(t *testing.T) {
	if _, refused := askBoth(t, (*questions).joins); refused > 0 {
		t.Errorf("DuckDB refused %d joins", refused)
	}
}

// joins is a query over joined tables: bushy and chained, of every kind, with
// conditions on one side, on both, and above.
func (g *questions) joins() string {
	from, in := g.joined(2)
	items := make([]string, len(in))
	for i, alias := range in {
		items[i] = alias + "." + g.pick("x", "y")
	}
	where := ""
	if g.chance(60) {
		where = " WHERE " + g.joinConditions(in)
	}
	if g.chance(20) {
		return "SELECT " + items[0] + ", COUNT(*), COUNT(" + items[len(items)-1] + ") FROM " + from + where + " GROUP BY " + items[0]
	}
	if g.chance(30) { // conditions above a subquery reach its joins
		for i := range items {
			items[i] += " AS " + in[i]
		}
		return "SELECT * FROM (SELECT " + strings.Join(items, ", ") + " FROM " + from + where + ") AS q WHERE q." +
			g.pick(in...) + g.pick(" = ", " < ") + "q." + g.pick(in...)
	}
	return "SELECT " + strings.Join(items, ", ") + " FROM " + from + where
}

// joined is a FROM item of up to depth joins within each other.
func (g *questions) joined(depth int) (from string, in names) {
	if depth == 0 || g.chance(20) {
		return g.table(nil)
	}
	left, inLeft := g.joined(depth - 1)
	right, inRight := g.joined(depth - 1)
	if len(inRight) > 1 {
		right = "(" + right + ")"
	}
	in = append(append(names{}, inLeft...), inRight...)
	switch kind := g.pick("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "USING"); kind {
	case "CROSS JOIN":
		return left + " CROSS JOIN " + right, in
	case "USING":
		if len(inLeft) == 1 && len(inRight) == 1 {
			return left + g.pick(" JOIN ", " LEFT JOIN ", " FULL JOIN ") + right + " USING (" + g.pick("x", "x, y") + ")", in
		}
		return left + " JOIN " + right + " ON " + g.equality(inLeft, inRight), in
	default:
		on := g.equality(inLeft, inRight)
		if g.chance(50) {
			on += " AND " + g.condition(0, in)
		}
		// DuckDB has outer joins on equalities only where they are FULL.
		if kind != "FULL JOIN" && g.chance(15) {
			on = g.condition(0, in)
		}
		return left + " " + kind + " " + right + " ON " + on, in
	}
}

func (g *questions) equality(left, right names) string {
	return g.column(left) + " = " + g.value(right)
}

func (g *questions) joinConditions(in names) string {
	conditions := []string{g.condition(0, in)}
	for g.chance(50) {
		conditions = append(conditions, g.condition(0, in))
	}
	return strings.Join(conditions, " AND ")
}
