package bind

import (
	"errors"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
)

// Fold is the constant that e always is, with e's type and place, or e itself
// when it depends on a row or on the time, or cannot be computed: that error is
// left to when a row needs it. Its parts must have been folded before.
func Fold(ctx *plan.Context, e plan.Expr) plan.Expr {
	if !foldable(e) {
		return e
	}
	v, err := evaluate(ctx, e)
	if err != nil || len(v.Text) > textFoldedMax {
		return e
	}
	v.Type = e.Type()
	if v.Float == 0 {
		v.Float = 0 // constants have no -0, as in Flink: LOG(0, 5) is 0
	}
	return &plan.Literal{At: plan.At{Position: e.Pos()}, Value: v}
}

// foldable reports whether e may be a constant: all its parts are, and it
// always gives the same value for them.
func foldable(e plan.Expr) bool {
	switch e := e.(type) {
	case *plan.Literal, *plan.Column:
		return false
	case *plan.Call:
		if e.Function.Volatile {
			return false
		}
	case *plan.Cast, *plan.Case, *plan.Field:
	}
	for _, part := range plan.Parts(e) {
		if _, constant := part.(*plan.Literal); !constant {
			return false
		}
	}
	return true
}

// errNotConstant is evaluate's answer about columns.
var errNotConstant = errors.New("depends on a row")

// evaluate computes a constant expression with the code that rows are computed
// with.
func evaluate(ctx *plan.Context, e plan.Expr) (value.Value, error) {
	switch e := e.(type) {
	case *plan.Literal:
		return e.Value, nil
	case *plan.Cast:
		v, err := evaluate(ctx, e.Input)
		if err != nil {
			return v, err
		}
		return castValue(ctx, v, e.To, e.Try)
	case *plan.Case:
		for _, w := range e.Whens {
			condition, err := evaluate(ctx, w.Condition)
			if err != nil {
				return condition, err
			}
			if !condition.Null && condition.Bool {
				return evaluate(ctx, w.Then)
			}
		}
		return evaluate(ctx, e.Else)
	case *plan.Field:
		v, err := evaluate(ctx, e.Input)
		if err != nil || v.Null {
			return value.NullOf(e.Of), err
		}
		return v.Items[e.Index], nil
	case *plan.Call:
		return evaluateCall(ctx, e)
	}
	return value.Value{}, errNotConstant
}

func castValue(ctx *plan.Context, v value.Value, to value.Type, try bool) (value.Value, error) {
	in, out := columnOf(v, v.Type), emptyColumn(to)
	if err := function.Cast(v.Type, to, try)(ctx, []*batch.Column{in}, out); err != nil {
		return value.Value{}, err
	}
	return out.Value(0), nil
}

func evaluateCall(ctx *plan.Context, c *plan.Call) (value.Value, error) {
	args := make([]*batch.Column, len(c.Args))
	null := false
	for i, arg := range c.Args {
		v, err := evaluate(ctx, arg)
		if err != nil {
			return v, err
		}
		null = null || v.Null
		args[i] = columnOf(v, c.Overload.Params[i])
	}
	if null && c.Overload.Strict {
		return value.NullOf(c.Overload.Result), nil
	}
	out := emptyColumn(c.Overload.Result)
	if err := c.Overload.Eval(ctx, args, out); err != nil {
		return value.Value{}, err
	}
	return out.Value(0), nil
}

// columnOf is a column of the one row v.
func columnOf(v value.Value, t value.Type) *batch.Column {
	c := batch.NewColumn(t, 1)
	if v.Null {
		c.AppendNull()
	} else {
		c.AppendValue(v)
	}
	return c
}

func emptyColumn(t value.Type) *batch.Column {
	c := batch.NewColumn(t, 1)
	c.Resize(1)
	return c
}
