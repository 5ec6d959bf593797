package httpapi

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/query/gateway"
)

const arrowStream = "application/vnd.apache.arrow.stream"

// arrowAnswer writes an Arrow IPC stream, a record batch for each batch. The
// Flink type of a column is in its field's metadata under "flink.type".
type arrowAnswer struct {
	writer  *ipc.Writer
	builder *array.RecordBuilder
}

func newArrowAnswer(out *reply, a *gateway.Answer) (answerWriter, error) {
	fields := make([]arrow.Field, len(a.Columns))
	for i, c := range a.Columns {
		t, err := arrowType(c.Type)
		if err != nil {
			return nil, problem.Of(err).About(c.Name)
		}
		fields[i] = arrow.Field{Name: c.Name, Type: t, Nullable: !c.Type.NotNull, Metadata: arrow.MetadataFrom(map[string]string{"flink.type": c.Type.String()})}
	}
	schema := arrow.NewSchema(fields, nil)
	return &arrowAnswer{
		writer:  ipc.NewWriter(out, ipc.WithSchema(schema)),
		builder: array.NewRecordBuilder(memory.DefaultAllocator, schema),
	}, nil
}

func (w *arrowAnswer) batch(b *batch.Batch) error {
	for k, c := range b.Columns {
		to := w.builder.Field(k)
		to.Reserve(b.Live())
		var err error
		b.Each(func(i int) {
			if err == nil {
				err = appendArrow(to, c, i)
			}
		})
		if err != nil {
			return err
		}
	}
	record := w.builder.NewRecordBatch()
	defer record.Release()
	if err := w.writer.Write(record); err != nil {
		return fmt.Errorf("write Arrow batch: %w", err)
	}
	return nil
}

func (w *arrowAnswer) end(*gateway.Answer) error {
	w.builder.Release()
	if err := w.writer.Close(); err != nil {
		return fmt.Errorf("end Arrow stream: %w", err)
	}
	return nil
}

var arrowSimple = map[value.Kind]arrow.DataType{
	value.Null: arrow.Null, value.Boolean: arrow.FixedWidthTypes.Boolean,
	value.TinyInt: arrow.PrimitiveTypes.Int8, value.SmallInt: arrow.PrimitiveTypes.Int16,
	value.Int: arrow.PrimitiveTypes.Int32, value.BigInt: arrow.PrimitiveTypes.Int64,
	value.Float: arrow.PrimitiveTypes.Float32, value.Double: arrow.PrimitiveTypes.Float64,
	value.Char: arrow.BinaryTypes.String, value.Varchar: arrow.BinaryTypes.String, value.Variant: arrow.BinaryTypes.String,
	value.Binary: arrow.BinaryTypes.Binary, value.Varbinary: arrow.BinaryTypes.Binary,
	value.Date: arrow.FixedWidthTypes.Date32, value.Time: arrow.FixedWidthTypes.Time32ms,
	value.IntervalYearMonth: arrow.FixedWidthTypes.MonthInterval, value.IntervalDayTime: arrow.FixedWidthTypes.Duration_ms,
}

// arrowType is the Arrow type of a column: microseconds for timestamps up to
// precision 6, nanoseconds above.
func arrowType(t value.Type) (arrow.DataType, error) {
	switch t.Kind {
	case value.Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}, nil
	case value.Timestamp, value.TimestampLTZ:
		moment := &arrow.TimestampType{Unit: arrow.Microsecond}
		if t.Class() == value.Wides {
			moment.Unit = arrow.Nanosecond
		}
		if t.Kind == value.TimestampLTZ {
			moment.TimeZone = "UTC"
		}
		return moment, nil
	case value.Array:
		elem, err := arrowType(*t.Elem)
		if err != nil {
			return nil, err
		}
		return arrow.ListOf(elem), nil
	case value.Map:
		key, err := arrowType(*t.Key)
		if err != nil {
			return nil, err
		}
		elem, err := arrowType(*t.Elem)
		if err != nil {
			return nil, err
		}
		return arrow.MapOf(key, elem), nil
	case value.Row:
		fields := make([]arrow.Field, len(t.Fields))
		for i, f := range t.Fields {
			inner, err := arrowType(f.Type)
			if err != nil {
				return nil, err
			}
			fields[i] = arrow.Field{Name: f.Name, Type: inner, Nullable: true}
		}
		return arrow.StructOf(fields...), nil
	}
	if simple, ok := arrowSimple[t.Kind]; ok {
		return simple, nil
	}
	return nil, problem.New(problem.Unsupported, "Arrow has no type for %s", t).WithHint("cast the column, or accept application/json")
}

// appendArrow adds row i of a column to the builder of its Arrow type.
func appendArrow(to array.Builder, c *batch.Column, i int) error {
	if c.IsNull(i) {
		to.AppendNull()
		return nil
	}
	switch to := to.(type) {
	case *array.NullBuilder:
		to.AppendNull()
	case *array.BooleanBuilder:
		to.Append(c.Bools[i])
	case *array.Int8Builder:
		to.Append(int8(c.Ints[i]))
	case *array.Int16Builder:
		to.Append(int16(c.Ints[i]))
	case *array.Int32Builder:
		to.Append(int32(c.Ints[i]))
	case *array.Int64Builder:
		to.Append(c.Ints[i])
	case *array.Float32Builder:
		to.Append(float32(c.Floats[i]))
	case *array.Float64Builder:
		to.Append(c.Floats[i])
	case *array.Decimal128Builder:
		to.Append(decimal128.New(c.Wides[i].Hi, c.Wides[i].Lo))
	case *array.StringBuilder:
		to.BinaryBuilder.Append(c.Bytes(i))
	case *array.BinaryBuilder:
		to.Append(c.Bytes(i))
	case *array.Date32Builder:
		to.Append(arrow.Date32(c.Ints[i]))
	case *array.Time32Builder:
		to.Append(arrow.Time32(c.Ints[i]))
	case *array.MonthIntervalBuilder:
		to.Append(arrow.MonthInterval(c.Ints[i]))
	case *array.DurationBuilder:
		to.Append(arrow.Duration(c.Ints[i]))
	case *array.TimestampBuilder:
		return appendArrowMoment(to, c, i)
	case *array.MapBuilder:
		return appendArrowMap(to, c, i)
	case *array.ListBuilder:
		to.Append(true)
		return appendArrowItems(to.ValueBuilder(), c.Children[0], c.Spans[i])
	case *array.StructBuilder:
		to.Append(true)
		for k, child := range c.Children {
			if err := appendArrow(to.FieldBuilder(k), child, i); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("write %s as Arrow: no builder of type %T is known", c.Type, to)
	}
	return nil
}

func appendArrowMoment(to *array.TimestampBuilder, c *batch.Column, i int) error {
	if c.Type.Class() == value.Ints {
		to.Append(arrow.Timestamp(c.Ints[i]))
		return nil
	}
	if !c.Wides[i].IsInt64() {
		return problem.New(problem.InvalidValue, "a time is outside of the years 1677 to 2262, which Arrow has for nanoseconds").WithHint("cast the column to TIMESTAMP(6)")
	}
	to.Append(arrow.Timestamp(c.Wides[i].Int64()))
	return nil
}

func appendArrowMap(to *array.MapBuilder, c *batch.Column, i int) error {
	span := c.Spans[i]
	for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
		if c.Children[0].IsNull(e) {
			return problem.New(problem.InvalidValue, "Arrow has no NULL key of a MAP").WithHint("filter the key out, or accept application/json")
		}
	}
	to.Append(true)
	if err := appendArrowItems(to.KeyBuilder(), c.Children[0], span); err != nil {
		return err
	}
	return appendArrowItems(to.ItemBuilder(), c.Children[1], span)
}

func appendArrowItems(to array.Builder, items *batch.Column, span batch.View) error {
	for e := span.Offset; e < span.Offset+span.Length; e++ {
		if err := appendArrow(to, items, int(e)); err != nil {
			return err
		}
	}
	return nil
}
