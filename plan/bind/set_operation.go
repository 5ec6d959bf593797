package bind

import (
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// setOperation binds UNION, INTERSECT and EXCEPT, each with ALL or without. For
// all of them NULL is a value like any other.
func (b *binder) setOperation(op *sql.SetOperation, outer *scope) plan.Node {
	inputs, bodies, ok := b.operands(op, outer)
	if !ok {
		return nil
	}
	if inputs = b.align(string(op.Op), inputs, bodies); inputs == nil {
		return nil
	}
	switch {
	case op.Op == sql.Union && op.All:
		return &plan.Union{All: inputs}
	case op.Op == sql.Union:
		return distinct(&plan.Union{All: inputs})
	case op.All:
		return b.countedRows(op.Op, inputs[0], inputs[1])
	case op.Op == sql.Intersect:
		return sameRows(plan.SemiJoin, distinct(inputs[0]), inputs[1])
	}
	return sameRows(plan.AntiJoin, distinct(inputs[0]), inputs[1])
}

// operands binds both sides; a UNION ALL b UNION ALL c is one union of three.
func (b *binder) operands(op *sql.SetOperation, outer *scope) (inputs []plan.Node, bodies []sql.QueryBody, ok bool) {
	ok = true
	var add func(sql.QueryBody)
	add = func(body sql.QueryBody) {
		if s, is := body.(*sql.SetOperation); is && op.Op == sql.Union && s.Op == sql.Union && s.All == op.All {
			add(s.Left)
			add(s.Right)
			return
		}
		node := b.body(body, outer, &ordering{})
		if ok = ok && node != nil; ok && b.session.Streaming {
			node = unsorted(node)
		}
		inputs, bodies = append(inputs, node), append(bodies, body)
	}
	add(op.Left)
	add(op.Right)
	return inputs, bodies, ok
}

// sameRows joins on all columns.
func sameRows(kind plan.JoinKind, left, right plan.Node) plan.Node {
	l, r := left.Schema(), right.Schema()
	var conditions []plan.Expr
	for i := range l {
		conditions = append(conditions, same(outputColumn(l, i, problem.Position{}), plan.Shift(outputColumn(r, i, problem.Position{}), len(l))))
	}
	return Join(kind, left, right, conditions)
}

// countedRows is INTERSECT ALL and EXCEPT ALL: each row as often as the smaller of
// its two counts, or as their difference. It counts rows of both sides at once,
// and repeats one of each.
func (b *binder) countedRows(op sql.SetOp, left, right plan.Node) plan.Node {
	pos := problem.Position{}
	marked := func(input plan.Node, isLeft bool) plan.Node {
		p := plan.PickAll(input)
		p.Add(&plan.Literal{Value: value.OfBool(isLeft)}, "left", plan.NoTime)
		return p
	}
	union := &plan.Union{All: []plan.Node{marked(left, true), marked(right, false)}}
	width := len(left.Schema())
	s := union.Schema()
	count := func(isLeft bool) plan.AggregateCall {
		call := b.aggregateOf("COUNT")
		call.Filter = outputColumn(s, width, pos)
		if !isLeft {
			call.Filter = called("NOT", call.Filter)
		}
		return call
	}
	a := &plan.Aggregate{Input: union, Keys: columnsOf(s[:width], 0), Calls: []plan.AggregateCall{count(true), count(false)}}
	for _, c := range s[:width] {
		a.Names = append(a.Names, c.Name)
	}
	a.Names = append(a.Names, "lefts", "rights")
	counts := a.Schema()
	lefts, rights := outputColumn(counts, width, pos), outputColumn(counts, width+1, pos)
	times := called("-", lefts, rights)
	if op == sql.Intersect {
		less := called("<", lefts, rights)
		times = &plan.Case{Whens: []plan.When{{Condition: less, Then: lefts}}, Else: rights, Of: lefts.Of}
	}
	one := &plan.Literal{Value: value.OfBigInt(1)}
	repeated := &plan.Unnest{Input: a, Collection: called("SEQUENCE", one, times), Names: []string{"copy"}}
	return firstColumns(repeated, width)
}

// align casts the columns of all inputs to common types.
func (b *binder) align(name string, inputs []plan.Node, bodies []sql.QueryBody) []plan.Node {
	first := inputs[0].Schema()
	ok := true
	for i, input := range inputs[1:] {
		if n := len(input.Schema()); n != len(first) {
			b.wrong(bodies[i+1].Pos(), problem.InvalidQuery, "make the select lists the same length",
				"%s of %s and %s", name, counted(len(first), "column"), counted(n, "column"))
			ok = false
		}
	}
	if !ok {
		return nil
	}
	types := make([]value.Type, len(first))
	for column := range first {
		all := make([]value.Type, len(inputs))
		for i, input := range inputs {
			all[i] = input.Schema()[column].Type
		}
		common, fits := value.LeastRestrictive(all...)
		if !fits {
			for i, t := range all[1:] {
				if _, fits := value.LeastRestrictive(all[0], t); !fits {
					b.wrong(itemPosition(bodies[i+1], column), problem.TypeMismatch, "CAST one of them",
						"column %d of %s is %s here but %s before", column+1, name, t.Optional(), all[0].Optional())
					break
				}
			}
			ok = false
		}
		types[column] = common
	}
	if !ok {
		return nil
	}
	aligned := make([]plan.Node, len(inputs))
	for i, input := range inputs {
		aligned[i] = castColumns(input, types, nil)
	}
	return aligned
}
