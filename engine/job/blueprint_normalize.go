package job

import (
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// normalize compiles a changelog that is right only by key: all rows of a key
// are in one worker.
func (c *compiler) normalize(n *plan.Normalize, number state.Operator) (*element, error) {
	e, err := c.element(n.Input)
	if err != nil {
		return nil, err
	}
	if c.spec.Parallelism > 1 {
		e = c.cut(e, n.Keys, false)
	}
	e = &element{state: number, inputs: []*element{e}, make: func(env operator.Environment) (engine.Operator, error) {
		return operator.NewNormalize(env, n), nil
	}}
	spilling(e, len(n.Keys) > 0)
	return e, nil
}
