package job

import (
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// sessionAggregate compiles GROUP BY over SESSION windows. Rows of one partition
// key go to one worker, whatever else they are grouped by.
func (c *compiler) sessionAggregate(n *plan.WindowAggregate, number state.Operator) (*element, error) {
	if err := c.keepLate(n); err != nil {
		return nil, err
	}
	columns, err := operator.SessionColumns(n)
	if err != nil {
		return nil, err
	}
	e, err := c.above(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewPrepareWindows(env, n) })
	if err != nil {
		return nil, err
	}
	if c.spec.Parallelism > 1 {
		e = c.cut(e, columns, false)
	}
	retracts := c.isUpdating(n.Input)
	construct := func(env operator.Environment) (engine.Operator, error) {
		env.Retracts = retracts
		return operator.NewSessionAggregate(env, n)
	}
	column := operator.WindowLayoutOf(n).TimeColumn()
	return &element{state: number, inputs: []*element{e}, make: onClock(n.Input, n.Spec, column, construct)}, nil
}

// sessionWindow compiles SESSION as a windowing table function.
func (c *compiler) sessionWindow(n *plan.Window, number state.Operator) (*element, error) {
	e, err := c.element(n.Input)
	if err != nil {
		return nil, err
	}
	if c.spec.Parallelism > 1 {
		e = c.cut(e, n.Spec.Keys, false)
	}
	construct := func(env operator.Environment) (engine.Operator, error) { return operator.NewSessionWindow(env, n) }
	return &element{state: number, inputs: []*element{e}, make: onClock(n.Input, n.Spec, n.Spec.Time, construct)}, nil
}
