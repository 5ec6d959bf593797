package corpus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/test/trial"
)

// subqueryTables are small tables with repetitions and NULLs, one of them empty,
// and one that certainly has no NULL.
const subqueryTables = `
CREATE TABLE r (x INT, y INT);
CREATE TABLE s (x INT, y INT);
CREATE TABLE n (x INT NOT NULL, y INT NOT NULL);
CREATE TABLE e (x INT, y INT);`

var subqueryFeeds = []trial.Feed{
	{Table: "r", Rows: `{"x": 1, "y": 1}
{"x": 1, "y": 2}
{"x": 2, "y": null}
{"x": null, "y": 0}`},
	{Table: "s", Rows: `{"x": 1, "y": 2}
{"x": 3, "y": 1}
{"x": 3, "y": 1}`},
	{Table: "n", Rows: `{"x": 0, "y": 1}
{"x": 2, "y": 2}`},
	{Table: "r", Rows: `{"x": 3, "y": 2}
{"x": 1, "y": 2}`},
	{Table: "s", Rows: `{"x": null, "y": null}
{"x": 2, "y": 3}`},
	{Table: "n", Rows: `{"x": 1, "y": 0}`},
}

// TestRandomSubqueries asks random questions with subqueries and set operations
// of the embedded engine and of DuckDB.
func TestRandomSubqueries(t *testing.T) {
	checked, refused := askBoth(t, (*questions).question)
	if checked < 4*refused {
		t.Errorf("DuckDB refused %d questions and answered %d only", refused, checked)
	}
	t.Logf("%d questions; DuckDB refused %d others", checked, refused)
}

// askBoth asks random questions of the embedded engine and of DuckDB, and counts
// those that DuckDB answered and those that it refused.
func askBoth(t *testing.T, question func(*questions) string) (checked, refused int) {
	w := trial.New()
	if err := w.Define(t.Context(), subqueryTables); err != nil {
		t.Fatal(err)
	}
	for _, f := range subqueryFeeds {
		if _, err := w.Feed(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	o := trial.NewOracle(t, w)
	if _, err := w.Feed(t.Context(), trial.Feed{Table: "e"}); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		text := question(&questions{t: r})
		want, err := o.Ask(t.Context(), text)
		if err != nil {
			refused++ // DuckDB cannot do all of it either
			return
		}
		checked++
		s := rapid.SampledFrom(settings).Draw(r, "setting")
		a, err := w.Run(t.Context(), s, text)
		if err != nil {
			r.Fatalf("%s: %v\n%s", s, err, text)
		}
		got, err := a.Rows()
		if err != nil {
			r.Fatalf("%s: %v in\n%s\n%s", s, err, a.Log(), text)
		}
		if diff := cmp.Diff(trial.Lines(want, false), trial.Lines(got, false)); diff != "" {
			r.Fatalf("%s: DuckDB answers otherwise (-DuckDB +embedded):\n%s\n%s", s, diff, text)
		}
	})
	return checked, refused
}

// questions makes random queries over subqueryTables.
type questions struct {
	t       *rapid.T
	aliases int
}

// names are what a name can mean at a place: the aliases of the tables, the
// innermost last.
type names []string

func (g *questions) pick(of ...string) string { return rapid.SampledFrom(of).Draw(g.t, "pick") }

func (g *questions) chance(percent int) bool {
	return rapid.IntRange(0, 99).Draw(g.t, "chance") < percent
}

// table is a table with a new alias.
func (g *questions) table(around names) (from string, inside names) {
	g.aliases++
	alias := fmt.Sprintf("t%d", g.aliases)
	return g.pick("r", "s", "n", "e", "r", "s") + " AS " + alias, append(append(names{}, around...), alias)
}

// column is a column of some table, mostly of the innermost.
func (g *questions) column(in names) string {
	alias := in[len(in)-1]
	if g.chance(40) {
		alias = g.pick(in...)
	}
	return alias + "." + g.pick("x", "y")
}

func (g *questions) value(in names) string {
	switch {
	case g.chance(10):
		return g.pick("0", "1", "2")
	case g.chance(10):
		return g.column(in) + " + 1"
	}
	return g.column(in)
}

// aggregated is an argument of an aggregate function. It has a column of the
// query's own: of outer columns alone the aggregate would be the outer query's.
func (g *questions) aggregated(in names) string {
	own := g.column(in[len(in)-1:])
	if g.chance(20) {
		return own + " + " + g.column(in)
	}
	return own
}

func (g *questions) comparison() string { return g.pick("=", "=", "<>", "<", ">=") }

// condition is a condition with subqueries up to the depth.
func (g *questions) condition(depth int, in names) string {
	kinds := []string{"compare", "compare", "null", "is"}
	if depth > 0 {
		kinds = append(kinds, "not", "and", "or", "exists", "exists", "in", "in", "in row", "quantified", "scalar", "scalar")
	}
	not := ""
	if g.chance(40) {
		not = "NOT "
	}
	switch g.pick(kinds...) {
	case "null":
		return g.column(in) + " IS " + not + "NULL"
	case "is":
		return "(" + g.condition(depth-1, in) + ") IS " + not + g.pick("TRUE", "FALSE")
	case "not":
		return "NOT (" + g.condition(depth-1, in) + ")"
	case "and":
		return g.condition(depth-1, in) + " AND " + g.condition(depth-1, in)
	case "or":
		return "(" + g.condition(depth-1, in) + " OR " + g.condition(depth-1, in) + ")"
	case "exists":
		return not + "EXISTS (" + g.rows(depth-1, 1, in) + ")"
	case "in":
		return g.value(in) + " " + not + "IN (" + g.rows(depth-1, 1, in) + ")"
	case "in row":
		return "(" + g.column(in) + ", " + g.value(in) + ") " + not + "IN (" + g.rows(depth-1, 2, in) + ")"
	case "quantified":
		return g.value(in) + " " + g.comparison() + " " + g.pick("ANY", "ALL") + " (" + g.rows(depth-1, 1, in) + ")"
	case "scalar":
		return g.value(in) + " " + g.comparison() + " (" + g.scalar(depth-1, in) + ")"
	}
	return g.value(in) + " " + g.comparison() + " " + g.value(in)
}

// where is a WHERE clause, or none.
func (g *questions) where(depth int, in names) string {
	switch {
	case g.chance(15):
		return ""
	case len(in) > 1 && g.chance(60):
		return " WHERE " + in[len(in)-1] + "." + g.pick("x", "y") + " " + g.pick("=", "=", "=", "<") + " " + g.column(in[:len(in)-1]) + " AND " + g.condition(depth, in)
	}
	return " WHERE " + g.condition(depth, in)
}

// rows is a query of some columns.
func (g *questions) rows(depth, columns int, around names) string {
	return g.body(depth, columns, around, true)
}

// body is a query, or with whole not set one that a set operation can have.
func (g *questions) body(depth, columns int, around names, whole bool) string {
	if depth > 0 && g.chance(20) {
		op := g.pick("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
		return g.body(depth-1, columns, around, false) + " " + op + " " + g.body(depth-1, columns, around, false)
	}
	from, in := g.table(around)
	where := g.where(depth, in)
	if depth > 0 && g.chance(20) {
		more, both := g.table(in)
		from += g.pick(" JOIN ", " LEFT JOIN ") + more + " ON " + g.column(both[len(both)-1:]) + " = " + g.column(in[len(in)-1:])
		if g.chance(30) {
			from += " AND " + g.condition(0, both)
		}
	}
	var selected []string
	if g.chance(20) {
		key := g.column(in[len(in)-1:])
		for range columns {
			selected = append(selected, g.pick(key, "COUNT(*)", "MAX("+g.aggregated(in)+")"))
		}
		having := ""
		if g.chance(30) {
			having = " HAVING COUNT(*) > 1"
		}
		return "SELECT " + strings.Join(selected, ", ") + " FROM " + from + where + " GROUP BY " + key + having
	}
	for range columns {
		selected = append(selected, g.value(in))
	}
	first := ""
	if columns == 1 && whole && g.chance(20) {
		first = " ORDER BY 1" + g.pick("", " DESC") + " LIMIT " + g.pick("0", "1", "2") + g.pick("", " OFFSET 1")
	}
	return "SELECT " + g.pick("", "", "DISTINCT ") + strings.Join(selected, ", ") + " FROM " + from + where + first
}

// scalar is a query of one row and column.
func (g *questions) scalar(depth int, around names) string {
	from, in := g.table(around)
	value := g.aggregated(in)
	call := g.pick("COUNT(*)", "COUNT("+value+")", "MAX("+value+")", "MIN("+value+")", "SUM("+value+")", "COUNT(*) + 1", "COUNT(DISTINCT "+value+")")
	having := ""
	if g.chance(15) {
		having = " HAVING " + g.pick("COUNT(*) > 1", "COUNT(*) = 0")
	}
	return "SELECT " + call + " FROM " + from + g.where(depth, in) + having
}

// question is a whole query.
func (g *questions) question() string {
	const depth = 3
	if g.chance(15) {
		return g.rows(depth, 2, nil)
	}
	from, in := g.table(nil)
	selected := []string{g.column(in), g.column(in)}
	if g.chance(40) {
		selected = append(selected, "("+g.scalar(depth-1, in)+")")
	}
	if g.chance(40) {
		selected = append(selected, g.condition(depth-1, in))
	}
	where := g.where(depth-1, in)
	if g.chance(15) {
		key := g.column(in)
		having := g.pick("", " HAVING COUNT(*) >= (SELECT MIN(x) FROM r)", " HAVING MAX("+g.column(in)+") IN (SELECT y FROM s)")
		return "SELECT " + key + ", COUNT(*), (SELECT COUNT(*) FROM s WHERE s.x = " + key + "), " + key + " IN (SELECT y FROM r) FROM " + from + where + " GROUP BY " + key + having
	}
	if g.chance(30) {
		lateral := g.rows(depth-1, 1, in)
		if g.chance(40) {
			lateral = g.scalar(depth-1, in)
		}
		from += g.pick(" CROSS JOIN LATERAL ("+lateral+") AS l (v)", " LEFT JOIN LATERAL ("+lateral+") AS l (v) ON TRUE", " LEFT JOIN LATERAL ("+lateral+") AS l (v) ON l.v > 0")
		selected = append(selected, "l.v")
	}
	return "SELECT " + strings.Join(selected, ", ") + " FROM " + from + where
}
