package rewrite

import "tidemark/plan"

// windowAggregate makes one operator of an aggregate and the window below it,
// when each group belongs to one window: start and end of the window are among
// the keys. Projections and filters may stand between; a filter over window
// properties moves above. Over SESSION windows it can only be done where no row
// is left out between: the session would change.
func windowAggregate(n plan.Node) plan.Node {
	a, ok := n.(*plan.Aggregate)
	if !ok {
		return nil
	}
	source, isProperty, kinds := plan.WindowKeys(a.Input, a.Keys, a.Sets)
	window, ok := source.(*plan.Window)
	if !ok || window.Spec.Kind == plan.Session && a.Sets != nil {
		return nil
	}
	between, ok := unstack(a.Input, window)
	if !ok {
		return nil
	}
	m := &windowMerge{aggregate: a, window: window, isProperty: isProperty, kinds: kinds, width: len(window.Input.Schema())}
	return m.merge(between)
}

// stack is what stands between an aggregate and its window, expressed over the
// window's columns.
type stack struct {
	columns    []plan.Expr // of the aggregate's input
	conditions []plan.Expr // of the filters
}

// unstack walks down from n to the window.
func unstack(n plan.Node, window *plan.Window) (stack, bool) {
	switch n := n.(type) {
	case *plan.Window:
		if n != window {
			return stack{}, false
		}
		var s stack
		for i, c := range n.Schema() {
			s.columns = append(s.columns, &plan.Column{Index: i, Name: c.Name, Of: c.Type})
		}
		return s, true
	case *plan.Filter:
		s, ok := unstack(n.Input, window)
		for _, c := range plan.Conjuncts(n.Condition) {
			if ok && !plan.Deterministic(c) {
				return s, false
			}
			if ok {
				s.conditions = append(s.conditions, plan.Substitute(c, s.columns))
			}
		}
		return s, ok
	case *plan.Project:
		s, ok := unstack(n.Input, window)
		if !ok {
			return s, false
		}
		columns := make([]plan.Expr, len(n.Exprs))
		for i, e := range n.Exprs {
			columns[i] = plan.Substitute(e, s.columns)
		}
		s.columns = columns
		return s, true
	}
	return stack{}, false
}

type windowMerge struct {
	aggregate  *plan.Aggregate
	window     *plan.Window
	isProperty []bool // of each key of the aggregate
	kinds      []plan.WindowPropertyKind
	width      int // columns of the window's input
}

// ofRows reports whether an expression over the window's columns needs nothing
// of the window.
func (m *windowMerge) ofRows(e plan.Expr) bool {
	return plan.UsesOnly(e, func(column int) bool { return column < m.width })
}

func (m *windowMerge) merge(between stack) plan.Node {
	a := m.aggregate
	w := &plan.WindowAggregate{Spec: m.window.Spec}
	position := make([]int, len(a.Keys)) // of each key in w's columns
	property := map[plan.WindowPropertyKind]int{}
	for i, key := range a.Keys {
		if m.isProperty[i] {
			property[m.kinds[i]] = len(w.Properties)
			w.Properties = append(w.Properties, plan.WindowProperty{Kind: m.kinds[i], Name: a.Names[i]})
			continue
		}
		e := plan.Substitute(key, between.columns)
		if !m.ofRows(e) {
			return nil
		}
		position[i] = len(w.Keys)
		w.Keys, w.Names = append(w.Keys, e), append(w.Names, a.Names[i])
	}
	if !m.calls(w, between) || !m.sets(w, position) {
		return nil
	}
	first := len(w.Keys) + len(w.Calls) + len(w.Groupings)
	for i := range a.Keys {
		if m.isProperty[i] {
			position[i] = first + property[m.kinds[i]]
		}
	}
	// Conditions on rows go below, those on windows above.
	var below, above []plan.Expr
	for _, c := range between.conditions {
		switch {
		case m.ofRows(c):
			if m.window.Spec.Kind == plan.Session {
				return nil
			}
			below = append(below, c)
		case m.ofWindow(c, property):
			above = append(above, plan.Renumber(c, m.aboveColumns(first, property)))
		default:
			return nil
		}
	}
	w.Input = filtered(m.window.Input, below)
	return m.inOrder(filtered(w, above), w, position)
}

// calls moves the aggregate calls over the window's input.
func (m *windowMerge) calls(w *plan.WindowAggregate, between stack) bool {
	for i, c := range m.aggregate.Calls {
		args := make([]plan.Expr, len(c.Args))
		for j, arg := range c.Args {
			if args[j] = plan.Substitute(arg, between.columns); !m.ofRows(args[j]) {
				return false
			}
		}
		c.Args = args
		if c.Filter != nil {
			if c.Filter = plan.Substitute(c.Filter, between.columns); !m.ofRows(c.Filter) {
				return false
			}
		}
		w.Calls, w.Names = append(w.Calls, c), append(w.Names, m.aggregate.Names[len(m.aggregate.Keys)+i])
	}
	return true
}

// sets takes the window properties, which are in every set, out of the sets
// and groupings. A property counts as 0 in a grouping, so that it can only go
// from the front.
func (m *windowMerge) sets(w *plan.WindowAggregate, position []int) bool {
	without := func(set []int) []int {
		rest := []int{}
		for _, key := range set {
			if !m.isProperty[key] {
				rest = append(rest, position[key])
			}
		}
		return rest
	}
	for _, set := range m.aggregate.Sets {
		w.Sets = append(w.Sets, without(set))
	}
	for _, list := range m.aggregate.Groupings {
		for i := 1; i < len(list); i++ {
			if m.isProperty[list[i]] && !m.isProperty[list[i-1]] {
				return false
			}
		}
		w.Groupings = append(w.Groupings, without(list))
	}
	return true
}

// ofWindow reports whether an expression over the window's columns uses nothing
// but properties that are keys.
func (m *windowMerge) ofWindow(e plan.Expr, property map[plan.WindowPropertyKind]int) bool {
	return plan.UsesOnly(e, func(column int) bool {
		if column < m.width {
			return false
		}
		_, ok := property[plan.WindowPropertyKind(column-m.width)]
		return ok
	})
}

// aboveColumns maps the window's columns to those of the aggregate.
func (m *windowMerge) aboveColumns(first int, property map[plan.WindowPropertyKind]int) []int {
	to := make([]int, m.width+3)
	for kind, i := range property {
		to[m.width+int(kind)] = first + i
	}
	return to
}

// inOrder puts the columns into the order of the aggregate that was: keys,
// calls, groupings.
func (m *windowMerge) inOrder(n plan.Node, w *plan.WindowAggregate, position []int) plan.Node {
	was, is := m.aggregate.Schema(), w.Schema()
	p := &plan.Project{Input: n}
	for i, c := range was {
		at := i - len(m.aggregate.Keys) + len(w.Keys)
		if i < len(position) {
			at = position[i]
		}
		p.Add(&plan.Column{Index: at, Name: is[at].Name, Of: is[at].Type}, c.Name, is[at].Time)
	}
	return p
}
