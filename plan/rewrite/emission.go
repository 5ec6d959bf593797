package rewrite

import (
	"time"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/plan/bind"
)

// Emission sets when the windows of a plan show results, and what becomes of
// late rows, from the options of the table that the plan fills: 'emit' is early
// or final, 'late-policy' is drop, side or revise, and 'late-keep' is how long
// revise can amend a window after its end. emit is what holds without the
// option.
func Emission(n plan.Node, emit plan.Emit, options map[string]string) (plan.Node, error) {
	switch options["emit"] {
	case "":
	case "early":
		emit = plan.EmitEarly
	case "final":
		emit = plan.EmitFinal
	default:
		return nil, invalidOption("emit", options["emit"], "'early' shows running values, 'final' each window once")
	}
	late, err := latePolicy(options)
	if err != nil {
		return nil, err
	}
	return emitting(n, emit, late), nil
}

// lateKeepDefault is how long windows can be amended when nothing is said.
const lateKeepDefault = 24 * time.Hour

func latePolicy(options map[string]string) (plan.LatePolicy, error) {
	var late plan.LatePolicy
	switch options["late-policy"] {
	case "", "drop":
	case "side":
		late.Action = plan.LateSide
	case "revise":
		late = plan.LatePolicy{Action: plan.LateRevise, Keep: lateKeepDefault}
	default:
		return late, invalidOption("late-policy", options["late-policy"], "it is 'drop', 'side' or 'revise'")
	}
	if text, ok := options["late-keep"]; ok {
		keep, fine := bind.Duration(text)
		switch {
		case !fine || keep <= 0:
			return late, invalidOption("late-keep", text, "write a duration such as '6 h'")
		case late.Action != plan.LateRevise:
			return late, invalidOption("late-keep", text, "it belongs to 'late-policy' = 'revise'")
		}
		late.Keep = keep
	}
	return late, nil
}

func invalidOption(name, text, hint string) error {
	return problem.New(problem.InvalidOption, "'%s' cannot be '%s'", name, text).About(name).WithHint("%s", hint)
}

// emitting sets the policies of all window aggregates. Only the topmost ones
// show running values: what other windows are made of must be final, or a
// window over them would count the same rows again.
func emitting(n plan.Node, emit plan.Emit, late plan.LatePolicy) plan.Node {
	below := emit
	if _, ok := n.(*plan.WindowAggregate); ok {
		below = plan.EmitFinal
	}
	if _, ok := n.(*plan.Window); ok {
		below = plan.EmitFinal
	}
	inputs := append([]plan.Node(nil), n.Inputs()...)
	for i, input := range inputs {
		inputs[i] = emitting(input, below, late)
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
