package format

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// drawValue draws a value of t that both formats can carry: text is valid
// UTF-8 and no NULL literal, times are within the years that texts have.
func drawValue(t *rapid.T, typ value.Type, nullable bool) value.Value {
	if nullable && rapid.IntRange(0, 5).Draw(t, "null") == 0 {
		return value.NullOf(typ)
	}
	v := value.Value{Type: typ}
	switch typ.Kind {
	case value.Boolean:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case value.TinyInt:
		v.Int = int64(rapid.Int8().Draw(t, "int"))
	case value.BigInt:
		v.Int = rapid.Int64().Draw(t, "int")
	case value.Double:
		v.Float = rapid.Float64().Draw(t, "float")
	case value.Float:
		v.Float = float64(rapid.Float32().Draw(t, "float"))
	case value.Decimal:
		v.Wide = value.Int128Of(rapid.Int64Range(-999_999, 999_999).Draw(t, "digits"))
	case value.Varchar:
		v.Text = strings.ReplaceAll(rapid.StringOf(rapid.SampledFrom([]rune("ab ,;\"'\\\n\r\té中😀\x00{}[]:#"))).Draw(t, "text"), ";", "")
		if v.Text == "" {
			v.Text = "-"
		}
	case value.Varbinary:
		v.Text = string(append([]byte{1}, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...))
	case value.Date:
		v.Int = rapid.Int64Range(-700_000, 2_900_000).Draw(t, "days")
	case value.Time:
		v.Int = rapid.Int64Range(0, value.MillisPerDay-1).Draw(t, "millis")
	case value.Timestamp, value.TimestampLTZ:
		at := value.Instant{Seconds: rapid.Int64Range(-60e9, 250e9).Draw(t, "seconds"), Nanos: rapid.Int32Range(0, 999_999_999).Draw(t, "nanos")}
		return at.Truncate(typ.Precision).Value(typ)
	case value.Array:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			v.Items = append(v.Items, drawValue(t, *typ.Elem, true))
		}
	case value.Row:
		for i, f := range typ.Fields {
			v.Items = append(v.Items, drawValue(t, f.Type, i > 0))
		}
	case value.Map:
		for i := range rapid.IntRange(0, 3).Draw(t, "length") {
			v.Items = append(v.Items, value.Value{Type: *typ.Key, Text: string(rune('a' + i))}, drawValue(t, *typ.Elem, true))
		}
	}
	return v
}

// TestWhatIsWrittenReadsBack writes random rows and reads them again.
func TestWhatIsWrittenReadsBack(t *testing.T) {
	flat := []value.Type{
		value.BooleanType, value.TinyIntType, value.BigIntType, value.DoubleType, value.FloatType, value.DecimalOf(6, 3), value.StringType, value.BytesType,
		value.DateType, value.TimeOf(3), value.TimestampOf(3), value.TimestampOf(9), value.TimestampLTZOf(6),
		value.RowOf(value.Field{Name: "a", Type: value.StringType}, value.Field{Name: "b", Type: value.BigIntType}),
	}
	list := value.ArrayOf(value.StringType)
	nested := append([]value.Type{list, value.MapOf(value.StringType, list), value.ArrayOf(flat[len(flat)-1])}, flat...)
	for _, c := range []struct {
		format  string
		types   []value.Type
		options map[string]string
	}{
		{"json", nested, nil},
		{"json", nested, map[string]string{"json.timestamp-format.standard": "ISO-8601", "json.encode.ignore-null-fields": "true"}},
		{"csv", flat, map[string]string{"csv.null-literal": "NULL"}},
		{"csv", flat, map[string]string{"csv.null-literal": "", "csv.field-delimiter": "\\t", "csv.quote-character": "'", "csv.escape-character": "\\", "csv.allow-comments": "true"}},
	} {
		f, err := ByName(c.format)
		if err != nil {
			t.Fatal(err)
		}
		var columns []Column
		var fields []value.Field
		for i, typ := range c.types {
			name := "c" + string(rune('a'+i))
			columns = append(columns, Column{Name: name, Type: typ, Position: i})
			fields = append(fields, value.Field{Name: name, Type: typ})
		}
		rapid.Check(t, func(t *rapid.T) {
			rows := &batch.Batch{Rows: rapid.IntRange(1, 4).Draw(t, "rows")}
			for _, typ := range c.types {
				column := batch.NewColumn(typ, rows.Rows)
				for range rows.Rows {
					column.AppendValue(drawValue(t, typ, true))
				}
				rows.Columns = append(rows.Columns, column)
			}
			e, err := f.NewEncoder(fields, c.options)
			if err != nil {
				t.Fatal(err)
			}
			var text []byte
			for i := range rows.Rows {
				if text, err = e.AppendRow(text, rows, i); err != nil {
					t.Fatal(err)
				}
			}
			splitter, _ := f.NewSplitter(c.options)
			records, _ := splitter.Split(nil, text, true)
			d, err := f.NewDecoder(columns, fields, c.options)
			if err != nil {
				t.Fatal(err)
			}
			again, rejected := d.Decode(text, records)
			if again.Rows != rows.Rows || len(rejected) > 0 {
				t.Fatalf("%s gives %d rows, %v", text, again.Rows, rejected)
			}
			for i := range rows.Rows {
				for k := range columns {
					want, got := rows.Columns[k].Value(i), again.Columns[k].Value(i)
					if !value.Equal(want, got) {
						t.Fatalf("column %s %s comes back as %s from %s", columns[k].Type, want, got, text)
					}
				}
			}
		})
	}
}
