package bind

import (
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// Join pairs the rows of left and right for which all conditions hold; they are
// over left's columns, then right's. It is the one way to make a plan.Join, so
// that all are alike: what is said of one side alone is asked before, unless
// rows of that side are in the result anyhow; equalities of the two sides become
// keys; and what bounds the rows that have to be remembered is recognised:
// windows that both sides are in, and bounds between their times. The result has
// the columns of a plan.Join of the kind.
func Join(kind plan.JoinKind, left, right plan.Node, conditions []plan.Expr) plan.Node {
	return KeptJoin(kind, left, right, conditions, [2]time.Duration{})
}

// KeptJoin is Join where something is said of how long the rows of the left and
// of the right are kept.
func KeptJoin(kind plan.JoinKind, left, right plan.Node, conditions []plan.Expr, ttl [2]time.Duration) plan.Node {
	k := newKeyed(left, right)
	for _, c := range conditions {
		if !k.alone(kind, c) {
			k.add(c)
		}
	}
	k.left.filter()
	k.right.filter()
	j := &plan.Join{Kind: kind, Left: k.left.extended(), Right: k.right.extended(), Keys: k.keys, Condition: k.condition(), TTL: ttl}
	if plan.AppendOnly(left) && plan.AppendOnly(right) {
		if j.Window = joinWindow(j); j.Window == nil {
			j.Interval = joinInterval(k.left.schema, k.right.schema, conditions)
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
		l, r := outputColumn(left, k.Left, problem.Position{}), outputColumn(right, k.Right, problem.Position{})
		conditions = append(conditions, equal(l, plan.Shift(r, len(left)), k.NullSafe))
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

// joinSide is an input of a join, with what is asked of it alone, and the keys
// that have to be computed from its columns.
type joinSide struct {
	node       plan.Node
	schema     plan.Schema
	conditions []plan.Expr
	computed   []plan.Expr
}

func newKeyed(left, right plan.Node) *keyed {
	k := &keyed{left: joinSide{node: left, schema: left.Schema()}, right: joinSide{node: right, schema: right.Schema()}}
	k.width = len(k.left.schema)
	return k
}

// alone gives a condition to the one side that it is about, unless the join
// keeps that side's rows whether they meet it or not. A condition that can fail
// does not go before one that may be there to spare it rows.
func (k *keyed) alone(kind plan.JoinKind, condition plan.Expr) bool {
	if !plan.Deterministic(condition) || len(k.rest) > 0 && !neverFails(condition) {
		return false
	}
	switch side := sideOf(condition, k.width); {
	case side == leftSide && !kind.KeepsLeft():
		k.left.conditions = append(k.left.conditions, condition)
	case side == rightSide && !kind.KeepsRight():
		k.right.conditions = append(k.right.conditions, plan.Shift(condition, -k.width))
	default:
		return false
	}
	return true
}

// add makes a key of a condition if it is one. A key is computed for every row
// of its side: if that can fail, it must not be for rows that an earlier
// condition would have spared.
func (k *keyed) add(condition plan.Expr) {
	if !k.key(condition) {
		k.rest = append(k.rest, condition)
	}
}

// key makes a key of a condition, false where it can be none.
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
	return l, plan.Shift(r, -k.width), c.Function.Name != "=", true
}

// condition is what remains to be asked of pairs with equal keys, over the
// extended sides; nil for nothing.
func (k *keyed) condition() plan.Expr {
	if len(k.rest) == 0 {
		return nil
	}
	all := Conjunction(k.rest)
	if n := len(k.left.computed); n > 0 {
		all = plan.Renumber(all, append(numbers(0, k.width), numbers(k.width+n, len(k.right.schema))...))
	}
	return all
}

// restored is the join n without the computed keys among its columns.
func (k *keyed) restored(n plan.Node, showsRight bool) plan.Node {
	if len(k.left.computed) == 0 && len(k.right.computed) == 0 {
		return n
	}
	kept := numbers(0, k.width)
	if showsRight {
		kept = append(kept, numbers(k.width+len(k.left.computed), len(k.right.schema))...)
	}
	return plan.Pick(n, kept...)
}

// filter leaves out the rows that do not meet the side's conditions.
func (s *joinSide) filter() {
	s.node = Where(s.node, s.conditions)
	s.schema = s.node.Schema()
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
	p := plan.PickAll(s.node)
	for _, e := range s.computed {
		p.Add(e, "key", plan.NoTime)
	}
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
