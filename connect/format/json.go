package format

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// jsonFormat is 'format' = 'json'.
func jsonFormat() Format {
	return Format{
		Name:   "json",
		Doc:    "one JSON object a line (or an array of them), fields by name",
		Arrays: true,
		Options: []connect.Option{
			{Name: "json.ignore-parse-errors", Doc: "NULL for a value that cannot be read, no row for a line that is not JSON", Default: "false", Values: []string{"true", "false"}},
			{Name: "json.fail-on-missing-field", Doc: "an object must have every field that is read", Default: "false", Values: []string{"true", "false"}},
			{Name: "json.timestamp-format.standard", Doc: "how timestamps are spelled", Default: "SQL", Values: []string{"SQL", "ISO-8601"}},
			{Name: "json.map-null-key.mode", Doc: "what to write for a NULL key of a MAP", Default: "FAIL", Values: []string{"FAIL", "DROP", "LITERAL"}},
			{Name: "json.map-null-key.literal", Doc: "the key written for NULL in mode LITERAL", Default: "null"},
			{Name: "json.encode.decimal-as-plain-number", Doc: "accepted for Flink's sake; DECIMAL is always written in full", Default: "true", Values: []string{"true", "false"}},
			{Name: "json.encode.ignore-null-fields", Doc: "leave NULL fields out", Default: "false", Values: []string{"true", "false"}},
			{Name: "json.decode.json-parser.enabled", Doc: "accepted for Flink's sake; there is one parser", Default: "true", Values: []string{"true", "false"}},
		},
		NewDecoder: func(columns []Column, _ []value.Field, options map[string]string) (Decoder, error) {
			o, err := jsonOptions(options)
			if err != nil {
				return nil, err
			}
			return NewJSONDecoder(columns, o), nil
		},
		NewEncoder:  newJSONEncoder,
		NewSplitter: func(map[string]string) (Splitter, error) { return lineSplitter{}, nil },
	}
}

// JSONOptions says how a JSON decoder takes values.
type JSONOptions struct {
	IgnoreErrors  bool // a value that cannot be read is NULL
	FailOnMissing bool // a missing field is an error, not NULL
	ISO           bool // timestamps have a T and may lack seconds
	// Strict is how our own doors take events: a value must have the type of
	// its column (no numbers in text, except DECIMAL's), an overflow is an error,
	// NOT NULL is kept, nothing may follow the object, and timestamps may be in
	// either form, TIMESTAMP_LTZ with any offset.
	Strict bool
}

func jsonOptions(options map[string]string) (JSONOptions, error) {
	var o JSONOptions
	var err error
	if o.IgnoreErrors, err = booleanOption(options, "json.ignore-parse-errors"); err != nil {
		return o, err
	}
	if o.FailOnMissing, err = booleanOption(options, "json.fail-on-missing-field"); err != nil {
		return o, err
	}
	if o.IgnoreErrors && o.FailOnMissing {
		return o, problem.New(problem.InvalidOption, "json.fail-on-missing-field and json.ignore-parse-errors contradict each other").About("json.fail-on-missing-field").WithHint("set one of them")
	}
	switch standard := options["json.timestamp-format.standard"]; standard {
	case "", "SQL":
	case "ISO-8601":
		o.ISO = true
	default:
		return o, problem.New(problem.InvalidOption, "option %q cannot be %q", "json.timestamp-format.standard", standard).WithHint("allowed: SQL, ISO-8601")
	}
	return o, nil
}

// JSONDecoder reads JSON objects. It walks each record once: from seam to seam, if
// it has met records with the same text between the values (recordShapes), and
// else the thorough way, name by name. Texts stay where they are until all records
// of a batch have been read (texts).
type JSONDecoder struct {
	options  JSONOptions
	columns  []Column
	top      *objectShape
	shapes   recordShapes
	copies   bool // texts go into heaps of their columns' own
	lines    bool // a seam has no line feed in it, see CutLines
	thorough bool // no seams are learned: somebody asks had
	// selection is which rows are wanted, see Select.
	selection selection

	lineBytes int // how long lines were in the last call of DecodeLines

	// Of the block under way.
	whole    []byte
	specials specials
	texts    texts

	// Of the record under way.
	block    []byte // up to the end of the record, or further while nextLine is notBound
	nextLine int    // of DecodeLines: where the line behind the record begins
	final    bool   // of DecodeLines: no block follows
	end      int    // behind the object
	where    string // field of the first error
	bad      int    // place of a syntax error
	fault    fault  // of the first value that could not be taken
	wrong    string // that value
	depth    int
	// unknown: a record of this call had a field that is no column.
	unknown bool
	spare   []*batch.Column // of a batch that nobody uses any more
}

// fault says why a value cannot be taken. The zero fault is none.
type fault uint8

const (
	noFault      fault = iota
	malformed          // the record is not JSON
	wrongType          // a JSON value of another type
	unreadable         // of the right type, but not a value of the column
	missing            // fail-on-missing-field
	nullRefused        // NULL for NOT NULL
	trailingText       // something behind the object
)

// NewJSONDecoder returns a decoder of the columns, found by name.
func NewJSONDecoder(columns []Column, options JSONOptions) *JSONDecoder {
	fields := make([]value.Field, len(columns))
	for i, c := range columns {
		fields[i] = value.Field{Name: c.Name, Type: c.Type}
	}
	d := &JSONDecoder{options: options, columns: columns, top: newObjectShape("", fields, nil)}
	for i, c := range columns {
		if c.Unread != nil {
			d.top.fields[i].row = newObjectShape(c.Name+".", c.Type.Fields, c.Unread)
		}
	}
	return d
}

// Tolerant reports json.ignore-parse-errors.
func (d *JSONDecoder) Tolerant() bool { return d.options.IgnoreErrors }

// MetUnknown reports whether a record of the last call had a field, of itself or
// of a ROW in it, that is not read: the batch does not have all that was said.
func (d *JSONDecoder) MetUnknown() bool { return d.unknown }

// CopyTexts makes the batches that follow share nothing with their blocks, which
// can be filled again at once.
func (d *JSONDecoder) CopyTexts() { d.copies = true }

// Reuse gives a batch back that Decode made and nobody uses any more, for the
// next one to be made in its memory.
func (d *JSONDecoder) Reuse(b *batch.Batch) { d.spare = b.Columns }

// empty are columns without rows.
func (d *JSONDecoder) empty() []*batch.Column {
	columns := d.spare
	d.spare = nil
	if columns == nil {
		columns = make([]*batch.Column, len(d.columns))
		for i, c := range d.columns {
			columns[i] = batch.NewColumn(c.Type, 0)
			for field, unread := range c.Unread {
				if unread {
					columns[i].Children[field] = batch.NewColumn(value.NullType, 0)
				}
			}
		}
	}
	for _, c := range columns {
		c.Reset()
	}
	return columns
}

// Decode reads records, one object each. A record that is an array must have
// been cut into its elements by SplitArray before.
func (d *JSONDecoder) Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected) {
	b := d.begin(block, len(records))
	var rejected []Rejected
	for i, record := range records {
		d.block, d.nextLine = block[:record.Offset+record.Length], len(block)
		if d.record(int(record.Offset), b.Rows) {
			b.Rows++
		} else {
			rejected = append(rejected, Rejected{Record: i, Problem: d.problem(record)})
		}
	}
	d.finish(b)
	return b, rejected
}

// begin makes a batch with room for rows rows from a block.
func (d *JSONDecoder) begin(block []byte, rows int) *batch.Batch {
	b := &batch.Batch{Columns: d.empty()}
	d.whole, d.texts.made = block, d.texts.made[:0]
	d.specials.begin()
	d.resize(b, rows)
	d.unknown = false
	return b
}

// resize makes room for rows rows.
func (d *JSONDecoder) resize(b *batch.Batch, rows int) {
	for _, c := range b.Columns {
		c.Resize(rows)
	}
	d.top.bind(b.Columns)
}

// finish cuts the columns to the rows that there are, and puts their texts where
// they stay.
func (d *JSONDecoder) finish(b *batch.Batch) {
	for _, c := range b.Columns {
		c.Resize(b.Rows)
	}
	b.Sel = d.selection.passing(b, &d.texts, d.whole)
	switch {
	case d.copies && b.Sel != nil:
		for i, c := range b.Columns {
			rows := b.Sel
			if d.selection.whole[i] {
				rows = nil
			}
			d.texts.copyAll(c, d.whole, rows)
		}
	case d.copies:
		for _, c := range b.Columns {
			d.texts.copyAll(c, d.whole, nil)
		}
	default:
		d.texts.share(b.Columns, d.whole)
	}
	d.block, d.whole = nil, nil
}

// record reads the object that starts at i into row, and reports whether it is
// to stay.
func (d *JSONDecoder) record(i, row int) bool {
	d.fault, d.where, d.end = noFault, "", i
	const byteOrderMark = "\xef\xbb\xbf"
	if len(d.block)-i >= 3 && string(d.block[i:i+3]) == byteOrderMark {
		i += 3
	}
	i = skipBlanks(d.block, i)
	end := d.known(i, row)
	if end < 0 || end > len(d.block) {
		end = d.unlearned(i, row)
	}
	if end >= 0 {
		d.end = end
		if d.options.Strict && d.fault == noFault {
			d.bound(end)
			if end = skipBlanks(d.block, end); end < len(d.block) {
				d.bad, d.fault = end, trailingText
			}
		}
	}
	if d.fault != noFault {
		d.top.forget(row)
	}
	return d.fault == noFault
}

// unlearned reads the record at i the thorough way, as if nobody had tried, and
// learns from it, unless it is so near the end of the block that its seams could not
// have been followed.
func (d *JSONDecoder) unlearned(i, row int) int {
	d.fault, d.where, d.depth = noFault, "", 0
	d.top.forget(row)
	d.bound(i)
	end := d.objectAt(d.top, i, row)
	if d.fault == noFault && end+wordsAhead <= len(d.whole) {
		d.learn(i, end)
	}
	return end
}

// objectAt reads the object at i into row of the shape's columns and returns
// the index behind it, or -1 when it is malformed.
func (d *JSONDecoder) objectAt(o *objectShape, i, row int) int {
	o.object++
	b, had := d.block, 0
	if i >= len(b) || b[i] != '{' {
		return d.malformedAt(i)
	}
	i = skipBlanks(b, i+1)
	if i < len(b) && b[i] == '}' {
		i++
	} else {
		for {
			key := i + 1
			next, bad := skipKey(b, i)
			if next < 0 {
				return d.malformedAt(bad)
			}
			end, escaped, _ := scanText(b, key)
			f := o.named(b[key:end], escaped)
			switch {
			case f == nil:
				d.unknown = true
				i = d.skip(next)
			case f.seen == o.object:
				f.forget(row) // the last one counts
				i = d.valueAt(f, next, row)
			default:
				f.seen = o.object
				had++
				i = d.valueAt(f, next, row)
			}
			if i < 0 {
				return -1
			}
			i = skipBlanks(b, i)
			if i < len(b) && b[i] == '}' {
				i++
				break
			}
			if i == len(b) || b[i] != ',' {
				return d.malformedAt(i)
			}
			i = skipBlanks(b, i+1)
		}
	}
	if had < len(o.fields) {
		d.missingFields(o, row)
	}
	return i
}

func (d *JSONDecoder) malformedAt(i int) int {
	d.fault, d.bad, d.where = malformed, i, ""
	return -1
}

// skip passes a value that is not read.
func (d *JSONDecoder) skip(i int) int {
	d.bound(i)
	_, next, bad := scanValue(d.block, skipBlanks(d.block, i), d.depth+1)
	if next < 0 {
		return d.malformedAt(bad)
	}
	return next
}

// valueAt reads the value at i into row of the field's column and returns the
// index behind it, or -1 when it is malformed.
func (d *JSONDecoder) valueAt(f *fieldShape, i, row int) int {
	d.bound(i)
	b := d.block
	i = skipBlanks(b, i)
	if i < len(b) && (b[i] == '{' || b[i] == '[') && (f.row != nil || f.parts != nil) {
		return d.nested(f, i, row)
	}
	t, next, bad := scanValue(b, i, d.depth+1)
	if next < 0 {
		return d.malformedAt(bad)
	}
	d.take(f, t, row)
	return next
}

// take converts a token into row of the field's column.
func (d *JSONDecoder) take(f *fieldShape, t token, row int) {
	if t.kind == nullToken {
		d.null(f, row)
		return
	}
	if why := d.convert(f, t, row); why != noFault {
		d.refuse(f, t, row, why)
	}
}

func (d *JSONDecoder) null(f *fieldShape, row int) {
	f.column.SetNull(row)
	if d.options.Strict && f.typ.NotNull {
		d.note(f.path, nullRefused)
	}
}

// refuse makes the value NULL or, unless errors are ignored, the record wrong.
func (d *JSONDecoder) refuse(f *fieldShape, t token, row int, why fault) {
	f.column.SetNull(row)
	if !d.options.IgnoreErrors && d.fault == noFault {
		d.note(f.path, why)
		if t.kind == textToken {
			t.start, t.end = t.start-1, t.end+1 // with its quotes
		}
		d.wrong = string(d.block[t.start:min(t.end, t.start+quotedTextMax+1)])
	}
}

func (d *JSONDecoder) note(path string, why fault) {
	if d.fault == noFault {
		d.fault, d.where, d.wrong = why, path, ""
	}
}

func (d *JSONDecoder) missingFields(o *objectShape, row int) {
	for _, f := range o.fields {
		if f.seen == o.object {
			continue
		}
		f.column.SetNull(row)
		switch {
		case d.options.FailOnMissing:
			d.note(f.path, missing)
		case d.options.Strict && f.typ.NotNull:
			d.note(f.path, nullRefused)
		}
	}
}

// nested reads the object or array at i into a ROW, MAP or ARRAY.
func (d *JSONDecoder) nested(f *fieldShape, i, row int) int {
	isArray := d.block[i] == '['
	if isArray != (f.typ.Kind == value.Array) {
		t, next, bad := scanValue(d.block, i, d.depth+1)
		if next < 0 {
			return d.malformedAt(bad)
		}
		d.refuse(f, t, row, wrongType)
		return next
	}
	if d.depth++; d.depth == depthMax {
		d.depth = 0
		return d.malformedAt(i)
	}
	switch f.typ.Kind {
	case value.Row:
		i = d.objectAt(f.row, i, row)
	case value.Array:
		i = d.array(f, i, row)
	default:
		i = d.mapping(f, i, row)
	}
	if i >= 0 {
		d.depth--
	} else {
		d.depth = 0
	}
	return i
}

func (d *JSONDecoder) array(f *fieldShape, i, row int) int {
	b, elem := d.block, f.parts[0]
	first := elem.column.Len()
	i = skipBlanks(b, i+1)
	if i < len(b) && b[i] == ']' {
		i++
	} else {
		for {
			n := elem.column.Len()
			elem.column.Resize(n + 1)
			if i = d.valueAt(elem, i, n); i < 0 {
				return -1
			}
			i = skipBlanks(b, i)
			if i < len(b) && b[i] == ']' {
				i++
				break
			}
			if i == len(b) || b[i] != ',' {
				return d.malformedAt(i)
			}
			i = skipBlanks(b, i+1)
		}
	}
	f.column.Spans[row] = batch.View{Offset: uint32(first), Length: uint32(elem.column.Len() - first)}
	return i
}

// mapping reads an object as a MAP; of a key that comes again the last value
// stays.
func (d *JSONDecoder) mapping(f *fieldShape, i, row int) int {
	b, keys, values := d.block, f.parts[0], f.parts[1]
	first := keys.column.Len()
	i = skipBlanks(b, i+1)
	if i < len(b) && b[i] == '}' {
		i++
	} else {
		for {
			next, bad := skipKey(b, i)
			if next < 0 {
				return d.malformedAt(bad)
			}
			n := d.mapKey(keys, i+1, first)
			if n == values.column.Len() {
				values.column.Resize(n + 1)
			} else {
				values.forget(n) // the last one counts
			}
			if i = d.valueAt(values, next, n); i < 0 {
				return -1
			}
			i = skipBlanks(b, i)
			if i < len(b) && b[i] == '}' {
				i++
				break
			}
			if i == len(b) || b[i] != ',' {
				return d.malformedAt(i)
			}
			i = skipBlanks(b, i+1)
		}
	}
	f.column.Spans[row] = batch.View{Offset: uint32(first), Length: uint32(keys.column.Len() - first)}
	return i
}

// mapKey adds the key whose inside starts at i, unless the map, which starts at
// entry first, has it; it returns the entry.
func (d *JSONDecoder) mapKey(keys *fieldShape, i, first int) int {
	end, escaped, _ := scanText(d.block, i)
	n := keys.column.Len()
	keys.column.Resize(n + 1)
	if keys.plain && escaped { // now, because keys are compared
		d.texts.setMade(d.whole, keys.column, n, func(made []byte) []byte { return appendUnescaped(made, d.block[i:end]) })
	} else {
		d.take(keys, token{kind: textToken, start: i, end: end, escaped: escaped}, n)
	}
	if keys.column.Type.Class() != value.Strings || keys.column.IsNull(n) {
		return n
	}
	added := d.texts.raw(d.whole, keys.column.Views[n])
	for earlier := first; earlier < n; earlier++ {
		if string(d.texts.raw(d.whole, keys.column.Views[earlier])) == string(added) {
			keys.column.Resize(n)
			return earlier
		}
	}
	return n
}

// problem describes why the record gave no row.
func (d *JSONDecoder) problem(record batch.View) *problem.Problem {
	switch d.fault {
	case malformed:
		at := d.bad - int(record.Offset)
		if at >= int(record.Length) {
			return problem.New(problem.Syntax, "the JSON ends too early")
		}
		if d.bad == skipBlanks(d.block, int(record.Offset)) {
			return problem.New(problem.Syntax, "not a JSON object: %s", quoted(d.block[d.bad:]))
		}
		return problem.New(problem.Syntax, "not JSON at character %d: %s", at+1, quoted(d.block[d.bad:]))
	case trailingText:
		return problem.New(problem.Syntax, "text after the object at character %d", d.bad-int(record.Offset)+1).WithHint("one object a line")
	case missing:
		return problem.New(problem.InvalidValue, "the field %s is missing", d.where).About(d.where)
	case nullRefused:
		return problem.New(problem.InvalidValue, "the field %s must not be null", d.where).About(d.where)
	case wrongType:
		return problem.New(problem.TypeMismatch, "%s is not of type %s", quoted(d.wrong), d.typeOf(d.where)).About(d.where)
	}
	return problem.New(problem.InvalidValue, "cannot read %s as %s", quoted(d.wrong), d.typeOf(d.where)).About(d.where)
}

func (d *JSONDecoder) typeOf(path string) string {
	found := "?"
	var walk func(f *fieldShape)
	walk = func(f *fieldShape) {
		if f.path == path {
			found = fmt.Sprint(f.typ.Optional())
		}
		for _, part := range f.parts {
			walk(part)
		}
		if f.row != nil {
			for _, child := range f.row.fields {
				walk(child)
			}
		}
	}
	for _, f := range d.top.fields {
		walk(f)
	}
	return found
}
