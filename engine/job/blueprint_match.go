package job

import (
	"tidemark/base/problem"
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// match compiles MATCH_RECOGNIZE: the rows of a partition are in one task, those
// of a match without partitions all in the first.
func (c *compiler) match(n *plan.Match, number state.Operator) (*element, error) {
	if c.isUpdating(n.Input) {
		return nil, problem.New(problem.Unsupported, "MATCH_RECOGNIZE over rows that can be taken back is not supported").
			WithHint("match the rows before they are aggregated or joined, or use windows, whose results are final")
	}
	in, err := c.element(n.Input)
	if err != nil {
		return nil, err
	}
	whole := len(n.Partition) == 0
	if c.spec.Parallelism > 1 && !(whole && in.single) {
		in = c.cut(in, n.Partition, whole)
	}
	return &element{state: number, inputs: []*element{in}, single: in.single, make: func(env operator.Environment) (engine.Operator, error) {
		return operator.NewMatch(env, n)
	}}, nil
}
