package expr

import (
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
)

// ConditionOf is an expression as a condition that a source may look at, for those
// that are one: a text or number column against constants.
func ConditionOf(e plan.Expr) (c connect.Condition, ok bool) {
	if compare := asComparison(e); compare != nil {
		c.Column, c.Comparison = compare.column, connect.Comparison(compare.op)
		if c.Value = value.OfBigInt(compare.number); compare.isText {
			c.Value = value.OfString(compare.text)
		}
		return c, compare.op != "<>"
	}
	call, isCall := e.(*plan.Call)
	if !isCall {
		return c, false
	}
	column, isColumn := call.Args[0].(*plan.Column)
	if !isColumn {
		return c, false
	}
	c.Column, c.Comparison = column.Index, connect.Comparison(call.Function.Name)
	switch c.Comparison {
	case connect.IsNotNull:
		return c, true
	case connect.In:
		for _, arg := range call.Args[1:] {
			item, isLiteral := arg.(*plan.Literal)
			if !isLiteral || !comparesAsIs(column, item) {
				return c, false
			}
			c.Values = append(c.Values, item.Value)
		}
		return c, len(c.Values) > 0
	default:
		return c, false
	}
}
