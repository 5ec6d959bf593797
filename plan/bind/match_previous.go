package bind

import (
	"fmt"
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// previousRows is what PREV looks up: rows of the partition, whether they are in
// the match or not. It is LAG in the order of the match, computed before rows are
// matched, so that each row brings it along as a further column.
type previousRows struct{ calls []plan.OverCall }

// column is the number of the column for a call behind a width of columns.
func (p *previousRows) column(call plan.AggregateCall, width int) int {
	at := slices.IndexFunc(p.calls, func(known plan.OverCall) bool { return sameCall(known.AggregateCall, call) })
	if at < 0 {
		at = len(p.calls)
		p.calls = append(p.calls, plan.OverCall{AggregateCall: call, Frame: rowFrame})
	}
	return width + at
}

// below puts the calls between a match and its input.
func (p *previousRows) below(n *plan.Match) {
	if len(p.calls) == 0 {
		return
	}
	over := &plan.Over{Input: n.Input, Partition: n.Partition, Order: n.Order, Calls: p.calls}
	for i := range p.calls {
		over.Names = append(over.Names, fmt.Sprintf("PREV$%d", i))
	}
	n.Input = over
}

// previous binds PREV(value [, n]): the value in the row that is n rows before one
// of the match. Which one of the match that is, FIRST or LAST inside can say.
func (b *binder) previous(c *sql.Call, s *scope) plan.Expr {
	if b.nested(c, s) {
		return nil
	}
	if len(c.Args) < 1 || len(c.Args) > 2 {
		b.wrong(c.Pos(), problem.InvalidQuery, "write PREV(variable.column) or PREV(variable.column, 2)", "PREV with %s", counted(len(c.Args), "argument"))
		return nil
	}
	rows := int64(1)
	if len(c.Args) == 2 {
		if rows = b.lookBack(c.Args[1], "PREV"); rows < 0 {
			return nil
		}
	}
	inner, match := s.within(c)
	match.summarizes = true
	arg := c.Args[0]
	if from, ok := arg.(*sql.Call); ok && (from.Function() == "FIRST" || from.Function() == "LAST") {
		if arg, ok = b.startOf(from, match); !ok {
			return nil
		}
	}
	e := b.expr(arg, inner)
	if e == nil {
		return nil
	}
	if *match.set == 0 {
		b.wrong(c.Pos(), problem.InvalidQuery, "name a column: PREV(variable.column)", "PREV of what is the same in all rows")
		return nil
	}
	f, _ := function.Lookup("LAG")
	offset := &plan.Literal{At: plan.At{Position: c.Pos()}, Value: value.OfBigInt(rows)}
	call := plan.AggregateCall{Function: f, Args: []plan.Expr{e, offset}}
	if !b.settled(c.Pos(), &call, false) {
		return nil
	}
	name := plan.PrintExpr(e, match.node.Input.Schema())
	r := plan.MatchRead{
		Kind: plan.Navigate, Set: *match.set, Column: match.previous.column(call, len(match.node.Input.Schema())),
		First: match.first, Offset: match.offset, Final: match.isFinal(), Of: call.Overload.Result.Optional(),
	}
	r.Name = match.nameOfPrevious(name, rows)
	return match.read(c.Pos(), r)
}

// startOf reads FIRST or LAST inside PREV, and gives their first argument.
func (b *binder) startOf(c *sql.Call, m *matchScope) (sql.Expr, bool) {
	if len(c.Args) < 1 || len(c.Args) > 2 {
		b.wrong(c.Pos(), problem.InvalidQuery, fmt.Sprintf("write %s(variable.column)", c.Function()), "%s with %s", c.Function(), counted(len(c.Args), "argument"))
		return nil, false
	}
	m.first = c.Function() == "FIRST"
	if len(c.Args) == 2 {
		offset := b.lookBack(c.Args[1], c.Function())
		if offset < 0 {
			return nil, false
		}
		m.offset = int(offset)
	}
	return c.Args[0], true
}

// nameOfPrevious prints a PREV with the variable whose row it starts from.
func (m *matchScope) nameOfPrevious(of string, rows int64) string {
	switch {
	case m.first:
		of = fmt.Sprintf("FIRST(%s, %d)", of, m.offset)
	case m.offset > 0:
		of = fmt.Sprintf("LAST(%s, %d)", of, m.offset)
	}
	return m.ofVariables(fmt.Sprintf("PREV(%s, %d)", of, rows))
}

// lookBack is a constant number of rows to look back, below zero after a problem.
func (b *binder) lookBack(e sql.Expr, name string) int64 {
	before := len(b.found)
	offset := b.rowCount(e, "the offset of "+name)
	switch {
	case len(b.found) > before:
		return -1
	case offset > matchRowsMax:
		b.wrong(e.Pos(), problem.TooLarge, "look less far back", "%s looks at most %d rows far", name, matchRowsMax)
		return -1
	}
	return offset
}
