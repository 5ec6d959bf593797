package bind

import "tidemark/plan"

// substitute moves expressions over columns to what the columns are made of,
// nullability and all.
func (b *binder) substitute(exprs []plan.Expr, with []plan.Expr) []plan.Expr {
	moved := make([]plan.Expr, len(exprs))
	for i, e := range exprs {
		moved[i] = b.substituted(e, with)
	}
	return moved
}

// substituted is substitute for one expression.
func (b *binder) substituted(e plan.Expr, with []plan.Expr) plan.Expr {
	if c, ok := e.(*plan.Column); ok {
		return with[c.Index]
	}
	parts := plan.Parts(e)
	changed := false
	moved := make([]plan.Expr, len(parts))
	for i, part := range parts {
		moved[i] = b.substituted(part, with)
		changed = changed || moved[i] != part
	}
	if !changed {
		return e
	}
	return b.retyped(e, moved)
}

// retyped is e with other parts, whose nullability may differ from that of the
// old ones.
func (b *binder) retyped(e plan.Expr, parts []plan.Expr) plan.Expr {
	switch e := e.(type) {
	case *plan.Call:
		overload, err := e.Function.Resolve(arguments(parts))
		if err != nil {
			b.report(e.Pos(), err)
			return e
		}
		return &plan.Call{At: e.At, Function: e.Function, Overload: overload, Args: parts}
	case *plan.Cast:
		c := *e
		c.Input = parts[0]
		c.To = c.To.WithNullability(c.To.NotNull && parts[0].Type().NotNull)
		return &c
	case *plan.Field:
		c := *e
		c.Input = parts[0]
		c.Of = c.Of.WithNullability(c.Of.NotNull && parts[0].Type().NotNull)
		return &c
	case *plan.Case:
		c := plan.WithParts(e, parts).(*plan.Case)
		required := c.Else.Type().NotNull
		for _, w := range c.Whens {
			required = required && w.Then.Type().NotNull
		}
		c.Of = c.Of.WithNullability(required)
		return c
	}
	return plan.WithParts(e, parts)
}
