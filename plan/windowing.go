package plan

// WindowOrigin says that a column is a property of the windows of Source, a
// Window or a WindowAggregate below, passed on unchanged.
type WindowOrigin struct {
	Source Node // nil: the column is no window property
	Kind   WindowPropertyKind
}

// WindowOrigins tells for each column of n which window property it is. It
// sees through filters and projections, but not through other operators: what
// groups or mixes rows ends the windows below it.
func WindowOrigins(n Node) []WindowOrigin {
	switch n := n.(type) {
	case *Window:
		width := len(n.Input.Schema())
		origins := make([]WindowOrigin, width+3)
		for i, kind := range []WindowPropertyKind{WindowStart, WindowEnd, WindowTime} {
			origins[width+i] = WindowOrigin{Source: n, Kind: kind}
		}
		return origins
	case *WindowAggregate:
		width := len(n.Schema())
		origins := make([]WindowOrigin, width)
		for i, p := range n.Properties {
			origins[width-len(n.Properties)+i] = WindowOrigin{Source: n, Kind: p.Kind}
		}
		return origins
	case *Filter:
		return WindowOrigins(n.Input)
	case *Project:
		in := WindowOrigins(n.Input)
		origins := make([]WindowOrigin, len(n.Exprs))
		for i, e := range n.Exprs {
			if c, ok := e.(*Column); ok {
				origins[i] = in[c.Index]
			}
		}
		return origins
	}
	return make([]WindowOrigin, len(n.Schema()))
}

// WindowKeys finds, among the grouping keys over input, the properties of one
// Window: kinds[i] is key i's property where of[i] is true. The window is nil
// unless both its start and its end are keys, in every one of the sets: only
// then does each group belong to one window.
func WindowKeys(input Node, keys []Expr, sets [][]int) (window *Window, of []bool, kinds []WindowPropertyKind) {
	origins := WindowOrigins(input)
	of, kinds = make([]bool, len(keys)), make([]WindowPropertyKind, len(keys))
	var start, end bool
	for i, key := range keys {
		c, ok := key.(*Column)
		if !ok || !inEverySet(sets, i) {
			continue
		}
		source, ok := origins[c.Index].Source.(*Window)
		if !ok || window != nil && source != window {
			continue
		}
		window, of[i], kinds[i] = source, true, origins[c.Index].Kind
		start = start || kinds[i] == WindowStart
		end = end || kinds[i] == WindowEnd
	}
	if !start || !end {
		return nil, nil, nil
	}
	return window, of, kinds
}

func inEverySet(sets [][]int, key int) bool {
	for _, set := range sets {
		if !contains(set, key) {
			return false
		}
	}
	return true
}
