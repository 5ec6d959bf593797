package plan

import "slices"

import "fmt"

// WindowOrigin says that a column is a property of the windows of Source, passed
// on unchanged. Source is a Window, a WindowAggregate, or an Aggregate each of
// whose groups belongs to one window.
type WindowOrigin struct {
	Source Node // nil: the column is no window property
	Kind   WindowPropertyKind
}

// WindowOrigins tells for each column of n which window property it is. It
// sees through filters and projections, but not through other operators: what
// mixes rows ends the windows below it.
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
	case *Aggregate:
		origins := make([]WindowOrigin, len(n.Schema()))
		if source, of, kinds := WindowKeys(n.Input, n.Keys, n.Sets); source != nil {
			for i := range n.Keys {
				if of[i] {
					origins[i] = WindowOrigin{Source: n, Kind: kinds[i]}
				}
			}
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

// WindowKeys finds, among the grouping keys over input, the properties of the
// windows of one source: kinds[i] is key i's property where of[i] is true. The
// source is nil unless both start and end are keys, in every one of the sets:
// only then does each group belong to one window.
func WindowKeys(input Node, keys []Expr, sets [][]int) (source Node, of []bool, kinds []WindowPropertyKind) {
	origins := WindowOrigins(input)
	of, kinds = make([]bool, len(keys)), make([]WindowPropertyKind, len(keys))
	var start, end bool
	for i, key := range keys {
		c, ok := key.(*Column)
		if !ok || !inEverySet(sets, i) {
			continue
		}
		origin := origins[c.Index]
		if origin.Source == nil || source != nil && origin.Source != source {
			continue
		}
		source, of[i], kinds[i] = origin.Source, true, origin.Kind
		start = start || kinds[i] == WindowStart
		end = end || kinds[i] == WindowEnd
	}
	if !start || !end {
		return nil, nil, nil
	}
	return source, of, kinds
}

// WindowSpecOf is the windows of a WindowOrigin's source.
func WindowSpecOf(source Node) WindowSpec {
	switch n := source.(type) {
	case *Window:
		return n.Spec
	case *WindowAggregate:
		return n.Spec
	case *Aggregate:
		below, _, _ := WindowKeys(n.Input, n.Keys, n.Sets)
		return WindowSpecOf(below)
	}
	panic(fmt.Sprintf("plan: %T has no windows", source))
}

func inEverySet(sets [][]int, key int) bool {
	for _, set := range sets {
		if !slices.Contains(set, key) {
			return false
		}
	}
	return true
}
