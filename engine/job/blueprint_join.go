package job

import (
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// join compiles a join: its inputs are cut by their keys, so that possible
// partners meet. Without keys everything meets in the first task. A row that has
// NULL in its key goes wherever it is sent: it has no partner anyway.
func (c *compiler) join(n *plan.Join, number state.Operator) (*element, error) {
	passing := c.spec.Context.Streaming && (n.Interval != nil || n.Window != nil)
	appends := [2]bool{!c.isUpdating(n.Left), !c.isUpdating(n.Right)}
	e, err := c.meeting(n.Left, n.Right, n.Keys, number, func(env operator.Environment) (engine.Operator, error) {
		switch {
		case passing && n.Interval != nil:
			return operator.NewIntervalJoin(env, n)
		case passing:
			return operator.NewWindowJoin(env, n)
		}
		env.Appends = appends
		return operator.NewJoin(env, n)
	})
	if err == nil {
		e.spills = !passing && len(n.Keys) > 0
	}
	return e, err
}

// temporalJoin compiles a join with the versions of a table. A deduplication or
// normalisation that makes them must not leave any out.
func (c *compiler) temporalJoin(n *plan.TemporalJoin, number state.Operator) (*element, error) {
	below := n.Right
	for {
		project, ok := below.(*plan.Project)
		if !ok {
			break
		}
		below = project.Input
	}
	switch below := below.(type) {
	case *plan.Rank:
		c.versioned[below] = operator.KeepsLatest(below) && !c.isUpdating(below.Input)
	case *plan.Normalize:
		c.versioned[below] = true
	}
	return c.meeting(n.Left, n.Right, n.Keys, number, func(env operator.Environment) (engine.Operator, error) {
		return operator.NewTemporalJoin(env, n)
	})
}

// latestVersions compiles a deduplication below a temporal join.
func (c *compiler) latestVersions(n *plan.Rank, number state.Operator) (*element, error) {
	return c.partitioned(n.Input, n.Partition, number, func(env operator.Environment) (engine.Operator, error) {
		return operator.NewLatestVersions(env, n)
	})
}

// normalizedVersions compiles a normalisation below a temporal join: in batch mode,
// too, it shows every change.
func (c *compiler) normalizedVersions(n *plan.Normalize, number state.Operator) (*element, error) {
	e, err := c.normalize(n, number)
	if err != nil {
		return nil, err
	}
	normalize := e.make
	e.make = func(env operator.Environment) (engine.Operator, error) {
		changing := *env.Context
		changing.Streaming = true
		env.Context = &changing
		return normalize(env)
	}
	return e, nil
}

// meeting compiles an operator whose two inputs meet by their keys.
func (c *compiler) meeting(left, right plan.Node, keys []plan.JoinKey, number state.Operator, construct func(operator.Environment) (engine.Operator, error)) (*element, error) {
	e := &element{state: number, make: construct}
	for side, input := range [2]plan.Node{left, right} {
		in, err := c.element(input)
		if err != nil {
			return nil, err
		}
		columns := make([]int, len(keys))
		for i, k := range keys {
			columns[i] = [2]int{k.Left, k.Right}[side]
		}
		if c.spec.Parallelism > 1 {
			in = c.cut(in, columns, len(keys) == 0)
		}
		e.inputs = append(e.inputs, in)
	}
	e.single = len(keys) == 0
	return e, nil
}
