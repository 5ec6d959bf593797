package format

import (
	"encoding/binary"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// objectShape is how objects at one place of the schema look: their fields and
// the gaps met so far.
type objectShape struct {
	fields []*fieldShape
	byName map[string]*fieldShape
	root   *gap
	gaps   int
	object int // number of the object under way, to tell which fields it had
}

// gap is the constant text before a value, or before the end of an object.
type gap struct {
	text  string
	first uint64      // its first eight bytes, 0 for those that it lacks
	mask  uint64      // ones for each of them that it has
	last  uint64      // its last eight bytes, which may overlap, if it has eight
	field *fieldShape // of the value behind the gap; nil when it is not read
	ends  bool        // the object ends with this gap
	next  []*gap      // those met behind the value
}

// fieldShape is a field that is read.
type fieldShape struct {
	path   string // for messages: geo.at.lat
	typ    value.Type
	place  int // among the columns of the object
	column *batch.Column
	seen   int  // the last object that had it
	plain  bool // a text column: JSON strings go in as they are
	whole  bool // an INT or BIGINT column
	moment bool // a TIMESTAMP column in microseconds, of which day has the last
	day    day
	bytes  int           // of texts to make room for in a row, from the batch before
	row    *objectShape  // of ROW
	parts  []*fieldShape // element of ARRAY; key and value of MAP
}

// newObjectShape makes the shape of objects with the fields; those that are
// unread, if given, are passed over as if they were none.
func newObjectShape(path string, fields []value.Field, unread []bool) *objectShape {
	o := &objectShape{byName: make(map[string]*fieldShape, len(fields)), root: &gap{}}
	for i, f := range fields {
		if unread != nil && unread[i] {
			continue
		}
		shape := newFieldShape(path+f.Name, f.Type)
		shape.place = i
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
	f.column = c
	if f.row != nil {
		f.row.bind(c.Children)
	}
	for i, part := range f.parts {
		part.bind(c.Children[i])
	}
}

// makeRoom gives the heaps of the columns room for the texts of a number of rows
// like those of the batch before.
func (o *objectShape) makeRoom(rows int) {
	for _, f := range o.fields {
		if f.row != nil {
			f.row.makeRoom(rows)
		} else if room := f.bytes*rows + wordBytes; f.plain && cap(f.column.Heap) < room {
			f.column.Heap = make([]byte, 0, room)
		}
	}
}

// measure notes how much text the rows of the batch have, and a little more: the
// next batch seldom has exactly as much, and a heap that grows is copied.
func (o *objectShape) measure(rows int) {
	for _, f := range o.fields {
		if f.row != nil {
			f.row.measure(rows)
		} else {
			f.bytes = (len(f.column.Heap)+len(f.column.Heap)/16)/rows + 1
		}
	}
}

// standsAt reports whether the gap's text is b[i:].
func (g *gap) standsAt(b []byte, i int) bool {
	n := len(g.text)
	if len(b)-i < max(n, wordBytes) || n > 2*wordBytes {
		return len(b)-i >= n && string(b[i:i+n]) == g.text
	}
	if binary.LittleEndian.Uint64(b[i:])&g.mask != g.first {
		return false
	}
	return n <= wordBytes || binary.LittleEndian.Uint64(b[i+n-wordBytes:]) == g.last
}

// remember adds g behind from, unless there are many already: keys that are
// data would fill the memory and be slow to try. Gaps behind one that is not
// remembered are not found again either.
func (o *objectShape) remember(from, g *gap) {
	if o.gaps < gapsMax && len(from.next) < alternatives {
		g.split()
		o.gaps++
		from.next = append(from.next, g)
	}
}

// split makes words of the text.
func (g *gap) split() {
	var word, ones [wordBytes]byte
	for i := range copy(word[:], g.text) {
		ones[i] = 0xff
	}
	g.first, g.mask = binary.LittleEndian.Uint64(word[:]), binary.LittleEndian.Uint64(ones[:])
	if n := len(g.text); n >= wordBytes {
		g.last = binary.LittleEndian.Uint64([]byte(g.text[n-wordBytes:]))
	}
}
