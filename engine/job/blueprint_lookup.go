package job

import (
	"fmt"

	"tidemark/base/problem"
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// lookupJoin compiles a join that asks a table. Rows are not cut by their keys:
// every worker asks for those that it has.
func (c *compiler) lookupJoin(n *plan.LookupJoin, number state.Operator) (*element, error) {
	table := c.spec.Lookups[n]
	if table == nil {
		return nil, fmt.Errorf("compile job: nothing to look up table %s with", n.Table.Name)
	}
	if !table.Settled() && c.isUpdating(n.Input) {
		return nil, problem.New(problem.Unsupported, "rows that are taken back cannot be looked up in %s, which changes: other rows would be found for them than before", n.Table.Name).
			WithHint("use a regular join, which corrects its rows when either side changes")
	}
	e, err := c.above(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewLookupJoin(env, n, table) })
	if err != nil {
		return nil, err
	}
	e.state = number
	return e, nil
}
