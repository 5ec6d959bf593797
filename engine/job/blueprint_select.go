package job

import (
	"tidemark/connect"
	"tidemark/engine/expr"
	"tidemark/plan"
	"tidemark/plan/bind"
)

// A source that can tell which rows pass conditions is offered those that the rows meet
// first: of the scan's own filter, or of one right above the source. What it takes is
// not computed again.
//
// Only conditions in front of all others are offered: those behind see no rows that did
// not pass them, and must not fail for such rows. Event time and the columns that are
// computed below it are of all rows, wanted or not.

// offerFilter offers a source the filter of its scan, which is all of its calc.
func (c *compiler) offerFilter(s *sourcePlan) {
	if selector, ok := s.source.(connect.Selector); ok && s.watermark == nil && c.isReadOnce(s.scan) {
		none := make([]bool, len(s.scan.Columns))
		s.calc, s.selects = takeOver(selector, s.calc, leading(len(s.scan.Columns)), none)
	}
}

// offer offers a source the filter that nodes begin with, which come right behind it in
// the order of the rows' way, and returns those that are left to be run.
func (c *compiler) offer(s *sourcePlan, nodes []plan.Node) []plan.Node {
	selector, ok := s.source.(connect.Selector)
	if !ok || s.scan.Filter != nil || !c.isReadOnce(s.scan) {
		return nodes
	}
	columns, whole, ok := s.wantedColumns()
	if ok {
		nodes, s.selects = takeOver(selector, nodes, columns, whole)
	}
	return nodes
}

// isReadOnce reports whether the plan has one place only that reads a scan.
func (c *compiler) isReadOnce(scan *plan.Scan) bool {
	places := 0
	plan.Inspect(c.spec.Plan, func(n plan.Node) bool {
		if n == plan.Node(scan) {
			places++
		}
		return true
	})
	return places == 1
}

// wantedColumns tells of the columns that rows have behind computed columns and event
// time, which of the scan's each one is, -1 for a computed one; and which of the scan's
// are needed for all rows.
func (s *sourcePlan) wantedColumns() (columns []int, whole []bool, ok bool) {
	columns, whole = leading(len(s.scan.Columns)), make([]bool, len(s.scan.Columns))
	switch len(s.calc) {
	case 0:
	case 1:
		computed, isProject := s.calc[0].(*plan.Project)
		if !isProject {
			return nil, nil, false
		}
		columns = make([]int, len(computed.Exprs))
		for i, e := range computed.Exprs {
			if column, isColumn := e.(*plan.Column); isColumn {
				columns[i] = column.Index
				continue
			}
			columns[i] = -1
			plan.InspectExpr(e, func(e plan.Expr) bool {
				if column, isColumn := e.(*plan.Column); isColumn {
					whole[column.Index] = true
				}
				return true
			})
		}
	default:
		return nil, nil, false
	}
	if s.watermark == nil {
		return columns, whole, true
	}
	plan.InspectExpr(s.watermark.Delayed, func(e plan.Expr) bool {
		if column, isColumn := e.(*plan.Column); isColumn && columns[column.Index] >= 0 {
			whole[columns[column.Index]] = true
		}
		return true
	})
	return columns, whole, true
}

// takeOver offers the conditions that the first of nodes begins with, over columns that
// stand for those of the source, and gives the nodes that are left.
func takeOver(selector connect.Selector, nodes []plan.Node, columns []int, whole []bool) (left []plan.Node, took bool) {
	if len(nodes) == 0 {
		return nodes, false
	}
	filter, ok := nodes[0].(*plan.Filter)
	if !ok {
		return nodes, false
	}
	terms := plan.Conjuncts(filter.Condition)
	offered := connect.Selection{Whole: whole}
	for _, term := range terms {
		condition, ok := expr.ConditionOf(term)
		if !ok || columns[condition.Column] < 0 {
			break
		}
		condition.Column = columns[condition.Column]
		offered.Conditions = append(offered.Conditions, condition)
	}
	if len(offered.Conditions) == 0 {
		return nodes, false
	}
	var rest []plan.Expr
	for i, taken := range selector.Select(offered) {
		if taken {
			took = true
		} else {
			rest = append(rest, terms[i])
		}
	}
	if !took {
		return nodes, false
	}
	if rest = append(rest, terms[len(offered.Conditions):]...); len(rest) == 0 {
		return nodes[1:], true
	}
	return append([]plan.Node{&plan.Filter{Input: filter.Input, Condition: bind.Conjunction(rest)}}, nodes[1:]...), true
}
