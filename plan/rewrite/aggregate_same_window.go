package rewrite

import "tidemark/plan"

// aggregateSameWindow makes a window aggregate of an aggregate over the results
// of another one, when it groups by the same windows again. All rows of a window
// come with the same window_time, one for each end: so the windows are cut anew
// by that time, as long as their ends are apart, and the end is a property again
// while the start stays a key.
func aggregateSameWindow(n plan.Node) plan.Node {
	a, ok := n.(*plan.Aggregate)
	if !ok {
		return nil
	}
	source, isProperty, kinds := plan.WindowKeys(a.Input, a.Keys, a.Sets)
	below, ok := source.(*plan.WindowAggregate)
	if !ok || below.Spec.Kind == plan.Session {
		return nil
	}
	input, time := withWindowTime(a.Input, below)
	if input == nil {
		return nil
	}
	for i := range isProperty {
		isProperty[i] = isProperty[i] && kinds[i] != plan.WindowStart
	}
	w := &plan.WindowAggregate{Input: input, Spec: endsOf(below.Spec, time)}
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

// withWindowTime is n, projections and filters over the window aggregate, with
// the window_time as the last column; nil when something else is between.
func withWindowTime(n plan.Node, below *plan.WindowAggregate) (extended plan.Node, column int) {
	switch n := n.(type) {
	case *plan.WindowAggregate:
		if n != below {
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
	case *plan.Filter:
		input, column := withWindowTime(n.Input, below)
		if input == nil {
			return nil, 0
		}
		return &plan.Filter{Input: input, Condition: n.Condition}, column
	case *plan.Project:
		input, column := withWindowTime(n.Input, below)
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
		c := input.Schema()[column]
		return &plan.Project{
			Input: input,
			Exprs: append(append([]plan.Expr(nil), n.Exprs...), &plan.Column{Index: column, Name: c.Name, Of: c.Type}),
			Names: append(append([]string(nil), n.Names...), c.Name),
			Times: append(append([]plan.TimeAttribute(nil), n.Times...), plan.Rowtime),
		}, len(n.Exprs)
	}
	return nil, 0
}
