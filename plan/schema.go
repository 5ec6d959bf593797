package plan

import (
	"slices"

	"tidemark/base/value"
)

// Inputs and Schema of every node, one pair after the other.

// Inputs of a Scan: none.
func (*Scan) Inputs() []Node { return nil }

// Schema of a Scan: the columns read.
func (n *Scan) Schema() Schema {
	s := make(Schema, len(n.Columns))
	for i, c := range n.Columns {
		col := n.Table.Columns[c]
		s[i] = OutputColumn{Name: col.Name, Type: col.Type}
	}
	return s
}

// Inputs of Values: none.
func (*Values) Inputs() []Node { return nil }

// Schema of Values.
func (n *Values) Schema() Schema { return n.Columns }

// Inputs of a Watermark.
func (n *Watermark) Inputs() []Node { return []Node{n.Input} }

// Schema of a Watermark: the input's, with the time attribute.
func (n *Watermark) Schema() Schema {
	s := append(Schema(nil), n.Input.Schema()...)
	s[n.Column].Time = Rowtime
	return s
}

// Inputs of a Filter.
func (n *Filter) Inputs() []Node { return []Node{n.Input} }

// Schema of a Filter: the input's.
func (n *Filter) Schema() Schema { return n.Input.Schema() }

// Inputs of a Project.
func (n *Project) Inputs() []Node { return []Node{n.Input} }

// Schema of a Project: one column per expression.
func (n *Project) Schema() Schema {
	s := make(Schema, len(n.Exprs))
	for i, e := range n.Exprs {
		s[i] = OutputColumn{Name: n.Names[i], Type: e.Type(), Time: n.Times[i]}
	}
	return s
}

// Inputs of a Window.
func (n *Window) Inputs() []Node { return []Node{n.Input} }

// Schema of a Window: the input's, where the time column is an attribute no
// longer, and the three window columns.
func (n *Window) Schema() Schema {
	s := append(Schema(nil), n.Input.Schema()...)
	kind, attribute := s[n.Spec.Time].Type, windowAttribute(s[n.Spec.Time])
	s[n.Spec.Time].Time = NoTime
	return append(s,
		OutputColumn{Name: "window_start", Type: value.TimestampOf(3).Required()},
		OutputColumn{Name: "window_end", Type: value.TimestampOf(3).Required()},
		OutputColumn{Name: "window_time", Type: windowTime(kind), Time: attribute})
}

// windowAttribute is what window_time is: processing time where the windows are
// over it.
func windowAttribute(of OutputColumn) TimeAttribute {
	if of.Time == Proctime {
		return Proctime
	}
	return Rowtime
}

// windowTime is the type of window_time: that of the time column, whose clock
// it continues.
func windowTime(of value.Type) value.Type {
	return value.Type{Kind: of.Kind, Precision: 3, NotNull: true}
}

// Inputs of an Aggregate.
func (n *Aggregate) Inputs() []Node { return []Node{n.Input} }

// Schema of an Aggregate: keys, calls, groupings.
func (n *Aggregate) Schema() Schema {
	return grouped(n.Input.Schema(), n.Keys, n.Names, n.Calls, n.Sets, n.Groupings)
}

// Inputs of a WindowAggregate.
func (n *WindowAggregate) Inputs() []Node { return []Node{n.Input} }

// Schema of a WindowAggregate: keys, calls, groupings, window properties.
func (n *WindowAggregate) Schema() Schema {
	s := grouped(n.Input.Schema(), n.Keys, n.Names, n.Calls, n.Sets, n.Groupings)
	for _, p := range n.Properties {
		column := OutputColumn{Name: p.Name, Type: value.TimestampOf(3).Required()}
		if p.Kind == WindowTime {
			of := n.Input.Schema()[n.Spec.Time]
			column.Type, column.Time = windowTime(of.Type), windowAttribute(of)
		}
		s = append(s, column)
	}
	return s
}

func grouped(_ Schema, keys []Expr, names []string, calls []AggregateCall, sets, groupings [][]int) Schema {
	s := make(Schema, 0, len(keys)+len(calls)+len(groupings))
	for i, k := range keys {
		t := k.Type()
		for _, set := range sets {
			if !slices.Contains(set, i) {
				t = t.Optional()
			}
		}
		s = append(s, OutputColumn{Name: names[i], Type: t})
	}
	for i, c := range calls {
		s = append(s, OutputColumn{Name: names[len(keys)+i], Type: c.Overload.Result})
	}
	for range groupings {
		s = append(s, OutputColumn{Name: "grouping", Type: value.BigIntType.Required()})
	}
	return s
}

// Inputs of a Union.
func (n *Union) Inputs() []Node { return n.All }

// Schema of a Union: the first input's names, nullable where any input is; a
// time attribute where it is one in all.
func (n *Union) Schema() Schema {
	s := append(Schema(nil), n.All[0].Schema()...)
	for _, other := range n.All[1:] {
		for i, c := range other.Schema() {
			s[i].Type.NotNull = s[i].Type.NotNull && c.Type.NotNull
			if s[i].Time != c.Time {
				s[i].Time = NoTime
			}
		}
	}
	return s
}

// Inputs of a Shared.
func (n *Shared) Inputs() []Node { return []Node{n.Input} }

// Schema of a Shared: the input's.
func (n *Shared) Schema() Schema { return n.Input.Schema() }

// Inputs of a Sort.
func (n *Sort) Inputs() []Node { return []Node{n.Input} }

// Schema of a Sort: the input's.
func (n *Sort) Schema() Schema { return n.Input.Schema() }

// Inputs of a Limit.
func (n *Limit) Inputs() []Node { return []Node{n.Input} }

// Schema of a Limit: the input's.
func (n *Limit) Schema() Schema { return n.Input.Schema() }
