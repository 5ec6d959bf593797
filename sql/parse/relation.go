package parse

import (
	"tidemark/base/problem"
	"tidemark/sql"
)

// from reads what stands behind FROM: joins, separated by commas.
func (p *parser) from() sql.Relation {
	left := p.joins()
	for count := 0; p.acceptSymbol(","); p.chain(&count) {
		right := p.joins()
		left = &sql.Join{Span: p.spanOver(left), Kind: sql.CommaJoin, Left: left, Right: right}
	}
	return left
}

// joins reads a chain of joins, left to right.
func (p *parser) joins() sql.Relation {
	defer p.enter()()
	left := p.factor()
	for count := 0; ; p.chain(&count) {
		if !p.atAny("JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL") {
			return left
		}
		remarks := p.remarksBefore()
		j := p.join(left)
		j.Remarks = append(remarks, p.remarksInside()...)
		left = j
	}
}

func (p *parser) join(left sql.Relation) *sql.Join {
	start := p.token()
	j := &sql.Join{Left: left, Natural: p.accept("NATURAL")}
	switch {
	case p.accept("LEFT"):
		j.Kind = sql.LeftJoin
	case p.accept("RIGHT"):
		j.Kind = sql.RightJoin
	case p.accept("FULL"):
		j.Kind = sql.FullJoin
	case p.accept("CROSS"):
		j.Kind = sql.CrossJoin
	default:
		p.accept("INNER")
		j.Kind = sql.InnerJoin
	}
	if j.Kind == sql.LeftJoin || j.Kind == sql.RightJoin || j.Kind == sql.FullJoin {
		p.accept("OUTER")
	}
	if p.atAny("SEMI", "ANTI") {
		p.unsupported(p.token(), "write WHERE [NOT] EXISTS (SELECT …)", "%s JOIN is not supported", p.token().upper)
	}
	p.expect("JOIN")
	j.Right = p.factor()
	switch {
	case j.Natural || j.Kind == sql.CrossJoin:
		if p.atAny("ON", "USING") {
			panic(problem.New(problem.Syntax, "a NATURAL or CROSS JOIN has no condition").At(p.token().at).
				WithHint("write JOIN instead of CROSS JOIN, or move the condition to WHERE"))
		}
	case p.accept("ON"):
		j.On = p.expr()
	case p.at("USING"):
		p.next()
		j.Using = p.nameList("a column that both sides have")
	default:
		if startsOperand(p.token()) {
			p.fail("ON or USING")
		}
		panic(problem.New(problem.Syntax, "expected ON or USING, found %s", p.token().describe()).At(p.token().at).
			WithHint("the %s at %d:%d needs a condition; write CROSS JOIN for all pairs, ON TRUE behind UNNEST", start.upper, start.at.Line, start.at.Column))
	}
	j.Span = p.spanOver(left)
	return j
}

// factor reads one relation with what belongs to it: its alias, and
// MATCH_RECOGNIZE applied to it.
func (p *parser) factor() sql.Relation {
	r := p.plainFactor()
	for p.at("MATCH_RECOGNIZE") {
		r = p.matchRecognize(r)
	}
	if t := p.token(); (t.isWord("PIVOT") || t.isWord("UNPIVOT")) && p.ahead(1).is("(") {
		p.unsupported(t, "write SUM(CASE WHEN … END), or FILTER (WHERE …), per column", "%s is not supported", t.upper)
	}
	if p.at("TABLESAMPLE") {
		p.unsupported(p.token(), "filter with WHERE MOD(HASH_CODE(key), 100) = 0", "TABLESAMPLE is not supported")
	}
	return r
}

func (p *parser) plainFactor() sql.Relation {
	start := p.token()
	switch {
	case p.accept("LATERAL"):
		return p.lateral(start)
	case p.at("TABLE") && p.ahead(1).is("("):
		return p.tableFunction(start, false)
	case p.at("UNNEST"):
		return p.unnest()
	case p.atSymbol("(") && p.queryInParentheses(p.pos):
		return p.derived(start, false)
	case p.atSymbol("("):
		return p.parenthesised()
	case p.at("VALUES"), p.at("SELECT"):
		p.failHint("a table", "put a query into parentheses: FROM (%s …) AS t", p.token().upper)
	case p.token().kind == text:
		p.failHint("a table", "the name of a table stands in backticks; a file is read through CREATE TABLE … WITH ('connector' = 'filesystem')")
	}
	if p.functionAhead() {
		return p.functionTable(start, false)
	}
	r := &sql.TableRef{Path: p.path("a table")}
	r.Hints = p.hints()
	if p.accept("FOR", "SYSTEM_TIME") {
		p.expect("AS", "OF")
		r.SystemTime = p.exprAbove(sql.AddPrecedence)
	}
	r.Alias = p.alias()
	r.Span = p.spanFrom(start)
	return r
}

// functionAhead reports whether a call stands where a table could.
func (p *parser) functionAhead() bool {
	i := 0
	for p.ahead(i+1).is(".") && p.ahead(i).kind != endOfText {
		i += 2
	}
	t := p.ahead(i)
	return p.ahead(i+1).is("(") && (startsName(t) || t.kind == word && !notCallable[t.upper])
}

func (p *parser) lateral(start token) sql.Relation {
	switch {
	case p.at("TABLE"):
		return p.tableFunction(start, true)
	case p.atSymbol("("):
		return p.derived(start, true)
	case p.at("UNNEST"):
		return p.unnest()
	case p.functionAhead():
		return p.functionTable(start, true)
	}
	p.failHint("TABLE or a query in parentheses", "write LATERAL TABLE(f(x)) AS t(a), or LATERAL (SELECT …) AS t")
	return nil
}

// tableFunction reads TABLE(f(…)) [AS t(a, b)].
func (p *parser) tableFunction(start token, lateral bool) sql.Relation {
	p.expect("TABLE")
	open := p.open()
	if !p.functionAhead() {
		p.failHint("a table function", "write TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)), or only the table's name without TABLE")
	}
	f := &sql.TableFunction{Lateral: lateral, Call: p.tableCall()}
	p.close(open, "")
	f.Hints = p.hints()
	f.Alias = p.alias()
	f.Span = p.spanFrom(start)
	return f
}

// functionTable reads f(…) without TABLE around it.
func (p *parser) functionTable(start token, lateral bool) sql.Relation {
	f := &sql.TableFunction{Lateral: lateral, Call: p.tableCall()}
	f.Hints = p.hints()
	f.Alias = p.alias()
	f.Span = p.spanFrom(start)
	return f
}

// tableCall reads the call of a table function, in which a query in
// parentheses is a table.
func (p *parser) tableCall() *sql.Call {
	call := p.call(p.functionPath())
	for i, argument := range call.Args {
		switch a := argument.(type) {
		case *sql.Subquery:
			call.Args[i] = &sql.TableArgument{Span: a.Span, Query: a.Query}
		case *sql.NamedArgument:
			if q, ok := a.Value.(*sql.Subquery); ok {
				a.Value = &sql.TableArgument{Span: q.Span, Query: q.Query}
			}
		}
	}
	return call
}

func (p *parser) unnest() sql.Relation {
	start := p.token()
	p.expect("UNNEST")
	open := p.open()
	u := &sql.Unnest{Exprs: list(p, p.expr)}
	p.close(open, "a comma")
	if p.accept("WITH") {
		p.expect("ORDINALITY")
		u.Ordinality = true
	}
	u.Alias = p.alias()
	u.Span = p.spanFrom(start)
	return u
}

func (p *parser) derived(start token, lateral bool) sql.Relation {
	open := p.open()
	d := &sql.Derived{Lateral: lateral, Query: p.query()}
	p.close(open, "a clause of the query")
	d.Alias = p.alias()
	d.Span = p.spanFrom(start)
	return d
}

// parenthesised reads joins in parentheses.
func (p *parser) parenthesised() sql.Relation {
	open := p.open()
	r := p.from()
	p.close(open, "a join")
	if alias := p.alias(); alias != nil {
		return &sql.Aliased{Span: p.spanFrom(open), Relation: r, Alias: alias}
	}
	return r
}

// alias reads [AS] name [(columns)]; nil without.
func (p *parser) alias() *sql.Alias {
	start := p.token()
	a := &sql.Alias{}
	switch {
	case p.accept("AS"):
		a.Name = p.name("a name behind AS")
	case startsName(start) && !(p.atAny("SEMI", "ANTI") && p.ahead(1).isWord("JOIN")) && !(p.atAny("PIVOT", "UNPIVOT") && p.ahead(1).is("(")):
		a.Name = p.name("a name")
	default:
		return nil
	}
	if p.atSymbol("(") {
		a.Columns = p.nameList("a column")
	}
	a.Span = p.spanFrom(start)
	return a
}
