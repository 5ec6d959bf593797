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

// multiJoin compiles a join of several inputs by one key.
func (c *compiler) multiJoin(n *plan.MultiJoin, number state.Operator) (*element, error) {
	appends := make([]bool, len(n.All))
	for i, input := range n.All {
		appends[i] = !c.isUpdating(input)
	}
	return c.meetingAll(n.All, n.Keys, &element{state: number, spills: true, make: func(env operator.Environment) (engine.Operator, error) {
		return operator.NewMultiJoin(env, n, appends)
	}})
}

// meeting compiles an operator whose two inputs meet by their keys.
func (c *compiler) meeting(left, right plan.Node, keys []plan.JoinKey, number state.Operator, construct func(operator.Environment) (engine.Operator, error)) (*element, error) {
	var columns [2][]int
	for _, k := range keys {
		columns[0], columns[1] = append(columns[0], k.Left), append(columns[1], k.Right)
	}
	return c.meetingAll([]plan.Node{left, right}, columns[:], &element{state: number, make: construct})
}

// meetingAll gives an element its inputs, which meet by the columns of their keys.
func (c *compiler) meetingAll(inputs []plan.Node, keys [][]int, e *element) (*element, error) {
	e.single = len(keys[0]) == 0
	for i, input := range inputs {
		in, err := c.element(input)
		if err != nil {
			return nil, err
		}
		if c.spec.Parallelism > 1 {
			in = c.cut(in, keys[i], e.single)
		}
		e.inputs = append(e.inputs, in)
	}
	return e, nil
}
