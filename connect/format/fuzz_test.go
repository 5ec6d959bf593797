package format

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// fuzzColumns has a text at every place that a decoder treats differently.
var fuzzColumns = []Column{
	{Name: "s", Type: value.StringType},
	{Name: "r", Type: value.RowOf(value.Field{Name: "s", Type: value.StringType}, value.Field{Name: "a", Type: value.ArrayOf(value.StringType)})},
	{Name: "m", Type: value.MapOf(value.StringType, value.StringType)},
}

// FuzzJSONDecoder compares the decoder with jsontext: both accept the same
// records and read the same values from them, whether the decoder has met their
// seams before or not.
func FuzzJSONDecoder(f *testing.F) {
	for _, s := range []string{
		`{"s":"plain"}`, `{ "s" : 1.50 , "x" : [ {} , { "y" : null } ] }`, `{"s":"é\n😀","r":{"a":["b",null,3]}}`,
		`{"m":{"a":1,"b":{"c": 2},"a":true}}`, `{"s":"a","s":null}`, `{}`, "{\"s\":\"\xff\"}", `{"s":"\ud800"}`, `{"s":01}`,
		`{"user_id": "u", "s": "1700000000000", "ip": "1.2.3.4"} rest`, `{"r":{"s":"a","a":["b"]},"x":{"y":[1,2.5e-1,{"z":"\u00e9\\"}],"w":null,"v":-0},"s":"1","m":{}}`,
		`{"s":"0123456789012345678901234567890123456789012345678901234567890123456789\n012345678901234567890","x":{"a":"é","b":"ü"},"r":null}`, `{"\u0073":"escaped key","r":5,"m":[]}`, `{"s":-0.1e+5,}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		want, accept := oracle(record)
		compare(t, NewJSONDecoder(fuzzColumns, JSONOptions{IgnoreErrors: true}), record, want, accept)
		copies := NewJSONDecoder(fuzzColumns, JSONOptions{IgnoreErrors: true})
		copies.CopyTexts()
		for range 2 { // in fresh memory, then in the same again
			copies.Reuse(compare(t, copies, record, want, accept))
		}
	})
}

// compare decodes a record some times and compares it with what it must be. Behind
// it there is enough in the block for words to be read.
func compare(t *testing.T, d *JSONDecoder, record []byte, want string, accept bool) *batch.Batch {
	const times = 3
	block, records := bytes.Repeat(record, times), make([]batch.View, times)
	block = append(block, strings.Repeat("\",", wordsAhead)...)
	for i := range records {
		records[i] = batch.View{Offset: uint32(i * len(record)), Length: uint32(len(record))}
	}
	rows, rejected := d.Decode(block, records)
	if d.copies {
		clear(block) // nothing of it is needed any more
	}
	if accept != (rows.Rows == times) || accept != (len(rejected) == 0) {
		t.Fatalf("%q: jsontext accepts: %v; the decoder gives %d rows, %v", record, accept, rows.Rows, rejected)
	}
	for i := range rows.Rows {
		cells := make([]string, len(rows.Columns))
		for k, v := range rows.Row(i) {
			cells[k] = v.String()
		}
		if got := strings.Join(cells, " | "); got != want {
			t.Fatalf("%q, time %d: got %s, want %s", record, i, got, want)
		}
	}
	return rows
}

// oracle reads a record with jsontext.
func oracle(record []byte) (row string, accept bool) {
	record = bytes.TrimPrefix(record, []byte("\xef\xbb\xbf"))
	d := jsontext.NewDecoder(bytes.NewReader(record), jsontext.AllowDuplicateNames(true))
	if d.PeekKind() != '{' {
		return "", false
	}
	v, err := d.ReadValue()
	if err != nil {
		return "", false
	}
	_, top := members(v)
	cells := []string{cell(top["s"]), "NULL", "NULL"}
	if r := top["r"]; r.Kind() == '{' {
		_, inner := members(r)
		list := "NULL"
		if a := inner["a"]; a.Kind() == '[' {
			list = "[" + strings.Join(elements(a), ", ") + "]"
		}
		cells[1] = "(" + cell(inner["s"]) + ", " + list + ")"
	}
	if m := top["m"]; m.Kind() == '{' {
		names, values := members(m)
		for i, name := range names {
			names[i] = name + "=" + cell(values[name])
		}
		cells[2] = "{" + strings.Join(names, ", ") + "}"
	}
	return strings.Join(cells, " | "), true
}

// members gives the names of an object in their order, and the last value of
// each.
func members(object jsontext.Value) (names []string, values map[string]jsontext.Value) {
	values = map[string]jsontext.Value{}
	d := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true))
	_, _ = d.ReadToken()
	for d.PeekKind() != '}' {
		name, _ := d.ReadToken()
		key := name.String()
		v, _ := d.ReadValue()
		if _, again := values[key]; !again {
			names = append(names, key)
		}
		values[key] = v.Clone()
	}
	return names, values
}

func elements(array jsontext.Value) []string {
	var cells []string
	d := jsontext.NewDecoder(bytes.NewReader(array), jsontext.AllowDuplicateNames(true))
	_, _ = d.ReadToken()
	for d.PeekKind() != ']' {
		v, _ := d.ReadValue()
		cells = append(cells, cell(v))
	}
	return cells
}

// cell is a value read as STRING.
func cell(v jsontext.Value) string {
	switch v.Kind() {
	case 0, 'n':
		return "NULL"
	case '"':
		text, _ := jsontext.AppendUnquote(nil, v)
		return string(text)
	}
	v = v.Clone()
	_ = v.Compact(jsontext.AllowDuplicateNames(true))
	return string(v)
}

// FuzzCSV checks that any bytes are cut into records without a byte lost or
// read twice, and that rows read from them come back when they are written.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b,c\n", "\"a\n\"\"b\",,\r\n#x\n", "a\\,b,\"c\\\"\",d", "\"open", "a;b,\"x\"y,z\n\n", "é,\xff,\x00\n"} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(3))
	}
	columns := []Column{{Name: "a", Type: value.StringType}, {Name: "b", Type: value.StringType, Position: 1}, {Name: "c", Type: value.StringType, Position: 2}}
	fields := []value.Field{{Name: "a", Type: value.StringType}, {Name: "b", Type: value.StringType}, {Name: "c", Type: value.StringType}}
	f.Fuzz(func(t *testing.T, block []byte, dialects uint8) {
		options := map[string]string{"csv.null-literal": "\\N"}
		if dialects&1 != 0 {
			options["csv.escape-character"] = "\\"
		}
		if dialects&2 != 0 {
			options["csv.allow-comments"] = "true"
		}
		format := csvFormat()
		splitter, err := format.NewSplitter(options)
		if err != nil {
			t.Fatal(err)
		}
		records, taken := splitter.Split(nil, block, true)
		if taken != len(block) {
			t.Fatalf("%q: %d of %d bytes taken", block, taken, len(block))
		}
		early, _ := splitter.Split(nil, block, false)
		for i, record := range early {
			if record != records[i] {
				t.Fatalf("%q: record %d is %v, and %v when more may come", block, i, records[i], record)
			}
		}
		rows := decodeCSV(t, columns, options, block, records)
		e, err := format.NewEncoder(fields, options)
		if err != nil {
			t.Fatal(err)
		}
		var written []byte
		for i := range rows.Rows {
			if written, err = e.AppendRow(written, rows, i); err != nil {
				t.Fatal(err)
			}
		}
		again, _ := splitter.Split(nil, written, true)
		reread := decodeCSV(t, columns, options, written, again)
		if rows.Rows != reread.Rows {
			t.Fatalf("%q: %d rows, then %d from %q", block, rows.Rows, reread.Rows, written)
		}
		for i := range rows.Rows {
			for k, v := range rows.Row(i) {
				if !value.Equal(v, reread.Columns[k].Value(i)) {
					t.Fatalf("%q: %s comes back as %s from %q", block, v, reread.Columns[k].Value(i), written)
				}
			}
		}
	})
}

func decodeCSV(t *testing.T, columns []Column, options map[string]string, block []byte, records []batch.View) *batch.Batch {
	var table []value.Field
	for _, c := range columns {
		table = append(table, value.Field{Name: c.Name, Type: c.Type})
	}
	d, err := csvFormat().NewDecoder(columns, table, options)
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := d.Decode(block, records)
	return rows
}

// TestPlainEnd compares eight bytes at a time with one at a time.
func TestPlainEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{'a', '!', '#', '[', ']', 0x20, 0x7f, '"', '\\', 0x1f, 0, 0x80, 0xa2, 0xdc, 0xff}), 0, 40).Draw(t, "bytes")
		from := rapid.IntRange(0, len(b)).Draw(t, "from")
		want := from
		for want < len(b) && b[want] != '"' && b[want] != '\\' && b[want] >= 0x20 && b[want] < 0x80 {
			want++
		}
		if got := plainEnd(b, from); got != want {
			t.Fatalf("%q from %d: %d, want %d", b, from, got, want)
		}
	})
}

// TestShortInteger compares eight digits at a time with one at a time.
func TestShortInteger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{0,20}`).Draw(t, "digits")
		behind := rapid.SampledFrom([]string{",", "}", ".5", "e1", " ", "", "/", ":", "\xb0"}).Draw(t, "behind")
		rest := rapid.StringMatching(`.{0,9}`).Draw(t, "rest")
		if behind == "" {
			rest = "" // the block ends
		}
		b := []byte("-" + digits + behind + rest)
		got, next := shortInteger(b, 1)
		want, err := strconv.ParseInt(digits, 10, 64)
		if ends := behind == "," || behind == "}"; err != nil || !ends || len(digits) > shortDigits || len(digits) > 1 && digits[0] == '0' {
			want = 0
			if next != 0 {
				t.Fatalf("%q: read as %d up to %d", b, got, next)
			}
		} else if next != 1+len(digits) {
			t.Fatalf("%q: read up to %d", b, next)
		}
		if got != want {
			t.Fatalf("%q: %d, not %d", b, got, want)
		}
	})
}
