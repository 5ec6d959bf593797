package format

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// csvFormat is 'format' = 'csv'.
func csvFormat() Format {
	return Format{
		Name: "csv",
		Doc:  "one row a line, columns by position (by name with csv.header)",
		Options: []connect.Option{
			{Name: "csv.field-delimiter", Doc: "one character between fields", Default: ","},
			{Name: "csv.quote-character", Doc: "one character around fields that hold delimiters or line ends", Default: "\""},
			{Name: "csv.disable-quote-character", Doc: "take quotes as ordinary text", Default: "false", Values: []string{"true", "false"}},
			{Name: "csv.escape-character", Doc: "one character that takes the next literally (n, r, t: a line feed, carriage return, tab)"},
			{Name: "csv.allow-comments", Doc: "lines that begin with # and empty lines are no rows", Default: "false", Values: []string{"true", "false"}},
			{Name: "csv.ignore-parse-errors", Doc: "NULL for a value that cannot be read, no row for a line with too many", Default: "false", Values: []string{"true", "false"}},
			{Name: "csv.array-element-delimiter", Doc: "text between elements of ARRAY and fields of ROW", Default: ";"},
			{Name: "csv.null-literal", Doc: "field that means NULL"},
			{Name: "csv.write-bigdecimal-in-scientific-notation", Doc: "accepted for Flink's sake; DECIMAL is always written in full", Default: "false", Values: []string{"true", "false"}},
			{Name: "csv.header", Doc: "the first line of a file names its columns", Default: "false", Values: []string{"true", "false"}},
		},
		NewDecoder: func(columns []Column, table []value.Field, options map[string]string) (Decoder, error) {
			dialect, err := newDialect(options)
			if err != nil {
				return nil, err
			}
			return newCSVDecoder(columns, len(table), dialect)
		},
		NewEncoder: newCSVEncoder,
		NewSplitter: func(options map[string]string) (Splitter, error) {
			dialect, err := newDialect(options)
			return csvSplitter{dialect}, err
		},
	}
}

// Headed is a Decoder whose files may begin with a line of column names.
type Headed interface {
	Decoder
	// HasHeader reports whether they do.
	HasHeader() bool
	// ReadHeader takes the first record of a file. It must be called before the
	// file's rows are decoded, wherever reading begins.
	ReadHeader(block []byte, record batch.View) error
}

// dialect is how a CSV file is written.
type dialect struct {
	delimiter    byte
	quote        byte // 0 for none
	escape       byte // 0 for none
	comments     bool
	ignoreErrors bool
	header       bool
	element      string // between elements of an ARRAY and fields of a ROW
	null         string
	hasNull      bool
}

func newDialect(options map[string]string) (dialect, error) {
	d := dialect{delimiter: ',', quote: '"', element: ";"}
	d.null, d.hasNull = options["csv.null-literal"]
	var noQuote bool
	for _, o := range []struct {
		name string
		into *bool
	}{
		{"csv.disable-quote-character", &noQuote},
		{"csv.allow-comments", &d.comments},
		{"csv.ignore-parse-errors", &d.ignoreErrors},
		{"csv.header", &d.header},
	} {
		var err error
		if *o.into, err = booleanOption(options, o.name); err != nil {
			return d, err
		}
	}
	for _, o := range []struct {
		name string
		into *byte
	}{
		{"csv.field-delimiter", &d.delimiter},
		{"csv.quote-character", &d.quote},
		{"csv.escape-character", &d.escape},
	} {
		text, given := options[o.name]
		if !given {
			continue
		}
		text = unescapedOption(text)
		if len(text) != 1 || text == "\n" || text == "\r" || text[0] >= utf8.RuneSelf {
			return d, problem.New(problem.InvalidOption, "option %q must be one ASCII character, not %q", o.name, text).About(o.name)
		}
		*o.into = text[0]
	}
	if noQuote {
		if _, given := options["csv.quote-character"]; given {
			return d, problem.New(problem.InvalidOption, "csv.quote-character and csv.disable-quote-character contradict each other").About("csv.quote-character").WithHint("set one of them")
		}
		d.quote = 0
	}
	if text, given := options["csv.array-element-delimiter"]; given {
		if d.element = unescapedOption(text); d.element == "" {
			return d, problem.New(problem.InvalidOption, "option %q must not be empty", "csv.array-element-delimiter")
		}
	}
	return d, nil
}

// unescapedOption reads \t and its like in an option's value.
func unescapedOption(text string) string {
	if len(text) > 1 && text[0] == '\\' {
		if s, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`); err == nil {
			return s
		}
	}
	return text
}

// csvSplitter makes a record of every line, but for line ends that are quoted
// or escaped.
type csvSplitter struct{ dialect }

// Split is Splitter's.
func (s csvSplitter) Split(records []batch.View, block []byte, final bool) ([]batch.View, int) {
	taken := 0
	for taken < len(block) && len(records) < batch.MaxRows {
		end := s.recordEnd(block, taken)
		next := end + 1
		if end < 0 {
			if !final {
				break
			}
			end, next = len(block), len(block)
		}
		length := end - taken
		if length > 0 && block[end-1] == '\r' {
			length--
		}
		record := block[taken : taken+length]
		if !s.comments || length > 0 && record[0] != '#' {
			records = append(records, batch.View{Offset: uint32(taken), Length: uint32(length)})
		}
		taken = next
	}
	return records, taken
}

// recordEnd is the index of the line feed that ends the record at i, or -1.
func (s csvSplitter) recordEnd(block []byte, i int) int {
	end := bytes.IndexByte(block[i:], '\n')
	if end < 0 {
		return -1
	}
	line := block[i : i+end]
	quoted := s.quote != 0 && bytes.IndexByte(line, s.quote) >= 0
	if !quoted && (s.escape == 0 || bytes.IndexByte(line, s.escape) < 0) || s.comments && end > 0 && line[0] == '#' {
		return i + end
	}
	for i < len(block) {
		_, i = s.field(block, i)
		if i < len(block) && block[i] == '\n' {
			return i
		}
		if i < len(block) && block[i] == '\r' && i+1 < len(block) && block[i+1] == '\n' {
			return i + 1
		}
		i++
	}
	return -1
}

// field is a field's text in a block.
type field struct {
	start, end int
	quoted     bool
	rewritten  bool // has doubled quotes or escapes
	broken     bool // text behind the closing quote, or no closing quote
}

// field scans the field at i and returns it and the index of the delimiter or
// line end behind it, or len(b).
func (d *dialect) field(b []byte, i int) (field, int) {
	if d.quote != 0 && i < len(b) && b[i] == d.quote {
		return d.quotedField(b, i+1)
	}
	f := field{start: i}
	for ; i < len(b); i++ {
		c := b[i]
		if c == d.delimiter || c == '\n' || c == '\r' && (i+1 == len(b) || b[i+1] == '\n') {
			break
		}
		if d.escape != 0 && c == d.escape {
			f.rewritten = true
			i++
		}
	}
	i = min(i, len(b))
	f.end = i
	return f, i
}

// quotedField scans a field from behind its opening quote.
func (d *dialect) quotedField(b []byte, i int) (field, int) {
	f := field{start: i, quoted: true}
	for {
		if i >= len(b) {
			f.end, f.broken = len(b), true
			return f, len(b)
		}
		if d.escape != 0 && b[i] == d.escape {
			f.rewritten = true
			i += 2
			continue
		}
		if b[i] != d.quote {
			i++
			continue
		}
		if i+1 < len(b) && b[i+1] == d.quote {
			f.rewritten = true
			i += 2
			continue
		}
		break
	}
	f.end = i
	for i++; i < len(b) && b[i] != d.delimiter && b[i] != '\n'; i++ {
		if b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
			break
		}
		if b[i] != ' ' && b[i] != '\t' && b[i] != '\r' {
			f.broken = true
		}
	}
	return f, i
}

// appendField appends the meaning of a field that is rewritten.
func (d *dialect) appendField(dst []byte, inside []byte, quoted bool) []byte {
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		switch {
		case d.escape != 0 && c == d.escape && i+1 < len(inside):
			i++
			switch c = inside[i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case '0':
				c = 0
			}
		case quoted && c == d.quote:
			i++ // the second of two
		}
		dst = append(dst, c)
	}
	return dst
}

// csvDecoder reads CSV records.
type csvDecoder struct {
	dialect
	columns []Column
	at      []int // column of each position in a record, -1 for one that is not read
	width   int   // how many fields a record has to have; 0 when nobody knows

	block     []byte // up to the end of the record under way
	heap      []byte // the whole block, and behind it fields that are not spelled as they are meant
	rewritten []byte // the last such field
}

func newCSVDecoder(columns []Column, width int, d dialect) (*csvDecoder, error) {
	c := &csvDecoder{dialect: d, columns: columns, width: width}
	for i, column := range columns {
		if err := csvReadable(column.Type, true); err != nil {
			return nil, err.About(column.Name)
		}
		c.place(i, column.Position)
	}
	return c, nil
}

// place notes that column i stands at a position of the record.
func (d *csvDecoder) place(i, position int) {
	for len(d.at) <= position {
		d.at = append(d.at, -1)
	}
	d.at[position] = i
}

// csvReadable refuses types that CSV has no form for.
func csvReadable(t value.Type, outer bool) *problem.Problem {
	switch {
	case t.Kind == value.Array && outer:
		return csvReadable(*t.Elem, false)
	case t.Kind == value.Row && outer:
		for _, f := range t.Fields {
			if err := csvReadable(f.Type, false); err != nil {
				return err
			}
		}
		return nil
	case t.Kind == value.Array, t.Kind == value.Row, t.Kind == value.Map, t.Kind == value.Variant:
		return problem.New(problem.Unsupported, "CSV has no form for %s", t).WithHint("use 'format' = 'json'")
	}
	return nil
}

// Tolerant reports csv.ignore-parse-errors.
func (d *csvDecoder) Tolerant() bool { return d.ignoreErrors }

// HasHeader reports csv.header.
func (d *csvDecoder) HasHeader() bool { return d.header }

// ReadHeader finds the columns by name. Names that the table lacks are ignored.
func (d *csvDecoder) ReadHeader(block []byte, record batch.View) error {
	d.block = block[:record.Offset+record.Length]
	byName := map[string]int{}
	var names []string
	for i := int(record.Offset); ; i++ {
		f, end := d.dialect.field(d.block, i)
		name := strings.TrimSpace(string(d.meaning(f)))
		if len(names) == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		byName[name] = len(names)
		names = append(names, name)
		if i = end; i >= len(d.block) {
			break
		}
	}
	d.at, d.width = nil, len(names)
	for i, c := range d.columns {
		position, found := byName[c.Name]
		if !found {
			return problem.New(problem.UnknownColumn, "the header has no column %q", c.Name).About(c.Name).WithHint("it has: %s", quoted(strings.Join(names, ", ")))
		}
		d.place(i, position)
	}
	return nil
}

// meaning is a field's text, valid until the next call.
func (d *csvDecoder) meaning(f field) []byte {
	inside := d.block[f.start:f.end]
	if f.rewritten {
		d.rewritten = d.appendField(d.rewritten[:0], inside, f.quoted)
		return d.rewritten
	}
	return inside
}

// Decode reads records, one row each.
func (d *csvDecoder) Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected) {
	b := &batch.Batch{Columns: make([]*batch.Column, len(d.columns))}
	for i, c := range d.columns {
		b.Columns[i] = batch.NewColumn(c.Type, len(records))
		b.Columns[i].Resize(len(records))
	}
	d.heap = block[:len(block):len(block)]
	var rejected []Rejected
	for i, record := range records {
		d.block = block[:record.Offset+record.Length]
		if p := d.record(int(record.Offset), b.Columns, b.Rows); p != nil {
			rejected = append(rejected, Rejected{Record: i, Problem: p})
		} else {
			b.Rows++
		}
	}
	for _, c := range b.Columns {
		c.Resize(b.Rows)
	}
	shareHeap(b.Columns, d.heap)
	d.block, d.heap = nil, nil
	return b, rejected
}

// record reads the record at i into row.
func (d *csvDecoder) record(i int, columns []*batch.Column, row int) *problem.Problem {
	position := 0
	var first *problem.Problem
	last := field{}
	for {
		f, end := d.dialect.field(d.block, i)
		last = f
		if f.broken {
			return problem.New(problem.Syntax, "the quoted field %d does not end properly: %s", position+1, quoted(d.block[f.start:])).WithHint("double a quote inside a quoted field")
		}
		if position < len(d.at) && d.at[position] >= 0 {
			c := d.at[position]
			if why := d.take(columns[c], f, row); why != noFault && first == nil {
				first = problem.New(problem.InvalidValue, "cannot read %q as %s", quoted(d.meaning(f)), d.columns[c].Type.Optional()).About(d.columns[c].Name)
			}
		}
		position++
		if i = end; i >= len(d.block) {
			break
		}
		i++
	}
	if d.width > 0 && position == d.width+1 && last.start == last.end && !last.quoted {
		position-- // a mere trailing delimiter
	}
	switch {
	case d.width > 0 && position > d.width, d.width > 0 && position < d.width && !d.ignoreErrors:
		return problem.New(problem.InvalidValue, "the row has %d fields instead of %d", position, d.width)
	case first != nil && !d.ignoreErrors:
		return first
	}
	for at := position; at < len(d.at); at++ {
		if d.at[at] >= 0 {
			columns[d.at[at]].SetNull(row)
		}
	}
	return nil
}

// take converts a field into row of a column; what it cannot convert is NULL.
func (d *csvDecoder) take(c *batch.Column, f field, row int) fault {
	text := d.meaning(f)
	if c.Type.IsText() && !utf8.Valid(text) {
		text, f.rewritten = bytes.ToValidUTF8(text, []byte("\ufffd")), true
	}
	view := batch.View{Offset: uint32(f.start), Length: uint32(len(text))}
	if f.rewritten {
		view.Offset = uint32(len(d.heap))
		d.heap = append(d.heap, text...)
	}
	c.Nulls.Clear(row)
	switch c.Type.Kind {
	case value.Array:
		return d.array(c, text, view, row)
	case value.Row:
		return d.row(c, text, view, row)
	}
	return d.scalar(c, text, view, row)
}

func (d *csvDecoder) scalar(c *batch.Column, text []byte, view batch.View, row int) fault {
	c.Nulls.Clear(row)
	if d.hasNull && string(text) == d.null {
		c.SetNull(row)
		return noFault
	}
	var why fault
	switch c.Type.Kind {
	case value.Char, value.Varchar:
		c.Views[row] = view
	case value.Boolean:
		c.Bools[row] = bytes.EqualFold(trimmed(text), []byte("true"))
	case value.TinyInt, value.SmallInt, value.Int, value.BigInt, value.IntervalYearMonth, value.IntervalDayTime:
		c.Ints[row], why = readInteger(text, c.Type.Kind)
	case value.Float, value.Double:
		c.Floats[row], why = readFloat(text, c.Type.Kind)
	case value.Decimal:
		var fits bool
		c.Wides[row], fits, why = readDecimal(text, c.Type)
		if why == noFault && !fits {
			c.SetNull(row)
		}
	case value.Date:
		c.Ints[row], why = readLenientDate(string(text))
	case value.Time:
		millis, err := value.ParseClock(text, true)
		c.Ints[row] = millis
		if err != nil {
			why = unreadable
		}
	case value.Timestamp, value.TimestampLTZ:
		why = setMoment(c, row, text, value.SQLForm, false)
	case value.Binary, value.Varbinary:
		start := len(d.heap)
		heap, err := base64.StdEncoding.AppendDecode(d.heap, text)
		if err != nil {
			why = unreadable
			break
		}
		d.heap = heap
		c.Views[row] = batch.View{Offset: uint32(start), Length: uint32(len(heap) - start)}
	default:
		why = wrongType
	}
	if why != noFault {
		c.SetNull(row)
	}
	return why
}

// readLenientDate reads 2024-2-3. Days 1 to 31 past the end of a month go on in
// the next one, as java.sql.Date takes them.
func readLenientDate(text string) (int64, fault) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 || len(parts[0]) != 4 {
		return 0, unreadable
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || i > 0 && len(part) > 2 {
			return 0, unreadable
		}
		numbers[i] = int(n)
	}
	year, month, day := numbers[0], numbers[1], numbers[2]
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, unreadable
	}
	return value.DaysOfDate(year, month, day), noFault
}

// array reads elements; an empty field is an array of none.
func (d *csvDecoder) array(c *batch.Column, text []byte, view batch.View, row int) fault {
	elem := c.Children[0]
	first, why := elem.Len(), noFault
	if len(text) > 0 {
		d.elements(text, view, func(_ int, part []byte, at batch.View) {
			n := elem.Len()
			elem.Resize(n + 1)
			if bad := d.scalar(elem, part, at, n); bad != noFault {
				why = bad
			}
		})
	}
	c.Spans[row] = batch.View{Offset: uint32(first), Length: uint32(elem.Len() - first)}
	return why
}

// row reads the fields of a ROW; missing ones are NULL, surplus ones are not
// read, and an empty text is a NULL row.
func (d *csvDecoder) row(c *batch.Column, text []byte, view batch.View, row int) fault {
	if len(text) == 0 {
		c.SetNull(row)
		return noFault
	}
	why, had := noFault, 0
	d.elements(text, view, func(i int, part []byte, at batch.View) {
		if i >= len(c.Children) {
			return
		}
		had = i + 1
		if bad := d.scalar(c.Children[i], part, at, row); bad != noFault {
			why = bad
		}
	})
	for _, child := range c.Children[had:] {
		child.SetNull(row)
	}
	return why
}

// elements calls f with each part of a field between element delimiters.
func (d *csvDecoder) elements(text []byte, view batch.View, f func(i int, part []byte, at batch.View)) {
	for i := 0; ; i++ {
		part, rest, more := bytes.Cut(text, []byte(d.element))
		f(i, part, batch.View{Offset: view.Offset, Length: uint32(len(part))})
		if !more {
			return
		}
		view.Offset += uint32(len(text) - len(rest))
		text = rest
	}
}
