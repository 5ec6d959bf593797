package operator

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

var heldTypes = []value.Type{
	value.BigIntType, value.StringType, value.BooleanType, value.DoubleType, value.DecimalOf(30, 2), value.TimestampOf(3),
	value.ArrayOf(value.StringType), value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.StringType}),
}

func drawUUID(t *rapid.T) string {
	digits := rapid.StringOfN(rapid.SampledFrom([]rune("0123456789abcdef")), 32, 32, -1).Draw(t, "digits")
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

// drawAlmostUUID draws texts that only just are UUIDs, or only just are not.
func drawAlmostUUID(t *rapid.T) string {
	text := []byte(drawUUID(t))
	if rapid.Bool().Draw(t, "damaged") {
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
	}
	return string(text)
}

func drawHeldValue(t *rapid.T, typ value.Type) value.Value {
	if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
		return value.NullOf(typ)
	}
	v := value.Value{Type: typ}
	switch typ.Class() {
	case value.Bools:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case value.Ints:
		v.Int = rapid.OneOf(rapid.Int64(), rapid.Int64Range(-300, 300)).Draw(t, "int")
	case value.Floats:
		v.Float = rapid.Float64().Draw(t, "float")
	case value.Wides:
		v.Wide = value.Int128Of(rapid.Int64().Draw(t, "wide"))
	case value.Strings:
		v.Text = rapid.OneOf(rapid.StringN(0, 5, 20), rapid.Custom(drawAlmostUUID), rapid.Just(strings.Repeat("long ", 40))).Draw(t, "text")
	case value.Lists:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			v.Items = append(v.Items, drawHeldValue(t, *typ.Elem))
		}
	case value.Structs:
		for _, f := range typ.Fields {
			v.Items = append(v.Items, drawHeldValue(t, f.Type))
		}
	}
	return v
}

// TestHeldForm: rows that are held come back as they were, and their keys are equal
// when the keys in key form are.
func TestHeldForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schema := plan.Schema{{Name: "at", Type: rapid.SampledFrom([]value.Type{value.TimestampOf(3), value.TimestampOf(6)}).Draw(t, "time")}}
		for range rapid.IntRange(1, 4).Draw(t, "columns") {
			schema = append(schema, plan.OutputColumn{Name: "c", Type: rapid.SampledFrom(heldTypes).Draw(t, "type")})
		}
		var keys []int
		for i := range schema {
			if rapid.Bool().Draw(t, "is key") {
				keys = append(keys, i)
			}
		}
		in := newJoinInput(schema, keys, nil)
		form := newHeldForm(in, 0)
		rows := &batch.Batch{Rows: rapid.IntRange(1, 20).Draw(t, "rows"), Columns: columnsOf(in.types, 0)}
		for range rows.Rows {
			rows.Columns[0].AppendValue(value.Value{Type: schema[0].Type, Int: rapid.Int64Range(-1e12, 1e12).Draw(t, "ms") * 1000})
			for c := 1; c < len(schema); c++ {
				rows.Columns[c].AppendValue(drawHeldValue(t, schema[c].Type))
			}
		}
		var held, keyed joinRows
		form.encode(&held, rows)
		in.encode(&keyed, rows)
		columns := heldColumns{form: form}
		for i := range rows.Rows {
			for k := range rows.Rows {
				if want, got := bytes.Equal(keyed.key(i), keyed.key(k)), bytes.HasPrefix(held.row(k), held.key(i)); got != want {
					t.Fatalf("keys %v and %v: equal is %v, want %v", rows.Row(i), rows.Row(k), got, want)
				}
			}
			if err := columns.add(held.row(i), milliseconds(rows.Columns[0], i)); err != nil {
				t.Fatal(err)
			}
		}
		decoded, err := columns.columns()
		if err != nil {
			t.Fatal(err)
		}
		for c, column := range decoded {
			for i := range rows.Rows {
				if got, want := column.Value(i), rows.Columns[c].Value(i); !value.Equal(got, want) || got.Null != want.Null {
					t.Fatalf("row %d, column %d: %s, want %s", i, c, got, want)
				}
			}
		}
	})
}

// TestHeldFormIsSmall: an id is 128 bits, and a time takes nothing.
func TestHeldFormIsSmall(t *testing.T) {
	schema := plan.Schema{{Name: "id", Type: value.StringType}, {Name: "at", Type: value.TimestampOf(3)}}
	in := newJoinInput(schema, []int{0}, nil)
	rows := &batch.Batch{Rows: 1, Columns: columnsOf(in.types, 0)}
	rows.Columns[0].AppendValue(value.OfString("01234567-89ab-cdef-0123-456789abcdef"))
	rows.Columns[1].AppendValue(value.Value{Type: schema[1].Type, Int: 1_700_000_000_000_000})
	var held joinRows
	newHeldForm(in, 1).encode(&held, rows)
	if n := len(held.row(0)); n != 17 {
		t.Errorf("a row has %d bytes, not 17", n)
	}
}

// FuzzPackUUID: what is taken for a UUID is written again as it was.
func FuzzPackUUID(f *testing.F) {
	f.Add([]byte("01234567-89ab-cdef-0123-456789abcdef"))
	f.Add([]byte("01234567-89AB-cdef-0123-456789abcdef"))
	f.Add([]byte("0123456g-89ab-cdef-0123-456789abcdeo"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) != uuidBytes {
			return
		}
		isUUID := true
		for i, c := range text {
			isDash := i == 8 || i == 13 || i == 18 || i == 23
			isUUID = isUUID && (isDash && c == '-' || !isDash && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f'))
		}
		packed, ok := packUUID((*[uuidBytes]byte)(text))
		if ok != isUUID {
			t.Fatalf("%q: a UUID is %v", text, ok)
		}
		if ok && !bytes.Equal(appendUUID(nil, packed), text) {
			t.Fatalf("%q became %q", text, appendUUID(nil, packed))
		}
	})
}

// FuzzHeldColumns: rows that are damaged are refused, whatever they are.
func FuzzHeldColumns(f *testing.F) {
	schema := plan.Schema{{Name: "at", Type: value.TimestampOf(6)}, {Name: "n", Type: value.BigIntType}, {Name: "s", Type: value.StringType}, {Name: "d", Type: value.DoubleType}}
	form := newHeldForm(newJoinInput(schema, []int{1, 2}, nil), 0)
	f.Add([]byte("\x02\x01\x07someone\x03\x01\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x01"))
	f.Fuzz(func(t *testing.T, row []byte) {
		columns := heldColumns{form: form}
		if err := columns.add(row, 0); err != nil {
			t.Fatal(err)
		}
		read, err := columns.columns()
		if err != nil {
			return
		}
		for _, c := range read {
			_ = c.Value(0)
		}
	})
}
