package plan

import (
	"fmt"

	"tidemark/base/value"
)

// Inspect visits n and the nodes below it, parents first; it does not go below
// a node for which visit is false.
func Inspect(n Node, visit func(Node) bool) {
	if !visit(n) {
		return
	}
	for _, input := range n.Inputs() {
		Inspect(input, visit)
	}
}

// WithInputs is n over other inputs. It is n itself when they are its own.
func WithInputs(n Node, inputs []Node) Node {
	same := true
	for i, old := range n.Inputs() {
		same = same && old == inputs[i]
	}
	if same {
		return n
	}
	switch n := n.(type) {
	case *Watermark:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Filter:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Project:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Window:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Aggregate:
		c := *n
		c.Input = inputs[0]
		return &c
	case *WindowAggregate:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Shared:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Sort:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Limit:
		c := *n
		c.Input = inputs[0]
		return &c
	case *LookupJoin:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Unnest:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Over:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Rank:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Normalize:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Match:
		c := *n
		c.Input = inputs[0]
		return &c
	case *Join:
		c := *n
		c.Left, c.Right = inputs[0], inputs[1]
		return &c
	case *TemporalJoin:
		c := *n
		c.Left, c.Right = inputs[0], inputs[1]
		return &c
	case *Union:
		return &Union{All: inputs}
	case *MultiJoin:
		return &MultiJoin{All: inputs, Keys: n.Keys}
	}
	panic(fmt.Sprintf("plan: %T has no inputs", n))
}

// Parts are the expressions directly inside e, left to right.
func Parts(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return e.Args
	case *Cast:
		return []Expr{e.Input}
	case *Field:
		return []Expr{e.Input}
	case *Case:
		parts := make([]Expr, 0, 2*len(e.Whens)+1)
		for _, w := range e.Whens {
			parts = append(parts, w.Condition, w.Then)
		}
		return append(parts, e.Else)
	}
	return nil
}

// WithParts is e with other expressions inside, in the order of Parts. Types
// stay as they were, so a part may only be replaced by one of its type.
func WithParts(e Expr, parts []Expr) Expr {
	switch e := e.(type) {
	case *Call:
		c := *e
		c.Args = parts
		return &c
	case *Cast:
		c := *e
		c.Input = parts[0]
		return &c
	case *Field:
		c := *e
		c.Input = parts[0]
		return &c
	case *Case:
		c := *e
		c.Whens = make([]When, len(e.Whens))
		for i := range c.Whens {
			c.Whens[i] = When{Condition: parts[2*i], Then: parts[2*i+1]}
		}
		c.Else = parts[len(parts)-1]
		return &c
	}
	return e
}

// InspectExpr visits e and everything inside it, parents first; it does not go
// inside an expression for which visit is false.
func InspectExpr(e Expr, visit func(Expr) bool) {
	if !visit(e) {
		return
	}
	for _, part := range Parts(e) {
		InspectExpr(part, visit)
	}
}

// TransformExpr rebuilds e from the inside out: f sees every expression with
// its parts transformed already. Parts that f leaves alone are shared.
func TransformExpr(e Expr, f func(Expr) Expr) Expr {
	parts := Parts(e)
	var changed []Expr
	for i, part := range parts {
		if to := TransformExpr(part, f); to != part {
			if changed == nil {
				changed = append([]Expr(nil), parts...)
			}
			changed[i] = to
		}
	}
	if changed != nil {
		e = WithParts(e, changed)
	}
	return f(e)
}

// Substitute replaces every column i of e by with[i]: it moves an expression
// over a projection to below it.
func Substitute(e Expr, with []Expr) Expr {
	return TransformExpr(e, func(e Expr) Expr {
		if c, ok := e.(*Column); ok {
			return with[c.Index]
		}
		return e
	})
}

// Renumber gives every column i of e the index to[i].
func Renumber(e Expr, to []int) Expr {
	return TransformExpr(e, func(e Expr) Expr {
		c, ok := e.(*Column)
		if !ok || to[c.Index] == c.Index {
			return e
		}
		moved := *c
		moved.Index = to[c.Index]
		return &moved
	})
}

// Shift is e over columns that stand by further behind.
func Shift(e Expr, by int) Expr {
	if by == 0 {
		return e
	}
	return TransformExpr(e, func(e Expr) Expr {
		c, ok := e.(*Column)
		if !ok {
			return e
		}
		shifted := *c
		shifted.Index += by
		return &shifted
	})
}

// MarkUsed sets used[i] for every column i in the expressions; nil ones are
// skipped.
func MarkUsed(used []bool, exprs ...Expr) {
	for _, e := range exprs {
		if e == nil {
			continue
		}
		InspectExpr(e, func(e Expr) bool {
			if c, ok := e.(*Column); ok {
				used[c.Index] = true
			}
			return true
		})
	}
}

// UsesOnly reports whether all columns of e are among those allowed.
func UsesOnly(e Expr, allowed func(column int) bool) bool {
	only := true
	InspectExpr(e, func(e Expr) bool {
		if c, ok := e.(*Column); ok && !allowed(c.Index) {
			only = false
		}
		return only
	})
	return only
}

// Deterministic reports whether e gives the same value for the same row, now
// and later.
func Deterministic(e Expr) bool {
	fixed := true
	InspectExpr(e, func(e Expr) bool {
		if c, ok := e.(*Call); ok && c.Function.Volatile {
			fixed = false
		}
		return fixed
	})
	return fixed
}

// EqualExprs reports whether a and b are the same expression, wherever they
// stand in the text.
func EqualExprs(a, b Expr) bool {
	if !sameHead(a, b) {
		return false
	}
	p, q := Parts(a), Parts(b)
	if len(p) != len(q) {
		return false
	}
	for i := range p {
		if !EqualExprs(p[i], q[i]) {
			return false
		}
	}
	return true
}

func sameHead(a, b Expr) bool {
	switch a := a.(type) {
	case *Column:
		b, ok := b.(*Column)
		return ok && a.Index == b.Index
	case *Literal:
		b, ok := b.(*Literal)
		return ok && a.Value.Type.Equal(b.Value.Type) && a.Value.Null == b.Value.Null && (a.Value.Null || value.Equal(a.Value, b.Value))
	case *Call:
		b, ok := b.(*Call)
		return ok && a.Function == b.Function && a.Type().Equal(b.Type())
	case *Cast:
		b, ok := b.(*Cast)
		return ok && a.Try == b.Try && a.To.Equal(b.To)
	case *Case:
		_, ok := b.(*Case)
		return ok
	case *Field:
		b, ok := b.(*Field)
		return ok && a.Index == b.Index
	case interface{ Same(Expr) bool }: // what the binder has in expressions for a while
		return a.Same(b)
	}
	return false
}

// Conjuncts takes a condition apart at its ANDs. TRUE gives none.
func Conjuncts(e Expr) []Expr {
	if c, ok := e.(*Call); ok && c.Function.Name == "AND" {
		var all []Expr
		for _, arg := range c.Args {
			all = append(all, Conjuncts(arg)...)
		}
		return all
	}
	if IsTrue(e) {
		return nil
	}
	return []Expr{e}
}

// IsTrue reports whether e is the constant TRUE.
func IsTrue(e Expr) bool {
	l, ok := e.(*Literal)
	return ok && l.Value.Type.Kind == value.Boolean && !l.Value.Null && l.Value.Bool
}

// IsNullLiteral reports whether e is a constant NULL.
func IsNullLiteral(e Expr) bool {
	l, ok := e.(*Literal)
	return ok && l.Value.Null
}

// MapExprs is n with every expression directly in it replaced by what f makes
// of it; n itself when f leaves all alone. The types of expressions that make
// columns must stay, apart from nullability.
func MapExprs(n Node, f func(Expr) Expr) Node {
	m := exprMapper{f: f}
	switch n := n.(type) {
	case *Scan:
		c := *n
		c.Filter = m.one(n.Filter)
		return m.result(n, &c)
	case *Values:
		c := *n
		c.Rows = make([][]Expr, len(n.Rows))
		for i, row := range n.Rows {
			c.Rows[i] = m.all(row)
		}
		return m.result(n, &c)
	case *Watermark:
		c := *n
		c.Delayed = m.one(n.Delayed)
		return m.result(n, &c)
	case *Filter:
		c := *n
		c.Condition = m.one(n.Condition)
		return m.result(n, &c)
	case *Project:
		c := *n
		c.Exprs = m.all(n.Exprs)
		return m.result(n, &c)
	case *Aggregate:
		c := *n
		c.Keys, c.Calls = m.all(n.Keys), m.calls(n.Calls)
		return m.result(n, &c)
	case *WindowAggregate:
		c := *n
		c.Keys, c.Calls = m.all(n.Keys), m.calls(n.Calls)
		return m.result(n, &c)
	case *Sort:
		c := *n
		c.Keys = m.order(n.Keys)
		return m.result(n, &c)
	case *Join:
		c := *n
		c.Condition = m.one(n.Condition)
		return m.result(n, &c)
	case *TemporalJoin:
		c := *n
		c.Condition = m.one(n.Condition)
		return m.result(n, &c)
	case *LookupJoin:
		c := *n
		c.Condition = m.one(n.Condition)
		c.Keys = append([]LookupKey(nil), n.Keys...)
		for i := range c.Keys {
			c.Keys[i].Value = m.one(c.Keys[i].Value)
		}
		return m.result(n, &c)
	case *Unnest:
		c := *n
		c.Collection, c.Condition = m.one(n.Collection), m.one(n.Condition)
		return m.result(n, &c)
	case *Over:
		c := *n
		c.Order = m.order(n.Order)
		c.Calls = append([]OverCall(nil), n.Calls...)
		for i := range c.Calls {
			c.Calls[i].Args, c.Calls[i].Filter = m.all(c.Calls[i].Args), m.one(c.Calls[i].Filter)
		}
		return m.result(n, &c)
	case *Rank:
		c := *n
		c.Order = m.order(n.Order)
		return m.result(n, &c)
	case *Match:
		return m.result(n, n.mapExprs(&m))
	}
	return n
}

type exprMapper struct {
	f       func(Expr) Expr
	changed bool
}

func (m *exprMapper) result(old, mapped Node) Node {
	if m.changed {
		return mapped
	}
	return old
}

func (m *exprMapper) one(e Expr) Expr {
	if e == nil {
		return nil
	}
	to := m.f(e)
	m.changed = m.changed || to != e
	return to
}

func (m *exprMapper) all(list []Expr) []Expr {
	mapped := make([]Expr, len(list))
	for i, e := range list {
		mapped[i] = m.one(e)
	}
	return mapped
}

func (m *exprMapper) order(keys []SortKey) []SortKey {
	mapped := append([]SortKey(nil), keys...)
	for i := range mapped {
		mapped[i].Expr = m.one(mapped[i].Expr)
	}
	return mapped
}

func (m *exprMapper) calls(list []AggregateCall) []AggregateCall {
	mapped := append([]AggregateCall(nil), list...)
	for i := range mapped {
		mapped[i].Args, mapped[i].Filter = m.all(mapped[i].Args), m.one(mapped[i].Filter)
	}
	return mapped
}
