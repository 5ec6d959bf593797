package plan

import "tidemark/base/value"

// unnestedOrdinal is the type of WITH ORDINALITY, as in Flink.
var unnestedOrdinal = value.IntType.Required()

// Unnest gives every row of the input once for each element of Collection, an
// ARRAY or MAP computed from it, with the element in further columns: the fields
// of a ROW, key and value of a MAP, the element otherwise. ROWs that are NULL are
// left out, as Flink does, and elements for which Condition is not true. Outer
// keeps rows that have no element then, or whose collection is NULL, beside
// NULLs.
type Unnest struct {
	Input      Node
	Collection Expr
	Names      []string // of the element's columns, and of the ordinal number
	Ordinality bool     // a last column with the position, from 1
	Outer      bool
	Condition  Expr // over the input's columns, then the element's; nil for all elements
}

// Inputs of an Unnest.
func (n *Unnest) Inputs() []Node { return []Node{n.Input} }

// Schema of an Unnest.
func (n *Unnest) Schema() Schema { return n.schema(n.Outer) }

// Paired is the columns that Condition is over: those of the schema, where rows
// without an element are not among them yet.
func (n *Unnest) Paired() Schema { return n.schema(false) }

func (n *Unnest) schema(padded bool) Schema {
	s := append(Schema(nil), n.Input.Schema()...)
	types := ElementTypes(n.Collection.Type())
	if n.Ordinality {
		types = append(types, unnestedOrdinal)
	}
	for i, t := range types {
		if padded {
			t = t.Optional()
		}
		s = append(s, OutputColumn{Name: n.Names[i], Type: t})
	}
	return s
}

// ElementTypes is the columns that an element of a collection has when it is
// unnested.
func ElementTypes(collection value.Type) []value.Type {
	switch collection.Kind {
	case value.Map:
		return []value.Type{collection.Key.Required(), *collection.Elem}
	case value.Array:
		if collection.Elem.Kind != value.Row {
			return []value.Type{*collection.Elem}
		}
		types := make([]value.Type, len(collection.Elem.Fields))
		for i, f := range collection.Elem.Fields {
			types[i] = f.Type
			if !collection.Elem.NotNull {
				types[i] = f.Type.Optional()
			}
		}
		return types
	}
	return nil
}

func (*Unnest) isNode() {}
