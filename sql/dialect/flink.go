package dialect

import (
	"tidemark/base/problem"
	"tidemark/sql"
)

// Flink prints a statement for Flink's own SQL: the canonical form without
// comments. Statements and clauses that only Tidemark knows are refused by
// name.
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
	"emit": true, "late-policy": true, "quarantine": true, "retention": true, "expired-table": true, "expire-after": true,
}

// beyondFlink finds the first thing in a statement that only Tidemark knows.
func beyondFlink(s sql.Statement) *problem.Problem {
	var fault *problem.Problem
	refuse := func(n sql.Node, what, hint string) {
		if fault == nil {
			fault = problem.New(problem.Unsupported, "Flink does not have %s", what).At(n.Pos()).WithHint("%s", hint)
		}
	}
	sql.Inspect(s, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.CreateTable:
			if !n.HasWith && n.Like == nil && n.As == nil {
				refuse(n, "native tables", "give the table a connector in WITH (…)")
			}
		case *sql.CreateFunction:
			if n.Body != nil {
				refuse(n, "functions written in SQL", "functions are inlined when a job is planned for Flink; leave the CREATE FUNCTION out")
			}
		case *sql.CreateMaterializedTable:
			if n.OrReplace {
				refuse(n, "CREATE OR REPLACE MATERIALIZED TABLE", "write ALTER MATERIALIZED TABLE … AS")
			}
		case *sql.Explain:
			switch n.Mode {
			case sql.ExplainTree, sql.ExplainRoute, sql.ExplainSQL, sql.ExplainLineage:
				refuse(n, "EXPLAIN "+string(n.Mode), "write EXPLAIN PLAN FOR")
			}
		case *sql.Option:
			if ownTableOptions[n.Key.Text] {
				refuse(n, "the option '"+n.Key.Text+"'", "leave it out")
			}
		case *sql.Call:
			if n.Function() == "PROGRESS" && len(n.Name) == 1 {
				refuse(n, "the function PROGRESS", "ask Tidemark for the progress")
			}
		case *sql.Param:
			refuse(n, "parameters", "write the value")
		}
		return fault == nil
	})
	return fault
}
