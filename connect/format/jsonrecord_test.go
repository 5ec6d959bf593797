package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// learnedColumns has a value of every kind that seams know of, in ROWs too.
var learnedColumns = []Column{
	{Name: "s", Type: value.StringType}, {Name: "n", Type: value.BigIntType}, {Name: "i", Type: value.IntType},
	{Name: "t", Type: value.TimestampOf(3)}, {Name: "f", Type: value.DoubleType}, {Name: "v", Type: value.Type{Kind: value.Variant}},
	{Name: "r", Type: value.RowOf(
		value.Field{Name: "s", Type: value.StringType}, value.Field{Name: "n", Type: value.BigIntType.Required()},
		value.Field{Name: "u", Type: value.StringType}, value.Field{Name: "q", Type: value.RowOf(value.Field{Name: "t", Type: value.TimestampOf(3)})},
	), Unread: []bool{false, false, true, false}},
	{Name: "a", Type: value.ArrayOf(value.RowOf(value.Field{Name: "s", Type: value.StringType}))},
	{Name: "m", Type: value.MapOf(value.StringType, value.StringType)},
}

// learnedRecords are records to begin with.
var learnedRecords = []string{
	`{"s": "abc", "n": 12, "i": 2147483647, "t": "2024-03-01 10:20:30.123", "f": 1.5, "x": "y", "z": 12.5, "r": {"s": "d", "n": 5, "u": "e", "q": {"t": "2024-03-01 10:20:31.123"}}, "a": [{"s":"f"}], "m": {"k":"v"}}`,
	`{"s":"a\"b\u00e9","n":-1,"i":0,"t":null,"f":1e5,"v":{"a": [1, 2]},"r":null,"a":null}`,
	`{"r":{"n":123456789012345678,"q":null},"x":{"s":"s","n":[1,{}],"u":{"w":true}},"y":null,"m":{"a":"b","a":"c","b":"d"},"s":"ünïcödé"}`,
	`{"event_type":2,"person":null,"auction":null,"r":{"s":"a text that is rather long, of more than sixty-four bytes, with an escape \\ at its end\n","n":1,"u":"x\ty"},"s":"end"}`,
	`{"s":1,"n":"2","i":"3","t":"2024-03-01 10:20:30.123","f":"4","v":"w","r":{"s":{},"n":1.0},"a":[],"m":null}`,
	`{"s":"1","s":"2","r":{"s":"a","n":1},"r":{"n":2}}`, `{}`,
}

// sameAsThorough reads a model and another record twice with a decoder that learns
// and one that does not, and compares what they make of them.
func sameAsThorough(t interface{ Fatalf(string, ...any) }, model, record []byte, options JSONOptions, copies bool) {
	var block []byte
	var records []batch.View
	for _, text := range [][]byte{model, record, model, record} {
		records = append(records, batch.View{Offset: uint32(len(block)), Length: uint32(len(text))})
		block = append(append(block, text...), '\n')
	}
	block = append(block, strings.Repeat(" ", wordsAhead)...)
	read := func(thorough bool) string {
		d := NewJSONDecoder(learnedColumns, options)
		d.thorough = thorough
		if copies {
			d.CopyTexts()
		}
		rows, rejected := d.Decode(bytes.Clone(block), records)
		var all strings.Builder
		for i := range rows.Rows {
			fmt.Fprintln(&all, rows.Row(i))
		}
		for _, r := range rejected {
			fmt.Fprintln(&all, r.Record, r.Problem)
		}
		fmt.Fprint(&all, d.MetUnknown())
		return all.String()
	}
	if want, got := read(true), read(false); got != want {
		t.Fatalf("%q after %q, %+v:\n%s\nnot\n%s", record, model, options, got, want)
	}
}

// variedOptions are those that change what is read.
var variedOptions = []JSONOptions{{}, {IgnoreErrors: true}, {FailOnMissing: true}, {Strict: true}, {Strict: true, FailOnMissing: true}}

// TestKnownRecordsAreReadAsThoroughly changes some bytes of records whose seams are
// known, or mixes two of them.
func TestKnownRecordsAreReadAsThoroughly(t *testing.T) {
	piece := rapid.SampledFrom([]string{`"`, `\`, `\"`, `\u00`, `\ud83d\ude00`, ",", ":", "{", "}", "[", "]", "null", "true", "0", "-", "1.5", "e9", " ", "\n", "\x00", "\xc3", "é", `,"s":"z"`, `"n":1,`})
	rapid.Check(t, func(t *rapid.T) {
		model := rapid.SampledFrom(learnedRecords).Draw(t, "model")
		record := []byte(model)
		if rapid.Bool().Draw(t, "mixed") {
			other := rapid.SampledFrom(learnedRecords).Draw(t, "other")
			record = append(record[:rapid.IntRange(0, len(record)).Draw(t, "head")], other[rapid.IntRange(0, len(other)).Draw(t, "tail"):]...)
		}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			at := rapid.IntRange(0, len(record)).Draw(t, "at")
			from := min(len(record), at+rapid.IntRange(0, 3).Draw(t, "cut"))
			record = append(record[:at:at], append([]byte(piece.Draw(t, "piece")), record[from:]...)...)
		}
		sameAsThorough(t, []byte(model), record, rapid.SampledFrom(variedOptions).Draw(t, "options"), rapid.Bool().Draw(t, "copies"))
	})
}

// FuzzKnownRecords is the same for any bytes.
func FuzzKnownRecords(f *testing.F) {
	for i, model := range learnedRecords {
		f.Add([]byte(model), []byte(learnedRecords[(i+1)%len(learnedRecords)]), uint8(i))
	}
	f.Fuzz(func(t *testing.T, model, record []byte, option uint8) {
		sameAsThorough(t, model, record, variedOptions[int(option)%len(variedOptions)], option >= 128)
	})
}

// TestLongRecords reads texts and records that are longer than the window.
func TestLongRecords(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", windowBlocks*blockBits/8)
	record := fmt.Sprintf(`{"x":"%s","s":"%s","r":{"s":"%s\\%s","n":7}}`, long, long, long, long)
	for range 3 {
		sameAsThorough(t, []byte(record), []byte(`{"x":"","s":"","r":{"s":"\\","n":7}}`), JSONOptions{}, true)
	}
	d := NewJSONDecoder(learnedColumns, JSONOptions{})
	block := []byte(record + record + record + strings.Repeat(" ", wordsAhead))
	n := uint32(len(record))
	rows, _ := d.Decode(block, []batch.View{{Length: n}, {Offset: n, Length: n}, {Offset: 2 * n, Length: n}})
	for i := range rows.Rows {
		if r := rows.Row(i); r[0].Text != long || r[6].Items[0].Text != long+`\`+long {
			t.Fatalf("row %d has other texts", i)
		}
	}
}

// TestRecordsInAnyOrder reads records of a block backwards, as images of a changelog
// may stand.
func TestRecordsInAnyOrder(t *testing.T) {
	block, records := adEvents(batch.MaxRows)
	d := NewJSONDecoder(adColumns, JSONOptions{})
	d.CopyTexts()
	slices.Reverse(records)
	rows, rejected := d.Decode(block, records)
	if len(rejected) > 0 {
		t.Fatal(rejected)
	}
	for i := range rows.Rows {
		if got, want := rows.Columns[2].Ints[i], int64(1700000000000+batch.MaxRows-1-i); got != want {
			t.Fatalf("row %d has time %d, not %d", i, got, want)
		}
	}
}

// TestTextsOfAnotherLength reads texts that mostly have one length, and then others,
// also such that a quote of theirs stands where the text should end.
func TestTextsOfAnotherLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		usual := rapid.IntRange(0, 70).Draw(t, "usual")
		odd := rapid.SampledFrom([]string{"", "a", `\"`, `\"b`, `c\\`, "é", strings.Repeat("d", 56), strings.Repeat("e", 57), strings.Repeat("f", 130)})
		var block []byte
		var records []batch.View
		var want []string
		for range 40 {
			text := strings.Repeat("x", usual)
			if rapid.IntRange(0, 3).Draw(t, "odd") == 0 {
				text = text[:rapid.IntRange(0, usual).Draw(t, "head")] + odd.Draw(t, "text")
			}
			start := len(block)
			block = fmt.Appendf(block, `{"y":"%s","s":"%s"}`, text, text)
			records = append(records, batch.View{Offset: uint32(start), Length: uint32(len(block) - start)})
			want = append(want, string(appendUnescaped(nil, []byte(text))))
		}
		block = append(block, strings.Repeat(" ", wordsAhead)...)
		rows, rejected := NewJSONDecoder(learnedColumns, JSONOptions{}).Decode(block, records)
		if len(rejected) > 0 {
			t.Fatal(rejected)
		}
		for i := range rows.Rows {
			if got := string(rows.Columns[0].Bytes(i)); got != want[i] {
				t.Fatalf("row %d of %q: %q, not %q", i, block, got, want[i])
			}
		}
	})
}

// TestMarks compares the marks of blocks with what a byte at a time finds.
func TestMarks(t *testing.T) {
	if !vector {
		t.Skip("SKIPPED: this build has no vector instructions, and no marks; its records are read byte by byte")
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 3*blockBits, 3*blockBits).Draw(t, "bytes")
		var s specials
		if !s.look(b, 0) {
			t.Fatal("there are enough bytes")
		}
		for i := range b {
			if found := plainEnd(b[i:i+1], 0) == 0; found != (s.near(i)&1 == 1) {
				t.Fatalf("byte %#x is special: %v", b[i], found)
			}
		}
	})
}

// TestSeamsAreCompared compares a seam of every length with what differs from it in
// one byte.
func TestSeamsAreCompared(t *testing.T) {
	for length := 1; length <= 3*seamWords; length++ {
		text := strings.Repeat("abcdefghijk", 8)[:length]
		at := &seam{next: []*seam{newSeam(text)}}
		stands := func(b string) bool { return at.another([]byte(b+strings.Repeat("~", wordsAhead)), 0) != nil }
		if !stands(text) {
			t.Errorf("%q is not found", text)
		}
		for i := range length {
			if stands(text[:i] + "X" + text[i+1:]) {
				t.Errorf("%q is found with another byte %d", text, i)
			}
		}
	}
}

// TestSeamsHaveALimit reads records of more and more different names.
func TestSeamsHaveALimit(t *testing.T) {
	d := NewJSONDecoder(learnedColumns, JSONOptions{})
	var block []byte
	var records []batch.View
	for i := range batch.MaxRows {
		text := fmt.Sprintf(`{"s":"a","x%d":{"y%d":1,"z":"%d"},"n":%d}`, i%1000, i, i, i)
		records = append(records, batch.View{Offset: uint32(len(block)), Length: uint32(len(text))})
		block = append(block, text...)
	}
	rows, rejected := d.Decode(block, records)
	if len(rejected) > 0 || d.shapes.seams > seamsMax {
		t.Fatalf("%d seams, %v", d.shapes.seams, rejected)
	}
	for i, n := range rows.Columns[1].Ints {
		if n != int64(i) {
			t.Fatalf("row %d has %d", i, n)
		}
	}
}

// TestUnescape compares eight bytes at a time with one at a time.
func TestUnescape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{"a", "bcdefghi", "é", `\\`, `\"`, `\n`, `\u0041`, `\u00e9`, `\u20ac`, `\ud83d\ude00`})).Draw(t, "pieces")
		inside := strings.Join(pieces, "")
		text := []byte(inside + rapid.SampledFrom([]string{`"\\\\\\\\`, `"1234567`}).Draw(t, "behind"))
		to := make([]byte, len(text))
		if got, want := string(to[:unescape(to, text, len(inside))]), string(appendUnescaped(nil, []byte(inside))); got != want {
			t.Fatalf("%q is %q, not %q", inside, got, want)
		}
	})
}
