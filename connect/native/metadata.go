package native

import (
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

// metadatum is something that a record is besides its value.
type metadatum struct {
	class value.Class // of columns that can hold it
	give  func(r *reader, record int) value.Value
}

// metadata are the metadata columns that a native table can declare. Key and
// headers are those that came through the Kafka door.
var metadata = map[string]metadatum{
	"timestamp": {value.Ints, func(r *reader, i int) value.Value { return value.Value{Int: r.block.Time(i) * 1000} }},
	"partition": {value.Ints, func(r *reader, _ int) value.Value { return value.Value{Int: int64(r.partition)} }},
	"offset":    {value.Ints, func(r *reader, i int) value.Value { return value.Value{Int: int64(r.block.First()) + int64(i)} }},
	"topic":     {value.Strings, func(r *reader, _ int) value.Value { return value.Value{Text: r.source.topic.Name()} }},
	"key":       {value.Strings, keyOf},
	"headers":   {value.Lists, headersOf},
}

// checkMetadata refuses columns of metadata that there is not, or of a type that
// cannot hold it.
func checkMetadata(c connect.Column) error {
	if c.Metadata == "" {
		return nil
	}
	m, known := metadata[c.Metadata]
	if !known {
		return problem.New(problem.UnknownOption, "a native table has no metadata %q", c.Metadata).About(c.Name).WithHint("it has timestamp, partition, offset, topic, key and headers")
	}
	isMap := c.Type.Kind == value.Map && c.Type.Key.Class() == value.Strings && c.Type.Elem.Class() == value.Strings
	if c.Type.Class() != m.class || m.class == value.Lists && !isMap {
		return problem.New(problem.InvalidOption, "metadata %q cannot be a %s", c.Metadata, c.Type).About(c.Name).WithHint("use BIGINT for partition and offset, TIMESTAMP_LTZ(3) for timestamp, STRING for topic, BYTES for key, MAP<STRING, BYTES> for headers")
	}
	return nil
}

// keyOf is the record's key; NULL for events that came without one.
func keyOf(r *reader, i int) value.Value {
	if r.isPack {
		return value.Value{Null: true}
	}
	record, err := r.block.Record(i)
	if err != nil || record.Key == nil {
		return value.Value{Null: true} // a batch with a right checksum can be read
	}
	return value.Value{Text: string(record.Key)}
}

// headersOf is the record's headers, but for our own.
func headersOf(r *reader, i int) value.Value {
	var v value.Value
	if r.isPack {
		return v
	}
	record, err := r.block.Record(i)
	if err != nil {
		return v
	}
	for _, h := range record.Headers {
		if !eventlog.IsOwnHeader(h.Name) {
			v.Items = append(v.Items, value.Value{Text: h.Name}, value.Value{Text: string(h.Value), Null: h.Value == nil})
		}
	}
	return v
}

func (r *reader) metadata(c connect.Column, records int, rejected []format.Rejected) *batch.Column {
	column := batch.NewColumn(c.Type, records)
	give, text := metadata[c.Metadata].give, c.Type.Kind == value.Varchar
	for i := range records {
		if len(rejected) > 0 && rejected[0].Record == i {
			rejected = rejected[1:]
			continue
		}
		v := give(r, r.taken+i)
		if text {
			v.Text = strings.ToValidUTF8(v.Text, "\ufffd")
		}
		column.AppendValue(v)
	}
	return column
}
