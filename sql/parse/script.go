package parse

import (
	"tidemark/base/problem"
	"tidemark/sql"
)

// script reads all statements, going on behind those with errors.
func (p *parser) script() []sql.Statement {
	var statements []sql.Statement
	for {
		for p.acceptSymbol(";") {
		}
		if p.token().kind == endOfText {
			break
		}
		first := p.pos
		var s sql.Statement
		if p.attempt(func() { s = p.wholeStatement() }) {
			if s != nil {
				statements = append(statements, s)
			}
		} else {
			p.skipStatement(first)
		}
	}
	if n := len(statements); n > 0 {
		// Comments behind the last statement belong to it.
		remarks := statements[n-1].Remarks()
		remarks.After = append(remarks.After, p.remarksBefore()...)
	}
	return statements
}

// wholeStatement reads a statement to its semicolon. A statement whose parts
// had errors of their own is nil.
func (p *parser) wholeStatement() sql.Statement {
	p.depth, p.params, p.inMatch = 0, 0, false
	faults := len(p.problems)
	before := p.remarksBefore()
	s := p.statement()
	before = append(before, p.remarksInside()...)
	if !p.acceptSymbol(";") && p.token().kind != endOfText {
		p.failAtEnd()
	}
	before = append(before, p.remarksInside()...)
	remarks := s.Remarks()
	remarks.Before, remarks.After = before, p.remarksAfter()
	if start, end := s.Extent(); end-start > statementBytesMax {
		panic(tooLong("statement", end-start, statementBytesMax, s.Pos()))
	}
	if len(p.problems) > faults {
		return nil
	}
	return s
}

// failAtEnd reports what stands behind a complete statement.
func (p *parser) failAtEnd() {
	t := p.token()
	switch {
	case t.kind == word && t.at.Line > p.previous().endLine && startsStatement(t):
		panic(problem.New(problem.Syntax, "expected \";\", found %s", t.describe()).At(t.at).
			WithHint("is a ; missing before %s?", t.upper))
	case startsOperand(t) && (p.previous().kind == word || p.previous().kind == quotedName):
		p.failHint("\";\" or a further clause", "is a comma or an operator missing before %s?", t.describe())
	}
	p.fail("\";\" or a further clause")
}

func startsStatement(t token) bool {
	for _, w := range statementStarts {
		if t.isWord(w) && w != "WITH" && w != "TABLE" && w != "SET" {
			return true
		}
	}
	return false
}

// skipStatement goes behind the next semicolon after an error in the statement
// that started at token first; behind END for a statement set, so that its
// inserts are not taken for statements. It stops early at a new line that
// starts a statement when the error is there: only the semicolon is missing.
func (p *parser) skipStatement(first int) {
	if p.pos > first && startsStatement(p.token()) && p.token().at.Line > p.previous().endLine && p.lastProblemAt(p.token()) {
		return
	}
	if p.pos == first {
		p.next()
	}
	if p.inStatementSet(first) {
		for i := p.pos; i < len(p.tokens); i++ {
			if p.tokens[i].isWord("END") && (p.tokens[min(i+1, len(p.tokens)-1)].is(";") || p.tokens[min(i+1, len(p.tokens)-1)].kind == endOfText) {
				p.pos = i + 1
				break
			}
		}
	}
	for p.token().kind != endOfText && !p.acceptSymbol(";") {
		p.pos++
	}
	p.remarksInside()
}

func (p *parser) lastProblemAt(t token) bool {
	return len(p.problems) > 0 && p.problems[len(p.problems)-1].Position == t.at
}

// inStatementSet reports whether the statement at token first is a statement
// set, perhaps explained.
func (p *parser) inStatementSet(first int) bool {
	for i := first; i < min(first+6, p.pos+1); i++ {
		if p.tokens[i].isWord("STATEMENT") || p.tokens[i].isWord("BEGIN") {
			return true
		}
	}
	return false
}
