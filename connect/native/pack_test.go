package native

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

// everyKind is a column of each kind of type that a table can have.
var everyKind = []value.Field{
	{Name: "bo", Type: value.BooleanType}, {Name: "ti", Type: value.Type{Kind: value.TinyInt}}, {Name: "sm", Type: value.Type{Kind: value.SmallInt}},
	{Name: "in", Type: value.IntType.Required()}, {Name: "bi", Type: value.BigIntType}, {Name: "fl", Type: value.Type{Kind: value.Float}}, {Name: "do", Type: value.DoubleType},
	{Name: "de", Type: value.DecimalOf(38, 2)}, {Name: "ch", Type: value.Type{Kind: value.Char, Precision: 3}}, {Name: "va", Type: value.StringType},
	{Name: "by", Type: value.BytesType}, {Name: "da", Type: value.Type{Kind: value.Date}}, {Name: "tm", Type: value.Type{Kind: value.Time, Precision: 3}},
	{Name: "ts", Type: value.Type{Kind: value.Timestamp, Precision: 9}}, {Name: "tz", Type: value.TimestampLTZOf(3)},
	{Name: "iv", Type: value.Type{Kind: value.IntervalDayTime, Unit: value.DayToSecond, Precision: 2, Scale: 3}},
	{Name: "ar", Type: value.ArrayOf(value.StringType)}, {Name: "ma", Type: value.MapOf(value.StringType, value.ArrayOf(value.BigIntType))},
	{Name: "ro", Type: value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.StringType})},
	{Name: "vn", Type: value.Type{Kind: value.Variant}},
}

// TestGoldenPack pins the bytes of a pack: a change here needs a new version and
// a reader for the old one.
func TestGoldenPack(t *testing.T) {
	datadriven.RunTest(t, "testdata/pack", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "every-kind":
			return hex.Dump(appendPackHead(nil, everyKind))
		case "pack":
			decoder := format.NewJSONDecoder(columnsOf(columns), format.JSONOptions{Strict: true})
			text := []byte(d.Input)
			events := cutAll(t, text)
			views := make([]batch.View, len(events))
			for i, e := range events {
				views[i] = e.View
			}
			b, rejected := decoder.Decode(text, views)
			if len(rejected) > 0 {
				t.Fatal(rejected[0].Problem)
			}
			return hex.Dump(new(packer).appendSection(appendPackHead(nil, columns), b))
		}
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	})
}

// packOf is the pack of a body.
func packOf(t testing.TB, text []byte) []byte {
	t.Helper()
	check := newBodyCheck(NewIntake(nil, nil, columns))
	if err := check.body(text); err != nil {
		t.Fatal(err)
	}
	return check.pack
}

// firstVersion is what "pack" of testdata was in version 1.
const firstVersion = "011f030269640501000000046e616d650a00ffffffff070000026174100003000002" +
	"0f0000000f00000014000000" + "0200020100000000000000" + "00002b01" + "050102010000000000000000010061" + "020102040000000000000000" + "40420f0000000000"

// Packs of the first version are read as they were written.
func TestPackOfTheFirstVersion(t *testing.T) {
	pack, err := hex.DecodeString(firstVersion)
	if err != nil {
		t.Fatal(err)
	}
	p := packReader{wanted: columns}
	if err := p.begin(pack); err != nil {
		t.Fatal(err)
	}
	b, err := p.next()
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for i := range b.Rows {
		rows = append(rows, fmt.Sprint(b.Row(i)))
	}
	if diff := cmp.Diff([]string{"[1 a 1970-01-01 00:00:01.000]", "[300 NULL NULL]"}, rows); diff != "" {
		t.Error(diff)
	}
}

// Texts that repeat, and those that do not, are what they were.
func TestWordsAreTheTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, batch.MaxRows).Draw(t, "rows")
		different := rapid.IntRange(1, 2*wordsMax).Draw(t, "different texts")
		longest := rapid.IntRange(0, 40).Draw(t, "longest")
		nulls := rapid.Bool().Draw(t, "nulls")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		texts := make([]string, different)
		for i := range texts {
			text := make([]byte, random.IntN(longest+1))
			for k := range text {
				text[k] = byte('a' + random.IntN(3))
			}
			texts[i] = string(text)
		}
		c := batch.NewColumn(value.StringType, 0)
		var want []value.Value
		for range rows {
			v := value.OfString(texts[random.IntN(different)])
			if nulls && random.IntN(4) == 0 {
				v = value.NullOf(value.StringType)
			}
			c.AppendValue(v)
			want = append(want, v)
		}
		p := packReader{wanted: []value.Field{{Name: "c", Type: value.StringType}}}
		if err := p.begin(new(packer).appendSection(appendPackHead(nil, p.wanted), &batch.Batch{Columns: []*batch.Column{c}, Rows: rows})); err != nil {
			t.Fatal(err)
		}
		got, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if v := got.Columns[0].Value(i); v.Null != w.Null || v.Text != w.Text {
				t.Fatalf("row %d is %v, not %v", i, v, w)
			}
		}
	})
}

// Words are found for texts that repeat, and for no others, however these are chosen.
func TestWhenThereAreWords(t *testing.T) {
	const rows = 4000
	alike := func(i int) string {
		return fmt.Sprintf("beginning-%05d-middle-%05d-end", i, i)[:10] + "middle" + fmt.Sprint(i) + "beginning"
	}
	for name, c := range map[string]struct {
		text  func(i int) string
		words bool
	}{
		"one text":        {func(int) string { return "always" }, true},
		"no text":         {func(int) string { return "" }, true},
		"some texts":      {func(i int) string { return fmt.Sprint(i % 300) }, true},
		"runs":            {func(i int) string { return fmt.Sprint(i / 10) }, true},
		"different texts": {func(i int) string { return fmt.Sprint(i) }, false},
		"texts that are hardly hashed": {func(i int) string {
			return alike(i % 900)[:9] + strings.Repeat("x", 30) + fmt.Sprintf("%03d", i%900) + strings.Repeat("y", 30)
		}, false},
	} {
		column := batch.NewColumn(value.StringType, rows)
		for i := range rows {
			column.AppendValue(value.OfString(c.text(i)))
		}
		if got := new(wordTable).find(column, rows); got != c.words {
			t.Errorf("%s: words %v", name, got)
		}
	}
}

// Small bodies are kept as packs and read some together, all of them once and at
// their offsets, with events between them that are kept as texts.
func TestSmallPacksAreJoined(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	want := 0
	for i, n := range []int{8, 30, 1, 900, 200, 2, 3, sectionEvents, 8, 5000, 64} {
		accept(t, in, lines(n), fmt.Sprint("key ", i))
		want += n
	}
	source, err := NewSource(main, connect.Request{Bounded: true, Columns: []connect.Column{{Name: "o", Type: value.BigIntType, Metadata: "offset"}, {Name: "name", Type: value.StringType}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := source.Open(t.Context(), SplitOf(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rows, batches := 0, 0
	for {
		b, err := r.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			if got := b.Columns[0].Ints[i]; got != int64(rows) {
				t.Fatalf("offset %d, want %d", got, rows)
			}
			rows++
		}
		if got := OffsetOf(r.Offset()); got != eventlog.Offset(rows) {
			t.Fatalf("the reader is at %d after %d rows", got, rows)
		}
		batches++
	}
	if rows != want || batches > 9 {
		t.Errorf("%d rows in %d batches, want %d rows in fewer", rows, batches, want)
	}
}

func cutAll(t *testing.T, text []byte) []event {
	c, err := newCutter(text)
	if err != nil {
		t.Fatal(err)
	}
	return c.next(nil, batch.MaxRows)
}

func columnsOf(fields []value.Field) []format.Column {
	var of []format.Column
	for _, f := range fields {
		of = append(of, format.Column{Name: f.Name, Type: f.Type})
	}
	return of
}

func TestPackHeadIsReadBack(t *testing.T) {
	p := packReader{wanted: everyKind}
	if err := p.begin(appendPackHead(nil, everyKind)); err != nil {
		t.Fatal(err)
	}
	for i := range everyKind {
		if p.from[i] != i || p.convert[i] != nil {
			t.Errorf("column %s is read from %d, converted: %v", everyKind[i].Name, p.from[i], p.convert[i] != nil)
		}
	}
	if err := p.begin([]byte{packVersion + 1}); !problem.Is(err, problem.Unsupported) {
		t.Errorf("a newer version: %v", err)
	}
}

// lines are many events, with everything that a text can be.
func lines(n int) string {
	var text strings.Builder
	for i := range n {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&text, `{"id":%d,"name":"plain %d","at":"2026-01-01T00:00:00.5Z"}`, i, i)
		case 1:
			fmt.Fprintf(&text, `{ "at": "2026-01-01 00:00:01+02:00", "id": %d }`, -i)
		case 2:
			fmt.Fprintf(&text, `{"id":%d,"name":null}`, i<<40)
		case 3:
			fmt.Fprintf(&text, `{"name":"esc\"aped \u00fc","id":%d}`, i)
		}
		text.WriteByte('\n')
	}
	return text.String()
}

// A body of many events is kept as columns, one with a field that is no column
// as it came; both read as their events do one by one.
func TestManyEventsReadAsTheyDoOneByOne(t *testing.T) {
	const events = 2*sectionEvents + 100
	text := lines(events)
	for name, more := range map[string]string{"packed": "", "with a field that is no column": `{"id":1,"more":[1]}`} {
		t.Run(name, func(t *testing.T) {
			main, quarantine, done := tables(t, vfs.NewMem(), 1)
			defer done()
			in := NewIntake(main, quarantine, columns)
			if r := accept(t, in, text+more, "key"); r.Accepted < events {
				t.Fatalf("%+v", r)
			}
			if r := accept(t, in, text+more, "key"); r.Duplicates < events {
				t.Fatalf("again: %+v", r)
			}
			r, err := main.Reader(0, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			k, err := r.NextAvailable()
			if err != nil {
				t.Fatal(err)
			}
			if _, _, isPack := k.Packed(); isPack != (more == "") {
				t.Errorf("packed: %v", isPack)
			}
			one, other, doneOne := tables(t, vfs.NewMem(), 1)
			defer doneOne()
			single := NewIntake(one, other, columns)
			for line := range strings.Lines(text + more) {
				accept(t, single, line, "")
			}
			for _, wanted := range [][]value.Field{columns, {columns[2], columns[0]}, {columns[1]}} {
				want, _ := read(t, one, wanted, nil, SplitOf(0))
				got, _ := read(t, main, wanted, nil, SplitOf(0))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

// Columns that came later are NULL in old packs, and those whose type has
// changed are read as if their values came now.
func TestPacksOfOtherColumns(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	accept(t, NewIntake(main, quarantine, columns), lines(packEventsMin), "")
	later := []value.Field{{Name: "id", Type: value.StringType}, {Name: "new", Type: value.BigIntType}, {Name: "at", Type: value.TimestampLTZOf(0)}, {Name: "name", Type: value.IntType}}
	rows, _ := read(t, main, later, nil, SplitOf(0))
	if len(rows) != packEventsMin || rows[0] != "0|NULL|2026-01-01 00:00:00|NULL" || rows[1] != "-1|NULL|2025-12-31 22:00:01|NULL" {
		t.Errorf("%d rows, the first are %q", len(rows), rows[:2])
	}
}

// Reading goes on inside of a pack, inside of its sections, with metadata.
func TestReadingGoesOnInsideOfAPack(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	const events = sectionEvents + 300
	accept(t, NewIntake(main, quarantine, columns), lines(events), "")
	wanted := connect.Request{Bounded: true, Columns: []connect.Column{{Name: "o", Type: value.BigIntType, Metadata: "offset"}, {Name: "id", Type: value.BigIntType}}}
	source, err := NewSource(main, wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{0, 1, sectionEvents - 1, sectionEvents, sectionEvents + 1, events - 1} {
		r, err := source.Open(t.Context(), SplitOf(0), connect.Offset{0, 0, 0, 0, 0, 0, byte(from >> 8), byte(from)})
		if err != nil {
			t.Fatal(err)
		}
		for at := from; at < events; {
			b, err := r.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range b.Rows {
				if got := b.Columns[0].Ints[i]; got != int64(at) {
					t.Fatalf("from %d: offset %d, want %d", from, got, at)
				}
				if got := b.Columns[1].Ints[i]; at%4 == 0 && got != int64(at) {
					t.Fatalf("from %d: id %d at offset %d", from, got, at)
				}
				at++
			}
		}
		_ = r.Close()
	}
}

// FuzzPack reads any bytes as a pack: an error, or rows, but no panic.
func FuzzPack(f *testing.F) {
	f.Add(appendPackHead(nil, everyKind))
	for _, n := range []int{5, 50, 300} {
		f.Add(packOf(f, []byte(lines(n))))
	}
	f.Fuzz(func(t *testing.T, pack []byte) {
		p := packReader{wanted: columns}
		if p.begin(pack) != nil {
			return
		}
		for range 10 { // some bytes can be many sections of many rows
			b, err := p.next()
			if err != nil {
				return
			}
			for i := range b.Rows {
				b.Row(i)
			}
		}
	})
}

// Any end of a pack that is cut off is an error.
func TestCutPacks(t *testing.T) {
	head, pack := appendPackHead(nil, columns), packOf(t, []byte(lines(200)))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, len(pack)-1).Draw(t, "bytes")
		p := packReader{wanted: columns}
		err := p.begin(pack[:n])
		if n < len(head) && !errors.Is(err, errPack) {
			t.Fatalf("%d bytes of the head: %v", n, err)
		}
		if err != nil {
			return
		}
		if _, err := p.next(); !errors.Is(err, errPack) {
			t.Fatalf("%d of %d bytes: %v", n, len(pack), err)
		}
	})
}
