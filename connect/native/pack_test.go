package native

import (
	"encoding/hex"
	"errors"
	"fmt"
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
			return hex.Dump(appendPackSection(appendPackHead(nil, columns), b))
		}
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	})
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
	found, err := NewIntake(nil, nil, columns).check([]byte(lines(5)), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(found.pack)
	f.Fuzz(func(t *testing.T, pack []byte) {
		p := packReader{wanted: columns}
		if p.begin(pack) != nil {
			return
		}
		for len(p.sections) > 0 {
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
	found, err := NewIntake(nil, nil, columns).check([]byte(lines(200)), nil)
	if err != nil {
		t.Fatal(err)
	}
	head, pack := appendPackHead(nil, columns), found.pack
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
