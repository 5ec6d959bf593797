package expr

import (
	"tidemark/base/batch"
	"tidemark/base/value"
)

// firstRow repeats row 0.
var firstRow [batch.MaxRows]uint16

// literal is a constant as a column, filled once for the largest batch.
type literal struct {
	full *batch.Column
}

func newLiteral(v value.Value) *literal {
	one := batch.NewColumn(v.Type, 1)
	if v.Type.Class() == value.NoData {
		one.AppendNull()
	} else {
		one.AppendValue(v)
	}
	return &literal{full: one.Gather(firstRow[:])}
}

// column is the constant, rows times. A column that leaves the program belongs
// to whoever gets it and shares nothing but text with the others.
func (l *literal) column(rows int, escapes bool) *batch.Column {
	if escapes {
		return l.full.Gather(firstRow[:rows])
	}
	return head(l.full, rows)
}

// head is a view of the first rows of c.
func head(c *batch.Column, rows int) *batch.Column {
	if c.Nulls != nil {
		return c.Gather(firstRow[:rows])
	}
	h := *c
	switch c.Type.Class() {
	case value.Bools:
		h.Bools = c.Bools[:rows:rows]
	case value.Ints:
		h.Ints = c.Ints[:rows:rows]
	case value.Floats:
		h.Floats = c.Floats[:rows:rows]
	case value.Wides:
		h.Wides = c.Wides[:rows:rows]
	case value.Strings:
		h.Views = c.Views[:rows:rows]
	default:
		return c.Gather(firstRow[:rows])
	}
	return &h
}
