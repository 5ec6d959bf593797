package parse

import (
	"slices"
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// functionPath reads the name of a function, which may be reserved.
func (p *parser) functionPath() sql.Path {
	var path sql.Path
	for {
		t := p.next()
		path = append(path, sql.Name{Span: p.spanFrom(t), Text: t.value, Quoted: t.kind == quotedName})
		if !p.acceptSymbol(".") {
			return path
		}
	}
}

// callWithClauses reads a call and the clauses behind it.
func (p *parser) callWithClauses(name sql.Path) sql.Expr {
	c := p.call(name)
	if c.Nulls == sql.DefaultNulls {
		c.Nulls = p.nullTreatment()
	}
	if p.accept("WITHIN", "GROUP") {
		open := p.open()
		p.expect("ORDER", "BY")
		c.WithinGroup = p.orderItems()
		p.close(open, "a comma")
	}
	if p.at("FILTER") && p.ahead(1).is("(") {
		p.next()
		open := p.open()
		p.expectHint("WHERE", "write FILTER (WHERE condition)")
		c.Filter = p.expr()
		p.close(open, "an operator")
	}
	if c.Nulls == sql.DefaultNulls {
		c.Nulls = p.nullTreatment()
	}
	if p.accept("OVER") {
		if p.atSymbol("(") {
			c.Over = p.windowSpec()
		} else {
			name := p.name("a window in parentheses, or its name")
			c.Over = &sql.WindowSpec{Span: name.Span, Base: &name, Bare: true}
		}
	}
	c.Span = p.spanOver(name)
	return c
}

func (p *parser) nullTreatment() sql.NullTreatment {
	switch {
	case p.accept("IGNORE", "NULLS"):
		return sql.IgnoreNulls
	case p.accept("RESPECT", "NULLS"):
		return sql.RespectNulls
	}
	return sql.DefaultNulls
}

// call reads the parentheses of a call; some functions have a syntax of their
// own inside them.
func (p *parser) call(name sql.Path) *sql.Call {
	open := p.open()
	c := &sql.Call{Name: name}
	builtin := c.Function()
	if len(name) > 1 || name[0].Quoted {
		builtin = ""
	}
	switch builtin {
	case "TRIM":
		p.trimArguments(c)
	case "SUBSTRING":
		p.substringArguments(c)
	case "POSITION":
		p.positionArguments(c)
	case "OVERLAY":
		p.overlayArguments(c)
	case "EXTRACT":
		p.extractArguments(c)
	case "FLOOR", "CEIL", "CEILING":
		p.roundArguments(c)
	case "TIMESTAMPADD", "TIMESTAMPDIFF":
		p.unitFirstArguments(c)
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS":
		p.jsonPathArguments(c)
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		p.jsonObjectArguments(c)
	case "JSON_ARRAY", "JSON_ARRAYAGG":
		p.jsonArrayArguments(c)
	default:
		if !p.atSymbol(")") {
			p.plainArguments(c)
		}
	}
	p.close(open, "a comma")
	c.Span = p.spanOver(name)
	return c
}

// plainArguments reads [DISTINCT] a, b, … [ORDER BY …].
func (p *parser) plainArguments(c *sql.Call) {
	if c.Distinct = p.accept("DISTINCT"); !c.Distinct {
		p.accept("ALL")
	}
	c.Args = list(p, p.argument)
	if p.accept("ORDER", "BY") {
		c.OrderBy = p.orderItems()
	}
	c.Nulls = p.nullTreatment()
}

// argument reads one argument: an expression, *, name => value, TABLE t, or
// DESCRIPTOR(…).
func (p *parser) argument() sql.Expr {
	defer p.enter()()
	start := p.token()
	switch {
	case start.is("*") && (p.ahead(1).is(")") || p.ahead(1).is(",")):
		p.next()
		return &sql.Star{Span: p.spanFrom(start)}
	case p.ahead(1).is("=>") && (start.kind == word || start.kind == quotedName):
		p.next()
		n := &sql.NamedArgument{Name: sql.Name{Span: p.spanFrom(start), Text: start.value, Quoted: start.kind == quotedName}}
		p.next()
		n.Value = p.argument()
		n.Span = p.spanFrom(start)
		return n
	case p.at("TABLE"):
		return p.tableArgument()
	case p.at("DESCRIPTOR") && p.ahead(1).is("("):
		p.next()
		columns := p.nameList("a column")
		return &sql.Descriptor{Span: p.spanFrom(start), Columns: columns}
	case p.at("MODEL") && startsName(p.ahead(1)):
		p.unsupported(start, "", "models are not supported")
	}
	e := p.expr()
	if q, ok := e.(*sql.Subquery); ok && p.atAny("PARTITION", "ORDER") && p.ahead(1).isWord("BY") {
		a := &sql.TableArgument{Query: q.Query}
		p.tableOrder(a)
		a.Span = p.spanFrom(start)
		return a
	}
	return e
}

func (p *parser) tableArgument() sql.Expr {
	start := p.token()
	p.expect("TABLE")
	a := &sql.TableArgument{}
	if open := p.token(); p.acceptSymbol("(") {
		if p.atAny("SELECT", "WITH", "VALUES") || p.atSymbol("(") {
			a.Query = p.query()
		} else {
			a.Table = p.path("a table or a query")
		}
		p.close(open, "a clause of the query")
	} else {
		a.Table = p.path("a table")
	}
	p.tableOrder(a)
	a.Span = p.spanFrom(start)
	return a
}

// tableOrder reads PARTITION BY and ORDER BY of a table argument.
func (p *parser) tableOrder(a *sql.TableArgument) {
	if p.accept("PARTITION", "BY") {
		if open := p.token(); open.is("(") {
			p.next()
			a.PartitionBy = list(p, p.expr)
			p.close(open, "a comma")
		} else {
			a.PartitionBy = []sql.Expr{p.expr()}
			for p.atSymbol(",") && p.partitionGoesOn() {
				p.next()
				a.PartitionBy = append(a.PartitionBy, p.expr())
			}
		}
	}
	if p.accept("ORDER", "BY") {
		if open := p.token(); open.is("(") {
			p.next()
			a.OrderBy = p.orderItems()
			p.close(open, "a comma")
			return
		}
		start := p.token()
		a.OrderBy = []*sql.OrderItem{{Expr: p.expr()}}
		if !p.accept("ASC") {
			a.OrderBy[0].Descending = p.accept("DESC")
		}
		a.OrderBy[0].Span = p.spanFrom(start)
	}
}

// partitionGoesOn reports whether the comma is followed by one more partition
// column rather than by the next argument: a plain column and a comma, ")" or
// ORDER.
func (p *parser) partitionGoesOn() bool {
	after := p.ahead(2)
	return startsName(p.ahead(1)) && !p.ahead(1).isWord("DESCRIPTOR") && (after.is(",") || after.is(")") || after.isWord("ORDER"))
}

// timeUnits are the units of functions, beyond those of intervals.
var timeUnits = append(slices.Clone(intervalUnits),
	"MILLISECOND", "MICROSECOND", "NANOSECOND", "DOW", "ISODOW", "DOY", "ISOYEAR", "DECADE", "CENTURY", "MILLENNIUM", "EPOCH")

// unit reads a time unit as a Symbol.
func (p *parser) unit() sql.Expr {
	t := p.token()
	name := strings.TrimPrefix(t.upper, "SQL_TSI_")
	if t.kind == word && !slices.Contains(timeUnits, name) {
		name = strings.TrimSuffix(name, "S")
	}
	if t.kind != word || !slices.Contains(timeUnits, name) {
		for _, u := range timeUnits {
			p.at(u)
		}
		p.failHint("a time unit", "such as SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, without quotes")
	}
	p.next()
	return &sql.Symbol{Span: p.spanFrom(t), Text: name}
}

// trimArguments reads ([BOTH|LEADING|TRAILING] [characters] FROM x) into
// TRIM(side, characters, x), and (x).
func (p *parser) trimArguments(c *sql.Call) {
	start := p.token()
	side := p.acceptAny("BOTH", "LEADING", "TRAILING")
	symbol := &sql.Symbol{Span: p.spanFrom(start), Text: side}
	if side == "" {
		symbol.Text = "BOTH"
	}
	blank := sql.Expr(&sql.Literal{Span: symbol.Span, Kind: sql.StringLiteral, Text: " "})
	if side != "" && p.accept("FROM") {
		c.Args = []sql.Expr{symbol, blank, p.expr()}
		return
	}
	first := p.expr()
	switch {
	case p.accept("FROM"):
		c.Args = []sql.Expr{symbol, first, p.expr()}
	case side != "":
		c.Args = []sql.Expr{symbol, blank, first}
	default:
		c.Args = []sql.Expr{first}
		for p.acceptSymbol(",") {
			c.Args = append(c.Args, p.expr())
		}
	}
}

// substringArguments reads (x FROM a [FOR b]) and (x, a, b).
func (p *parser) substringArguments(c *sql.Call) {
	c.Args = []sql.Expr{p.expr()}
	if p.accept("FROM") {
		c.Args = append(c.Args, p.expr())
		if p.accept("FOR") {
			c.Args = append(c.Args, p.expr())
		}
		return
	}
	for p.acceptSymbol(",") {
		c.Args = append(c.Args, p.expr())
	}
}

// positionArguments reads (a IN b).
func (p *parser) positionArguments(c *sql.Call) {
	c.Args = []sql.Expr{p.exprAbove(sql.AddPrecedence)}
	if !p.accept("IN") {
		p.failHint("IN", "write POSITION(part IN text)")
	}
	c.Args = append(c.Args, p.exprAbove(sql.AddPrecedence))
	if p.accept("FROM") {
		c.Args = append(c.Args, p.expr())
	}
}

// overlayArguments reads (x PLACING y FROM a [FOR b]).
func (p *parser) overlayArguments(c *sql.Call) {
	c.Args = []sql.Expr{p.expr()}
	if p.acceptSymbol(",") {
		c.Args = append(c.Args, list(p, p.expr)...)
		return
	}
	p.expectHint("PLACING", "write OVERLAY(text PLACING new FROM start FOR count)")
	c.Args = append(c.Args, p.expr())
	p.expect("FROM")
	c.Args = append(c.Args, p.expr())
	if p.accept("FOR") {
		c.Args = append(c.Args, p.expr())
	}
}

// extractArguments reads (unit FROM x).
func (p *parser) extractArguments(c *sql.Call) {
	c.Args = []sql.Expr{p.unit()}
	p.expectHint("FROM", "write EXTRACT(HOUR FROM ts)")
	c.Args = append(c.Args, p.expr())
}

// roundArguments reads (x) and (x TO unit).
func (p *parser) roundArguments(c *sql.Call) {
	if p.atSymbol(")") {
		return
	}
	c.Args = list(p, p.expr)
	if p.accept("TO") {
		c.Args = append(c.Args, p.unit())
	}
}

// unitFirstArguments reads (unit, a, b).
func (p *parser) unitFirstArguments(c *sql.Call) {
	c.Args = []sql.Expr{p.unit()}
	for p.acceptSymbol(",") {
		c.Args = append(c.Args, p.expr())
	}
}

// jsonPathArguments reads (document, path clauses) of JSON_VALUE, JSON_QUERY
// and JSON_EXISTS.
func (p *parser) jsonPathArguments(c *sql.Call) {
	if p.atSymbol(")") {
		return
	}
	c.Args = list(p, p.expr)
	start := p.token()
	j := &sql.JSONClauses{}
	if p.accept("RETURNING") {
		returning := p.token()
		t := p.bareType() // NULL behind it belongs to NULL ON EMPTY
		j.Returning = &sql.TypeName{Span: p.spanFrom(returning), Type: t}
	}
	if c.Function() == "JSON_QUERY" {
		j.Wrapper = p.jsonWrapper()
	}
	for {
		behavior := p.jsonBehavior(c.Function())
		if behavior == nil {
			break
		}
		p.expect("ON")
		switch {
		case j.OnEmpty == nil && j.OnError == nil && p.accept("EMPTY"):
			j.OnEmpty = behavior
		case j.OnError == nil && p.accept("ERROR"):
			j.OnError = behavior
		default:
			p.failHint("EMPTY or ERROR", "each of ON EMPTY and ON ERROR can be said once, in this order")
		}
	}
	p.setJSON(c, j, start)
}

// setJSON keeps the clauses if any was written.
func (p *parser) setJSON(c *sql.Call, j *sql.JSONClauses, start token) {
	if *j != (sql.JSONClauses{}) {
		j.Span = p.spanFrom(start)
		c.JSON = j
	}
}

func (p *parser) jsonWrapper() string {
	wrapper := ""
	switch {
	case p.accept("WITHOUT"):
		p.accept("ARRAY")
		wrapper = "WITHOUT ARRAY"
	case p.accept("WITH"):
		wrapper = "WITH UNCONDITIONAL ARRAY"
		if p.acceptAny("CONDITIONAL", "UNCONDITIONAL") == "CONDITIONAL" {
			wrapper = "WITH CONDITIONAL ARRAY"
		}
		p.accept("ARRAY")
	default:
		return ""
	}
	p.expect("WRAPPER")
	return wrapper
}

// jsonBehaviors are what each function can give ON EMPTY or ON ERROR.
var jsonBehaviors = map[string][]string{
	"JSON_VALUE":  {"NULL", "ERROR", "DEFAULT"},
	"JSON_QUERY":  {"NULL", "ERROR", "EMPTY ARRAY", "EMPTY OBJECT"},
	"JSON_EXISTS": {"TRUE", "FALSE", "UNKNOWN", "ERROR"},
}

func (p *parser) jsonBehavior(function string) *sql.JSONBehavior {
	start := p.token()
	for _, kind := range jsonBehaviors[function] {
		if !p.accept(strings.Fields(kind)...) {
			continue
		}
		b := &sql.JSONBehavior{Kind: kind}
		if kind == "DEFAULT" {
			b.Default = p.exprAbove(sql.AddPrecedence)
		}
		b.Span = p.spanFrom(start)
		return b
	}
	return nil
}

// jsonObjectArguments reads ([KEY] k VALUE v, … [NULL|ABSENT ON NULL]).
func (p *parser) jsonObjectArguments(c *sql.Call) {
	start := p.token()
	j := &sql.JSONClauses{OnNull: p.jsonOnNull()}
	for j.OnNull == "" && !p.atSymbol(")") {
		if p.at("KEY") && !p.ahead(1).isWord("VALUE") {
			p.next()
		}
		key := p.expr()
		if !p.acceptSymbol(":") {
			p.expectHint("VALUE", "write "+c.Function()+"(KEY 'k' VALUE v)")
		}
		c.Args = append(c.Args, key, p.expr())
		start = p.token()
		j.OnNull = p.jsonOnNull()
		if !p.acceptSymbol(",") {
			break
		}
	}
	if c.Function() == "JSON_OBJECTAGG" && len(c.Args) != 2 {
		panic(problem.New(problem.Syntax, "JSON_OBJECTAGG takes one key and one value").At(c.Name.Pos()).
			WithHint("write JSON_OBJECTAGG(KEY k VALUE v)"))
	}
	p.setJSON(c, j, start)
}

// jsonArrayArguments reads (v, … [ORDER BY …] [NULL|ABSENT ON NULL]).
func (p *parser) jsonArrayArguments(c *sql.Call) {
	start := p.token()
	j := &sql.JSONClauses{OnNull: p.jsonOnNull()}
	if j.OnNull == "" && !p.atSymbol(")") {
		p.plainArguments(c)
		start = p.token()
		j.OnNull = p.jsonOnNull()
	}
	p.setJSON(c, j, start)
}

func (p *parser) jsonOnNull() string {
	for _, kind := range []string{"NULL", "ABSENT"} {
		if p.accept(kind, "ON", "NULL") {
			return kind
		}
	}
	return ""
}
