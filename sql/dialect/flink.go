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
	p.plain, p.noFor = true, true
	p.statement(s)
	if p.fault != nil {
		return "", p.fault
	}
	return p.text(), nil
}

// flink is Tidemark's form but for what follows; what Flink does not have is
// refused beforehand.
type flink struct{ tidemark }

// name puts keywords of any kind in backticks: Flink takes some for keywords
// where Tidemark does not, as in DESCRIBE catalog.
func (flink) name(n sql.Name) string {
	if len(n.Text) > 1 && contextual[strings.ToUpper(n.Text)] { // letters are keywords only in front of a literal
		return inBackticks(n.Text)
	}
	return Quote(n)
}

// relation prints a comma inside parentheses as CROSS JOIN.
func (flink) relation(p *printer, r sql.Relation) bool {
	j, ok := r.(*sql.Join)
	if !ok || j.Kind == sql.CommaJoin {
		return false
	}
	left, right := crossed(j.Left), crossed(j.Right)
	if left == j.Left && right == j.Right {
		return false
	}
	joined := *j
	joined.Left, joined.Right = left, right
	p.join(&joined)
	return true
}

// crossed gives a comma join, and those on its left, as cross joins.
func crossed(r sql.Relation) sql.Relation {
	j, ok := r.(*sql.Join)
	if !ok || j.Kind != sql.CommaJoin {
		return r
	}
	c := *j
	c.Kind, c.Left = sql.CrossJoin, crossed(j.Left)
	return &c
}

// ownTableOptions are options of tables that Flink does not know.
var ownTableOptions = map[string]bool{
	"emit": true, "late-policy": true, "quarantine": true, "retention": true, "stored": true, "state-ttl": true,
}

// flinkLookupOptions are the options of Flink's LOOKUP hint.
var flinkLookupOptions = map[string]bool{
	"table": true, "async": true, "output-mode": true, "capacity": true, "timeout": true, "shuffle": true,
	"retry-predicate": true, "retry-strategy": true, "fixed-delay": true, "max-attempts": true,
}

// ownFunctions are functions that Flink does not have, with what to write
// instead. An operator with a function's form has its name here too.
var ownFunctions = map[string]string{
	"ANY_VALUE":       "write FIRST_VALUE(x)",
	"DISTINCT_SKETCH": "count at once: COUNT(DISTINCT x), or in batch mode APPROX_COUNT_DISTINCT(x)",
	"ITEM":            "write x[i]",
	"LENGTH":          "write CHAR_LENGTH(x)",
	"MERGE_SKETCHES":  "count what the sketches are of",
	"PROGRESS":        "ask Tidemark for the progress",
	"REGEXP_LIKE":     "write REGEXP(x, pattern)",
	"RLIKE":           "write REGEXP(x, pattern)",
	"SEQUENCE":        "write the numbers: ARRAY[1, 2, …]",
	"SKETCH_COUNT":    "count what the sketch is of",
	"$SUM0":           "write COALESCE(SUM(x), 0)",
	"SUM0":            "write COALESCE(SUM(x), 0)",
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
		case *sql.Aliased:
			r.lacks(n, "joins in parentheses with an alias", "write (SELECT * FROM …) AS "+n.Alias.Name.Text)
		case *sql.PartitionValue:
			if n.Value == nil {
				r.lacks(n, "partition columns without a value", "leave "+n.Column.Text+" out of PARTITION (…): the query gives it")
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
		if s.OrReplace && s.As == nil {
			r.fault(s, "Flink takes no notice of OR REPLACE here", "write DROP TABLE IF EXISTS in front")
		}
	case *sql.CreateFunction:
		switch {
		case s.Body != nil:
			r.lacks(s, "functions written in SQL", "write the expression where the function is called")
		case s.Language == "WASM":
			r.lacks(s, "WebAssembly functions", "write the function in Java")
		}
	case *sql.CreateView:
		if s.OrReplace && !s.Temporary {
			r.fault(s, "Flink takes no notice of OR REPLACE here", "write DROP VIEW IF EXISTS in front, or CREATE OR REPLACE TEMPORARY VIEW")
		}
		for _, c := range s.Columns {
			if c.Comment != nil {
				r.lacks(c.Comment, "comments on a view's columns", "leave it out")
			}
		}
	case *sql.CreateMaterializedTable:
		r.materializedTable(s)
	case *sql.Explain:
		switch s.Mode {
		case sql.ExplainDefault, sql.ExplainPlan:
		case sql.ExplainTree, sql.ExplainRoute, sql.ExplainSQL, sql.ExplainLineage, sql.ExplainAnalyze:
			r.lacks(s, "EXPLAIN "+string(s.Mode), "write EXPLAIN PLAN FOR")
		}
	case *sql.Show:
		switch s.Kind {
		case sql.ShowMaterialized, sql.ShowCreateMatTable:
			r.lacks(s, "SHOW "+string(s.Kind), "write SHOW TABLES, SHOW CREATE TABLE")
		case sql.ShowCreateFunction:
			r.lacks(s, "SHOW CREATE FUNCTION", "write DESCRIBE FUNCTION")
		}
	case *sql.Describe:
		if s.Kind == sql.DescribeDatabase {
			r.lacks(s, "DESCRIBE DATABASE", "write SHOW TABLES FROM")
		}
	}
}

// materializedTable refuses what Flink's materialized tables lack.
func (r *refusal) materializedTable(s *sql.CreateMaterializedTable) {
	if s.OrReplace {
		r.lacks(s, "CREATE OR REPLACE MATERIALIZED TABLE", "write ALTER MATERIALIZED TABLE … AS")
	}
	if len(s.ColumnNames) > 0 {
		r.lacks(s.ColumnNames[0], "column lists of materialized tables", "name the columns in the query")
	}
	for _, e := range s.Elements {
		if _, key := e.(*sql.PrimaryKey); !key {
			r.lacks(e, "columns and watermarks in the definition of a materialized table", "name the columns in the query")
		}
	}
	if s.Freshness == nil {
		r.lacks(s, "materialized tables without FRESHNESS", "write FRESHNESS = INTERVAL '1' SECOND in front of AS")
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
		if e.Function() == "JSON_ARRAY" && len(e.Args) == 0 && e.JSON != nil && e.JSON.OnNull != "" {
			r.lacks(e, "ON NULL of an empty JSON_ARRAY", "write JSON_ARRAY()")
		}
	case *sql.RowValue:
		if len(e.Fields) == 0 {
			r.lacks(e, "rows without fields", "give it a field")
		}
	case *sql.AtTimeZone:
		r.lacks(e, "AT TIME ZONE", "write CONVERT_TZ, or a CAST with 'table.local-time-zone' set")
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
