package operator

import (
	"tidemark/plan"
	"tidemark/plan/function"
)

// newAccumulator makes the states of one call.
func newAccumulator(ctx *plan.Context, call plan.AggregateCall) plan.Accumulator {
	if call.Distinct {
		return function.Distinct(call.Overload).New(ctx)
	}
	return call.Overload.New(ctx)
}
