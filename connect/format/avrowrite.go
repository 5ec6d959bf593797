package format

import (
	"encoding/binary"
	"math"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// avroEncoder writes rows by the schema that avroSchemaOf derives from them.
type avroEncoder struct{ fields []value.Field }

func newAvroEncoder(fields []value.Field) *avroEncoder { return &avroEncoder{fields} }

// AppendHeader appends nothing.
func (e *avroEncoder) AppendHeader(dst []byte) []byte { return dst }

// AppendRow appends a datum, and the line's end that every row has.
func (e *avroEncoder) AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	dst, err := e.appendDatum(dst, b, i)
	return append(dst, '\n'), err
}

func (e *avroEncoder) appendDatum(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	for k, c := range b.Columns {
		var err error
		if dst, err = appendAvroValue(dst, c, i, e.fields[k].Type); err != nil {
			return dst, problem.Of(err).About(e.fields[k].Name)
		}
	}
	return dst, nil
}

// appendAvroValue appends row i of a column as type t, which the table declares.
func appendAvroValue(dst []byte, c *batch.Column, i int, t value.Type) ([]byte, error) {
	null := c.IsNull(i) || c.Type.Class() == value.NoData
	switch {
	case null && t.NotNull:
		return dst, problem.New(problem.InvalidValue, "NULL for a column that is NOT NULL")
	case null:
		return append(dst, 0), nil // the branch of null
	case !t.NotNull:
		dst = append(dst, 2) // the branch of the type
	}
	switch t.Kind {
	case value.Boolean:
		if c.Bools[i] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case value.Float:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(c.Floats[i]))), nil
	case value.Double:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.Floats[i])), nil
	case value.Char, value.Varchar, value.Binary, value.Varbinary:
		text := c.Bytes(i)
		return append(binary.AppendVarint(dst, int64(len(text))), text...), nil
	case value.Decimal:
		return appendAvroDecimal(dst, c.Wides[i]), nil
	case value.Timestamp, value.TimestampLTZ: // up to (6): the schema refuses others
		if t.Precision > 3 {
			return binary.AppendVarint(dst, c.Ints[i]), nil
		}
		return binary.AppendVarint(dst, value.FloorDiv(c.Ints[i], value.MicrosPerSecond/value.MillisPerSecond)), nil
	case value.Array, value.Map:
		return appendAvroItems(dst, c, i, t)
	case value.Row:
		for k, f := range t.Fields {
			var err error
			if dst, err = appendAvroValue(dst, c.Children[k], i, f.Type); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	return binary.AppendVarint(dst, c.Ints[i]), nil // integers, days and milliseconds
}

// appendAvroItems appends one block of elements, and the end of blocks.
func appendAvroItems(dst []byte, c *batch.Column, i int, t value.Type) ([]byte, error) {
	span := c.Spans[i]
	if span.Length > 0 {
		dst = binary.AppendVarint(dst, int64(span.Length))
	}
	for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
		elements := c.Children[0]
		if t.Kind == value.Map {
			if elements.IsNull(e) {
				return dst, problem.New(problem.InvalidValue, "Avro has no form for a NULL key of a MAP")
			}
			key := elements.Bytes(e)
			dst = append(binary.AppendVarint(dst, int64(len(key))), key...)
			elements = c.Children[1]
		}
		var err error
		if dst, err = appendAvroValue(dst, elements, e, *t.Elem); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// appendAvroDecimal appends two's complement in as few bytes as hold it, the
// highest first.
func appendAvroDecimal(dst []byte, x value.Int128) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(x.Hi))
	binary.BigEndian.PutUint64(b[8:], x.Lo)
	first := 0
	for first < 15 && (b[first] == 0 && b[first+1] < 0x80 || b[first] == 0xff && b[first+1] >= 0x80) {
		first++
	}
	return append(binary.AppendVarint(dst, int64(16-first)), b[first:]...)
}
