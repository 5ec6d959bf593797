package dialect

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"tidemark/sql"
)

// expressions prints a list on one line.
func (p *printer) expressions(list []sql.Expr) {
	p.commas(len(list), func(i int) { p.expression(list[i]) })
}

// operand prints e, in parentheses when it binds weaker than least.
func (p *printer) operand(e sql.Expr, least sql.Precedence) {
	if sql.PrecedenceOf(e) >= least && !(p.strict && fragile(e, least)) {
		p.expression(e)
		return
	}
	p.write("(")
	p.expression(e)
	p.write(")")
}

// fragile reports whether e binds differently in other dialects: elsewhere ||
// may bind weaker than +, and comparisons do not chain.
func fragile(e sql.Expr, least sql.Precedence) bool {
	if b, ok := e.(*sql.Binary); ok && b.Op == sql.Concat {
		return least >= sql.AddPrecedence
	}
	level := sql.PrecedenceOf(e)
	return level >= sql.IsPrecedence && level <= sql.RangePrecedence && least >= sql.IsPrecedence
}

// condition prints what stands behind WHERE, ON, HAVING: a chain of AND over
// several lines when it is long.
func (p *printer) condition(e sql.Expr) {
	var conjuncts []sql.Expr
	for {
		and, ok := e.(*sql.Binary)
		if !ok || and.Op != sql.And {
			break
		}
		conjuncts = append(conjuncts, and.Right)
		e = and.Left
	}
	if len(conjuncts) == 0 {
		p.write(" ")
		p.expression(e)
		return
	}
	conjuncts = append(conjuncts, e)
	texts := make([]string, len(conjuncts))
	width := 0
	p.indented(func() {
		for i, c := range conjuncts {
			least := sql.AndPrecedence
			if i < len(conjuncts)-1 {
				least++ // a right operand
			}
			texts[len(texts)-1-i], _ = p.render(func() { p.operand(c, least) })
			width += len(texts[len(texts)-1-i]) + len(" AND ")
		}
	})
	long := width > lineMax-2*p.indent
	p.indented(func() {
		for i, text := range texts {
			if i > 0 && long {
				p.line()
			} else {
				p.write(" ")
			}
			p.write(when(i > 0, "AND "), text)
		}
	})
}

// expression prints e, first asking the dialect.
func (p *printer) expression(e sql.Expr) {
	if p.expr(p, e) {
		return
	}
	switch e := e.(type) {
	case *sql.ColumnRef:
		p.path(e.Path)
	case *sql.Star:
		if len(e.Qualifier) > 0 {
			p.write(p.pathText(e.Qualifier), ".")
		}
		p.write("*")
	case *sql.Literal:
		p.write(literalText(e))
	case *sql.Interval:
		p.write(intervalText(e))
	case *sql.Param:
		p.write("?")
	case *sql.Unary:
		p.unary(e)
	case *sql.Binary:
		p.binary(e)
	case *sql.Is:
		p.operand(e.Operand, sql.IsPrecedence)
		p.write(" IS ", when(e.Not, "NOT "), string(e.Test))
	case *sql.Between:
		p.operand(e.Operand, sql.RangePrecedence)
		p.write(when(e.Not, " NOT"), " BETWEEN ", when(e.Symmetric, "SYMMETRIC "))
		p.operand(e.Low, sql.AddPrecedence)
		p.write(" AND ")
		p.operand(e.High, sql.AddPrecedence)
	case *sql.In:
		p.operand(e.Operand, sql.RangePrecedence)
		p.write(when(e.Not, " NOT"), " IN ")
		p.queryOrList(e.Query, e.List)
	case *sql.Like:
		p.operand(e.Operand, sql.RangePrecedence)
		p.write(when(e.Not, " NOT"), when(e.Similar, " SIMILAR TO "), when(!e.Similar, " LIKE "))
		p.operand(e.Pattern, sql.AddPrecedence)
		if e.Escape != nil {
			p.write(" ESCAPE ")
			p.operand(e.Escape, sql.AddPrecedence)
		}
	case *sql.Exists:
		p.write("EXISTS ")
		p.parenthesised(e.Query)
	case *sql.Subquery:
		p.parenthesised(e.Query)
	case *sql.Quantified:
		p.operand(e.Left, sql.ComparePrecedence)
		p.write(" ", string(e.Op), " ", string(e.Quantifier), " ")
		p.queryOrList(e.Query, e.List)
	case *sql.Case:
		p.caseWhen(e)
	case *sql.Alternatives:
		p.expressions(e.Values)
	case *sql.Cast:
		p.write(when(e.Try, "TRY_"), "CAST(")
		p.expression(e.Operand)
		p.write(" AS ", p.typeText(e.Type.Type), ")")
	case *sql.ArrayValue:
		p.write("ARRAY[")
		p.expressions(e.Elements)
		p.write("]")
	case *sql.MapValue:
		p.write("MAP[")
		p.expressions(e.Entries)
		p.write("]")
	case *sql.RowValue:
		p.write(when(e.Explicit || len(e.Fields) < 2, "ROW"), "(")
		p.expressions(e.Fields)
		p.write(")")
	case *sql.Index:
		if _, column := e.Base.(*sql.ColumnRef); column {
			p.expression(e.Base)
		} else {
			p.base(e.Base)
		}
		p.write("[")
		p.expression(e.Index)
		p.write("]")
	case *sql.FieldAccess:
		p.base(e.Base)
		p.write(".", p.name(e.Field))
	case *sql.AtTimeZone:
		p.operand(e.Operand, sql.ZonePrecedence)
		if e.Zone == nil {
			p.write(" AT LOCAL")
			return
		}
		p.write(" AT TIME ZONE ")
		p.operand(e.Zone, sql.ZonePrecedence+1)
	case *sql.Call:
		p.call(e)
	case *sql.Symbol:
		p.write(e.Text)
	case *sql.NamedArgument:
		p.write(p.name(e.Name), " => ")
		p.expression(e.Value)
	case *sql.TableArgument:
		p.tableArgument(e)
	case *sql.Descriptor:
		p.write("DESCRIPTOR(")
		p.names(e.Columns)
		p.write(")")
	default:
		panic(fmt.Sprintf("dialect: expression %T is not printed", e))
	}
}

// base prints what an index or a field is taken of.
func (p *printer) base(e sql.Expr) {
	switch b := e.(type) {
	case *sql.Index, *sql.FieldAccess:
		p.expression(e)
		return
	case *sql.Call:
		if b.Over == nil && !b.Bare {
			p.expression(e)
			return
		}
	}
	p.write("(")
	p.expression(e)
	p.write(")")
}

func literalText(l *sql.Literal) string {
	switch l.Kind {
	case sql.NullLiteral:
		return "NULL"
	case sql.StringLiteral:
		return quoteText(l.Text)
	case sql.BytesLiteral:
		return "x'" + hex.EncodeToString([]byte(l.Text)) + "'"
	case sql.DateLiteral:
		return "DATE " + quoteText(l.Text)
	case sql.TimeLiteral:
		return "TIME " + quoteText(l.Text)
	case sql.TimestampLiteral:
		return "TIMESTAMP " + quoteText(l.Text)
	}
	return l.Text
}

func intervalText(i *sql.Interval) string {
	lead, end, _ := strings.Cut(string(i.Unit), " TO ")
	s := "INTERVAL " + when(i.Negative, "-") + quoteText(i.Text) + " " + lead
	switch {
	case end == "" && i.Fraction >= 0:
		s += "(" + strconv.Itoa(i.Precision) + ", " + strconv.Itoa(i.Fraction) + ")"
	case i.Precision != 0:
		s += "(" + strconv.Itoa(i.Precision) + ")"
	}
	if end != "" {
		s += " TO " + end
		if i.Fraction >= 0 {
			s += "(" + strconv.Itoa(i.Fraction) + ")"
		}
	}
	return s
}

func (p *printer) unary(e *sql.Unary) {
	p.write(string(e.Op))
	text, _ := p.render(func() { p.operand(e.Operand, e.Op.Precedence()) })
	if len(e.Op) > 1 || strings.HasPrefix(text, string(e.Op)) {
		p.write(" ") // two signs would start a comment
	}
	p.write(text)
}

// binary prints a chain of left-associative operators without recursion on
// its left side, which may be thousands long.
func (p *printer) binary(e *sql.Binary) {
	var chain []*sql.Binary
	left := sql.Expr(e)
	for {
		b, ok := left.(*sql.Binary)
		if !ok || len(chain) > 0 && !chains(chain[len(chain)-1].Op, b.Op, p.strict) {
			break
		}
		chain = append(chain, b)
		left = b.Left
	}
	p.operand(left, chain[len(chain)-1].Op.Precedence())
	for i := len(chain) - 1; i >= 0; i-- {
		p.write(" ", string(chain[i].Op), " ")
		p.operand(chain[i].Right, chain[i].Op.Precedence()+1)
	}
}

// chains reports whether left needs no parentheses, and no printing of its own,
// as the left operand of op.
func chains(op, left sql.BinaryOp, strict bool) bool {
	switch {
	case left.Precedence() < op.Precedence() || left == sql.Divide:
		return false
	case strict:
		return (left == sql.Concat) == (op == sql.Concat) && left.Precedence() != sql.ComparePrecedence
	}
	return true
}

func (p *printer) queryOrList(q *sql.Query, list []sql.Expr) {
	if q != nil {
		p.parenthesised(q)
		return
	}
	p.write("(")
	p.expressions(list)
	p.write(")")
}

func (p *printer) caseWhen(e *sql.Case) {
	p.write("CASE")
	if e.Operand != nil {
		p.write(" ")
		p.expression(e.Operand)
	}
	for _, w := range e.Whens {
		p.write(" WHEN ")
		p.expression(w.Condition)
		p.write(" THEN ")
		p.expression(w.Result)
	}
	if e.Else != nil {
		p.write(" ELSE ")
		p.expression(e.Else)
	}
	p.write(" END")
}

func (p *printer) tableArgument(e *sql.TableArgument) {
	if e.Query != nil {
		p.parenthesised(e.Query)
	} else {
		p.write("TABLE ", p.pathText(e.Table))
	}
	if len(e.PartitionBy) > 0 {
		p.write(" PARTITION BY (")
		p.expressions(e.PartitionBy)
		p.write(")")
	}
	if len(e.OrderBy) > 0 {
		p.write(" ORDER BY (")
		p.orderItems(e.OrderBy)
		p.write(")")
	}
}

// call prints a function call with its clauses.
func (p *printer) call(c *sql.Call) {
	p.write(p.functionName(c.Name))
	if c.Bare {
		return
	}
	p.write("(")
	p.arguments(c)
	p.write(")")
	p.callClauses(c)
}

// functionName prints the name of a function, which may be a reserved word.
func (p *printer) functionName(path sql.Path) string {
	parts := make([]string, len(path))
	for i, n := range path {
		parts[i] = n.Text
		if n.Quoted {
			parts[i] = "`" + strings.ReplaceAll(n.Text, "`", "``") + "`"
		}
	}
	return strings.Join(parts, ".")
}

// callClauses prints what stands behind the parentheses of a call.
func (p *printer) callClauses(c *sql.Call) {
	if c.Nulls != sql.DefaultNulls {
		p.write(" ", string(c.Nulls))
	}
	if len(c.WithinGroup) > 0 {
		p.write(" WITHIN GROUP (ORDER BY ")
		p.orderItems(c.WithinGroup)
		p.write(")")
	}
	if c.Filter != nil {
		p.write(" FILTER (WHERE ")
		p.expression(c.Filter)
		p.write(")")
	}
	if c.Over != nil {
		p.write(" OVER ")
		p.windowSpec(c.Over)
	}
}

// arguments prints what stands inside the parentheses of a call.
func (p *printer) arguments(c *sql.Call) {
	builtin := c.Function()
	if len(c.Name) > 1 || c.Name[0].Quoted {
		builtin = ""
	}
	switch builtin {
	case "TRIM":
		if len(c.Args) == 3 && isSymbol(c.Args[0]) {
			p.between(c.Args, " ", " FROM ")
			return
		}
	case "POSITION":
		p.operand(c.Args[0], sql.AddPrecedence)
		p.write(" IN ")
		p.operand(c.Args[1], sql.AddPrecedence)
		if len(c.Args) > 2 {
			p.write(" FROM ")
			p.expression(c.Args[2])
		}
		return
	case "OVERLAY":
		if len(c.Args) == 3 || len(c.Args) == 4 {
			p.between(c.Args, " PLACING ", " FROM ", " FOR ")
			return
		}
	case "EXTRACT":
		p.between(c.Args, " FROM ")
		return
	case "FLOOR", "CEIL", "CEILING":
		if n := len(c.Args); n > 1 && isSymbol(c.Args[n-1]) {
			p.expressions(c.Args[:n-1])
			p.write(" TO ")
			p.expression(c.Args[n-1])
			return
		}
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		p.commas(len(c.Args)/2, func(i int) {
			p.write("KEY ")
			p.expression(c.Args[2*i])
			p.write(" VALUE ")
			p.expression(c.Args[2*i+1])
		})
		p.jsonClauses(c)
		return
	}
	p.write(when(c.Distinct, "DISTINCT "))
	p.expressions(c.Args)
	if len(c.OrderBy) > 0 {
		p.write(" ORDER BY ")
		p.orderItems(c.OrderBy)
	}
	p.jsonClauses(c)
}

// between prints arguments with keywords between them.
func (p *printer) between(args []sql.Expr, keywords ...string) {
	for i, a := range args {
		if i > 0 {
			p.write(keywords[min(i, len(keywords))-1])
		}
		p.expression(a)
	}
}

func isSymbol(e sql.Expr) bool {
	_, ok := e.(*sql.Symbol)
	return ok
}

func (p *printer) jsonClauses(c *sql.Call) {
	j := c.JSON
	if j == nil {
		return
	}
	if j.Returning != nil {
		p.write(" RETURNING ", p.typeText(j.Returning.Type))
	}
	if j.Wrapper != "" {
		p.write(" ", j.Wrapper, " WRAPPER")
	}
	for _, on := range []struct {
		behavior *sql.JSONBehavior
		event    string
	}{{j.OnEmpty, "EMPTY"}, {j.OnError, "ERROR"}} {
		if on.behavior == nil {
			continue
		}
		p.write(" ", on.behavior.Kind)
		if on.behavior.Default != nil {
			p.write(" ")
			p.operand(on.behavior.Default, sql.AddPrecedence)
		}
		p.write(" ON ", on.event)
	}
	if j.OnNull != "" {
		p.write(when(len(c.Args) > 0, " "), j.OnNull, " ON NULL")
	}
}
