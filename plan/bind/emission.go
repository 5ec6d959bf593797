package bind

import (
	"time"

	"tidemark/base/problem"
	"tidemark/plan"
)

// lateKeepDefault is how long windows can be amended when nothing is said.
const lateKeepDefault = 24 * time.Hour

// Emission reads from the options of a materialized table when its windows show
// results and what becomes of late rows: 'emit' is early (the default) or final,
// 'late-policy' is drop (the default), side or revise, and 'late-keep' is how
// long revise can amend a window after its end.
func Emission(options map[string]string) (plan.Emit, plan.LatePolicy, error) {
	emit, late := plan.EmitEarly, plan.LatePolicy{}
	switch options["emit"] {
	case "", "early":
	case "final":
		emit = plan.EmitFinal
	default:
		return emit, late, invalidOption("emit", options["emit"], "'early' shows running values, 'final' each window once")
	}
	switch options["late-policy"] {
	case "", "drop":
	case "side":
		late.Action = plan.LateSide
	case "revise":
		late = plan.LatePolicy{Action: plan.LateRevise, Keep: lateKeepDefault}
	default:
		return emit, late, invalidOption("late-policy", options["late-policy"], "it is 'drop', 'side' or 'revise'")
	}
	text, ok := options["late-keep"]
	if !ok {
		return emit, late, nil
	}
	keep, fine := Duration(text)
	switch {
	case !fine || keep <= 0:
		return emit, late, invalidOption("late-keep", text, "write a duration such as '6 h'")
	case late.Action != plan.LateRevise:
		return emit, late, invalidOption("late-keep", text, "it belongs to 'late-policy' = 'revise'")
	}
	late.Keep = keep
	return emit, late, nil
}

func invalidOption(name, text, hint string) *problem.Problem {
	return problem.New(problem.InvalidOption, "'%s' cannot be '%s'", name, text).About(name).WithHint("%s", hint)
}
