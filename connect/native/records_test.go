package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/store/eventlog"
)

// encoded spells records as a producer does.
func encoded(records ...eventlog.Record) Records {
	var all []byte
	nullable := func(to, b []byte) []byte {
		if b == nil {
			return binary.AppendVarint(to, -1)
		}
		return append(binary.AppendVarint(to, int64(len(b))), b...)
	}
	for i, r := range records {
		one := nullable(nullable(binary.AppendVarint([]byte{0, 0}, int64(i)), r.Key), r.Value)
		one = binary.AppendVarint(one, int64(len(r.Headers)))
		for _, h := range r.Headers {
			one = nullable(nullable(one, []byte(h.Name)), h.Value)
		}
		all = append(binary.AppendVarint(all, int64(len(one))), one...)
	}
	return Records{Encoded: all, Count: len(records)}
}

func row(key, value string) eventlog.Record {
	r := eventlog.Record{Value: []byte(value)}
	if key != "" {
		r.Key = []byte(key)
	}
	return r
}

func acceptRecords(t *testing.T, in *Intake, r Records) RecordsReceipt {
	t.Helper()
	receipt, err := in.AcceptRecords(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// messages reads everything from an offset on.
func messages(t *testing.T, topic *eventlog.Topic, from eventlog.Offset) []string {
	t.Helper()
	e, err := NewExport(topic, 0, from)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var all []string
	for {
		m, err := e.Peek()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%d %s %s", m.Offset, m.Key, m.Value)
		for _, h := range m.Headers {
			text += " " + h.Name + "=" + string(h.Value)
		}
		all = append(all, text)
		e.Take()
	}
	if high, err := topic.HighWater(0); err != nil || e.Offset() != high {
		t.Errorf("the export ends at %d, the topic at %d, %v", e.Offset(), high, err)
	}
	return all
}

// A batch that comes again, by its producer or by its key, is answered, and what
// of it could not be read is in the quarantine once.
func TestRepeatedRecords(t *testing.T) {
	for name, mark := range map[string]func(Records) Records{
		"producer": func(r Records) Records { r.Producer = &eventlog.Producer{ID: 7}; return r },
		"key":      func(r Records) Records { r.Key = "once"; return r },
	} {
		t.Run(name, func(t *testing.T) {
			main, quarantine, done := tables(t, vfs.NewMem(), 1)
			defer done()
			in := NewIntake(main, quarantine, columns)
			acceptRecords(t, in, encoded(row("", `{"id":0}`)))
			batch := mark(encoded(row("a", `{"id":1}`), row("b", `wrong`), row("c", `{"id":2}`)))
			first := acceptRecords(t, in, batch)
			if again := acceptRecords(t, in, batch); !again.Duplicate || again.First != first.First || first.First != 1 || first.Quarantined != 1 {
				t.Errorf("%+v, and again %+v", first, again)
			}
			if rows, _ := read(t, main, columns[:1], nil, SplitOf(0)); fmt.Sprint(rows) != "[0 1 2]" {
				t.Errorf("%q", rows)
			}
			if kept, _ := read(t, quarantine, connect.QuarantineColumns, nil, SplitOf(0)); len(kept) != 1 || !strings.Contains(kept[0], "|0|2|wrong") {
				t.Errorf("%q", kept)
			}
			if in.Accepted() != 3 {
				t.Errorf("%d are counted", in.Accepted())
			}
		})
	}
}

// Without a quarantine a bad record makes its batch fail, and nothing is stored;
// what was promised before is stored all the same.
func TestRecordsWithoutAQuarantine(t *testing.T) {
	main, _, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, nil, columns)
	batch := encoded(row("", `{"id":1}`), row("", `{"id":"x"}`))
	if _, err := in.AcceptRecords(t.Context(), batch); !problem.Is(err, problem.TypeMismatch) {
		t.Errorf("%v", err)
	}
	if err := in.CheckRecords(t.Context(), batch.Encoded, batch.Count); !problem.Is(err, problem.TypeMismatch) {
		t.Errorf("%v", err)
	}
	if high, err := main.HighWater(0); high != 0 || err != nil {
		t.Errorf("%d events are stored, %v", high, err)
	}
	batch.Key = "promised"
	acceptRecords(t, in, batch)
	if diff := cmp.Diff([]string{`0  {"id":1}`}, messages(t, main, 0)); diff != "" {
		t.Error(diff)
	}
}

func TestRecordsThatCannotBePromised(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	small := encoded(row("", `{"id":1}`))
	if err := in.CheckRecords(t.Context(), small.Encoded, small.Count); err != nil {
		t.Error(err)
	}
	if err := in.CheckRecords(t.Context(), small.Encoded, 2); !problem.Is(err, problem.Corrupt) {
		t.Errorf("%v", err)
	}
	long := row("", strings.Repeat(" ", 1<<20))
	for _, c := range []struct {
		records int
		want    bool
	}{{10, true}, {30, false}} {
		batch := encoded(bytesTimes(long, c.records)...)
		if err := in.CheckRecords(t.Context(), batch.Encoded, batch.Count); (err == nil) != c.want || err != nil && !problem.Is(err, problem.TooLarge) {
			t.Errorf("%d MiB: %v", c.records, err)
		}
	}
}

func bytesTimes(r eventlog.Record, n int) []eventlog.Record {
	all := make([]eventlog.Record, n)
	for i := range all {
		all[i] = r
	}
	return all
}

// Events are exported from any offset on, whether they stand one by one, packed,
// or are no rows.
func TestExport(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	if err := in.TakeRecords([]int{0}, nil); err != nil {
		t.Fatal(err)
	}
	with := row("k", `{"id":5}`)
	with.Headers = []eventlog.Header{{Name: "h", Value: []byte("v")}}
	acceptRecords(t, in, encoded(with, row("", "wrong"), eventlog.Record{Key: []byte("5")}))
	const packed = sectionEvents + 100
	accept(t, in, lines(packed), "")
	accept(t, in, `{ "id" : 9 }`, "")
	acceptRecords(t, in, encoded(row("", "wrong at the end")))
	all := messages(t, main, 0)
	if len(all) != 3+packed || all[0] != `0 k {"id":5} h=v` || all[1] != `2 5 ` || all[len(all)-1] != fmt.Sprintf(`%d  { "id" : 9 }`, 3+packed) {
		t.Fatalf("%d messages: %q … %q", len(all), all[:3], all[len(all)-1])
	}
	if want := `7  {"id":4,"name":"plain 4","at":"2026-01-01 00:00:00.5Z"}`; all[6] != want {
		t.Errorf("%s, want %s", all[6], want)
	}
	for _, from := range []int{1, 2, 3, 4, 3 + sectionEvents, 4 + sectionEvents, packed + 2, packed + 3} {
		rest := messages(t, main, eventlog.Offset(from))
		if diff := cmp.Diff(all[len(all)-len(rest):], rest); diff != "" || !strings.HasPrefix(rest[0], fmt.Sprint(max(from, 2))+" ") {
			t.Errorf("from %d: %.100s %s", from, rest[0], diff)
		}
	}
	// What is exported reads as the same rows when it comes back.
	two, other, doneTwo := tables(t, vfs.NewMem(), 1)
	defer doneTwo()
	back := NewIntake(two, other, columns)
	for _, m := range all[2:] {
		acceptRecords(t, back, encoded(row("", m[bytes.IndexByte([]byte(m), '{'):])))
	}
	want, _ := read(t, main, columns, connect.Offset{0, 0, 0, 0, 0, 0, 0, 3}, SplitOf(0))
	if got, _ := read(t, two, columns, nil, SplitOf(0)); cmp.Diff(want, got) != "" {
		t.Error(cmp.Diff(want, got))
	}
}

func TestMetadataOfRecords(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	with := row("\xffkey", `{"id":1}`)
	with.Headers = []eventlog.Header{{Name: "h", Value: []byte("v")}, {Name: "n"}}
	acceptRecords(t, in, encoded(with, row("", `{"id":2}`)))
	accept(t, in, lines(packEventsMin), "")
	request := connect.Request{Bounded: true, Columns: []connect.Column{
		{Name: "k", Type: value.StringType, Metadata: "key"}, {Name: "h", Type: value.MapOf(value.StringType, value.StringType), Metadata: "headers"},
		{Name: "t", Type: value.StringType, Metadata: "topic"}, {Name: "o", Type: value.BigIntType, Metadata: "offset"},
	}}
	source, err := NewSource(main, request)
	if err != nil {
		t.Fatal(err)
	}
	r, err := source.Open(t.Context(), SplitOf(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows []string
	for len(rows) < 3 {
		b, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.Each(func(i int) { rows = append(rows, fmt.Sprint(b.Row(i))) })
	}
	if diff := cmp.Diff([]string{"[\ufffdkey {h=v, n=NULL} t 0]", "[NULL {} t 1]", "[NULL {} t 2]"}, rows[:3]); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []connect.Column{
		{Name: "k", Type: value.BigIntType, Metadata: "key"}, {Name: "o", Type: value.StringType, Metadata: "offset"},
		{Name: "h", Type: value.MapOf(value.StringType, value.BigIntType), Metadata: "headers"}, {Name: "x", Type: value.StringType, Metadata: "value"},
	} {
		if _, err := NewSource(main, connect.Request{Columns: []connect.Column{wrong}}); !problem.Is(err, problem.InvalidOption) && !problem.Is(err, problem.UnknownOption) {
			t.Errorf("%s as %s: %v", wrong.Metadata, wrong.Type, err)
		}
	}
}
