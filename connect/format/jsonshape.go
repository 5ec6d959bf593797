package format

import (
	"tidemark/base/batch"
	"tidemark/base/value"
)

// objectShape is the fields of the objects at one place of the schema.
type objectShape struct {
	fields []*fieldShape
	byName map[string]*fieldShape
	latest int // place in fields of the one that was looked for last
	object int // number of the object under way, to tell which fields it had
}

// fieldShape is a field that is read.
type fieldShape struct {
	name   string
	path   string // for messages: geo.at.lat
	typ    value.Type
	place  int // among the columns of the object
	order  int // among the fields of the object that are read
	column *batch.Column
	seen   int  // the last object that had it
	plain  bool // a text column: JSON strings go in as they are
	whole  bool // an INT or BIGINT column
	moment bool // a TIMESTAMP column in microseconds, of which day has the last
	day    day
	views  []batch.View  // of the column, if it is plain
	ints   []int64       // of the column, if it has some
	row    *objectShape  // of ROW
	parts  []*fieldShape // element of ARRAY; key and value of MAP
}

// newObjectShape makes the shape of objects with the fields; those that are
// unread, if given, are passed over as if they were none.
func newObjectShape(path string, fields []value.Field, unread []bool) *objectShape {
	o := &objectShape{byName: make(map[string]*fieldShape, len(fields))}
	for i, f := range fields {
		if unread != nil && unread[i] {
			continue
		}
		shape := newFieldShape(path+f.Name, f.Type)
		shape.name, shape.place, shape.order = f.Name, i, len(o.fields)
		o.fields = append(o.fields, shape)
		o.byName[f.Name] = shape
	}
	return o
}

func newFieldShape(path string, t value.Type) *fieldShape {
	f := &fieldShape{path: path, typ: t, plain: t.IsText(), whole: t.Kind == value.Int || t.Kind == value.BigInt}
	f.moment = t.Kind == value.Timestamp && t.Class() == value.Ints && t.Precision >= millisPrecision
	switch t.Kind {
	case value.Row:
		f.row = newObjectShape(path+".", t.Fields, nil)
	case value.Array:
		f.parts = []*fieldShape{newFieldShape(path+"[]", *t.Elem)}
	case value.Map:
		f.parts = []*fieldShape{newFieldShape(path+" key", *t.Key), newFieldShape(path+"[]", *t.Elem)}
	}
	return f
}

// bind points the shapes at the columns of a new batch.
func (o *objectShape) bind(columns []*batch.Column) {
	for _, f := range o.fields {
		f.bind(columns[f.place])
	}
}

func (f *fieldShape) bind(c *batch.Column) {
	f.column, f.views, f.ints = c, c.Views, c.Ints
	if f.row != nil {
		f.row.bind(c.Children)
	}
	for i, part := range f.parts {
		part.bind(c.Children[i])
	}
}

// named finds a field by its name, which is mostly the one behind the one before;
// nil when it is not read.
func (o *objectShape) named(name []byte, escaped bool) *fieldShape {
	if escaped {
		name = appendUnescaped(nil, name)
	}
	if len(o.fields) == 0 {
		return nil
	}
	if o.latest++; o.latest == len(o.fields) {
		o.latest = 0
	}
	if f := o.fields[o.latest]; string(name) == f.name {
		return f
	}
	f := o.byName[string(name)]
	if f != nil {
		o.latest = f.order
	}
	return f
}

// forget makes nothing of a row NULL, for another record or value to be read into
// it.
func (o *objectShape) forget(row int) {
	for _, f := range o.fields {
		f.forget(row)
	}
}

func (f *fieldShape) forget(row int) {
	f.column.Nulls.Clear(row)
	if f.row != nil {
		f.row.forget(row)
	}
}
