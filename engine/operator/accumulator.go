package operator

import "tidemark/plan"

// newAccumulator makes the states of one call.
func newAccumulator(ctx *plan.Context, call plan.AggregateCall) plan.Accumulator {
	return call.Overload.New(ctx)
}
