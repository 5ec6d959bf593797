package bind

import (
	"tidemark/plan"
	"tidemark/plan/function"
)

// Where keeps the rows of n for which all conditions are true. What they say of
// both sides of an inner join belongs to the join: so joins by comma are
// written.
func Where(n plan.Node, conditions []plan.Expr) plan.Node {
	n, rest := absorbed(n, conditions)
	if len(rest) == 0 {
		return n
	}
	return &plan.Filter{Input: n, Condition: Conjunction(rest)}
}

// absorbed gives the conditions that belong to joins at the top of n to them;
// rest are the others.
func absorbed(n plan.Node, conditions []plan.Expr) (with plan.Node, rest []plan.Expr) {
	switch n := n.(type) {
	case *plan.Project:
		return absorbedBelow(n, conditions)
	case *plan.Join:
		if n.Kind == plan.InnerJoin {
			return absorbedByJoin(n, conditions)
		}
	case *plan.Unnest, *plan.TemporalJoin, *plan.LookupJoin:
		inputs := append([]plan.Node(nil), n.Inputs()...)
		width := len(inputs[0].Schema())
		first, staying := Split(conditions, func(c plan.Expr) bool { return sideOf(c, width) == leftSide })
		inputs[0], rest = absorbed(inputs[0], first)
		return plan.WithInputs(n, inputs), append(rest, staying...)
	}
	return n, conditions
}

// absorbedByJoin makes conditions on both sides part of an inner join, and lets
// joins that are its sides have theirs.
func absorbedByJoin(n *plan.Join, conditions []plan.Expr) (with plan.Node, rest []plan.Expr) {
	width := len(n.Left.Schema())
	both, conditions := Split(conditions, func(c plan.Expr) bool { return sideOf(c, width) == bothSides })
	ofLeft, conditions := Split(conditions, func(c plan.Expr) bool { return sideOf(c, width) == leftSide })
	ofRight, conditions := Split(conditions, func(c plan.Expr) bool { return sideOf(c, width) == rightSide })
	left, rest := absorbed(n.Left, ofLeft)
	for i, c := range ofRight {
		ofRight[i] = plan.Shift(c, -width)
	}
	right, rightRest := absorbed(n.Right, ofRight)
	for _, c := range rightRest {
		rest = append(rest, plan.Shift(c, width))
	}
	rest = append(rest, conditions...)
	if len(both) == 0 && left == n.Left && right == n.Right {
		return n, rest
	}
	return KeptJoin(n.Kind, left, right, append(JoinConditions(n), both...), n.TTL), rest
}

// absorbedBelow is absorbed for joins below a projection that picks the columns
// which conditions are over. Times that a join keeps then are times above it.
func absorbedBelow(n *plan.Project, conditions []plan.Expr) (with plan.Node, rest []plan.Expr) {
	picked, staying := Split(conditions, func(c plan.Expr) bool {
		return plan.UsesOnly(c, func(column int) bool { return isColumn(n.Exprs[column]) })
	})
	below := make([]plan.Expr, len(picked))
	for i, c := range picked {
		below[i] = plan.Substitute(c, n.Exprs)
	}
	input, left := absorbed(n.Input, below)
	if input == n.Input {
		return n, conditions
	}
	if len(left) > 0 {
		input = &plan.Filter{Input: input, Condition: Conjunction(left)}
	}
	p := &plan.Project{Input: input, Exprs: n.Exprs, Names: n.Names}
	times := timesOf(input)
	for _, e := range n.Exprs {
		p.Times = append(p.Times, timeOf(e, times))
	}
	return p, staying
}

// Split tells the conditions that can run earlier from those that stay. A
// condition that could fail does not go before one that stays, which may be
// there to spare it rows.
func Split(conditions []plan.Expr, takes func(plan.Expr) bool) (moving, staying []plan.Expr) {
	for _, c := range conditions {
		if plan.Deterministic(c) && takes(c) && (len(staying) == 0 || neverFails(c)) {
			moving = append(moving, c)
		} else {
			staying = append(staying, c)
		}
	}
	return moving, staying
}

// neverFails reports whether e surely gives a value for every row.
func neverFails(e plan.Expr) bool {
	safe := true
	plan.InspectExpr(e, func(e plan.Expr) bool {
		switch e := e.(type) {
		case *plan.Call:
			category, name := e.Function.Category, e.Function.Name
			safe = safe && (category == "comparison" || category == "logic" || name == "+" || name == "-" || name == "*")
		case *plan.Cast:
			from, to := e.Input.Type(), e.To
			safe = safe && (e.Try || to.IsText() || from.IsNumeric() && to.IsNumeric() || from.IsTimestamp() && to.IsTimestamp())
		case *plan.Column, *plan.Literal, *plan.Case, *plan.Field:
		}
		return safe
	})
	return safe
}

// Conjunction is the AND of conditions, of which there is at least one.
func Conjunction(conditions []plan.Expr) plan.Expr {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return called("AND", conditions...)
}

// side says of which inputs of a join an expression uses columns.
type side uint8

const (
	noSide    side = 0
	leftSide  side = 1
	rightSide side = 2
	bothSides      = leftSide | rightSide
)

// sideOf tells the sides of an expression over width columns of the left, and
// then the right's.
func sideOf(e plan.Expr, width int) side {
	used := noSide
	plan.InspectExpr(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Column); ok {
			if c.Index < width {
				used |= leftSide
			} else {
				used |= rightSide
			}
		}
		return true
	})
	return used
}

// same compares values of one type, where NULL is a value like any other.
func same(x, y plan.Expr) plan.Expr {
	return equal(x, y, !x.Type().NotNull || !y.Type().NotNull)
}

// equal compares values of one type; with nullSafe NULL equals NULL.
func equal(x, y plan.Expr, nullSafe bool) plan.Expr {
	if nullSafe {
		return called("IS NOT DISTINCT FROM", x, y)
	}
	return called("=", x, y)
}

// called is a call of a function that takes the arguments as they are.
func called(name string, args ...plan.Expr) plan.Expr {
	f, _ := function.Lookup(name)
	overload, err := f.Resolve(arguments(args))
	if err != nil {
		panic("bind: " + name + ": " + err.Error())
	}
	return &plan.Call{At: plan.At{Position: args[0].Pos()}, Function: f, Overload: overload, Args: args}
}
