package parse

import (
	"tidemark/base/problem"
	"tidemark/sql"
)

// queryInParentheses reports whether the "(" at token i opens a query rather
// than an expression, a relation or a list.
func (p *parser) queryInParentheses(i int) bool {
	for last := i + depthMax; i <= last; i++ {
		t := p.tokens[min(i+1, len(p.tokens)-1)]
		switch {
		case t.isWord("SELECT"), t.isWord("WITH"), t.isWord("VALUES"), t.isWord("TABLE") && !p.tokens[min(i+2, len(p.tokens)-1)].is("("):
			return true
		case !t.is("("):
			return false
		}
		// ((SELECT …) UNION …) is a query, ((SELECT …) + 1) is none.
		end, ok := p.closing[i+1]
		if !ok {
			continue
		}
		switch after := p.tokens[end+1]; {
		case after.is(")"):
		case after.kind == word:
			switch after.upper {
			case "UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH":
			default:
				return false
			}
		default:
			return false
		}
	}
	return false
}

// query reads a whole query.
func (p *parser) query() *sql.Query {
	defer p.enter()()
	start := p.token()
	q := &sql.Query{}
	if p.accept("WITH") {
		if p.at("RECURSIVE") && !p.ahead(1).isWord("AS") {
			p.unsupported(p.token(), "join the levels one by one", "WITH RECURSIVE is not supported")
		}
		q.With = remarkedList(p, func() (*sql.CTE, *sql.Comments) {
			c := p.cte()
			return c, &c.Comments
		})
	}
	q.Body = p.body()
	if p.accept("ORDER") {
		p.expect("BY")
		q.OrderBy = p.orderItems()
	}
	p.limits(q)
	q.Span = p.spanFrom(start)
	return q
}

func (p *parser) cte() *sql.CTE {
	start := p.token()
	c := &sql.CTE{Name: p.name("the name of a common table expression")}
	if p.atSymbol("(") {
		c.Columns = p.nameList("a column")
	}
	p.expectHint("AS", "write WITH name AS (SELECT …) SELECT …")
	open := p.open()
	c.Query = p.query()
	p.close(open, "")
	c.Span = p.spanFrom(start)
	return c
}

// limits reads LIMIT, OFFSET and FETCH in any order that makes sense.
func (p *parser) limits(q *sql.Query) {
	for {
		switch {
		case p.at("LIMIT") && q.Limit == nil:
			limit := p.next()
			if p.accept("ALL") {
				continue
			}
			q.Limit = p.count("the number of rows")
			if comma := p.token(); comma.is(",") {
				panic(problem.New(problem.Syntax, "LIMIT takes one number").At(limit.at).
					WithHint("write LIMIT count OFFSET start"))
			}
		case p.at("OFFSET") && q.Offset == nil:
			p.next()
			q.Offset = p.count("the number of rows to skip")
			p.acceptAny("ROW", "ROWS")
		case p.at("FETCH") && q.Limit == nil:
			p.next()
			if p.acceptAny("FIRST", "NEXT") == "" {
				p.fail("FIRST or NEXT")
			}
			if p.atAny("ROW", "ROWS") {
				t := p.token()
				q.Limit = &sql.Literal{Span: sql.Span{Position: t.at, Start: t.start, End: t.start}, Kind: sql.IntegerLiteral, Text: "1"}
			} else {
				q.Limit = p.count("the number of rows")
			}
			if p.acceptAny("ROW", "ROWS") == "" {
				p.fail("ROWS")
			}
			p.expectHint("ONLY", "write FETCH FIRST 10 ROWS ONLY")
		default:
			return
		}
	}
}

// count reads a number of rows: a literal or a parameter.
func (p *parser) count(what string) sql.Expr {
	if t := p.token(); t.kind != integer && !t.is("?") {
		p.fail(what)
	}
	return p.primary()
}

func (p *parser) orderItems() []*sql.OrderItem {
	return list(p, func() *sql.OrderItem {
		start := p.token()
		o := &sql.OrderItem{Expr: p.expr()}
		if !p.accept("ASC") {
			o.Descending = p.accept("DESC")
		}
		switch {
		case p.accept("NULLS", "FIRST"):
			o.Nulls = sql.NullsFirst
		case p.accept("NULLS", "LAST"):
			o.Nulls = sql.NullsLast
		}
		o.Span = p.spanFrom(start)
		return o
	})
}

// body reads UNION and EXCEPT of terms.
func (p *parser) body() sql.QueryBody {
	return p.setOperations(p.intersections, sql.Union, sql.Except)
}

// intersections reads INTERSECT, which binds tighter.
func (p *parser) intersections() sql.QueryBody {
	return p.setOperations(p.simpleBody, sql.Intersect)
}

func (p *parser) setOperations(operand func() sql.QueryBody, ops ...sql.SetOp) sql.QueryBody {
	left := operand()
	for count := 0; ; p.chain(&count) {
		op := sql.SetOp("")
		for _, o := range ops {
			if p.accept(string(o)) {
				op = o
				break
			}
		}
		if op == "" {
			return left
		}
		all := p.accept("ALL")
		if !all {
			p.accept("DISTINCT")
		}
		right := operand()
		left = &sql.SetOperation{Span: p.spanOver(left), Op: op, All: all, Left: left, Right: right}
	}
}

// simpleBody reads SELECT, VALUES, TABLE t, or a query in parentheses.
func (p *parser) simpleBody() sql.QueryBody {
	start := p.token()
	switch {
	case p.at("SELECT"):
		return p.selectBody()
	case p.accept("VALUES"):
		rows := list(p, p.valuesRow)
		return &sql.Values{Span: p.spanFrom(start), Rows: rows}
	case p.at("TABLE"):
		p.next()
		path := p.path("the name of a table")
		return &sql.TableBody{Span: p.spanFrom(start), Table: path}
	case p.atSymbol("("):
		open := p.open()
		q := p.query()
		p.close(open, "a clause of the query")
		if q.Bare() {
			return q.Body
		}
		return &sql.Nested{Span: p.spanFrom(start), Query: q}
	}
	p.failHint("a query", "a query starts with SELECT, WITH or VALUES")
	return nil
}

// valuesRow reads (a, b), ROW(a, b), or a single value.
func (p *parser) valuesRow() []sql.Expr {
	parenthesis := p.atSymbol("(")
	e := p.expr()
	if row, ok := e.(*sql.RowValue); ok && row.Explicit != parenthesis {
		return row.Fields
	}
	return []sql.Expr{e}
}

func (p *parser) selectBody() *sql.Select {
	start := p.token()
	s := &sql.Select{}
	p.remarkClause(s, sql.SelectClause, p.remarksBefore())
	p.expect("SELECT")
	s.Hints = p.hints()
	if p.at("STREAM") && !p.ahead(1).is(",") {
		p.unsupported(p.token(), "leave STREAM out", "SELECT STREAM is not supported")
	}
	if s.Distinct = p.accept("DISTINCT"); !s.Distinct {
		p.accept("ALL")
	}
	s.Items = remarkedList(p, func() (*sql.SelectItem, *sql.Comments) {
		item := p.selectItem()
		return item, &item.Comments
	})
	p.clause(s, sql.FromClause, func() { s.From = p.from() }, "FROM")
	p.clause(s, sql.WhereClause, func() { s.Where = p.expr() }, "WHERE")
	p.clause(s, sql.GroupByClause, func() { s.GroupBy = p.groupBy() }, "GROUP", "BY")
	p.clause(s, sql.HavingClause, func() { s.Having = p.expr() }, "HAVING")
	p.clause(s, sql.WindowClause, func() { s.Windows = p.namedWindows() }, "WINDOW")
	p.clause(s, sql.QualifyClause, func() { s.Qualify = p.expr() }, "QUALIFY")
	if t := p.token(); t.isWord("WHERE") || t.isWord("GROUP") || t.isWord("HAVING") || t.isWord("QUALIFY") {
		p.failHint("\";\" or a later clause", "the order is FROM, WHERE, GROUP BY, HAVING, WINDOW, QUALIFY, ORDER BY, LIMIT; several conditions are joined with AND")
	}
	s.Span = p.spanFrom(start)
	return s
}

// clause reads one clause of a SELECT, if its keywords are next.
func (p *parser) clause(s *sql.Select, c sql.Clause, read func(), keywords ...string) {
	if !p.at(keywords[0]) {
		return
	}
	remarks := p.remarksBefore()
	p.expect(keywords...)
	remarks = append(remarks, p.remarksBefore()...)
	read()
	p.remarkClause(s, c, append(remarks, p.remarksInside()...))
}

func (p *parser) remarkClause(s *sql.Select, c sql.Clause, remarks []string) {
	if len(remarks) == 0 {
		return
	}
	if s.Remarks == nil {
		s.Remarks = make(map[sql.Clause][]string)
	}
	s.Remarks[c] = remarks
}

func (p *parser) selectItem() *sql.SelectItem {
	start := p.token()
	item := &sql.SelectItem{}
	if p.acceptSymbol("*") {
		item.Expr = &sql.Star{Span: p.spanFrom(start)}
		item.Span = p.spanFrom(start)
		return item
	}
	item.Expr = p.expr()
	if ref, ok := item.Expr.(*sql.ColumnRef); ok && p.atSymbol(".") && p.ahead(1).is("*") {
		p.pos += 2
		item.Expr = &sql.Star{Span: p.spanFrom(start), Qualifier: ref.Path}
		item.Span = p.spanFrom(start)
		return item
	}
	if p.accept("AS") {
		alias := p.name("a name behind AS")
		item.Alias = &alias
	} else if startsName(p.token()) {
		alias := p.name("a name")
		item.Alias = &alias
	}
	item.Span = p.spanFrom(start)
	return item
}

func (p *parser) groupBy() *sql.GroupBy {
	start := p.previous()
	g := &sql.GroupBy{Distinct: p.accept("DISTINCT")}
	if !g.Distinct {
		p.accept("ALL")
	}
	g.Elements = list(p, p.groupElement)
	g.Span = p.spanFrom(start)
	return g
}

func (p *parser) groupElement() *sql.GroupElement {
	defer p.enter()()
	start := p.token()
	g := &sql.GroupElement{}
	switch {
	case p.at("ROLLUP") && p.ahead(1).is("("):
		p.next()
		g.Kind = sql.GroupRollup
	case p.at("CUBE") && p.ahead(1).is("("):
		p.next()
		g.Kind = sql.GroupCube
	case p.accept("GROUPING", "SETS"):
		g.Kind = sql.GroupSets
	case p.atSymbol("(") && p.ahead(1).is(")"):
		p.pos += 2
		g.Span = p.spanFrom(start)
		return g
	default:
		e := p.expr()
		row, ok := e.(*sql.RowValue)
		if ok && !row.Explicit {
			g.Exprs = row.Fields
		} else {
			g.Exprs = []sql.Expr{e}
		}
		g.Span = p.spanFrom(start)
		return g
	}
	open := p.open()
	g.Elements = list(p, p.groupElement)
	p.close(open, "a comma")
	g.Span = p.spanFrom(start)
	return g
}

func (p *parser) namedWindows() []*sql.NamedWindow {
	return list(p, func() *sql.NamedWindow {
		start := p.token()
		w := &sql.NamedWindow{Name: p.name("the name of a window")}
		p.expectHint("AS", "write WINDOW w AS (PARTITION BY … ORDER BY …)")
		w.Spec = p.windowSpec()
		w.Span = p.spanFrom(start)
		return w
	})
}

// windowSpec reads (…) of OVER and WINDOW.
func (p *parser) windowSpec() *sql.WindowSpec {
	open := p.open()
	w := &sql.WindowSpec{}
	if startsName(p.token()) && !p.at("PARTITION") && !p.at("RANGE") && !p.at("ROWS") {
		name := p.name("the name of a window")
		w.Base = &name
	}
	if p.accept("PARTITION") {
		p.expect("BY")
		w.PartitionBy = list(p, p.expr)
	}
	if p.accept("ORDER") {
		p.expect("BY")
		w.OrderBy = p.orderItems()
	}
	w.Frame = p.frame()
	p.close(open, "PARTITION BY, ORDER BY, ROWS, RANGE")
	w.Span = p.spanFrom(open)
	return w
}

func (p *parser) frame() *sql.Frame {
	start := p.token()
	f := &sql.Frame{}
	switch {
	case p.accept("ROWS"):
	case p.accept("RANGE"):
		f.Range = true
	case p.at("GROUPS"):
		p.unsupported(start, "write ROWS or RANGE", "GROUPS frames are not supported")
	default:
		return nil
	}
	if p.accept("BETWEEN") {
		f.Start = p.bound()
		p.expect("AND")
		stop := p.bound()
		f.Stop = &stop
	} else {
		f.Start = p.bound()
	}
	if p.at("EXCLUDE") {
		p.unsupported(p.token(), "", "EXCLUDE in frames is not supported")
	}
	f.Span = p.spanFrom(start)
	return f
}

func (p *parser) bound() sql.Bound {
	start := p.token()
	b := sql.Bound{}
	switch {
	case p.accept("CURRENT", "ROW"):
		b.Kind = sql.CurrentRow
	case p.accept("UNBOUNDED"):
		b.Kind = sql.UnboundedPreceding
		if !p.accept("PRECEDING") {
			if !p.accept("FOLLOWING") {
				p.fail("PRECEDING or FOLLOWING")
			}
			b.Kind = sql.UnboundedFollowing
		}
	default:
		b.Offset = p.exprAbove(sql.AddPrecedence)
		b.Kind = sql.Preceding
		if !p.accept("PRECEDING") {
			if !p.accept("FOLLOWING") {
				p.fail("PRECEDING or FOLLOWING")
			}
			b.Kind = sql.Following
		}
	}
	b.Span = p.spanFrom(start)
	return b
}

// hints reads /*+ NAME(…), … */; nil without.
func (p *parser) hints() []*sql.Hint {
	open := p.token()
	if !p.acceptSymbol("/*+") {
		return nil
	}
	hints := []*sql.Hint{p.hint()}
	for !p.atSymbol("*/") && !p.atEnd() {
		p.acceptSymbol(",")
		hints = append(hints, p.hint())
	}
	p.close(open, "a comma")
	return hints
}

func (p *parser) hint() *sql.Hint {
	start := p.token()
	h := &sql.Hint{Name: p.name("the name of a hint, such as OPTIONS or LOOKUP")}
	if open := p.token(); p.acceptSymbol("(") && !p.acceptSymbol(")") {
		if p.token().kind == text {
			h.Options = list(p, p.option)
		} else {
			h.Arguments = list(p, func() sql.Name { return p.hintArgument() })
		}
		p.close(open, "a comma")
	}
	h.Span = p.spanFrom(start)
	return h
}

// hintArgument reads a table's name, perhaps with qualifiers, as one name.
func (p *parser) hintArgument() sql.Name {
	path := p.path("a name, or 'key' = 'value'")
	if len(path) == 1 {
		return path[0]
	}
	return sql.Name{Span: p.spanOver(path), Text: path.String(), Quoted: true}
}
