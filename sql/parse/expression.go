package parse

import (
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// expr reads an expression.
func (p *parser) expr() sql.Expr { return p.exprAbove(sql.LowestPrecedence) }

// exprAbove reads an expression whose operators bind at least as tightly as
// least, by climbing precedences.
func (p *parser) exprAbove(least sql.Precedence) sql.Expr {
	defer p.enter()()
	left := p.prefix()
	for count := 0; ; p.chain(&count) {
		next := p.infix(left, least)
		if next == nil {
			return left
		}
		left = next
	}
}

// prefix reads an operand with the operators in front of it.
func (p *parser) prefix() sql.Expr {
	start := p.token()
	op := sql.UnaryOp("")
	switch {
	case p.at("NOT"):
		op = sql.Not
	case start.is("-"):
		op = sql.Minus
	case start.is("+"):
		op = sql.Plus
	case p.inMatch && (p.at("FINAL") || p.at("RUNNING")) && (p.ahead(1).kind == word || p.ahead(1).kind == quotedName) && !p.ahead(1).isWord("AS") && !p.ahead(1).isWord("NOT") && !wordOperator(p.ahead(1)):
		op = sql.UnaryOp(start.upper)
	default:
		return p.postfix(p.primary())
	}
	p.next()
	operand := p.exprAbove(op.Precedence())
	return &sql.Unary{Span: p.spanFrom(start), Op: op, Operand: operand}
}

// postfix reads [index] and .field behind an operand.
func (p *parser) postfix(e sql.Expr) sql.Expr {
	for count := 0; ; p.chain(&count) {
		open := p.token()
		switch {
		case p.acceptSymbol("["):
			index := p.expr()
			p.close(open, "an operator")
			e = &sql.Index{Span: p.spanOver(e), Base: e, Index: index}
		case open.is(".") && !p.ahead(1).is("*"):
			p.next()
			field := p.name("a field behind the dot")
			e = &sql.FieldAccess{Span: p.spanOver(e), Base: e, Field: field}
		default:
			return e
		}
	}
}

// symbolOps are the operators that are symbols.
var symbolOps = map[string]sql.BinaryOp{
	"=": sql.Equal, "<>": sql.NotEqual, "<": sql.Less, "<=": sql.LessEqual, ">": sql.Greater, ">=": sql.GreaterEqual,
	"+": sql.Add, "-": sql.Subtract, "*": sql.Multiply, "/": sql.Divide, "%": sql.Modulo, "||": sql.Concat,
}

// wordOps are the operators that are words and take a plain right operand.
var wordOps = []sql.BinaryOp{
	sql.Or, sql.And, sql.Overlaps, sql.Contains, sql.PeriodEquals, sql.Precedes, sql.Succeeds, sql.ImmediatelyPrecedes, sql.ImmediatelySucceeds,
}

// infix reads one operator behind left with its further operands; nil when
// none that binds at least as tightly as least is next.
func (p *parser) infix(left sql.Expr, least sql.Precedence) sql.Expr {
	t := p.token()
	if t.kind == symbol {
		if op, ok := symbolOps[t.value]; ok && op.Precedence() >= least {
			p.next()
			return p.binary(left, op)
		}
		return nil
	}
	if t.kind != word {
		return nil
	}
	for _, op := range wordOps {
		if words := strings.Fields(string(op)); op.Precedence() >= least && p.at(words...) {
			p.pos += len(words)
			return p.binary(left, op)
		}
	}
	switch {
	case sql.IsPrecedence >= least && p.at("IS"):
		if p.atDistinct() && sql.ComparePrecedence < least {
			return nil
		}
		return p.is(left)
	case sql.RangePrecedence >= least && p.atAny("BETWEEN", "IN", "LIKE", "SIMILAR", "NOT"):
		return p.rangeTest(left)
	case sql.ZonePrecedence >= least && p.at("AT"):
		return p.atTimeZone(left)
	}
	return nil
}

// wordOperator reports whether t continues an expression rather than starting
// an operand.
func wordOperator(t token) bool {
	for _, op := range wordOps {
		if t.isWord(strings.Fields(string(op))[0]) {
			return true
		}
	}
	return notCallable[t.upper]
}

// atDistinct reports whether IS [NOT] DISTINCT FROM is next.
func (p *parser) atDistinct() bool {
	return p.ahead(1).isWord("DISTINCT") || p.ahead(1).isWord("NOT") && p.ahead(2).isWord("DISTINCT")
}

// binary reads the right operand of op.
func (p *parser) binary(left sql.Expr, op sql.BinaryOp) sql.Expr {
	if op.Comparison() && p.atAny("ALL", "ANY", "SOME") && p.ahead(1).is("(") {
		q := &sql.Quantified{Left: left, Op: op, Quantifier: sql.Any}
		if p.next().upper == "ALL" {
			q.Quantifier = sql.All
		}
		q.Query, q.List = p.queryOrList()
		q.Span = p.spanOver(left)
		return q
	}
	right := p.exprAbove(op.Precedence() + 1)
	return &sql.Binary{Span: p.spanOver(left), Op: op, Left: left, Right: right}
}

// queryOrList reads (SELECT …) or (a, b, …).
func (p *parser) queryOrList() (*sql.Query, []sql.Expr) {
	open := p.token()
	if open.is("(") && p.queryInParentheses(p.pos) {
		p.next()
		q := p.query()
		p.close(open, "a clause of the query")
		return q, nil
	}
	p.open()
	if p.atSymbol(")") {
		p.failHint("a value or a query", "the list needs at least one value")
	}
	values := list(p, p.expr)
	p.close(open, "a comma")
	return nil, values
}

func (p *parser) is(left sql.Expr) sql.Expr {
	p.expect("IS")
	not := p.accept("NOT")
	if p.accept("DISTINCT") {
		p.expect("FROM")
		op := sql.Distinct
		if not {
			op = sql.NotDistinct
		}
		right := p.exprAbove(op.Precedence() + 1)
		return &sql.Binary{Span: p.spanOver(left), Op: op, Left: left, Right: right}
	}
	e := &sql.Is{Operand: left, Not: not}
	e.Test = sql.Test(p.acceptAny("NULL", "TRUE", "FALSE", "UNKNOWN", "JSON"))
	switch e.Test {
	case sql.IsJSON:
		if part := p.acceptAny("VALUE", "OBJECT", "ARRAY", "SCALAR"); part != "" {
			e.Test = sql.Test("JSON " + part)
		}
	case "":
		p.failHint("NULL, TRUE, FALSE, UNKNOWN, JSON or DISTINCT FROM", "compare values with = or <>")
	}
	e.Span = p.spanOver(left)
	return e
}

// rangeTest reads [NOT] BETWEEN, IN, LIKE and SIMILAR TO.
func (p *parser) rangeTest(left sql.Expr) sql.Expr {
	not := p.accept("NOT")
	switch {
	case p.accept("BETWEEN"):
		b := &sql.Between{Operand: left, Not: not, Symmetric: p.accept("SYMMETRIC")}
		if !b.Symmetric {
			p.accept("ASYMMETRIC")
		}
		b.Low = p.exprAbove(sql.AddPrecedence)
		p.expectHint("AND", "write x BETWEEN low AND high")
		b.High = p.exprAbove(sql.AddPrecedence)
		b.Span = p.spanOver(left)
		return b
	case p.accept("IN"):
		in := &sql.In{Operand: left, Not: not}
		if !p.atSymbol("(") {
			p.failHint("\"(\"", "write x IN (a, b), or x IN (SELECT …)")
		}
		in.Query, in.List = p.queryOrList()
		in.Span = p.spanOver(left)
		return in
	case p.at("LIKE"), p.at("SIMILAR"):
		l := &sql.Like{Operand: left, Not: not, Similar: p.accept("SIMILAR", "TO")}
		if !l.Similar {
			p.expect("LIKE")
		}
		l.Pattern = p.exprAbove(sql.AddPrecedence)
		if p.accept("ESCAPE") {
			l.Escape = p.exprAbove(sql.AddPrecedence)
		}
		l.Span = p.spanOver(left)
		return l
	}
	p.failHint("BETWEEN, IN, LIKE or SIMILAR TO", "")
	return nil
}

func (p *parser) atTimeZone(left sql.Expr) sql.Expr {
	p.expect("AT")
	e := &sql.AtTimeZone{Operand: left}
	if !p.accept("LOCAL") {
		p.expectHint("TIME", "write AT TIME ZONE 'Asia/Shanghai', or AT LOCAL")
		p.expect("ZONE")
		e.Zone = p.exprAbove(sql.ZonePrecedence + 1)
	}
	e.Span = p.spanOver(left)
	return e
}

// primary reads an operand without operators.
func (p *parser) primary() sql.Expr {
	t := p.token()
	literal := func(k sql.LiteralKind, text string) sql.Expr {
		return &sql.Literal{Span: p.spanFrom(t), Kind: k, Text: text}
	}
	switch t.kind {
	case integer:
		p.next()
		return literal(sql.IntegerLiteral, t.value)
	case decimal:
		p.next()
		return literal(sql.DecimalLiteral, t.value)
	case double:
		p.next()
		return literal(sql.DoubleLiteral, t.value)
	case text:
		return p.textLiteral()
	case bytesText:
		p.next()
		return literal(sql.BytesLiteral, t.value)
	case quotedName:
		return p.reference()
	case word:
		return p.wordOperand()
	case symbol:
		switch t.value {
		case "(":
			return p.parentheses()
		case "?":
			p.next()
			p.params++
			return &sql.Param{Span: p.spanFrom(t), Index: p.params - 1}
		case "*":
			p.failHint("an expression", "* stands alone in a select list and in COUNT(*)")
		case "<>", "<", ">", "=", "<=", ">=":
			p.failHint("an expression", "is a value missing before %s, or another operator too many?", t.value)
		}
	}
	p.fail("an expression")
	return nil
}

// textLiteral reads a text; one that continues on the next line is one text.
func (p *parser) textLiteral() sql.Expr {
	t := p.next()
	value := t.value
	for p.token().kind == text {
		if p.token().at.Line == p.previous().endLine {
			p.failHint("an operator", "write a ' inside a text twice: ''; join texts with ||")
		}
		value += p.next().value
	}
	return &sql.Literal{Span: p.spanFrom(t), Kind: sql.StringLiteral, Text: value}
}

// parentheses reads (query), (a) or (a, b).
func (p *parser) parentheses() sql.Expr {
	start := p.token()
	if p.queryInParentheses(p.pos) {
		p.next()
		q := p.query()
		p.close(start, "a clause of the query")
		return &sql.Subquery{Span: p.spanFrom(start), Query: q}
	}
	p.next()
	fields := list(p, p.expr)
	p.close(start, "a comma, an operator")
	if len(fields) == 1 {
		return fields[0]
	}
	return &sql.RowValue{Span: p.spanFrom(start), Fields: fields}
}

// wordOperand reads an operand that starts with an unquoted word.
func (p *parser) wordOperand() sql.Expr {
	t := p.token()
	next := p.ahead(1)
	literal := func(k sql.LiteralKind, text string) sql.Expr {
		p.next()
		return &sql.Literal{Span: p.spanFrom(t), Kind: k, Text: text}
	}
	timeLiteral := func(k sql.LiteralKind) sql.Expr {
		p.next()
		return literal(k, next.value)
	}
	switch t.upper {
	case "NULL":
		return literal(sql.NullLiteral, "")
	case "TRUE", "FALSE", "UNKNOWN":
		return literal(sql.BooleanLiteral, t.upper)
	case "DATE":
		if next.kind == text {
			return timeLiteral(sql.DateLiteral)
		}
	case "TIME":
		if next.kind == text {
			return timeLiteral(sql.TimeLiteral)
		}
	case "TIMESTAMP":
		if next.kind == text {
			return timeLiteral(sql.TimestampLiteral)
		}
	case "TIMESTAMP_LTZ":
		if next.kind == text {
			p.unsupported(t, "write CAST('…' AS TIMESTAMP_LTZ(3)) or TO_TIMESTAMP_LTZ(…)", "TIMESTAMP_LTZ literals are not supported")
		}
	case "INTERVAL":
		return p.interval()
	case "CASE":
		return p.caseWhen()
	case "CAST", "TRY_CAST":
		if next.is("(") {
			return p.cast()
		}
	case "EXISTS":
		if next.is("(") {
			return p.exists()
		}
	case "ROW":
		if next.is("(") {
			return p.rowValue()
		}
	case "PERIOD":
		if next.is("(") {
			p.next()
			e := p.parentheses()
			if row, ok := e.(*sql.RowValue); ok {
				return row
			}
			panic(problem.New(problem.Syntax, "a period has a start and an end").At(t.at).WithHint("write (start, end)"))
		}
	case "ARRAY", "MAP", "MULTISET":
		if e := p.collection(); e != nil {
			return e
		}
	case "SELECT", "WITH", "VALUES":
		p.failHint("an expression", "put the query into parentheses")
	}
	if bareFunctions[t.upper] && !next.is("(") {
		p.next()
		return &sql.Call{Span: p.spanFrom(t), Name: sql.Path{{Span: p.spanFrom(t), Text: t.value}}, Bare: true}
	}
	return p.reference()
}

// reference reads a column or the call of a function.
func (p *parser) reference() sql.Expr {
	t := p.token()
	if p.functionAhead() {
		return p.callWithClauses(p.functionPath())
	}
	if t.kind == word && reserved(t.upper) {
		if p.previous().is(",") && !notCallable[t.upper] {
			p.failHint("an expression", "%s is a reserved word; as a name it needs backticks: `%s`", t.upper, t.value)
		}
		p.failHint("an expression", "%s", p.generalHint(t))
	}
	path := p.path("an expression")
	return &sql.ColumnRef{Span: p.spanFrom(t), Path: path}
}

// interval reads INTERVAL [sign] 'text' unit.
func (p *parser) interval() *sql.Interval {
	start := p.token()
	p.expect("INTERVAL")
	i := &sql.Interval{}
	if i.Negative = p.acceptSymbol("-"); !i.Negative {
		p.acceptSymbol("+")
	}
	t := p.token()
	if t.kind != text {
		if t.kind == integer || t.kind == decimal {
			p.failHint("a quoted number", "write INTERVAL '%s' %s", t.value, strings.ToUpper(unitOrDefault(p.ahead(1))))
		}
		p.failHint("a quoted number", "write INTERVAL '5' MINUTE; for a column write column * INTERVAL '1' MINUTE")
	}
	p.next()
	i.Text = t.value
	i.Unit, i.Precision, i.Fraction = p.intervalUnit()
	i.Span = p.spanFrom(start)
	return i
}

func unitOrDefault(t token) string {
	if t.kind == word {
		return t.value
	}
	return "MINUTE"
}

// intervalUnits are the units of intervals, singular.
var intervalUnits = []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}

// intervalEnds says which units can follow TO.
var intervalEnds = map[string][]string{
	"YEAR": {"MONTH"}, "DAY": {"HOUR", "MINUTE", "SECOND"}, "HOUR": {"MINUTE", "SECOND"}, "MINUTE": {"SECOND"},
}

// intervalUnit reads unit [(precision)] [TO unit [(fraction)]].
func (p *parser) intervalUnit() (unit sql.TimeUnit, precision, fraction int) {
	fraction = -1
	lead := p.oneUnit(intervalUnits)
	if open := p.token(); p.acceptSymbol("(") {
		precision = p.number("the number of digits")
		if lead == "SECOND" && p.acceptSymbol(",") {
			fraction = p.number("the number of fraction digits")
		}
		p.close(open, "")
	}
	if !p.at("TO") || intervalEnds[lead] == nil {
		return sql.TimeUnit(lead), precision, fraction
	}
	p.next()
	end := p.oneUnit(intervalEnds[lead])
	if open := p.token(); end == "SECOND" && p.acceptSymbol("(") {
		fraction = p.number("the number of fraction digits")
		p.close(open, "")
	}
	return sql.TimeUnit(lead + " TO " + end), precision, fraction
}

// oneUnit reads one of the units, in singular or plural.
func (p *parser) oneUnit(units []string) string {
	for _, u := range units {
		if p.accept(u) || p.accept(u+"S") {
			return u
		}
	}
	p.fail(strings.Join(units, ", "))
	return ""
}

func (p *parser) caseWhen() sql.Expr {
	start := p.token()
	p.expect("CASE")
	c := &sql.Case{}
	if !p.at("WHEN") {
		c.Operand = p.expr()
	}
	for p.at("WHEN") {
		when := p.next()
		w := &sql.When{Condition: p.expr()}
		if c.Operand != nil && p.atSymbol(",") {
			a := &sql.Alternatives{Values: []sql.Expr{w.Condition}}
			for p.acceptSymbol(",") {
				a.Values = append(a.Values, p.expr())
			}
			a.Span = p.spanOver(w.Condition)
			w.Condition = a
		}
		p.expectHint("THEN", "write WHEN condition THEN result")
		w.Result = p.expr()
		w.Span = p.spanFrom(when)
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.failHint("WHEN", "write CASE WHEN condition THEN result ELSE other END")
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	if !p.accept("END") {
		p.failHint("WHEN, ELSE or END", "the CASE at %d:%d has no END", start.at.Line, start.at.Column)
	}
	c.Span = p.spanFrom(start)
	return c
}

func (p *parser) cast() sql.Expr {
	start := p.next()
	open := p.open()
	c := &sql.Cast{Try: start.upper == "TRY_CAST", Operand: p.expr()}
	p.expectHint("AS", "write CAST(x AS type)")
	c.Type = p.typeName()
	p.close(open, "")
	c.Span = p.spanFrom(start)
	return c
}

func (p *parser) exists() sql.Expr {
	start := p.next()
	if !p.queryInParentheses(p.pos) {
		p.failHint("a query in parentheses", "write EXISTS (SELECT …)")
	}
	open := p.open()
	q := p.query()
	p.close(open, "a clause of the query")
	return &sql.Exists{Span: p.spanFrom(start), Query: q}
}

func (p *parser) rowValue() sql.Expr {
	start := p.next()
	open := p.open()
	r := &sql.RowValue{Explicit: true}
	if !p.atSymbol(")") {
		r.Fields = list(p, p.expr)
	}
	p.close(open, "a comma")
	r.Span = p.spanFrom(start)
	return r
}

// collection reads ARRAY[…] and MAP[…]; nil for calls of such names.
func (p *parser) collection() sql.Expr {
	start, open := p.token(), p.ahead(1)
	if open.is("(") && p.queryInParentheses(p.pos+1) || start.upper == "MULTISET" && open.is("[") {
		p.unsupported(start, "gather values with ARRAY_AGG", "%s of a query is not supported", start.upper)
	}
	if !open.is("[") {
		return nil
	}
	p.pos += 2
	var values []sql.Expr
	if !p.atSymbol("]") {
		values = list(p, p.expr)
	}
	p.close(open, "a comma")
	if start.upper == "ARRAY" {
		return &sql.ArrayValue{Span: p.spanFrom(start), Elements: values}
	}
	if len(values)%2 != 0 {
		panic(problem.New(problem.Syntax, "the last key of this map has no value").At(values[len(values)-1].Pos()).
			WithHint("write MAP[key, value, key, value]"))
	}
	return &sql.MapValue{Span: p.spanFrom(start), Entries: values}
}
