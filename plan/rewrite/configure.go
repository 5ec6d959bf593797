package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/bind"
)

// Configure is the optimized plan of a materialized table with the emit and
// late policies of its options, which were checked when the table was defined
// (see bind.Emission). Where late rows are dropped, joins drop them, too, if that
// lets them forget rows; otherwise late rows join what is there.
func Configure(n plan.Node, options map[string]string) plan.Node {
	n, _ = Optimize(n)
	emit, late, err := bind.Emission(options)
	if err != nil {
		return n
	}
	n = emitting(n, emit, late)
	if late.Action == plan.LateDrop {
		n = DropLate(n)
	}
	return n
}

// emitting sets the policies of all window aggregates. Only the topmost ones
// show running values: what other windows are made of must be final, or a
// window over them would count the same rows again, and a join that forgets rows
// by their time could not take back pairs with those that it has forgotten.
func emitting(n plan.Node, emit plan.Emit, late plan.LatePolicy) plan.Node {
	below, lateBelow := emit, late
	switch n := n.(type) {
	case *plan.WindowAggregate, *plan.Window:
		below = plan.EmitFinal
	case *plan.TemporalJoin:
		below, lateBelow = plan.EmitFinal, unrevised(late)
	case *plan.Join:
		if n.Window != nil || n.Interval != nil {
			below, lateBelow = plan.EmitFinal, unrevised(late)
		}
	}
	inputs := append([]plan.Node(nil), n.Inputs()...)
	for i, input := range inputs {
		inputs[i] = emitting(input, below, lateBelow)
	}
	n = plan.WithInputs(n, inputs)
	w, ok := n.(*plan.WindowAggregate)
	if !ok || w.Emit == emit && w.Late == late {
		return n
	}
	changed := *w
	changed.Emit, changed.Late = emit, late
	return &changed
}

// unrevised is the policy for what must not take rows back: late rows are kept
// aside where they would have amended a window.
func unrevised(late plan.LatePolicy) plan.LatePolicy {
	if late.Action == plan.LateRevise {
		return plan.LatePolicy{Action: plan.LateSide}
	}
	return late
}
