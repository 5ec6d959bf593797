package dialect

import (
	"fmt"

	"tidemark/sql"
)

// query prints a query over several lines.
func (p *printer) query(q *sql.Query) {
	scope := len(p.ctes)
	defer func() { p.ctes = p.ctes[:scope] }()
	if len(q.With) > 0 {
		p.write("WITH")
		for i, c := range q.With {
			if i == 0 && c.Comments.Empty() {
				p.write(" ")
			} else {
				p.line()
			}
			text, _ := p.render(func() { p.cte(c) })
			p.ctes = append(p.ctes, c.Name.Text)
			p.item(i, len(q.With), text, func(i int) *sql.Comments { return &q.With[i].Comments })
		}
		p.line()
	}
	p.body(q.Body)
	if len(q.OrderBy) > 0 {
		p.line()
		p.write("ORDER BY")
		p.items(len(q.OrderBy), nil, func(i int) { p.orderItem(q.OrderBy[i]) })
	}
	if q.Limit != nil {
		p.line()
		p.write("LIMIT ")
		p.expression(q.Limit)
	}
	if q.Offset != nil {
		p.line()
		p.write("OFFSET ")
		p.expression(q.Offset)
	}
}

func (p *printer) cte(c *sql.CTE) {
	p.write(p.name(c.Name))
	if len(c.Columns) > 0 {
		p.write(" (")
		p.names(c.Columns)
		p.write(")")
	}
	p.write(" AS ")
	p.parenthesised(c.Query)
}

// parenthesised prints (query) with the query on lines of its own.
func (p *printer) parenthesised(q *sql.Query) {
	p.write("(")
	p.indented(func() {
		p.line()
		p.query(q)
	})
	p.line()
	p.write(")")
}

func (p *printer) orderItems(items []*sql.OrderItem) {
	p.commas(len(items), func(i int) { p.orderItem(items[i]) })
}

func (p *printer) orderItem(o *sql.OrderItem) {
	p.expression(o.Expr)
	p.write(when(o.Descending, " DESC"), p.nulls(o))
}

func (p *printer) body(b sql.QueryBody) {
	switch b := b.(type) {
	case *sql.Select:
		p.selectBody(b)
	case *sql.SetOperation:
		p.setOperand(b.Left, b, false)
		p.line()
		p.write(string(b.Op), when(b.All, " ALL"))
		p.line()
		p.setOperand(b.Right, b, true)
	case *sql.Values:
		p.write("VALUES")
		p.items(len(b.Rows), nil, func(i int) {
			p.write("(")
			p.expressions(b.Rows[i])
			p.write(")")
		})
	case *sql.TableBody:
		if p.noHints {
			p.write("FROM ")
			p.relationText(&sql.TableRef{Span: sql.Span{Position: b.Pos()}, Path: b.Table})
		} else {
			p.write("TABLE ", p.pathText(b.Table))
		}
	case *sql.Nested:
		p.parenthesised(b.Query)
	default:
		panic(fmt.Sprintf("dialect: query body %T is not printed", b))
	}
}

// setOperand prints a side of a set operation, in parentheses when it would
// otherwise be read as part of another.
func (p *printer) setOperand(b sql.QueryBody, in *sql.SetOperation, right bool) {
	inner, ok := b.(*sql.SetOperation)
	if !ok || inner.Op == sql.Intersect && in.Op != sql.Intersect || !right && (inner.Op == sql.Intersect) == (in.Op == sql.Intersect) {
		p.body(b)
		return
	}
	p.parenthesised(&sql.Query{Body: b})
}

func (p *printer) selectBody(s *sql.Select) {
	p.remarks(s.Remarks[sql.SelectClause])
	p.write("SELECT")
	p.hints(s.Hints)
	p.write(when(s.Distinct, " DISTINCT"))
	p.items(len(s.Items), func(i int) *sql.Comments { return &s.Items[i].Comments }, func(i int) { p.selectItem(s.Items[i]) })
	if s.From != nil {
		p.clause(s, sql.FromClause, "FROM ")
		p.relationText(s.From)
	}
	if s.Where != nil {
		p.clause(s, sql.WhereClause, "WHERE")
		p.condition(s.Where)
	}
	if s.GroupBy != nil {
		p.clause(s, sql.GroupByClause, "GROUP BY"+when(s.GroupBy.Distinct, " DISTINCT"))
		p.items(len(s.GroupBy.Elements), nil, func(i int) { p.groupElement(s.GroupBy.Elements[i]) })
	}
	p.having(s)
	if len(s.Windows) > 0 {
		p.clause(s, sql.WindowClause, "WINDOW")
		p.items(len(s.Windows), nil, func(i int) {
			p.write(p.name(s.Windows[i].Name), " AS ")
			p.windowSpec(s.Windows[i].Spec)
		})
	}
	if s.Qualify != nil {
		p.clause(s, sql.QualifyClause, "QUALIFY")
		p.condition(s.Qualify)
	}
}

func (p *printer) having(s *sql.Select) {
	switch more := p.hooks.having(s); {
	case more != "":
		p.clause(s, sql.HavingClause, "HAVING "+more)
		if s.Having != nil {
			p.write(" AND (")
			p.expression(s.Having)
			p.write(")")
		}
	case s.Having != nil:
		p.clause(s, sql.HavingClause, "HAVING")
		p.condition(s.Having)
	}
}

// clause starts a clause on a new line, below its comments.
func (p *printer) clause(s *sql.Select, c sql.Clause, keyword string) {
	p.line()
	p.remarks(s.Remarks[c])
	p.write(keyword)
}

func (p *printer) selectItem(item *sql.SelectItem) {
	p.expression(item.Expr)
	if item.Alias != nil {
		p.write(" AS ", p.name(*item.Alias))
	}
}

func (p *printer) groupElement(g *sql.GroupElement) {
	switch g.Kind {
	case sql.GroupSet:
		if len(g.Exprs) == 1 {
			p.expression(g.Exprs[0])
			return
		}
		p.write("(")
		p.expressions(g.Exprs)
		p.write(")")
		return
	case sql.GroupRollup:
		p.write("ROLLUP ")
	case sql.GroupCube:
		p.write("CUBE ")
	case sql.GroupSets:
		p.write("GROUPING SETS ")
	}
	p.write("(")
	p.commas(len(g.Elements), func(i int) { p.groupElement(g.Elements[i]) })
	p.write(")")
}

// windowSpec prints (…) of OVER, or the name of a window.
func (p *printer) windowSpec(w *sql.WindowSpec) {
	if w.Bare {
		p.write(p.name(*w.Base))
		return
	}
	p.write("(")
	separate := ""
	part := func(text string) {
		p.write(separate, text)
		separate = " "
	}
	if w.Base != nil {
		part(p.name(*w.Base))
	}
	if len(w.PartitionBy) > 0 {
		part("PARTITION BY ")
		p.expressions(w.PartitionBy)
	}
	if len(w.OrderBy) > 0 {
		part("ORDER BY ")
		p.orderItems(w.OrderBy)
	}
	if f := w.Frame; f != nil {
		part(when(f.Range, "RANGE ") + when(!f.Range, "ROWS ") + when(f.Stop != nil, "BETWEEN "))
		p.bound(f.Start)
		if f.Stop != nil {
			p.write(" AND ")
			p.bound(*f.Stop)
		}
	}
	p.write(")")
}

func (p *printer) bound(b sql.Bound) {
	switch b.Kind {
	case sql.UnboundedPreceding:
		p.write("UNBOUNDED PRECEDING")
	case sql.UnboundedFollowing:
		p.write("UNBOUNDED FOLLOWING")
	case sql.CurrentRow:
		p.write("CURRENT ROW")
	case sql.Preceding:
		p.operand(b.Offset, sql.AddPrecedence)
		p.write(" PRECEDING")
	case sql.Following:
		p.operand(b.Offset, sql.AddPrecedence)
		p.write(" FOLLOWING")
	}
}

func (p *printer) hints(hints []*sql.Hint) {
	if len(hints) == 0 || p.noHints {
		return
	}
	p.write(" /*+ ")
	p.commas(len(hints), func(i int) {
		h := hints[i]
		p.write(p.name(h.Name))
		switch {
		case len(h.Options) > 0:
			p.write("(")
			p.commas(len(h.Options), func(i int) { p.option(h.Options[i]) })
			p.write(")")
		case len(h.Arguments) > 0:
			p.write("(")
			p.names(h.Arguments)
			p.write(")")
		}
	})
	p.write(" */")
}
