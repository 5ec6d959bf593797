package job

import (
	"fmt"

	"tidemark/base/batch"
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
	aside := 0
	if c.spec.Expired[n] != nil {
		aside = sinkCount + len(c.b.expiring)
		c.b.expiring = append(c.b.expiring, n)
	}
	e, err := c.above(n.Input, func(env operator.Environment) (engine.Operator, error) {
		join, err := operator.NewLookupJoin(env, n, table)
		if err == nil && aside > 0 {
			join.GiveUpTo(func(rows *batch.Batch) { env.Aside(aside, rows) })
		}
		return join, err
	})
	if err != nil {
		return nil, err
	}
	e.state = number
	return e, nil
}
