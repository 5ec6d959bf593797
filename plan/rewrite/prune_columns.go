package rewrite

import "tidemark/plan"

// pruneColumns lets every node put out only what is used above it, so that
// sources decode no more than the query needs.
func pruneColumns(n plan.Node) plan.Node {
	all := make([]bool, len(n.Schema()))
	for i := range all {
		all[i] = true
	}
	pruned, position := prune(n, all)
	pruned = selected(pruned, position, all, n.Schema())
	if weight(pruned) >= weight(n) {
		return n
	}
	return pruned
}

// weight is how many nodes a plan has and how many columns they put out.
func weight(n plan.Node) int {
	total := 0
	plan.Inspect(n, func(n plan.Node) bool {
		total += 1 + len(n.Schema())
		return true
	})
	return total
}

// prune is n with at least the used columns; position tells where each is, -1
// for those that are gone.
func prune(n plan.Node, used []bool) (pruned plan.Node, position []int) {
	switch n := n.(type) {
	case *plan.Scan:
		return pruneScan(n, used)
	case *plan.Values:
		return pruneValues(n, used)
	case *plan.Watermark:
		need := append([]bool(nil), used...)
		need[n.Column] = true
		plan.MarkUsed(need, n.Delayed)
		input, at := prune(n.Input, need)
		return &plan.Watermark{Input: input, Column: at[n.Column], Delayed: plan.Renumber(n.Delayed, at), IdleTimeout: n.IdleTimeout}, at
	case *plan.Filter:
		need := append([]bool(nil), used...)
		plan.MarkUsed(need, n.Condition)
		input, at := prune(n.Input, need)
		return &plan.Filter{Input: input, Condition: plan.Renumber(n.Condition, at)}, at
	case *plan.Project:
		return pruneProject(n, used)
	case *plan.Window:
		return pruneWindow(n, used)
	case *plan.Aggregate:
		g := pruneGroups(n.Input, n.Keys, n.Names, n.Calls, n.Groupings, used)
		return &plan.Aggregate{Input: g.input, Keys: g.keys, Names: g.names, Calls: g.calls, Sets: n.Sets, Groupings: g.groupings}, g.position
	case *plan.WindowAggregate:
		return pruneWindowAggregate(n, used)
	case *plan.Union:
		return pruneUnion(n, used)
	case *plan.Sort:
		need := append([]bool(nil), used...)
		for _, k := range n.Keys {
			plan.MarkUsed(need, k.Expr)
		}
		input, at := prune(n.Input, need)
		return plan.MapExprs(&plan.Sort{Input: input, Keys: n.Keys}, func(e plan.Expr) plan.Expr { return plan.Renumber(e, at) }), at
	case *plan.Limit:
		input, at := prune(n.Input, used)
		return &plan.Limit{Input: input, Offset: n.Offset, Count: n.Count}, at
	}
	return pruneMore(n, used)
}

// kept numbers the columns for which keep is true, -1 for the others.
func kept(keep []bool) []int {
	position := make([]int, len(keep))
	n := 0
	for i, k := range keep {
		position[i] = -1
		if k {
			position[i] = n
			n++
		}
	}
	return position
}

func pruneScan(n *plan.Scan, used []bool) (plan.Node, []int) {
	need := append([]bool(nil), used...)
	plan.MarkUsed(need, n.Filter)
	position := kept(need)
	pruned := &plan.Scan{Table: n.Table, Columns: []int{}, Changing: n.Changing}
	for i, c := range n.Columns {
		if need[i] {
			pruned.Columns = append(pruned.Columns, c)
		}
	}
	if n.Filter != nil {
		pruned.Filter = plan.Renumber(n.Filter, position)
	}
	return pruned, position
}

func pruneValues(n *plan.Values, used []bool) (plan.Node, []int) {
	pruned := &plan.Values{Rows: make([][]plan.Expr, len(n.Rows))}
	for i, c := range n.Columns {
		if used[i] {
			pruned.Columns = append(pruned.Columns, c)
		}
	}
	for r, row := range n.Rows {
		for i, e := range row {
			if used[i] {
				pruned.Rows[r] = append(pruned.Rows[r], e)
			}
		}
	}
	return pruned, kept(used)
}

func pruneProject(n *plan.Project, used []bool) (plan.Node, []int) {
	need := make([]bool, len(n.Input.Schema()))
	for i, e := range n.Exprs {
		if used[i] {
			plan.MarkUsed(need, e)
		}
	}
	input, at := prune(n.Input, need)
	pruned := &plan.Project{Input: input}
	for i, e := range n.Exprs {
		if used[i] {
			pruned.Exprs = append(pruned.Exprs, plan.Renumber(e, at))
			pruned.Names = append(pruned.Names, n.Names[i])
			pruned.Times = append(pruned.Times, n.Times[i])
		}
	}
	if same := removeProject(pruned); same != nil {
		return same, kept(used)
	}
	return pruned, kept(used)
}

func pruneWindow(n *plan.Window, used []bool) (plan.Node, []int) {
	width := len(n.Input.Schema())
	need := append([]bool(nil), used[:width]...)
	need[n.Spec.Time] = true
	for _, k := range n.Spec.Keys {
		need[k] = true
	}
	input, at := prune(n.Input, need)
	pruned := &plan.Window{Input: input, Spec: movedSpec(n.Spec, at)}
	left := len(input.Schema())
	return pruned, append(append([]int(nil), at...), left, left+1, left+2)
}

func movedSpec(spec plan.WindowSpec, at []int) plan.WindowSpec {
	spec.Time = at[spec.Time]
	keys := spec.Keys
	spec.Keys = nil
	for _, k := range keys {
		spec.Keys = append(spec.Keys, at[k])
	}
	return spec
}

// groups is the common part of both aggregates.
type groups struct {
	input     plan.Node
	at        []int // where the input's columns are
	keys      []plan.Expr
	names     []string
	calls     []plan.AggregateCall
	groupings [][]int
	position  []int // where the aggregate's columns are
}

// pruneGroups drops calls and groupings that nobody uses; keys make the groups
// and stay. extra are columns that the input must have.
func pruneGroups(input plan.Node, keys []plan.Expr, names []string, calls []plan.AggregateCall, groupings [][]int, used []bool, extra ...int) groups {
	keep := append([]bool(nil), used[:len(keys)+len(calls)+len(groupings)]...)
	need := make([]bool, len(input.Schema()))
	for _, column := range extra {
		need[column] = true
	}
	for i := range keys {
		keep[i] = true
	}
	plan.MarkUsed(need, keys...)
	for i, c := range calls {
		if keep[len(keys)+i] {
			plan.MarkUsed(need, c.Args...)
			plan.MarkUsed(need, c.Filter)
		}
	}
	var g groups
	g.input, g.at = prune(input, need)
	for i, k := range keys {
		g.keys, g.names = append(g.keys, plan.Renumber(k, g.at)), append(g.names, names[i])
	}
	for i, c := range calls {
		if !keep[len(keys)+i] {
			continue
		}
		args := make([]plan.Expr, len(c.Args))
		for j, arg := range c.Args {
			args[j] = plan.Renumber(arg, g.at)
		}
		c.Args = args
		if c.Filter != nil {
			c.Filter = plan.Renumber(c.Filter, g.at)
		}
		g.calls, g.names = append(g.calls, c), append(g.names, names[len(keys)+i])
	}
	for i, list := range groupings {
		if keep[len(keys)+len(calls)+i] {
			g.groupings = append(g.groupings, list)
		}
	}
	g.position = kept(keep)
	return g
}

func pruneWindowAggregate(n *plan.WindowAggregate, used []bool) (plan.Node, []int) {
	g := pruneGroups(n.Input, n.Keys, n.Names, n.Calls, n.Groupings, used, append([]int{n.Spec.Time}, n.Spec.Keys...)...)
	pruned := *n
	pruned.Input, pruned.Keys, pruned.Names, pruned.Calls, pruned.Groupings = g.input, g.keys, g.names, g.calls, g.groupings
	pruned.Spec = movedSpec(n.Spec, g.at)
	first := len(g.keys) + len(g.calls) + len(g.groupings)
	for i := range n.Properties {
		g.position = append(g.position, first+i)
	}
	return &pruned, g.position
}

func pruneUnion(n *plan.Union, used []bool) (plan.Node, []int) {
	inputs := make([]plan.Node, len(n.All))
	for i, input := range n.All {
		pruned, at := prune(input, used)
		inputs[i] = selected(pruned, at, used, input.Schema())
	}
	return &plan.Union{All: inputs}, kept(used)
}

// selected is n with exactly the used columns of a schema, in their order; they
// stand at the given positions of n.
func selected(n plan.Node, position []int, used []bool, schema plan.Schema) plan.Node {
	p := &plan.Project{Input: n}
	for i, c := range schema {
		if used[i] {
			p.Exprs = append(p.Exprs, &plan.Column{Index: position[i], Name: c.Name, Of: c.Type})
			p.Names = append(p.Names, c.Name)
			p.Times = append(p.Times, c.Time)
		}
	}
	if same := removeProject(p); same != nil {
		return same
	}
	return p
}
