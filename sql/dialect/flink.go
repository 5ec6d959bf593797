package dialect

import (
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// Flink prints a statement for Flink's own SQL (2.1): the canonical form
// without comments. What only Tidemark knows, and what Flink takes for something
// else, is refused by name.
func Flink(s sql.Statement) (string, error) {
	if fault := beyondFlink(s); fault != nil {
		return "", fault
	}
	p := newPrinter(flink{})
	p.plain = true
	p.statement(s)
	if p.fault != nil {
		return "", p.fault
	}
	return p.text(), nil
}

// flink is Tidemark's form; what Flink does not have is refused beforehand.
type flink struct{ tidemark }

// ownTableOptions are options of tables that Flink does not know.
var ownTableOptions = map[string]bool{
	"emit": true, "late-policy": true, "quarantine": true, "retention": true, "stored": true,
}

// flinkLookupOptions are the options of Flink's LOOKUP hint.
var flinkLookupOptions = map[string]bool{
	"table": true, "async": true, "output-mode": true, "capacity": true, "timeout": true, "shuffle": true,
	"retry-predicate": true, "retry-strategy": true, "fixed-delay": true, "max-attempts": true,
}

// ownFunctions are functions that Flink does not have, with what to write
// instead. An operator with a function's form has its name here too.
var ownFunctions = map[string]string{
	"ANY_VALUE":   "write FIRST_VALUE(x)",
	"ITEM":        "write x[i]",
	"LENGTH":      "write CHAR_LENGTH(x)",
	"PROGRESS":    "ask Tidemark for the progress",
	"REGEXP_LIKE": "write REGEXP(x, pattern)",
	"RLIKE":       "write REGEXP(x, pattern)",
	"$SUM0":       "write COALESCE(SUM(x), 0)",
	"SUM0":        "write COALESCE(SUM(x), 0)",
}

// systemTableEndings are the endings of tables that Tidemark keeps beside a
// table.
var systemTableEndings = []string{"$progress", "$late", "$quarantine", "$history"}

// systemDatabase holds Tidemark's tables about itself.
const systemDatabase = "tidemark"

// beyondFlink finds the first thing in a statement that Flink cannot run.
func beyondFlink(s sql.Statement) *problem.Problem {
	var r refusal
	sql.Inspect(s, func(n sql.Node) bool {
		switch n := n.(type) {
		case sql.Statement:
			r.statement(n)
		case *sql.Option:
			if ownTableOptions[n.Key.Text] {
				r.lacks(n, "the option '"+n.Key.Text+"'", "leave it out")
			}
		case *sql.Hint:
			r.hint(n)
		case sql.Expr:
			r.expression(n)
		case *sql.TableRef:
			r.table(n)
		case *sql.Join:
			if u, ok := n.Right.(*sql.Unnest); ok && u.Ordinality && n.Kind == sql.LeftJoin {
				r.fault(n, "Flink fails on LEFT JOIN UNNEST … WITH ORDINALITY", "write CROSS JOIN, and add the rows without elements by UNION ALL")
			}
		case *sql.Derived:
			if n.Lateral && countsAll(n.Query) {
				r.fault(n, "Flink loses the rows for which an aggregate in LATERAL (…) has no input", "write a LEFT JOIN with GROUP BY")
			}
		case *sql.MatchRecognize:
			r.match(n)
		}
		return r.found == nil
	})
	return r.found
}

// refusal keeps the first thing that is refused.
type refusal struct{ found *problem.Problem }

// lacks refuses what Flink does not have.
func (r *refusal) lacks(n sql.Node, what, hint string) {
	r.fault(n, "Flink does not have "+what, hint)
}

// fault refuses what Flink has, but does wrongly.
func (r *refusal) fault(n sql.Node, sentence, hint string) {
	if r.found == nil {
		r.found = problem.New(problem.Unsupported, "%s", sentence).At(n.Pos()).WithHint("%s", hint)
	}
}

func (r *refusal) statement(s sql.Statement) {
	switch s := s.(type) {
	case *sql.CreateTable:
		if !s.HasWith && s.Like == nil && s.As == nil {
			r.lacks(s, "native tables", "give the table a connector in WITH (…)")
		}
	case *sql.CreateFunction:
		if s.Body != nil {
			r.lacks(s, "functions written in SQL", "write the expression where the function is called")
		}
	case *sql.CreateMaterializedTable:
		if s.OrReplace {
			r.lacks(s, "CREATE OR REPLACE MATERIALIZED TABLE", "write ALTER MATERIALIZED TABLE … AS")
		}
	case *sql.Explain:
		switch s.Mode {
		case sql.ExplainDefault, sql.ExplainPlan:
		case sql.ExplainTree, sql.ExplainRoute, sql.ExplainSQL, sql.ExplainLineage:
			r.lacks(s, "EXPLAIN "+string(s.Mode), "write EXPLAIN PLAN FOR")
		}
	}
}

// hint refuses what the LOOKUP hint has here beyond Flink's options: retries
// whose delay grows.
func (r *refusal) hint(h *sql.Hint) {
	if !strings.EqualFold(h.Name.Text, "LOOKUP") {
		return
	}
	for _, o := range h.Options {
		switch {
		case o.Key.Text == "retry-strategy" && o.Value.Text != "fixed_delay":
			r.lacks(o, "the retry strategy '"+o.Value.Text+"'", "write 'fixed_delay' with 'fixed-delay' and 'max-attempts'")
		case !flinkLookupOptions[o.Key.Text]:
			r.lacks(o, "the LOOKUP option '"+o.Key.Text+"'", "leave it out")
		}
	}
}

func (r *refusal) expression(e sql.Expr) {
	switch e := e.(type) {
	case *sql.Call:
		if hint, own := ownFunctions[e.Function()]; own && len(e.Name) == 1 {
			r.lacks(e, "the function "+e.Function(), hint)
		}
	case *sql.Param:
		r.lacks(e, "parameters", "write the value")
	case *sql.Interval:
		if e.Unit == "WEEK" {
			r.fault(e, "Flink takes a week in INTERVAL for an hour", "write it in days: INTERVAL '7' DAY")
		}
	}
}

func (r *refusal) table(t *sql.TableRef) {
	last := t.Path.Last().Text
	for _, ending := range systemTableEndings {
		if strings.HasSuffix(last, ending) && last != ending {
			r.lacks(t, "the table "+t.Path.String(), "ask Tidemark for it")
		}
	}
	if len(t.Path) > 1 && t.Path[0].Text == systemDatabase {
		r.lacks(t, "the table "+t.Path.String(), "ask Tidemark for it")
	}
}

// countsAll reports a query that aggregates all its rows into one, so that it
// has a row even without input. Whether a function is an aggregate is judged by
// the names of those that LATERAL is written with.
func countsAll(q *sql.Query) bool {
	body, ok := q.Body.(*sql.Select)
	if !ok || body.GroupBy != nil {
		return false
	}
	found := false
	for _, item := range body.Items {
		sql.Inspect(item, func(n sql.Node) bool {
			if c, ok := n.(*sql.Call); ok && c.Over == nil {
				switch c.Function() {
				case "COUNT", "SUM", "MIN", "MAX", "AVG":
					found = true
				}
			}
			_, inner := n.(*sql.Query)
			return !inner
		})
	}
	return found
}
