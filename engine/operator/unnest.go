package operator

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// Unnest puts out every row once for each element of its collection. What takes
// a row back takes back the rows of its elements, as deletes: an update may have
// more elements than what it replaces, or fewer.
type Unnest struct {
	stateless
	context    *plan.Context
	node       *plan.Unnest
	collection *expr.Program
	condition  *expr.Filter // over input and element; nil for none
	types      []value.Type // of what is behind the input's columns
}

// NewUnnest compiles an Unnest node.
func NewUnnest(env Environment, n *plan.Unnest) (*Unnest, error) {
	collection, err := expr.Compile([]plan.Expr{n.Collection})
	if err != nil {
		return nil, err
	}
	u := &Unnest{context: env.Context, node: n, collection: collection}
	for _, c := range n.Schema()[len(n.Input.Schema()):] {
		u.types = append(u.types, c.Type)
	}
	if n.Condition != nil {
		if u.condition, err = expr.CompileFilter(n.Condition); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// noElement stands for the element of a row that has none.
const noElement = ^uint32(0)

// elementPairs are rows of the input with one element each.
type elementPairs struct {
	row      []uint32
	element  []uint32 // row of the collection's children, or noElement
	position []int64  // in the collection, from 1
}

func (p *elementPairs) add(row, element uint32, position int64) {
	p.row, p.element, p.position = append(p.row, row), append(p.element, element), append(p.position, position)
}

// Process unnests the rows.
func (u *Unnest) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	evaluated, err := u.collection.Eval(u.context, rows)
	if err != nil {
		return err
	}
	in, lists := rows.Compact(), evaluated[0]
	found, err := u.met(in, lists, elementsOf(lists, in.Rows))
	if err != nil {
		return err
	}
	if u.node.Outer {
		found = withoutElements(found, in.Rows)
	}
	for from := 0; from < len(found.row); from += batch.MaxRows {
		if err := emit(u.batch(in, lists, found.part(from))); err != nil {
			return err
		}
	}
	return nil
}

// part is at most a batch of pairs, from one on.
func (p *elementPairs) part(from int) *elementPairs {
	to := min(from+batch.MaxRows, len(p.row))
	return &elementPairs{row: p.row[from:to], element: p.element[from:to], position: p.position[from:to]}
}

// elementsOf pairs every row with all its elements. A ROW that is NULL is none.
func elementsOf(lists *batch.Column, rows int) *elementPairs {
	p := &elementPairs{}
	var absent batch.Bitmap
	if hasRows(lists) {
		absent = lists.Children[0].Nulls
	}
	for row := range rows {
		if lists.IsNull(row) {
			continue
		}
		span := lists.Spans[row]
		for i := range span.Length {
			if !absent.Get(int(span.Offset + i)) {
				p.add(uint32(row), span.Offset+i, int64(i)+1)
			}
		}
	}
	return p
}

// met is the pairs that meet the condition.
func (u *Unnest) met(in *batch.Batch, lists *batch.Column, all *elementPairs) (*elementPairs, error) {
	if u.condition == nil {
		return all, nil
	}
	passed := &elementPairs{}
	for from := 0; from < len(all.row); from += batch.MaxRows {
		part := all.part(from)
		b := u.batch(in, lists, part)
		selected, err := u.condition.Select(u.context, b)
		if err != nil {
			return nil, err
		}
		b.Sel = selected
		b.Each(func(i int) { passed.add(part.row[i], part.element[i], part.position[i]) })
	}
	return passed, nil
}

// withoutElements adds the rows that have no pair, at their places.
func withoutElements(found *elementPairs, rows int) *elementPairs {
	all := &elementPairs{}
	next := 0
	for row := range uint32(rows) {
		if next == len(found.row) || found.row[next] != row {
			all.add(row, noElement, 0)
		}
		for next < len(found.row) && found.row[next] == row {
			all.add(row, found.element[next], found.position[next])
			next++
		}
	}
	return all
}

// batch makes rows of pairs.
func (u *Unnest) batch(in *batch.Batch, lists *batch.Column, p *elementPairs) *batch.Batch {
	out := &batch.Batch{Rows: len(p.row)}
	for _, c := range in.Columns {
		out.Columns = append(out.Columns, c.GatherWide(p.row))
	}
	if in.Kinds != nil {
		out.Kinds = make([]batch.Kind, len(p.row))
		for i, row := range p.row {
			out.Kinds[i] = batch.Insert
			if in.Kinds[row].Retracts() {
				out.Kinds[i] = batch.Delete
			}
		}
	}
	if in.Marks != nil {
		out.Marks = make([]int64, len(p.row))
		for i, row := range p.row {
			out.Marks[i] = in.Marks[row]
		}
	}
	parts := lists.Children
	if hasRows(lists) {
		parts = lists.Children[0].Children
	}
	for i, part := range parts {
		out.Columns = append(out.Columns, elements(u.types[i], part, p.element))
	}
	if u.node.Ordinality {
		out.Columns = append(out.Columns, ordinals(u.types[len(u.types)-1], p))
	}
	return out
}

// hasRows reports whether the elements are ROWs, whose fields become columns.
func hasRows(lists *batch.Column) bool {
	return lists.Type.Kind == value.Array && lists.Type.Elem.Kind == value.Row
}

// elements gathers a column of elements.
func elements(t value.Type, from *batch.Column, rows []uint32) *batch.Column {
	if !slices.Contains(rows, noElement) {
		out := from.GatherWide(rows)
		out.Type = t
		return out
	}
	out := batch.NewColumn(t, len(rows))
	for _, row := range rows {
		if row == noElement {
			out.AppendNull()
		} else {
			out.Append(from, int(row))
		}
	}
	return out
}

func ordinals(t value.Type, p *elementPairs) *batch.Column {
	out := batch.NewColumn(t, len(p.row))
	out.Resize(len(p.row))
	copy(out.Ints, p.position)
	for i, element := range p.element {
		if element == noElement {
			out.SetNull(i)
		}
	}
	return out
}
