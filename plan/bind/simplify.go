package bind

import (
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
)

// simplify is what Flink's planner makes of a call before any value is looked
// at. The results differ for NaN and -0: x = x is TRUE of NaN, which equals
// nothing otherwise, and x + 0 keeps the sign of -0.
func (b *binder) simplify(c *plan.Call) plan.Expr {
	if len(c.Args) != 2 {
		return c
	}
	left, right := c.Args[0], c.Args[1]
	switch c.Function.Name {
	case "=":
		if sameDouble(left, right) {
			return b.trueUnlessNull(c.Pos(), left)
		}
	case "IS NOT DISTINCT FROM":
		if sameDouble(left, right) {
			return &plan.Literal{At: c.At, Value: value.OfBool(true)}
		}
	case "+":
		if isZero(right) && sameValues(left.Type(), c.Type()) {
			return left
		}
		if isZero(left) && sameValues(right.Type(), c.Type()) {
			return right
		}
	}
	return c
}

// sameDouble reports whether a and b always are the same FLOAT or DOUBLE. Of
// other types, = tells so itself.
func sameDouble(a, b plan.Expr) bool {
	return a.Type().IsApproximate() && plan.Deterministic(a) && plan.EqualExprs(throughText(a), throughText(b))
}

// throughText is x where e is x cast to STRING and back.
func throughText(e plan.Expr) plan.Expr {
	back, ok := e.(*plan.Cast)
	if !ok {
		return e
	}
	text, ok := back.Input.(*plan.Cast)
	if !ok || !sameValues(text.To, value.StringType) || !sameValues(text.Input.Type(), back.To) {
		return e
	}
	return text.Input
}

func isZero(e plan.Expr) bool {
	l, ok := e.(*plan.Literal)
	return ok && !l.Value.Null && l.Value.Type.IsApproximate() && l.Value.Float == 0
}

// trueUnlessNull is CASE WHEN e IS NOT NULL THEN TRUE END.
func (b *binder) trueUnlessNull(pos problem.Position, e plan.Expr) plan.Expr {
	at := plan.At{Position: pos}
	yes := &plan.Literal{At: at, Value: value.OfBool(true)}
	if e.Type().NotNull {
		return yes
	}
	isNotNull, _ := function.Lookup("IS NOT NULL")
	return &plan.Case{
		At:    at,
		Whens: []plan.When{{Condition: b.apply(pos, isNotNull, []plan.Expr{e}), Then: yes}},
		Else:  &plan.Literal{At: at, Value: value.NullOf(value.BooleanType)},
		Of:    value.BooleanType,
	}
}
