package rewrite

import (
	"slices"

	"tidemark/plan"
)

// aggregateSameWindow makes a window aggregate of an aggregate over rows that are
// in windows already, when it groups by these windows: over the results of
// another one, the pairs of a window join, the elements of collections. All rows
// of a window come with the same window_time, one for each end: so the windows
// are cut anew by that time, as long as their ends are apart, and the end is a
// property again while the start stays a key.
func aggregateSameWindow(n plan.Node) plan.Node {
	a, ok := n.(*plan.Aggregate)
	if !ok {
		return nil
	}
	source, isProperty, kinds := plan.WindowKeys(a.Input, a.Keys, a.Sets)
	switch w := source.(type) {
	case *plan.WindowAggregate, *plan.Join:
	case *plan.Window:
		// Without other operators between, windowAggregate makes one of the two.
		if isBelowRows(a.Input, w) {
			return nil
		}
	default:
		return nil
	}
	spec := plan.WindowSpecOf(source)
	if spec.Kind == plan.Session {
		return nil
	}
	input, time := withWindowTime(a.Input, source)
	if input == nil || input.Schema()[time].Time == plan.Proctime {
		return nil
	}
	for i := range isProperty {
		isProperty[i] = isProperty[i] && kinds[i] != plan.WindowStart
	}
	w := &plan.WindowAggregate{Input: input, Spec: endsOf(spec, time)}
	position := make([]int, len(a.Keys))
	for i, key := range a.Keys {
		if !isProperty[i] {
			position[i] = len(w.Keys)
			w.Keys, w.Names = append(w.Keys, key), append(w.Names, a.Names[i])
		}
	}
	w.Calls, w.Names = a.Calls, append(w.Names, a.Names[len(a.Keys):]...)
	m := &windowMerge{aggregate: a, isProperty: isProperty, kinds: kinds}
	if !m.sets(w, position) {
		return nil
	}
	for i := range a.Keys {
		if isProperty[i] {
			position[i] = len(w.Keys) + len(w.Calls) + len(w.Groupings) + len(w.Properties)
			w.Properties = append(w.Properties, plan.WindowProperty{Kind: kinds[i], Name: a.Names[i]})
		}
	}
	return m.inOrder(w, w, position)
}

// endsOf are windows that each hold exactly one end of a window of spec, by the
// time that is one millisecond before the end.
func endsOf(spec plan.WindowSpec, time int) plan.WindowSpec {
	ends := plan.WindowSpec{Kind: plan.Tumble, Time: time, Size: spec.Slide, Offset: spec.Offset}
	switch spec.Kind {
	case plan.Tumble:
		ends.Size = spec.Size
	case plan.Hop:
		ends.Offset = (spec.Offset + spec.Size) % spec.Slide
	case plan.Cumulate, plan.Session:
		ends.Offset = spec.Offset % spec.Slide
	}
	return ends
}

// isBelowRows reports whether nothing but filters and projections is between n
// and the window.
func isBelowRows(n plan.Node, window *plan.Window) bool {
	switch n := n.(type) {
	case *plan.Filter:
		return isBelowRows(n.Input, window)
	case *plan.Project:
		return isBelowRows(n.Input, window)
	}
	return n == plan.Node(window)
}

// withWindowTime is n with the window_time of source, which is below it, as one
// of its columns, the last one if it was not there; nil when it cannot be made
// one.
func withWindowTime(n, source plan.Node) (extended plan.Node, column int) {
	switch n := n.(type) {
	case *plan.WindowAggregate:
		if n != source {
			return nil, 0
		}
		first := len(n.Schema()) - len(n.Properties)
		for i, p := range n.Properties {
			if p.Kind == plan.WindowTime {
				return n, first + i
			}
		}
		timed := *n
		timed.Properties = append(append([]plan.WindowProperty(nil), n.Properties...), plan.WindowProperty{Kind: plan.WindowTime, Name: "window_time"})
		return &timed, len(n.Schema())
	case *plan.Window:
		if n != source {
			return nil, 0
		}
		return n, len(n.Schema()) - 1
	case *plan.Join:
		return joinWindowTime(n, source)
	case *plan.Rank:
		return rankWindowTime(n, source)
	case *plan.Unnest, *plan.TemporalJoin, *plan.LookupJoin:
		inputs := append([]plan.Node(nil), n.Inputs()...)
		width := len(inputs[0].Schema())
		if inputs[0], column = withWindowTime(inputs[0], source); inputs[0] == nil || column == width {
			return nil, 0 // a further column would stand in the middle
		}
		return plan.WithInputs(n, inputs), column
	case *plan.Filter:
		input, column := withWindowTime(n.Input, source)
		if input == nil {
			return nil, 0
		}
		return &plan.Filter{Input: input, Condition: n.Condition}, column
	case *plan.Project:
		input, column := withWindowTime(n.Input, source)
		if input == nil {
			return nil, 0
		}
		for i, e := range n.Exprs {
			if c, ok := e.(*plan.Column); ok && c.Index == column {
				p := *n
				p.Input = input
				return &p, i
			}
		}
		return projectedAlso(n, input, column), len(n.Exprs)
	}
	return nil, 0
}

// projectedAlso is the projection over an input that has a time at column, and
// that time.
func projectedAlso(n *plan.Project, input plan.Node, column int) plan.Node {
	c := input.Schema()[column]
	p := &plan.Project{Input: input, Exprs: slices.Clone(n.Exprs), Names: slices.Clone(n.Names), Times: slices.Clone(n.Times)}
	p.Add(&plan.Column{Index: column, Name: c.Name, Of: c.Type}, c.Name, plan.Rowtime)
	return p
}

// joinWindowTime takes the window_time of a window join from a side that it does
// not pad.
func joinWindowTime(n *plan.Join, source plan.Node) (extended plan.Node, column int) {
	if n != source {
		return nil, 0
	}
	width, joined := len(n.Left.Schema()), *n
	if n.Kind.KeepsRight() {
		of := plan.WindowOrigins(n.Right)[n.Window.Right].Source
		if joined.Right, column = withWindowTime(n.Right, of); joined.Right == nil {
			return nil, 0
		}
		return &joined, width + column
	}
	of := plan.WindowOrigins(n.Left)[n.Window.Left].Source
	if joined.Left, column = withWindowTime(n.Left, of); joined.Left == nil {
		return nil, 0
	}
	if column < width {
		return &joined, column
	}
	// The right's columns stand one further behind: put the time behind them.
	position := behind(numbered(width), width+1, len(n.Right.Schema()))
	if n.Condition != nil {
		joined.Condition = plan.Renumber(n.Condition, position)
	}
	shown := len(n.Schema())
	return plan.Pick(&joined, append(position[:shown:shown], column)...), shown
}
