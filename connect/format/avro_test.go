package format

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/avro"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// TestAvroOfOthers reads data of writers with schemas of their own. The bytes are
// those of another implementation (fastavro), but for damaged ones.
//
//	decode    columns, a schema, and data in hexadecimal: rows, and why others are none
func TestAvroOfOthers(t *testing.T) {
	datadriven.RunTest(t, "testdata/avro/decode", func(t *testing.T, d *datadriven.TestData) string {
		var c testCase
		schema := ""
		var block []byte
		var records []batch.View
		for line := range strings.SplitSeq(d.Input, "\n") {
			word, rest, _ := strings.Cut(line, " ")
			switch word {
			case "table":
				p := typeParser{t: t, text: rest}
				c.table = p.fields()
				for _, f := range c.table {
					c.read = append(c.read, f.Name)
				}
			case "schema":
				schema = rest
			default:
				datum, err := hex.DecodeString(line)
				if err != nil {
					t.Fatal(err)
				}
				records = append(records, batch.View{Offset: uint32(len(block)), Length: uint32(len(datum))})
				block = append(block, datum...)
			}
		}
		decoder := &avroDecoder{columns: c.columns()}
		var err error
		if decoder.reader, err = newAvroReader(schema, c.columns()); err != nil {
			return fmt.Sprintln("error:", err)
		}
		b, rejected := decoder.Decode(block, records)
		var out strings.Builder
		for i := range b.Rows {
			fmt.Fprintln(&out, rowText(b, i, time.UTC))
		}
		for _, r := range rejected {
			fmt.Fprintf(&out, "rejected %d: %s %s\n", r.Record, r.Problem.Code, r.Problem)
		}
		return out.String()
	})
}

// TestAvroSchemas shows what is derived from columns.
func TestAvroSchemas(t *testing.T) {
	datadriven.RunTest(t, "testdata/avro/schema", func(t *testing.T, d *datadriven.TestData) string {
		p := typeParser{t: t, text: d.Input}
		schema, err := avroSchemaOf(p.fields(), !d.HasArg("modern"))
		if err == nil {
			_, err = parseAvro(schema)
		}
		if err != nil {
			return fmt.Sprintln("error:", err)
		}
		return schema + "\n"
	})
}

// avroTypes are types of columns that have a form, in legacy mapping or not.
func avroTypes(legacy bool) []value.Type {
	types := []value.Type{
		value.BooleanType, value.TinyIntType, value.BigIntType.Required(), value.DoubleType, value.FloatType, value.DecimalOf(6, 3), value.DecimalOf(38, 0),
		value.StringType, value.StringType.Required(), value.BytesType, value.DateType, value.TimeOf(3), value.TimestampOf(3),
		value.ArrayOf(value.StringType), value.MapOf(value.StringType.Required(), value.ArrayOf(value.BigIntType)),
		value.ArrayOf(value.RowOf(value.Field{Name: "a", Type: value.StringType}, value.Field{Name: "b", Type: value.MapOf(value.StringType.Required(), value.DoubleType)})),
	}
	if !legacy {
		types = append(types, value.TimestampOf(6), value.TimestampLTZOf(3), value.TimestampLTZOf(6).Required())
	}
	return types
}

// TestAvroReadsBack writes random rows; the library takes them for the schema's,
// and they are read again.
func TestAvroReadsBack(t *testing.T) {
	for _, legacy := range []bool{true, false} {
		options := map[string]string{"avro.timestamp_mapping.legacy": fmt.Sprint(legacy)}
		var columns []Column
		var fields []value.Field
		for i, typ := range avroTypes(legacy) {
			name := "c" + string(rune('a'+i))
			columns = append(columns, Column{Name: name, Type: typ, Position: i})
			fields = append(fields, value.Field{Name: name, Type: typ})
		}
		text, err := avroSchemaOf(fields, legacy)
		if err != nil {
			t.Fatal(err)
		}
		schema := avro.MustParse(text)
		rapid.Check(t, func(t *rapid.T) {
			rows := &batch.Batch{Rows: 1}
			for _, f := range fields {
				column := batch.NewColumn(f.Type, 1)
				column.AppendValue(drawValue(t, f.Type, !f.Type.NotNull))
				rows.Columns = append(rows.Columns, column)
			}
			f := avroFormat()
			e, err := f.NewEncoder(fields, options)
			if err != nil {
				t.Fatal(err)
			}
			datum, err := e.AppendRow(nil, rows, 0)
			if err != nil {
				t.Fatal(err)
			}
			datum = datum[:len(datum)-1]
			var any map[string]any
			if rest, err := schema.Decode(datum, &any); err != nil || len(rest) > 0 {
				t.Fatalf("%x is no datum of %s: %v, %d bytes behind", datum, text, err, len(rest))
			}
			d, err := f.NewDecoder(columns, fields, options)
			if err != nil {
				t.Fatal(err)
			}
			again, rejected := d.Decode(datum, []batch.View{{Length: uint32(len(datum))}})
			if len(rejected) > 0 {
				t.Fatalf("%x: %v", datum, rejected[0].Problem)
			}
			for k, c := range columns {
				if want, got := rows.Columns[k].Value(0), again.Columns[k].Value(0); !value.Equal(want, got) {
					t.Fatalf("column %s %s comes back as %s from %x", c.Type, want, got, datum)
				}
			}
		})
	}
}

// FuzzAvro gives any bytes to a decoder, and what it takes to the library too.
func FuzzAvro(f *testing.F) {
	const text = `{"type":"record","name":"r","fields":[
		{"name":"a","type":["null","string"]},{"name":"b","type":{"type":"array","items":["null","long"]}},
		{"name":"c","type":{"type":"map","values":"double"}},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":2}},
		{"name":"tree","type":["null",{"type":"record","name":"n","fields":[{"name":"v","type":"int"},{"name":"more","type":{"type":"array","items":"n"}}]}]},
		{"name":"e","type":"boolean"}]}`
	schema := avro.MustParse(text)
	p := typeParser{t: f, text: "a STRING, b ARRAY<BIGINT>, c MAP<STRING NOT NULL, DOUBLE>, d DECIMAL(38, 2), e BOOLEAN"}
	var columns []Column
	for i, field := range p.fields() {
		columns = append(columns, Column{Name: field.Name, Type: field.Type, Position: i})
	}
	d := &avroDecoder{columns: columns}
	var err error
	if d.reader, err = newAvroReader(text, columns); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("\x02\x02a\x04\x00\x02\x04\x00\x00\x02\x01\x00\x01"))
	f.Add([]byte("\x00\x00\x02\x02k\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x04\x12\x34\x02\x02\x02\x04\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, datum []byte) {
		b, rejected := d.Decode(datum, []batch.View{{Length: uint32(len(datum))}})
		if b.Rows+len(rejected) != 1 {
			t.Fatalf("%d rows and %d rejected of one record", b.Rows, len(rejected))
		}
		if b.Rows == 0 {
			return
		}
		var any map[string]any
		if rest, err := schema.Decode(datum, &any); err != nil || len(rest) > 0 {
			t.Fatalf("%x was taken, and is no datum: %v, %d bytes behind", datum, err, len(rest))
		}
	})
}
