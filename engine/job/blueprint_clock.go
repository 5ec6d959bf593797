package job

import (
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/plan"
)

// onClock has windows over processing time driven by the clock.
func onClock(input plan.Node, spec plan.WindowSpec, column int, construct func(operator.Environment) (engine.Operator, error)) func(operator.Environment) (engine.Operator, error) {
	if input.Schema()[spec.Time].Time != plan.Proctime {
		return construct
	}
	return func(env operator.Environment) (engine.Operator, error) {
		inner, err := construct(env)
		if err != nil {
			return nil, err
		}
		return operator.OnClock(env, inner, spec, column), nil
	}
}

// isOnClock reports whether windows are over processing time.
func isOnClock(n *plan.WindowAggregate) bool {
	return n.Input.Schema()[n.Spec.Time].Time == plan.Proctime
}
