package rewrite

import (
	"time"

	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/bind"
)

// foldConstants computes what has become constant since the plan was bound,
// and drops what a constant decides: x AND TRUE is x. Only functions that do
// not depend on the session are computed.
func foldConstants(n plan.Node) plan.Node {
	folded := plan.MapExprs(n, func(e plan.Expr) plan.Expr { return plan.TransformExpr(e, foldExpr) })
	if folded == n {
		return nil
	}
	return folded
}

// sessionless are the categories of functions whose result depends on nothing
// but the arguments.
var sessionless = map[string]bool{"arithmetic": true, "comparison": true, "logic": true}

var folding = &plan.Context{Zone: time.UTC}

func foldExpr(e plan.Expr) plan.Expr {
	switch e := e.(type) {
	case *plan.Call:
		return foldCall(e)
	case *plan.Case:
		return foldCase(e)
	}
	return e
}

func foldCall(c *plan.Call) plan.Expr {
	switch c.Function.Name {
	case "AND":
		return foldConnective(c, false)
	case "OR":
		return foldConnective(c, true)
	case "IS NULL", "IS NOT NULL":
		if c.Args[0].Type().NotNull && plan.Deterministic(c.Args[0]) {
			return truth(c, c.Function.Name == "IS NOT NULL")
		}
	}
	if !sessionless[c.Function.Category] {
		return c
	}
	for _, arg := range c.Args {
		if _, constant := arg.(*plan.Literal); !constant {
			return c
		}
	}
	return bind.Fold(folding, c)
}

// foldConnective drops the operands of AND and OR that decide nothing, and is
// the deciding constant where there is one.
func foldConnective(c *plan.Call, decisive bool) plan.Expr {
	var open []plan.Expr
	for _, arg := range c.Args {
		l, constant := arg.(*plan.Literal)
		switch {
		case !constant || l.Value.Null:
			open = append(open, arg)
		case l.Value.Bool == decisive:
			return truth(c, decisive)
		}
	}
	switch len(open) {
	case len(c.Args):
		return c
	case 0:
		return truth(c, !decisive)
	case 1:
		return open[0]
	}
	return remake(c, open)
}

// remake is the call with fewer operands.
func remake(c *plan.Call, args []plan.Expr) plan.Expr {
	arguments := make([]plan.Argument, len(args))
	for i, a := range args {
		arguments[i] = plan.Argument{Type: a.Type(), At: a.Pos()}
	}
	overload, err := c.Function.Resolve(arguments)
	if err != nil {
		return c // what it took before, it takes again
	}
	return &plan.Call{At: c.At, Function: c.Function, Overload: overload, Args: args}
}

// foldCase drops branches that are never taken, and is the branch that always is.
func foldCase(c *plan.Case) plan.Expr {
	var whens []plan.When
	last := c.Else
	for _, w := range c.Whens {
		if l, constant := w.Condition.(*plan.Literal); constant {
			if l.Value.Null || !l.Value.Bool {
				continue
			}
			last = w.Then
			break
		}
		whens = append(whens, w)
	}
	switch {
	case len(whens) == 0:
		return last
	case len(whens) == len(c.Whens):
		return c
	}
	return &plan.Case{At: c.At, Whens: whens, Else: last, Of: c.Of}
}

func truth(at plan.Expr, b bool) plan.Expr {
	return &plan.Literal{At: plan.At{Position: at.Pos()}, Value: value.OfBool(b)}
}
