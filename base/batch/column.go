package batch

import (
	"fmt"

	"tidemark/base/value"
)

// View is a piece of a column's heap.
type View struct{ Offset, Length uint32 }

// Column is the values of one type for the rows of a batch. Exactly one of the
// data members is used, by the class of the type:
//
//	Bools    Bools
//	Ints     Ints
//	Floats   Floats
//	Wides    Wides
//	Strings  Views into Heap
//	Lists    Spans into Children: the elements, or keys and values of a MAP
//	Structs  Children: one column a field
//
// The entry of a NULL row is there but means nothing.
type Column struct {
	Type     value.Type
	Nulls    Bitmap // set where NULL; nil when no row is
	Bools    []bool
	Ints     []int64
	Floats   []float64
	Wides    []value.Int128
	Views    []View
	Heap     []byte
	Spans    []View    // element ranges, like Views but counting rows of Children
	Children []*Column // of Lists and Structs
	rows     int       // of NoData columns and Structs, which have no slice of their own
}

// NewColumn returns an empty column of type t with room for capacity rows.
func NewColumn(t value.Type, capacity int) *Column {
	c := &Column{Type: t}
	switch t.Class() {
	case value.Bools:
		c.Bools = make([]bool, 0, capacity)
	case value.Ints:
		c.Ints = make([]int64, 0, capacity)
	case value.Floats:
		c.Floats = make([]float64, 0, capacity)
	case value.Wides:
		c.Wides = make([]value.Int128, 0, capacity)
	case value.Strings:
		c.Views = make([]View, 0, capacity)
	case value.Lists:
		c.Spans = make([]View, 0, capacity)
		if t.Kind == value.Map {
			c.Children = append(c.Children, NewColumn(*t.Key, capacity))
		}
		c.Children = append(c.Children, NewColumn(*t.Elem, capacity))
	case value.Structs:
		for _, f := range t.Fields {
			c.Children = append(c.Children, NewColumn(f.Type, capacity))
		}
	case value.NoData:
	}
	return c
}

// Len is the number of rows.
func (c *Column) Len() int {
	switch c.Type.Class() {
	case value.Bools:
		return len(c.Bools)
	case value.Ints:
		return len(c.Ints)
	case value.Floats:
		return len(c.Floats)
	case value.Wides:
		return len(c.Wides)
	case value.Strings:
		return len(c.Views)
	case value.Lists:
		return len(c.Spans)
	}
	return c.rows
}

// Resize sets the number of rows to n. New rows hold zeros, not NULL; what they
// hold is meant to be overwritten by index. Children of Lists are not touched.
func (c *Column) Resize(n int) {
	switch c.Type.Class() {
	case value.Bools:
		c.Bools = resized(c.Bools, n)
	case value.Ints:
		c.Ints = resized(c.Ints, n)
	case value.Floats:
		c.Floats = resized(c.Floats, n)
	case value.Wides:
		c.Wides = resized(c.Wides, n)
	case value.Strings:
		c.Views = resized(c.Views, n)
	case value.Lists:
		c.Spans = resized(c.Spans, n)
	case value.Structs:
		for _, child := range c.Children {
			child.Resize(n)
		}
	case value.NoData:
	}
	c.rows = n
	c.Nulls = c.Nulls.resized(n)
}

func resized[T any](s []T, n int) []T {
	if n <= cap(s) {
		clear(s[len(s):max(n, len(s))])
		return s[:n]
	}
	grown := make([]T, n, max(n, 2*cap(s)))
	copy(grown, s)
	return grown
}

// Reset makes the column empty and keeps its memory, the heap's too, for the
// next rows. Only who alone has the column and its heap may do that.
func (c *Column) Reset() {
	c.Resize(0)
	c.Nulls, c.Heap = nil, c.Heap[:0]
	for _, child := range c.Children {
		child.Reset()
	}
}

// IsNull reports whether row i is NULL.
func (c *Column) IsNull(i int) bool { return c.Nulls.Get(i) }

// SetNull makes row i, which must exist, NULL.
func (c *Column) SetNull(i int) {
	if c.Nulls == nil {
		c.Nulls = NewBitmap(max(c.Len(), i+1))
	}
	c.Nulls.Set(i)
}

// Bytes is the text or bytes of row i, a view that must not be changed.
func (c *Column) Bytes(i int) []byte {
	v := c.Views[i]
	return c.Heap[v.Offset : v.Offset+v.Length : v.Offset+v.Length]
}

// SetBytes stores a copy of b as row i of a Strings column.
func (c *Column) SetBytes(i int, b []byte) {
	c.Views[i] = View{uint32(len(c.Heap)), uint32(len(b))}
	c.Heap = append(c.Heap, b...)
}

// SetString stores a copy of s as row i of a Strings column.
func (c *Column) SetString(i int, s string) {
	c.Views[i] = View{uint32(len(c.Heap)), uint32(len(s))}
	c.Heap = append(c.Heap, s...)
}

// Gather returns a new column of the given rows, in that order, of c. Heaps and
// list elements are shared with c.
func (c *Column) Gather(rows []uint16) *Column { return gatherColumn(c, rows) }

// GatherWide is Gather for row numbers beyond a batch.
func (c *Column) GatherWide(rows []uint32) *Column { return gatherColumn(c, rows) }

func gatherColumn[I uint16 | uint32](c *Column, rows []I) *Column {
	// Without room to grow: a text added to one column must not land where the
	// other one adds its own.
	g := &Column{Type: c.Type, Heap: c.Heap[:len(c.Heap):len(c.Heap)], rows: len(rows)}
	switch c.Type.Class() {
	case value.Bools:
		g.Bools = gather(c.Bools, rows)
	case value.Ints:
		g.Ints = gather(c.Ints, rows)
	case value.Floats:
		g.Floats = gather(c.Floats, rows)
	case value.Wides:
		g.Wides = gather(c.Wides, rows)
	case value.Strings:
		g.Views = gather(c.Views, rows)
	case value.Lists:
		g.Spans = gather(c.Spans, rows)
		g.Children = c.Children
	case value.Structs:
		g.Children = make([]*Column, len(c.Children))
		for i, child := range c.Children {
			g.Children[i] = gatherColumn(child, rows)
		}
	case value.NoData:
	}
	if c.Nulls != nil {
		for i, r := range rows {
			if c.Nulls.Get(int(r)) {
				g.SetNull(i)
			}
		}
	}
	return g
}

// Append adds a copy of row i of from, a column of the same physical shape.
func (c *Column) Append(from *Column, i int) {
	n := c.Len()
	c.Resize(n + 1)
	c.Set(n, from, i)
}

// Set overwrites row n, which must exist, with a copy of row i of from.
func (c *Column) Set(n int, from *Column, i int) {
	if from.IsNull(i) || from.Type.Class() == value.NoData {
		c.SetNull(n)
		return
	}
	c.Nulls.Clear(n)
	switch c.Type.Class() {
	case value.Bools:
		c.Bools[n] = from.Bools[i]
	case value.Ints:
		c.Ints[n] = from.Ints[i]
	case value.Floats:
		c.Floats[n] = from.Floats[i]
	case value.Wides:
		c.Wides[n] = from.Wides[i]
	case value.Strings:
		c.SetBytes(n, from.Bytes(i))
	case value.Lists:
		span := from.Spans[i]
		c.Spans[n] = View{uint32(c.Children[0].Len()), span.Length}
		for k, child := range c.Children {
			for e := span.Offset; e < span.Offset+span.Length; e++ {
				child.Append(from.Children[k], int(e))
			}
		}
	case value.Structs:
		for k, child := range c.Children {
			child.Set(n, from.Children[k], i)
		}
	case value.NoData:
	}
}

// Scatter overwrites the given rows, which must exist, with copies of those of
// from, one after another. It is the reverse of Gather.
func (c *Column) Scatter(rows []uint16, from *Column) {
	if from.Nulls != nil {
		c.scatterEach(rows, from)
		return
	}
	switch c.Type.Class() {
	case value.Bools:
		scatter(c.Bools, rows, from.Bools)
	case value.Ints:
		scatter(c.Ints, rows, from.Ints)
	case value.Floats:
		scatter(c.Floats, rows, from.Floats)
	case value.Wides:
		scatter(c.Wides, rows, from.Wides)
	case value.Strings:
		heap := c.Heap
		for i, r := range rows {
			text := from.Bytes(i)
			c.Views[r] = View{uint32(len(heap)), uint32(len(text))}
			heap = append(heap, text...)
		}
		c.Heap = heap
	default:
		c.scatterEach(rows, from)
		return
	}
	if c.Nulls != nil {
		for _, r := range rows {
			c.Nulls.Clear(int(r))
		}
	}
}

func (c *Column) scatterEach(rows []uint16, from *Column) {
	for i, r := range rows {
		c.Set(int(r), from, i)
	}
}

func scatter[T any](to []T, rows []uint16, from []T) {
	for i, r := range rows {
		to[r] = from[i]
	}
}

// AppendNull adds a NULL row.
func (c *Column) AppendNull() {
	n := c.Len()
	c.Resize(n + 1)
	c.SetNull(n)
}

// Value copies row i out.
func (c *Column) Value(i int) value.Value {
	if c.IsNull(i) || c.Type.Class() == value.NoData {
		return value.NullOf(c.Type)
	}
	v := value.Value{Type: c.Type}
	switch c.Type.Class() {
	case value.Bools:
		v.Bool = c.Bools[i]
	case value.Ints:
		v.Int = c.Ints[i]
	case value.Floats:
		v.Float = c.Floats[i]
	case value.Wides:
		v.Wide = c.Wides[i]
	case value.Strings:
		v.Text = string(c.Bytes(i))
	case value.Lists:
		span := c.Spans[i]
		v.Items = make([]value.Value, 0, int(span.Length)*len(c.Children))
		for e := span.Offset; e < span.Offset+span.Length; e++ {
			for _, child := range c.Children {
				v.Items = append(v.Items, child.Value(int(e)))
			}
		}
	case value.Structs:
		v.Items = make([]value.Value, len(c.Children))
		for k, child := range c.Children {
			v.Items[k] = child.Value(i)
		}
	case value.NoData:
	}
	return v
}

// AppendValue adds v, whose type must have the class of the column.
func (c *Column) AppendValue(v value.Value) {
	n := c.Len()
	c.Resize(n + 1)
	c.SetValue(n, v)
}

// SetValue overwrites row n, which must exist, with v.
func (c *Column) SetValue(n int, v value.Value) {
	if v.Null {
		c.SetNull(n)
		return
	}
	c.Nulls.Clear(n)
	switch c.Type.Class() {
	case value.Bools:
		c.Bools[n] = v.Bool
	case value.Ints:
		c.Ints[n] = v.Int
	case value.Floats:
		c.Floats[n] = v.Float
	case value.Wides:
		c.Wides[n] = v.Wide
	case value.Strings:
		c.SetString(n, v.Text)
	case value.Lists:
		width := len(c.Children)
		c.Spans[n] = View{uint32(c.Children[0].Len()), uint32(len(v.Items) / width)}
		for k, item := range v.Items {
			c.Children[k%width].AppendValue(item)
		}
	case value.Structs:
		for k, item := range v.Items {
			c.Children[k].SetValue(n, item)
		}
	case value.NoData:
		panic(fmt.Sprintf("a %s column holds no values", c.Type))
	}
}
