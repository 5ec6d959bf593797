package rewrite

import (
	"fmt"
	"slices"

	"tidemark/plan"
)

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
		need := slices.Clone(used)
		need[n.Column] = true
		plan.MarkUsed(need, n.Delayed)
		input, at := prune(n.Input, need)
		return &plan.Watermark{Input: input, Column: at[n.Column], Delayed: plan.Renumber(n.Delayed, at), IdleTimeout: n.IdleTimeout}, at
	case *plan.Filter:
		need := slices.Clone(used)
		plan.MarkUsed(need, n.Condition)
		input, at := prune(n.Input, need)
		return &plan.Filter{Input: input, Condition: plan.Renumber(n.Condition, at)}, at
	case *plan.Project:
		return pruneProject(n, used)
	case *plan.Window:
		return pruneWindow(n, used)
	case *plan.Aggregate:
		g := pruneGroups(n.Input, n.Keys, n.Names, n.Calls, n.Groupings, used)
		return &plan.Aggregate{Input: g.input, Keys: g.keys, Names: g.names, Calls: g.calls, Sets: n.Sets, Groupings: g.groupings, TTL: n.TTL}, g.position
	case *plan.WindowAggregate:
		return pruneWindowAggregate(n, used)
	case *plan.Union:
		return pruneUnion(n, used)
	case *plan.MultiJoin:
		return pruneMultiJoin(n, used)
	case *plan.Sort:
		need := slices.Clone(used)
		for _, k := range n.Keys {
			plan.MarkUsed(need, k.Expr)
		}
		input, at := prune(n.Input, need)
		return &plan.Sort{Input: input, Keys: movedOrder(n.Keys, at)}, at
	case *plan.Limit:
		input, at := prune(n.Input, used)
		return &plan.Limit{Input: input, Offset: n.Offset, Count: n.Count}, at
	case *plan.Join:
		return pruneJoin(n, used)
	case *plan.TemporalJoin:
		return pruneTemporal(n, used)
	case *plan.LookupJoin:
		return pruneLookup(n, used)
	case *plan.Unnest:
		return pruneUnnest(n, used)
	case *plan.Over:
		return pruneOver(n, used)
	case *plan.Rank:
		return pruneRank(n, used)
	case *plan.Match:
		return pruneMatch(n, used)
	case *plan.Shared:
		// Its columns are those that somebody uses.
		return n, numbered(len(used))
	case *plan.Normalize:
		// Equal keys with other differences are changes, seen or not.
		need := slices.Clone(used)
		for _, k := range n.Keys {
			need[k] = true
		}
		input, at := prune(n.Input, need)
		return &plan.Normalize{Input: input, Keys: moved(n.Keys, at), TTL: n.TTL}, at
	}
	panic(fmt.Sprintf("rewrite: unknown node %T", n))
}

// numbered is the positions of columns that are all there.
func numbered(count int) []int { return behind(nil, 0, count) }

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
	need := slices.Clone(used)
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
			pruned.Add(plan.Renumber(e, at), n.Names[i], n.Times[i])
		}
	}
	return unlessSame(pruned), kept(used)
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
	return pruned, behind(at, left, 3)
}

func movedSpec(spec plan.WindowSpec, at []int) plan.WindowSpec {
	spec.Time, spec.Keys = at[spec.Time], moved(spec.Keys, at)
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
		g.calls, g.names = append(g.calls, movedCall(c, g.at)), append(g.names, names[len(keys)+i])
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
			p.Add(&plan.Column{Index: position[i], Name: c.Name, Of: c.Type}, c.Name, c.Time)
		}
	}
	return unlessSame(p)
}

// behind is the positions at, and then n more from first on.
func behind(at []int, first, n int) []int {
	position := append([]int(nil), at...)
	for i := range n {
		position = append(position, first+i)
	}
	return position
}

// moved is columns, each at its new position.
func moved(columns, at []int) []int {
	if columns == nil {
		return nil
	}
	to := make([]int, len(columns))
	for i, c := range columns {
		to[i] = at[c]
	}
	return to
}

// movedCall is the call over columns at new positions.
func movedCall(c plan.AggregateCall, at []int) plan.AggregateCall {
	args := make([]plan.Expr, len(c.Args))
	for i, arg := range c.Args {
		args[i] = plan.Renumber(arg, at)
	}
	c.Args = args
	if c.Filter != nil {
		c.Filter = plan.Renumber(c.Filter, at)
	}
	return c
}

// movedOrder is the order by columns at new positions.
func movedOrder(order []plan.SortKey, at []int) []plan.SortKey {
	to := append([]plan.SortKey(nil), order...)
	for i := range to {
		to[i].Expr = plan.Renumber(to[i].Expr, at)
	}
	return to
}

// markOrdering marks what rows are partitioned and ordered by.
func markOrdering(need []bool, partition []int, order []plan.SortKey) {
	for _, c := range partition {
		need[c] = true
	}
	for _, k := range order {
		plan.MarkUsed(need, k.Expr)
	}
}
