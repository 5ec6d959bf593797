package job

import (
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// over compiles OVER: rows of a partition come to one worker.
func (c *compiler) over(n *plan.Over, number state.Operator) (*element, error) {
	settles := c.spec.Context.Streaming && n.Settles() && !c.isUpdating(n.Input)
	e, err := c.partitioned(n.Input, n.Partition, number, func(env operator.Environment) (engine.Operator, error) {
		if settles {
			return operator.NewOverStream(env, n)
		}
		return operator.NewOverTable(env, n)
	})
	if err == nil {
		spilling(e, len(n.Partition) > 0)
	}
	return e, err
}

// rank compiles Top-N and deduplication. Over an input that takes rows back,
// neither a window nor the first row is final when its time has passed.
func (c *compiler) rank(n *plan.Rank, number state.Operator) (*element, error) {
	retracts := c.isUpdating(n.Input)
	keepsFirst := c.spec.Context.Streaming && n.KeepsFirst() && n.WindowEnd < 0 && !retracts
	e, err := c.partitioned(n.Input, n.Partition, number, func(env operator.Environment) (engine.Operator, error) {
		if keepsFirst {
			return operator.NewKeepFirst(env, n)
		}
		env.Retracts = retracts
		return operator.NewRank(env, n)
	})
	if err == nil {
		spilling(e, len(n.Partition) > 0)
	}
	return e, err
}

// partitioned is an operator with state by the given columns of its input.
func (c *compiler) partitioned(input plan.Node, by []int, number state.Operator, construct func(operator.Environment) (engine.Operator, error)) (*element, error) {
	in, err := c.element(input)
	if err != nil {
		return nil, err
	}
	if c.spec.Parallelism > 1 {
		in = c.cut(in, by, false)
	}
	return &element{state: number, inputs: []*element{in}, make: construct}, nil
}
