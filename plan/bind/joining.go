package bind

import (
	"slices"

	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
)

// Join pairs the rows of left and right for which all conditions hold; they are
// over left's columns, then right's. Equalities of the two sides become keys,
// and what bounds the rows that have to be remembered is recognised: windows
// that both sides are in, and bounds between their times. The result has the
// columns of a plan.Join of the kind.
func Join(kind plan.JoinKind, left, right plan.Node, conditions []plan.Expr) plan.Node {
	k := newKeyed(left, right)
	for _, c := range conditions {
		k.add(c)
	}
	j := &plan.Join{Kind: kind, Left: k.left.extended(), Right: k.right.extended(), Keys: k.keys, Condition: k.condition()}
	if plan.AppendOnly(left) && plan.AppendOnly(right) {
		if j.Window = joinWindow(j); j.Window == nil {
			j.Interval = joinInterval(left.Schema(), right.Schema(), conditions)
		}
	}
	return k.restored(j, kind.ShowsRight())
}

// JoinConditions is what the pairs of a join meet, keys and all: Join makes the
// same join of them.
func JoinConditions(j *plan.Join) []plan.Expr {
	left, right := j.Left.Schema(), j.Right.Schema()
	var conditions []plan.Expr
	for _, k := range j.Keys {
		l := &plan.Column{Index: k.Left, Name: left[k.Left].Name, Of: left[k.Left].Type}
		r := &plan.Column{Index: len(left) + k.Right, Name: right[k.Right].Name, Of: right[k.Right].Type}
		operator := "="
		if k.NullSafe {
			operator = "IS NOT DISTINCT FROM"
		}
		conditions = append(conditions, called(operator, l, r))
	}
	if j.Condition != nil {
		conditions = append(conditions, plan.Conjuncts(j.Condition)...)
	}
	return conditions
}

// keyed takes the keys out of the conditions of a join.
type keyed struct {
	left, right joinSide
	width       int // columns of left
	keys        []plan.JoinKey
	rest        []plan.Expr // conditions that are no keys, over both sides as they came
}

// joinSide is an input of a join, with the keys that have to be computed from
// its columns.
type joinSide struct {
	node     plan.Node
	schema   plan.Schema
	computed []plan.Expr
}

func newKeyed(left, right plan.Node) *keyed {
	k := &keyed{left: joinSide{node: left, schema: left.Schema()}, right: joinSide{node: right, schema: right.Schema()}}
	k.width = len(k.left.schema)
	return k
}

// add makes a key of a condition if it is one. A key is computed for every row
// of its side: if that can fail, it must not be for rows that an earlier
// condition would have spared.
func (k *keyed) add(condition plan.Expr) {
	if !k.key(condition) {
		k.rest = append(k.rest, condition)
	}
}

func (k *keyed) key(condition plan.Expr) bool {
	l, r, nullSafe, ok := k.equality(condition)
	if !ok || len(k.rest) > 0 && !(neverFails(l) && neverFails(r)) {
		return false
	}
	of, ok := keyType(l.Type(), r.Type())
	if !ok {
		return false
	}
	k.keys = append(k.keys, plan.JoinKey{Left: k.left.column(implicit(l, of)), Right: k.right.column(implicit(r, of)), NullSafe: nullSafe})
	return true
}

// equality takes apart a condition that something of the left equals something
// of the right; r is over the right's columns.
func (k *keyed) equality(condition plan.Expr) (l, r plan.Expr, nullSafe, ok bool) {
	c, isCall := condition.(*plan.Call)
	if !isCall || c.Function.Name != "=" && c.Function.Name != "IS NOT DISTINCT FROM" || !plan.Deterministic(c) {
		return nil, nil, false, false
	}
	l, r = c.Args[0], c.Args[1]
	if sideOf(l, k.width) == rightSide {
		l, r = r, l
	}
	if sideOf(l, k.width) != leftSide || sideOf(r, k.width) != rightSide {
		return nil, nil, false, false
	}
	return l, moved(r, -k.width), c.Function.Name != "=", true
}

// condition is what is left when keys are equal, over the extended sides.
func (k *keyed) condition() plan.Expr {
	if len(k.rest) == 0 {
		return nil
	}
	all := conjunction(k.rest)
	if n := len(k.left.computed); n > 0 {
		to := make([]int, k.width+len(k.right.schema))
		for i := range to {
			to[i] = i
			if i >= k.width {
				to[i] += n
			}
		}
		all = plan.Renumber(all, to)
	}
	return all
}

// restored is the join n without the computed keys among its columns.
func (k *keyed) restored(n plan.Node, showsRight bool) plan.Node {
	if len(k.left.computed) == 0 && len(k.right.computed) == 0 {
		return n
	}
	s := n.Schema()
	p := &plan.Project{Input: n}
	add := func(first, count int) {
		for i := first; i < first+count; i++ {
			p.Exprs = append(p.Exprs, &plan.Column{Index: i, Name: s[i].Name, Of: s[i].Type})
			p.Names, p.Times = append(p.Names, s[i].Name), append(p.Times, s[i].Time)
		}
	}
	add(0, k.width)
	if showsRight {
		add(k.width+len(k.left.computed), len(k.right.schema))
	}
	return p
}

// column is where e is among the side's columns, which may get one more.
func (s *joinSide) column(e plan.Expr) int {
	if c, ok := e.(*plan.Column); ok {
		return c.Index
	}
	for i, known := range s.computed {
		if plan.EqualExprs(known, e) {
			return len(s.schema) + i
		}
	}
	s.computed = append(s.computed, e)
	return len(s.schema) + len(s.computed) - 1
}

// extended is the side with its computed keys behind its columns.
func (s *joinSide) extended() plan.Node {
	if len(s.computed) == 0 {
		return s.node
	}
	p := &plan.Project{Input: s.node}
	for i, c := range s.schema {
		p.Exprs = append(p.Exprs, &plan.Column{Index: i, Name: c.Name, Of: c.Type})
		p.Names, p.Times = append(p.Names, c.Name), append(p.Times, c.Time)
	}
	for range s.computed {
		p.Names, p.Times = append(p.Names, "key"), append(p.Times, plan.NoTime)
	}
	p.Exprs = append(p.Exprs, s.computed...)
	return p
}

// keyType is the type in which keys of two types are the same bytes whenever
// the values are equal.
func keyType(l, r value.Type) (of value.Type, ok bool) {
	switch {
	case hasMap(l) || hasMap(r) || l.Kind == value.Variant || r.Kind == value.Variant || l.Kind == value.Null || r.Kind == value.Null:
		return of, false
	case sameValues(l, r):
		return l, true
	case l.IsText() && r.IsText():
		return value.StringType, true
	case l.IsBytes() && r.IsBytes():
		return value.BytesType, true
	case l.Kind == value.Decimal && r.Kind == value.Decimal:
		scale := max(l.Scale, r.Scale)
		digits := max(l.Precision-l.Scale, r.Precision-r.Scale) + scale
		return value.DecimalOf(digits, scale), digits <= value.MaxDecimalPrecision
	case l.IsInteger() && r.IsInteger(), l.Kind == r.Kind && (l.IsTimestamp() || l.Kind == value.Time || l.IsInterval()):
		return value.LeastRestrictive(l, r)
	}
	return of, false
}

// hasMap reports whether values of the type hold maps, which are equal in any
// order of their entries.
func hasMap(t value.Type) bool {
	if t.Kind == value.Map || t.Elem != nil && hasMap(*t.Elem) {
		return true
	}
	for _, f := range t.Fields {
		if hasMap(f.Type) {
			return true
		}
	}
	return false
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

// moved is e over columns that stand by further behind.
func moved(e plan.Expr, by int) plan.Expr {
	if by == 0 {
		return e
	}
	return plan.TransformExpr(e, func(e plan.Expr) plan.Expr {
		c, ok := e.(*plan.Column)
		if !ok {
			return e
		}
		at := *c
		at.Index += by
		return &at
	})
}

// called is a call of a function that takes the arguments as they are.
func called(name string, args ...plan.Expr) plan.Expr {
	f, _ := function.Lookup(name)
	arguments := make([]plan.Argument, len(args))
	for i, e := range args {
		arguments[i] = argument(e)
	}
	overload, err := f.Resolve(arguments)
	if err != nil {
		panic("bind: " + name + ": " + err.Error())
	}
	return &plan.Call{At: plan.At{Position: args[0].Pos()}, Function: f, Overload: overload, Args: args}
}

// conjunction is the AND of conditions, of which there is at least one.
func conjunction(conditions []plan.Expr) plan.Expr {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return called("AND", conditions...)
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

// Where keeps the rows of n for which all conditions are true. What they say of
// both sides of an inner join belongs to the join: so joins by comma are
// written.
func Where(n plan.Node, conditions []plan.Expr) plan.Node {
	n, rest := absorbed(n, conditions)
	if len(rest) == 0 {
		return n
	}
	return &plan.Filter{Input: n, Condition: conjunction(rest)}
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
		first, staying := taken(conditions, func(c plan.Expr) bool { return sideOf(c, width) == leftSide })
		inputs[0], rest = absorbed(inputs[0], first)
		return plan.WithInputs(n, inputs), append(rest, staying...)
	}
	return n, conditions
}

// taken splits conditions into those that run earlier and those that stay. A
// condition that could fail does not go before one that stays, which may be
// there to spare it rows.
func taken(conditions []plan.Expr, takes func(plan.Expr) bool) (moving, staying []plan.Expr) {
	for _, c := range conditions {
		if plan.Deterministic(c) && takes(c) && (len(staying) == 0 || neverFails(c)) {
			moving = append(moving, c)
		} else {
			staying = append(staying, c)
		}
	}
	return moving, staying
}

// absorbedByJoin makes conditions on both sides part of an inner join, and lets
// joins that are its sides have theirs.
func absorbedByJoin(n *plan.Join, conditions []plan.Expr) (with plan.Node, rest []plan.Expr) {
	width := len(n.Left.Schema())
	both, conditions := taken(conditions, func(c plan.Expr) bool { return sideOf(c, width) == bothSides })
	ofLeft, conditions := taken(conditions, func(c plan.Expr) bool { return sideOf(c, width) == leftSide })
	ofRight, conditions := taken(conditions, func(c plan.Expr) bool { return sideOf(c, width) == rightSide })
	left, rest := absorbed(n.Left, ofLeft)
	for i, c := range ofRight {
		ofRight[i] = moved(c, -width)
	}
	right, rightRest := absorbed(n.Right, ofRight)
	for _, c := range rightRest {
		rest = append(rest, moved(c, width))
	}
	rest = append(rest, conditions...)
	if len(both) == 0 && left == n.Left && right == n.Right {
		return n, rest
	}
	return Join(n.Kind, left, right, append(JoinConditions(n), both...)), rest
}

// absorbedBelow is absorbed for joins below a projection that picks the columns
// which conditions are over. Times that a join keeps then are times above it.
func absorbedBelow(n *plan.Project, conditions []plan.Expr) (with plan.Node, rest []plan.Expr) {
	picked, staying := taken(conditions, func(c plan.Expr) bool {
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
		input = &plan.Filter{Input: input, Condition: conjunction(left)}
	}
	p := &plan.Project{Input: input, Exprs: n.Exprs, Names: n.Names}
	times := timesOf(input)
	for _, e := range n.Exprs {
		p.Times = append(p.Times, timeOf(e, times))
	}
	return p, staying
}

func isColumn(e plan.Expr) bool {
	_, ok := e.(*plan.Column)
	return ok
}

// picksOnly reports whether a projection only picks columns.
func picksOnly(p *plan.Project) bool {
	return !slices.ContainsFunc(p.Exprs, func(e plan.Expr) bool { return !isColumn(e) })
}
