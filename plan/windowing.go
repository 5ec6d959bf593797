package plan

import (
	"fmt"
	"slices"

	"tidemark/base/value"
)

// WindowOrigin says that a column is a property of the windows of Source, passed
// on unchanged. Source is a Window, a WindowAggregate, an Aggregate each of whose
// groups belongs to one window, or a Join of windows, whose sides' windows are
// one then.
type WindowOrigin struct {
	Source Node // nil: the column is no window property
	Kind   WindowPropertyKind
}

// WindowOrigins tells for each column of n which window property it is. It
// sees through what leaves rows in their windows: filters, projections, and
// what adds columns to them. What mixes rows ends the windows below it.
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
	case *Shared:
		return WindowOrigins(n.Input)
	case *Rank:
		if n.WindowEnd >= 0 {
			return append(WindowOrigins(n.Input), make([]WindowOrigin, len(n.Schema())-len(n.Input.Schema()))...)
		}
	case *Unnest, *LookupJoin, *TemporalJoin:
		origins := make([]WindowOrigin, len(n.Schema()))
		copy(origins, WindowOrigins(n.Inputs()[0]))
		return origins
	case *Join:
		return joinOrigins(n)
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

// joinOrigins is the properties of the windows that both sides of a join are in;
// a side that may be padded with NULLs has none.
func joinOrigins(n *Join) []WindowOrigin {
	origins := make([]WindowOrigin, len(n.Schema()))
	if n.Window == nil {
		return origins
	}
	side := func(of []WindowOrigin, end, first int) {
		for i, origin := range of {
			if origin.Source != nil && origin.Source == of[end].Source {
				origins[first+i] = WindowOrigin{Source: n, Kind: origin.Kind}
			}
		}
	}
	left := WindowOrigins(n.Left)
	if !n.Kind.KeepsRight() {
		side(left, n.Window.Left, 0)
	}
	if n.Kind.ShowsRight() && !n.Kind.KeepsLeft() {
		side(WindowOrigins(n.Right), n.Window.Right, len(left))
	}
	return origins
}

// WindowKeys finds, among the grouping keys over input, the properties of the
// windows of one source: kinds[i] is key i's property where of[i] is true. The
// source is nil unless both start and end are keys, in every one of the sets:
// only then does each group belong to one window. Of SESSION windows the
// partition key must be among them too.
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
	if !start || !end || WindowSpecOf(source).Kind == Session && !groupsSessions(input, source, keys, sets) {
		return nil, nil, nil
	}
	return source, of, kinds
}

// groupsSessions reports whether the partition key of SESSION windows is among
// the keys, in every set. Only the windowing table function itself is known to.
func groupsSessions(input, source Node, keys []Expr, sets [][]int) bool {
	w, ok := source.(*Window)
	if !ok {
		return false
	}
	from := passedFrom(input, w)
	for _, column := range w.Spec.Keys {
		found := slices.ContainsFunc(keys, func(key Expr) bool {
			c, ok := key.(*Column)
			return ok && from[c.Index] == column
		})
		if !found {
			return false
		}
	}
	for i, key := range keys {
		if c, ok := key.(*Column); ok && slices.Contains(w.Spec.Keys, from[c.Index]) && !inEverySet(sets, i) {
			return false
		}
	}
	return true
}

// passedFrom is, for each column of n, the column of w that it is passed on
// from by filters and projections; -1 where it is none.
func passedFrom(n Node, w *Window) []int {
	from := make([]int, len(n.Schema()))
	for i := range from {
		from[i] = -1
	}
	switch n := n.(type) {
	case *Window:
		if n == w {
			for i := range from {
				from[i] = i
			}
		}
	case *Filter:
		return passedFrom(n.Input, w)
	case *Project:
		in := passedFrom(n.Input, w)
		for i, e := range n.Exprs {
			if c, ok := e.(*Column); ok {
				from[i] = in[c.Index]
			}
		}
	default:
		// What mixes rows, or adds to them, passes nothing on that would be needed.
	}
	return from
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
	case *Join:
		return WindowSpecOf(WindowOrigins(n.Left)[n.Window.Left].Source)
	}
	panic(fmt.Sprintf("plan: %T has no windows", source))
}

// WindowClockOf is the type of the time column that the windows of a source are
// cut by: windows of a TIMESTAMP_LTZ lie on the wall clock of the session.
func WindowClockOf(source Node) value.Type {
	switch n := source.(type) {
	case *Window:
		return n.Input.Schema()[n.Spec.Time].Type
	case *WindowAggregate:
		return n.Input.Schema()[n.Spec.Time].Type
	case *Aggregate:
		below, _, _ := WindowKeys(n.Input, n.Keys, n.Sets)
		return WindowClockOf(below)
	case *Join:
		return WindowClockOf(WindowOrigins(n.Left)[n.Window.Left].Source)
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
