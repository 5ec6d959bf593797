// Package parse reads Tidemark SQL into the tree of package sql.
//
// It is not a checker: it knows the grammar and the reserved words, not which
// tables, columns and functions exist, nor what a literal's text means.
//
// Flow: lex cuts the text into tokens and comments; a parser descends through
// statements, queries and relations and climbs operator precedence in
// expressions; a syntax error leaves the statement, is put on the list, and
// reading goes on behind the next semicolon, so that one reading reports the
// errors of every statement.
//
// Invariants:
//  1. No input makes it panic, recurse deeper than depthMax, or loop.
//  2. Every problem has a code, a position in the text, and says what was
//     expected or what to write instead.
//  3. What sql/dialect prints for an accepted statement is accepted and gives
//     an equal tree.
package parse

import (
	"tidemark/base/problem"
	"tidemark/sql"
)

// Limits of a text.
const (
	statementBytesMax = 1 << 20  // one statement
	scriptBytesMax    = 16 << 20 // a whole script
	depthMax          = 500      // expressions, queries, types inside each other
	chainMax          = 10_000   // operands of one chain: a + b + c + …
	quotedMax         = 40       // characters of the text that a message quotes
	problemsMax       = 100      // problems reported for one script
)

// Script reads the statements of a script, separated by semicolons. It gives
// the statements that could be read and the problems of the others; file only
// serves positions.
func Script(file, text string) ([]sql.Statement, problem.List) {
	if len(text) > scriptBytesMax {
		return nil, problem.List{tooLong("script", len(text), scriptBytesMax, problem.Position{File: file, Line: 1, Column: 1})}
	}
	p := newParser(file, text)
	statements := p.script()
	return statements, p.problems
}

// Statement reads exactly one statement; a semicolon behind it is accepted.
func Statement(text string) (sql.Statement, error) {
	if err := checkLength(text); err != nil {
		return nil, err
	}
	p := newParser("", text)
	statements := p.script()
	if len(p.problems) > 0 {
		return nil, p.problems.Err()
	}
	switch len(statements) {
	case 0:
		return nil, problem.New(problem.Syntax, "there is no statement in the text").At(p.token().at).
			WithHint("write a statement, such as SELECT 1")
	case 1:
		return statements[0], nil
	}
	return nil, problem.New(problem.Syntax, "expected one statement, found %d", len(statements)).At(statements[1].Pos()).
		WithHint("send them one at a time")
}

// Query reads exactly one query.
func Query(text string) (*sql.Query, error) {
	statement, err := Statement(text)
	if err != nil {
		return nil, err
	}
	if q, ok := statement.(*sql.QueryStatement); ok {
		return q.Query, nil
	}
	return nil, problem.New(problem.Syntax, "expected a query").At(statement.Pos()).
		WithHint("a query starts with SELECT, WITH or VALUES")
}

// Expr reads exactly one expression.
func Expr(text string) (sql.Expr, error) {
	if err := checkLength(text); err != nil {
		return nil, err
	}
	p := newParser("", text)
	var e sql.Expr
	p.attempt(func() {
		e = p.expr()
		if p.token().kind != endOfText {
			p.fail("an operator or the end of the expression")
		}
	})
	if len(p.problems) > 0 {
		return nil, p.problems.Err()
	}
	return e, nil
}

func checkLength(text string) error {
	if len(text) > statementBytesMax {
		return tooLong("statement", len(text), statementBytesMax, problem.Position{Line: 1, Column: 1})
	}
	return nil
}

func tooLong(what string, length, limit int, at problem.Position) *problem.Problem {
	return problem.New(problem.TooLarge, "the %s has %d bytes, the limit is %d", what, length, limit).At(at).
		WithHint("split it, or put the values into a table")
}
