package rewrite

import (
	"slices"

	"tidemark/plan"
)

// shareAggregates lets window aggregates of the same rows that compute the same share
// one: a query that compares the counts of windows with the highest of them counts
// once. It follows shareSources, which shows what the same rows are. improved is
// the plan's own improvement, for what is shared now.
func shareAggregates(n plan.Node, improved func(plan.Node) plan.Node) plan.Node {
	var all []*plan.WindowAggregate
	readers := map[int]int{} // of each shared part
	eachAbove(n, func(n plan.Node) {
		switch n := n.(type) {
		case *plan.WindowAggregate:
			all = append(all, n)
		case *plan.Shared:
			readers[n.Number]++
		}
	})
	number := len(readers)
	instead := map[plan.Node]plan.Node{}
	for len(all) > 1 {
		first := all[0]
		same, rest := []*plan.WindowAggregate{first}, []*plan.WindowAggregate(nil)
		for _, w := range all[1:] {
			if sameGroups(first, w) {
				same = append(same, w)
			} else {
				rest = append(rest, w)
			}
		}
		if all = rest; len(same) > 1 {
			number++
			shareAggregate(same, number, readers, instead, improved)
		}
	}
	if len(instead) == 0 {
		return n
	}
	return replaced(n, instead)
}

// eachAbove calls f with every node that is not below a shared part, inputs behind
// what reads them.
func eachAbove(n plan.Node, f func(plan.Node)) {
	f(n)
	if _, shares := n.(*plan.Shared); shares {
		return
	}
	for _, input := range n.Inputs() {
		eachAbove(input, f)
	}
}

// sameGroups reports whether two aggregates have the same groups of the same rows,
// with the same results.
func sameGroups(a, b *plan.WindowAggregate) bool {
	return a.Sets == nil && b.Sets == nil && len(a.Groupings)+len(b.Groupings) == 0 &&
		a.Emit == b.Emit && a.Late == b.Late && a.Late.Action == plan.LateDrop &&
		a.Spec.Kind == b.Spec.Kind && a.Spec.Time == b.Spec.Time && a.Spec.Size == b.Spec.Size && a.Spec.Slide == b.Spec.Slide &&
		a.Spec.Offset == b.Spec.Offset && a.Spec.Gap == b.Spec.Gap && slices.Equal(a.Spec.Keys, b.Spec.Keys) &&
		slices.EqualFunc(a.Keys, b.Keys, sameExpr) && slices.EqualFunc(a.Calls, b.Calls, sameCall) && sameRows(a.Input, b.Input)
}

// sameExpr reports whether two expressions over the same rows have the same values.
func sameExpr(a, b plan.Expr) bool {
	return a == nil && b == nil || a != nil && b != nil && plan.Deterministic(a) && plan.EqualExprs(a, b)
}

func sameCall(a, b plan.AggregateCall) bool {
	return a.Function == b.Function && a.Distinct == b.Distinct && a.Overload.Result.Equal(b.Overload.Result) &&
		slices.EqualFunc(a.Args, b.Args, sameExpr) && sameExpr(a.Filter, b.Filter)
}

// sameRows reports whether two nodes give the same rows of the same shared part.
func sameRows(a, b plan.Node) bool {
	switch a := a.(type) {
	case *plan.Shared:
		b, ok := b.(*plan.Shared)
		return ok && a.Number == b.Number
	case *plan.Filter:
		b, ok := b.(*plan.Filter)
		return ok && sameExpr(a.Condition, b.Condition) && sameRows(a.Input, b.Input)
	case *plan.Project:
		b, ok := b.(*plan.Project)
		return ok && slices.EqualFunc(a.Exprs, b.Exprs, sameExpr) && slices.Equal(a.Times, b.Times) && sameRows(a.Input, b.Input)
	}
	return false
}

// shareAggregate makes one aggregate of several and notes what stands in for each of
// them. Where nobody else reads the rows, they are not shared any more.
func shareAggregate(same []*plan.WindowAggregate, number int, readers map[int]int, instead map[plan.Node]plan.Node, improved func(plan.Node) plan.Node) {
	shared := *same[0]
	shared.Properties = nil
	position := map[plan.WindowPropertyKind]int{}
	fixed := len(shared.Keys) + len(shared.Calls)
	for _, w := range same {
		for _, p := range w.Properties {
			if _, known := position[p.Kind]; !known {
				position[p.Kind] = fixed + len(shared.Properties)
				shared.Properties = append(shared.Properties, p)
			}
		}
	}
	var input plan.Node = &shared
	eachAbove(shared.Input, func(n plan.Node) {
		if source, ok := n.(*plan.Shared); ok && readers[source.Number] == len(same) {
			input = improved(replaced(input, map[plan.Node]plan.Node{source: source.Input}))
		}
	})
	for _, w := range same {
		schema := w.Schema()
		place := &plan.Project{Input: &plan.Shared{Input: input, Number: number}}
		for i, column := range schema {
			from := i
			if i >= fixed {
				from = position[w.Properties[i-fixed].Kind]
			}
			place.Add(&plan.Column{Index: from, Name: column.Name, Of: column.Type}, column.Name, column.Time)
		}
		instead[w] = unlessSame(place)
	}
}
