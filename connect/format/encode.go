package format

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// JSONStyle says how values are spelled in JSON. The zero style is that of
// Flink's json format: numbers as numbers, 2024-03-01 10:00:00.5, an instant in
// UTC with a Z.
type JSONStyle struct {
	ISO bool // 2024-03-01T10:00:00.5
	// WideAsText writes BIGINT and DECIMAL as texts, for readers whose numbers
	// have 53 bits.
	WideAsText bool
	Zone       *time.Location // of instants, which then end in its offset; nil for UTC
	NullKey    string         // written for a NULL key of a MAP
	NullKeys   NullKeyMode
	DropNull   bool // leave NULL fields out of objects
}

// NullKeyMode says what becomes of a NULL key of a MAP.
type NullKeyMode uint8

// The modes.
const (
	FailOnNullKey NullKeyMode = iota
	DropNullKey
	WriteNullKey
)

// jsonEncoder writes an object a line.
type jsonEncoder struct {
	fields []value.Field
	keys   [][]byte // "name": of each field
	style  JSONStyle
}

func newJSONEncoder(fields []value.Field, options map[string]string) (Encoder, error) {
	o, err := jsonOptions(options)
	if err != nil {
		return nil, err
	}
	style := JSONStyle{ISO: o.ISO, NullKey: "null"}
	if style.DropNull, err = booleanOption(options, "json.encode.ignore-null-fields"); err != nil {
		return nil, err
	}
	switch mode := options["json.map-null-key.mode"]; mode {
	case "", "FAIL":
	case "DROP":
		style.NullKeys = DropNullKey
	case "LITERAL":
		style.NullKeys = WriteNullKey
		if literal, given := options["json.map-null-key.literal"]; given {
			style.NullKey = literal
		}
	default:
		return nil, problem.New(problem.InvalidOption, "option %q cannot be %q", "json.map-null-key.mode", mode).WithHint("allowed: FAIL, DROP, LITERAL")
	}
	return NewJSONEncoder(fields, style), nil
}

// NewJSONEncoder returns an encoder of one object a line.
func NewJSONEncoder(fields []value.Field, style JSONStyle) Encoder {
	e := &jsonEncoder{fields: fields, style: style}
	for _, f := range fields {
		e.keys = append(e.keys, append(appendJSONText(nil, []byte(f.Name)), ':'))
	}
	return e
}

// AppendHeader appends nothing.
func (e *jsonEncoder) AppendHeader(dst []byte) []byte { return dst }

// AppendRow appends one object.
func (e *jsonEncoder) AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for k, c := range b.Columns {
		if e.style.DropNull && c.IsNull(i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, e.keys[k]...)
		var err error
		if dst, err = AppendJSON(dst, c, i, e.style); err != nil {
			return dst, err
		}
	}
	return append(dst, '}', '\n'), nil
}

// AppendJSON appends row i of a column as a JSON value. The error, a Problem,
// is a NULL key that the style does not allow.
func AppendJSON(dst []byte, c *batch.Column, i int, style JSONStyle) ([]byte, error) {
	if c.IsNull(i) || c.Type.Class() == value.NoData {
		return append(dst, "null"...), nil
	}
	switch c.Type.Kind {
	case value.Boolean:
		return strconv.AppendBool(dst, c.Bools[i]), nil
	case value.BigInt:
		if style.WideAsText {
			return append(strconv.AppendInt(append(dst, '"'), c.Ints[i], 10), '"'), nil
		}
		return strconv.AppendInt(dst, c.Ints[i], 10), nil
	case value.TinyInt, value.SmallInt, value.Int, value.IntervalYearMonth, value.IntervalDayTime:
		return strconv.AppendInt(dst, c.Ints[i], 10), nil
	case value.Float, value.Double:
		return appendJSONFloat(dst, c, i), nil
	case value.Decimal:
		if style.WideAsText {
			return append(c.Wides[i].AppendDecimal(append(dst, '"'), c.Type.Scale), '"'), nil
		}
		return c.Wides[i].AppendDecimal(dst, c.Type.Scale), nil
	case value.Char, value.Varchar:
		return appendJSONText(dst, c.Bytes(i)), nil
	case value.Variant:
		return append(dst, c.Bytes(i)...), nil
	case value.Binary, value.Varbinary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), c.Bytes(i)), '"'), nil
	case value.Date, value.Time, value.Timestamp, value.TimestampLTZ:
		return append(appendMoment(append(dst, '"'), c, i, style.ISO, style.Zone), '"'), nil
	case value.Array:
		return appendJSONArray(dst, c, i, style)
	case value.Map:
		return appendJSONMap(dst, c, i, style)
	case value.Row:
		return appendJSONRow(dst, c, i, style)
	}
	return append(dst, "null"...), nil
}

func appendJSONFloat(dst []byte, c *batch.Column, i int) []byte {
	f := c.Floats[i]
	bits := 64
	if c.Type.Kind == value.Float {
		bits = 32
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(value.AppendFloat(append(dst, '"'), f, bits), '"')
	}
	return value.AppendFloat(dst, f, bits)
}

func appendJSONArray(dst []byte, c *batch.Column, i int, style JSONStyle) ([]byte, error) {
	span := c.Spans[i]
	dst = append(dst, '[')
	for e := span.Offset; e < span.Offset+span.Length; e++ {
		if e > span.Offset {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendJSON(dst, c.Children[0], int(e), style); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendJSONMap(dst []byte, c *batch.Column, i int, style JSONStyle) ([]byte, error) {
	span := c.Spans[i]
	dst = append(dst, '{')
	first := true
	for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
		keys := c.Children[0]
		key := []byte(style.NullKey)
		if keys.IsNull(e) {
			switch style.NullKeys {
			case FailOnNullKey:
				return dst, problem.New(problem.InvalidValue, "JSON has no form for a NULL key of a MAP").WithHint("set json.map-null-key.mode to DROP or LITERAL")
			case DropNullKey:
				continue
			}
		} else {
			key = keys.Value(e).AppendCast(nil, style.Zone)
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONText(dst, key), ':')
		var err error
		if dst, err = AppendJSON(dst, c.Children[1], e, style); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendJSONRow(dst []byte, c *batch.Column, i int, style JSONStyle) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for k, child := range c.Children {
		if style.DropNull && child.IsNull(i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONText(dst, []byte(c.Type.Fields[k].Name)), ':')
		var err error
		if dst, err = AppendJSON(dst, child, i, style); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// AppendJSONText appends a text as a JSON string, such as a field's name.
func AppendJSONText(dst []byte, text string) []byte { return appendJSONText(dst, []byte(text)) }

// appendJSONText quotes a text. Bytes that are no UTF-8 become U+FFFD.
func appendJSONText(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		end := plainEnd(text, i)
		dst = append(dst, text[i:end]...)
		if i = end; i == len(text) {
			break
		}
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			r, size := utf8.DecodeRune(text[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		i++
	}
	return append(dst, '"')
}

// appendMoment prints a DATE, TIME or timestamp with no more fraction digits
// than it needs. An instant ends in Z, or with a zone in its offset.
func appendMoment(dst []byte, c *batch.Column, i int, iso bool, zone *time.Location) []byte {
	switch c.Type.Kind {
	case value.Date:
		return value.AppendDate(dst, c.Ints[i])
	case value.Time:
		return trimFraction(value.AppendTime(dst, c.Ints[i], 3))
	}
	var t value.Instant
	if c.Type.Class() == value.Wides {
		t = value.InstantOfNanos(c.Wides[i])
	} else {
		t = value.InstantOfMicros(c.Ints[i])
	}
	ahead := int64(0)
	if c.Type.Kind == value.TimestampLTZ {
		ahead = value.ZoneOffset(t.Seconds, zone)
		t.Seconds += ahead
	}
	start := len(dst)
	dst = trimFraction(value.AppendTimestamp(dst, t, value.MaxTimePrecision))
	if iso {
		dst[start+bytes.IndexByte(dst[start:], ' ')] = 'T'
	}
	switch {
	case c.Type.Kind != value.TimestampLTZ:
		return dst
	case ahead == 0:
		return append(dst, 'Z')
	}
	sign := byte('+')
	if ahead < 0 {
		sign, ahead = '-', -ahead
	}
	hour, minute := byte(ahead/3600), byte(ahead/60%60)
	return append(dst, sign, '0'+hour/10, '0'+hour%10, ':', '0'+minute/10, '0'+minute%10)
}

// trimFraction cuts zeros off the end of a fraction, and a point without one.
func trimFraction(text []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte{'.'})
}

// csvEncoder writes a line a row.
type csvEncoder struct {
	dialect
	fields []value.Field
	part   []byte
}

func newCSVEncoder(fields []value.Field, options map[string]string) (Encoder, error) {
	d, err := newDialect(options)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if err := csvReadable(f.Type, true); err != nil {
			return nil, err.About(f.Name)
		}
	}
	return &csvEncoder{dialect: d, fields: fields}, nil
}

// AppendHeader appends the column names when csv.header is on.
func (e *csvEncoder) AppendHeader(dst []byte) []byte {
	if !e.header {
		return dst
	}
	for i, f := range e.fields {
		if i > 0 {
			dst = append(dst, e.delimiter)
		}
		dst = e.appendQuoted(dst, []byte(f.Name))
	}
	return append(dst, '\n')
}

// AppendRow appends one line.
func (e *csvEncoder) AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	for k, c := range b.Columns {
		if k > 0 {
			dst = append(dst, e.delimiter)
		}
		if c.IsNull(i) {
			if c.Type.Kind != value.Row { // of which an empty field is NULL
				dst = append(dst, e.null...)
			}
			continue
		}
		e.part = e.appendValue(e.part[:0], c, i)
		dst = e.appendQuoted(dst, e.part)
	}
	return append(dst, '\n'), nil
}

func (e *csvEncoder) appendValue(dst []byte, c *batch.Column, i int) []byte {
	if c.IsNull(i) {
		return append(dst, e.null...)
	}
	switch c.Type.Kind {
	case value.Boolean:
		return strconv.AppendBool(dst, c.Bools[i])
	case value.TinyInt, value.SmallInt, value.Int, value.BigInt, value.IntervalYearMonth, value.IntervalDayTime:
		return strconv.AppendInt(dst, c.Ints[i], 10)
	case value.Float:
		return value.AppendFloat(dst, c.Floats[i], 32)
	case value.Double:
		return value.AppendFloat(dst, c.Floats[i], 64)
	case value.Decimal:
		return c.Wides[i].AppendDecimal(dst, c.Type.Scale)
	case value.Char, value.Varchar:
		return append(dst, c.Bytes(i)...)
	case value.Binary, value.Varbinary:
		return base64.StdEncoding.AppendEncode(dst, c.Bytes(i))
	case value.Date, value.Time, value.Timestamp, value.TimestampLTZ:
		return appendMoment(dst, c, i, false, nil)
	case value.Array:
		span := c.Spans[i]
		for item := span.Offset; item < span.Offset+span.Length; item++ {
			if item > span.Offset {
				dst = append(dst, e.element...)
			}
			dst = e.appendValue(dst, c.Children[0], int(item))
		}
	case value.Row:
		for k, child := range c.Children {
			if k > 0 {
				dst = append(dst, e.element...)
			}
			dst = e.appendValue(dst, child, i)
		}
	}
	return dst
}

// appendQuoted appends a field, quoted or escaped where a reader would take it
// for something else.
func (e *csvEncoder) appendQuoted(dst, text []byte) []byte {
	special := func(c byte) bool {
		return c == e.delimiter || c == '\n' || c == '\r' || e.quote != 0 && c == e.quote || e.escape != 0 && c == e.escape
	}
	first, found := 0, false
	for ; first < len(text) && !found; first++ {
		found = special(text[first])
	}
	switch {
	case !found && !(e.comments && len(text) > 0 && text[0] == '#'):
		return append(dst, text...)
	case e.quote == 0 && e.escape == 0:
		return append(dst, text...)
	case e.quote == 0:
		for _, c := range text {
			switch {
			case c == '\n':
				dst, c = append(dst, e.escape), 'n'
			case c == '\r':
				dst, c = append(dst, e.escape), 'r'
			case special(c):
				dst = append(dst, e.escape)
			}
			dst = append(dst, c)
		}
		return dst
	}
	dst = append(dst, e.quote)
	for _, c := range text {
		switch {
		case c == e.quote:
			dst = append(dst, c)
		case e.escape != 0 && c == e.escape:
			dst = append(dst, e.escape)
		}
		dst = append(dst, c)
	}
	return append(dst, e.quote)
}
