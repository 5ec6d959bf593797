package embedded

import (
	"time"

	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
)

// mirrored are comparisons read from the other side.
var mirrored = map[connect.Comparison]connect.Comparison{
	connect.Equals: connect.Equals, connect.Less: connect.Greater, connect.LessOrEqual: connect.GreaterOrEqual,
	connect.Greater: connect.Less, connect.GreaterOrEqual: connect.LessOrEqual,
}

// conditionsOf are the parts of a scan's filter that a source may understand:
// columns that are compared with constants. The engine filters all the same.
func conditionsOf(scan *plan.Scan) []connect.Condition {
	if scan.Filter == nil {
		return nil
	}
	var all []connect.Condition
	for _, e := range plan.Conjuncts(scan.Filter) {
		if c, ok := conditionOf(e); ok {
			all = append(all, c)
		}
	}
	return all
}

func conditionOf(e plan.Expr) (c connect.Condition, ok bool) {
	call, isCall := e.(*plan.Call)
	if !isCall || len(call.Args) == 0 {
		return c, false
	}
	c.Comparison = connect.Comparison(call.Function.Name)
	column, isColumn := call.Args[0].(*plan.Column)
	if c.Comparison == connect.IsNotNull && isColumn {
		c.Column = column.Index
		return c, true
	}
	if mirrored[c.Comparison] == "" || len(call.Args) != 2 {
		return c, false
	}
	constant := call.Args[1]
	if !isColumn {
		if column, isColumn = call.Args[1].(*plan.Column); !isColumn {
			return c, false
		}
		c.Comparison, constant = mirrored[c.Comparison], call.Args[0]
	}
	literal, isLiteral := constant.(*plan.Literal)
	if !isLiteral {
		return c, false
	}
	c.Column = column.Index
	c.Value, ok = sameAs(literal.Value, column.Of)
	return c, ok
}

// sameAs is a value as another type that has it as well.
func sameAs(v value.Value, t value.Type) (value.Value, bool) {
	if v.Null || !value.CanCast(v.Type, t) || !value.CanCast(t, v.Type) || t.Class() == value.Lists || t.Class() == value.Structs {
		return v, false
	}
	if t.IsText() {
		return v, v.Type.IsText()
	}
	as, err := value.Cast(v, t, time.UTC)
	if err != nil || as.Null {
		return v, false
	}
	back, err := value.Cast(as, v.Type, time.UTC)
	return as, err == nil && !back.Null && value.Equal(back, v)
}
