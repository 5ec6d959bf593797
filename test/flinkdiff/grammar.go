package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"tidemark/base/problem"
	"tidemark/plan/function"
	"tidemark/sql"
	"tidemark/sql/parse"
	"tidemark/target/flink"
)

// printedStatements hold every clause of the grammar.
const printedStatements = "sql/dialect/testdata/print/*"

// checkGrammar gives a Flink every statement of the printer's golden files that
// is not refused for it, and a call of every function: what its parser does not
// take, and functions that it does not have, are faults of the printer. That
// tables are missing is none.
func checkGrammar(ctx context.Context, gateway string) (faults []string, err error) {
	session, err := flink.Open(ctx, flink.Options{Gateway: gateway})
	if err != nil {
		return nil, err
	}
	defer session.Close() //nolint:errcheck // an idle session ends by itself
	statements, err := goldenStatements()
	if err != nil {
		return nil, err
	}
	for _, s := range statements {
		if err := session.Execute(ctx, s, flink.Results{}); problem.Is(err, problem.Syntax) {
			faults = append(faults, fmt.Sprintf("Flink's parser: %v", err))
		}
	}
	for _, name := range function.Names() {
		if word.MatchString(name) && !hasFunction(ctx, session, name) {
			faults = append(faults, "Flink has no function "+name)
		}
	}
	return faults, ctx.Err()
}

// goldenStatements reads the statements that Flink is to take.
func goldenStatements() ([]sql.Statement, error) {
	files, err := filepath.Glob(printedStatements)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no golden statements in %s: run this in the repository's folder", printedStatements)
	}
	var all []sql.Statement
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, block := range strings.Split("\n"+string(content), "\nprint\n")[1:] {
			text, _, _ := strings.Cut(block, "\n----")
			statements, _ := parse.Script("", text) // blocks of wrong statements have none
			for _, s := range statements {
				if flink.Check([]sql.Statement{s}) == nil {
					all = append(all, s)
				}
			}
		}
	}
	return all, nil
}

// word is a name that is called as f(…).
var word = regexp.MustCompile(`^[A-Z][A-Z_0-9]*$`)

// hasFunction calls a function with none to three arguments. One that has a form
// of its own, or is refused for Flink, needs no call.
func hasFunction(ctx context.Context, session *flink.Session, name string) bool {
	for _, arguments := range []string{"", "a", "a, a", "a, a, a"} {
		statements, wrong := parse.Script("", "EXPLAIN SELECT "+name+"("+arguments+") FROM (VALUES ('x')) AS t (a)")
		if len(wrong) > 0 || flink.Check(statements) != nil {
			return true
		}
		if err := session.Execute(ctx, statements[0], flink.Results{}); !problem.Is(err, problem.UnknownFunction) {
			return true
		}
	}
	return false
}
