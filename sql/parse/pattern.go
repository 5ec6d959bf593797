package parse

import (
	"tidemark/base/problem"
	"tidemark/sql"
)

// matchRecognize reads MATCH_RECOGNIZE (…) behind its input.
func (p *parser) matchRecognize(input sql.Relation) sql.Relation {
	p.expect("MATCH_RECOGNIZE")
	outer := p.inMatch
	p.inMatch = true
	open := p.open()
	m := &sql.MatchRecognize{Input: input}
	if p.accept("PARTITION") {
		p.expect("BY")
		m.PartitionBy = list(p, p.expr)
	}
	if p.accept("ORDER") {
		p.expect("BY")
		m.OrderBy = p.orderItems()
	}
	if p.accept("MEASURES") {
		m.Measures = list(p, p.measure)
	}
	m.Rows = p.rowsPerMatch()
	m.AfterMatch = p.afterMatch()
	if !p.accept("PATTERN") {
		p.failHint("PATTERN", "the order is PARTITION BY, ORDER BY, MEASURES, ONE ROW PER MATCH, AFTER MATCH SKIP …, PATTERN (…), WITHIN, SUBSET, DEFINE")
	}
	patternOpen := p.open()
	m.Pattern = p.alternation()
	p.close(patternOpen, "a pattern variable, a quantifier")
	if p.accept("WITHIN") {
		if !p.at("INTERVAL") {
			p.failHint("an interval", "write WITHIN INTERVAL '10' MINUTE")
		}
		m.Within = p.interval()
	}
	if p.accept("SUBSET") {
		m.Subsets = list(p, p.subset)
	}
	if p.accept("DEFINE") {
		m.Define = list(p, p.definition)
	}
	p.close(open, "DEFINE")
	p.inMatch = outer
	m.Alias = p.alias()
	m.Span = p.spanOver(input)
	return m
}

func (p *parser) measure() *sql.Measure {
	start := p.token()
	m := &sql.Measure{Expr: p.expr()}
	p.expectHint("AS", "every measure has a name: expression AS name")
	m.Alias = p.name("the measure's name")
	m.Span = p.spanFrom(start)
	return m
}

func (p *parser) rowsPerMatch() sql.RowsPerMatch {
	switch {
	case p.accept("ONE"):
		p.expect("ROW", "PER", "MATCH")
		return sql.OneRow
	case p.accept("ALL"):
		p.expect("ROWS", "PER", "MATCH")
		switch {
		case p.accept("SHOW"):
			p.expect("EMPTY", "MATCHES")
			return sql.AllRowsShowEmpty
		case p.accept("OMIT"):
			p.expect("EMPTY", "MATCHES")
			return sql.AllRowsOmitEmpty
		case p.accept("WITH"):
			p.expect("UNMATCHED", "ROWS")
			return sql.AllRowsWithUnmatched
		}
		return sql.AllRows
	}
	return sql.RowsDefault
}

func (p *parser) afterMatch() sql.AfterMatch {
	if !p.accept("AFTER") {
		return sql.AfterMatch{}
	}
	p.expect("MATCH")
	p.expect("SKIP")
	if p.accept("PAST") {
		p.expect("LAST", "ROW")
		return sql.AfterMatch{Kind: sql.SkipPastLastRow}
	}
	p.expectHint("TO", "write SKIP PAST LAST ROW, SKIP TO NEXT ROW, SKIP TO FIRST v or SKIP TO LAST v")
	switch {
	case p.accept("NEXT"):
		p.expect("ROW")
		return sql.AfterMatch{Kind: sql.SkipToNextRow}
	case p.at("FIRST") && startsName(p.ahead(1)) && !p.ahead(1).isWord("PATTERN"):
		p.next()
		return sql.AfterMatch{Kind: sql.SkipToFirst, Variable: p.name("a pattern variable")}
	case p.at("LAST") && startsName(p.ahead(1)):
		p.next()
	}
	return sql.AfterMatch{Kind: sql.SkipToLast, Variable: p.name("a pattern variable")}
}

func (p *parser) subset() *sql.Subset {
	start := p.token()
	s := &sql.Subset{Name: p.name("the subset's name")}
	p.expectSymbol("=")
	s.Variables = p.nameList("a pattern variable")
	s.Span = p.spanFrom(start)
	return s
}

func (p *parser) definition() *sql.PatternDefinition {
	start := p.token()
	d := &sql.PatternDefinition{Variable: p.name("a pattern variable")}
	p.expectHint("AS", "write DEFINE variable AS condition")
	d.Condition = p.expr()
	d.Span = p.spanFrom(start)
	return d
}

// alternation reads a | b.
func (p *parser) alternation() sql.Pattern {
	defer p.enter()()
	start := p.token()
	parts := []sql.Pattern{p.concatenation()}
	for p.acceptSymbol("|") {
		parts = append(parts, p.concatenation())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &sql.PatternAlternation{Span: p.spanFrom(start), Alternatives: parts}
}

// concatenation reads a b c.
func (p *parser) concatenation() sql.Pattern {
	start := p.token()
	parts := []sql.Pattern{p.quantified()}
	for p.startsPattern() {
		parts = append(parts, p.quantified())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &sql.PatternConcat{Span: p.spanFrom(start), Parts: parts}
}

func (p *parser) startsPattern() bool {
	t := p.token()
	return startsName(t) || t.is("(") || t.is("^") || t.is("$") || t.is("{") && p.ahead(1).is("-") || t.isWord("PERMUTE")
}

// quantified reads a factor and its quantifier.
func (p *parser) quantified() sql.Pattern {
	start := p.token()
	inner := p.patternFactor()
	q := &sql.PatternQuantified{Pattern: inner}
	open := p.token()
	switch {
	case p.acceptSymbol("*"):
		q.Max = sql.Unbounded
	case p.acceptSymbol("+"):
		q.Min, q.Max = 1, sql.Unbounded
	case p.acceptSymbol("?"):
		q.Max = 1
	case p.atSymbol("{") && !p.ahead(1).is("-"):
		p.next()
		p.repetitions(q)
		p.close(open, "a comma")
		if q.Max != sql.Unbounded && (q.Max < q.Min || q.Max == 0) {
			panic(problem.New(problem.Syntax, "this quantifier allows no repetition").At(open.at).
				WithHint("write {least, most} with least not above most, and most at least 1"))
		}
	default:
		return inner
	}
	q.Reluctant = p.acceptSymbol("?")
	q.Span = p.spanFrom(start)
	return q
}

// repetitions reads n | n, | n,m | ,m.
func (p *parser) repetitions(q *sql.PatternQuantified) {
	if p.acceptSymbol(",") {
		q.Max = p.number("the most repetitions")
		return
	}
	q.Min = p.number("the number of repetitions")
	q.Max = q.Min
	if p.acceptSymbol(",") {
		q.Max = sql.Unbounded
		if p.token().kind == integer {
			q.Max = p.number("the most repetitions")
		}
	}
}

func (p *parser) patternFactor() sql.Pattern {
	start := p.token()
	switch {
	case p.acceptSymbol("^"):
		return &sql.PatternAnchor{Span: p.spanFrom(start)}
	case p.acceptSymbol("$"):
		return &sql.PatternAnchor{Span: p.spanFrom(start), Last: true}
	case p.atSymbol("("):
		open := p.open()
		if p.acceptSymbol(")") {
			return &sql.PatternEmpty{Span: p.spanFrom(start)}
		}
		inner := p.alternation()
		p.close(open, "a pattern variable, a quantifier")
		return inner
	case p.atSymbol("{") && p.ahead(1).is("-"):
		p.pos += 2
		inner := p.alternation()
		if !p.atSymbol("-") || !p.ahead(1).is("}") {
			p.failHint("a pattern variable, a quantifier or \"-}\"", "the exclusion {- at %d:%d is still open", start.at.Line, start.at.Column)
		}
		p.pos += 2
		return &sql.PatternExclusion{Span: p.spanFrom(start), Pattern: inner}
	case p.accept("PERMUTE"):
		open := p.open()
		parts := list(p, p.alternation)
		p.close(open, "a comma")
		return &sql.PatternPermute{Span: p.spanFrom(start), Parts: parts}
	}
	name := p.name("a pattern variable")
	return &sql.PatternVariable{Span: p.spanFrom(start), Name: name}
}
