package native

import (
	"context"
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

var columns = []value.Field{
	{Name: "id", Type: value.BigIntType.Required()}, {Name: "name", Type: value.StringType}, {Name: "at", Type: value.TimestampLTZOf(3)},
}

// tables opens a log with the topics of a table t in it.
func tables(t *testing.T, files vfs.FS, partitions int) (main, quarantine *eventlog.Topic, closeLog func()) {
	t.Helper()
	log, err := eventlog.Open(files, "log", eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, topic := range map[string]**eventlog.Topic{"t": &main, "t$quarantine": &quarantine} {
		if *topic, err = log.Topic(name); problem.Is(err, problem.NotFound) {
			*topic, err = log.CreateTopic(name, map[bool]int{true: partitions, false: 1}[name == "t"])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return main, quarantine, func() { _ = log.Close() }
}

func read(t *testing.T, topic *eventlog.Topic, fields []value.Field, from connect.Offset, split connect.SplitID) ([]string, connect.Offset) {
	t.Helper()
	request := connect.Request{Table: "t", Bounded: true}
	for _, f := range fields {
		request.Columns = append(request.Columns, connect.Column{Name: f.Name, Type: f.Type})
	}
	source, err := NewSource(topic, request)
	if err != nil {
		t.Fatal(err)
	}
	r, err := source.Open(t.Context(), split, from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows []string
	for {
		b, err := r.Read(t.Context())
		if errors.Is(err, io.EOF) {
			return rows, r.Offset()
		}
		if err != nil {
			t.Fatal(err)
		}
		b.Each(func(i int) {
			var cells []string
			for _, v := range b.Row(i) {
				cells = append(cells, v.String())
			}
			rows = append(rows, strings.Join(cells, "|"))
		})
	}
}

func accept(t *testing.T, in *Intake, text, key string) Receipt {
	t.Helper()
	r, err := in.Accept(t.Context(), Body{Text: []byte(text), Key: key, Partition: -1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const three = `{"id":1,"name":"a","at":"2026-01-01T00:00:00Z"}
{"id":"one","name":"b"}

{"name":"no id"}
{"id":2,"extra":[1,{"deep":null}],"name":"ü\n","at":"2026-01-01 00:00:01.5+02:00"}`

func TestGoodEventsGoToTheLogAndBadOnesToTheQuarantine(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	r := accept(t, NewIntake(main, quarantine, columns), three, "")
	want := Receipt{Accepted: 2, Rejected: 2, Position: "0:2", Next: 2, Quarantined: []Rejection{
		{Line: 2, Code: problem.TypeMismatch, Field: "id"}, {Line: 4, Code: problem.InvalidValue, Field: "id"},
	}}
	for i := range r.Quarantined {
		if r.Quarantined[i].Message == "" {
			t.Errorf("rejection %d says nothing", i)
		}
		r.Quarantined[i].Message = ""
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	rows, _ := read(t, main, columns, nil, SplitOf(0))
	if diff := cmp.Diff([]string{"1|a|2026-01-01 00:00:00.000", "2|ü\n|2025-12-31 22:00:01.500"}, rows); diff != "" {
		t.Error(diff)
	}
	kept, _ := read(t, quarantine, connect.QuarantineColumns[1:], nil, SplitOf(0))
	if len(kept) != 2 || !strings.HasPrefix(kept[0], "2|type_mismatch|id|") || !strings.HasSuffix(kept[0], `|{"id":"one","name":"b"}`) {
		t.Errorf("quarantine: %q", kept)
	}
}

func TestArraysAreBodiesToo(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	r := accept(t, in, "\ufeff [ {\"id\":1} , \n{\"id\":2},{\"id\":true}, 7 ]\n", "")
	if r.Accepted != 2 || len(r.Quarantined) != 2 || r.Quarantined[0].Line != 3 || r.Quarantined[1].Line != 4 {
		t.Errorf("%+v", r)
	}
	for _, text := range []string{`[{"id":1}`, `[{"id":1}] x`, `[{"id":1},]`, `[{]`} {
		if _, err := in.Accept(t.Context(), Body{Text: []byte(text), Partition: -1}); !problem.Is(err, problem.InvalidRequest) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if r := accept(t, in, "", ""); r.Accepted != 0 {
		t.Errorf("an empty body: %+v", r)
	}
}

func TestAKeyIsAnsweredOnce(t *testing.T) {
	files := vfs.NewMem()
	main, quarantine, done := tables(t, files, 3)
	in := NewIntake(main, quarantine, columns)
	first := accept(t, in, three, "batch-1")
	again := accept(t, in, three, "batch-1")
	done()
	// After a crash another process, whose hash of keys differs, must agree.
	main, quarantine, done = tables(t, files.CrashClone(vfs.LoseAll), 3)
	defer done()
	in = NewIntake(main, quarantine, columns)
	afterCrash := accept(t, in, three, "batch-1")
	for _, r := range []Receipt{again, afterCrash} {
		if r.Accepted != 0 || r.Duplicates != 2 || r.Position != first.Position || len(r.Quarantined) != 2 {
			t.Errorf("first %+v, then %+v", first, r)
		}
	}
	total := 0
	for p := range 3 {
		rows, _ := read(t, main, columns[:1], nil, SplitOf(eventlog.Partition(p)))
		total += len(rows)
	}
	if kept, _ := read(t, quarantine, connect.QuarantineColumns, nil, SplitOf(0)); total != 2 || len(kept) != 2 {
		t.Errorf("%d rows and %d in quarantine, want 2 and 2", total, len(kept))
	}
}

func TestReadingGoesOnAtAnyOffset(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	var want []string
	for i := range 3 {
		var text strings.Builder
		for k := range 3000 {
			fmt.Fprintf(&text, "{\"id\":%d}\n", i*3000+k)
			want = append(want, fmt.Sprint(i*3000+k))
		}
		accept(t, in, text.String(), "")
	}
	source, err := NewSource(main, connect.Request{Columns: []connect.Column{{Name: "id", Type: value.BigIntType}, {Name: "o", Type: value.BigIntType, Metadata: "offset"}}})
	if err != nil {
		t.Fatal(err)
	}
	var offset connect.Offset
	for got := 0; got < len(want); {
		r, err := source.Open(t.Context(), SplitOf(0), offset)
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			if id, o := b.Columns[0].Ints[i], b.Columns[1].Ints[i]; id != int64(got) || o != int64(got) {
				t.Fatalf("row %d has id %d and offset %d", got, id, o)
			}
			got++
		}
		offset = r.Offset()
		_ = r.Close()
	}
	if rows, _ := read(t, main, columns[:1], nil, SplitOf(0)); cmp.Diff(want, rows) != "" {
		t.Error("a bounded read gives other rows")
	}
	if _, end := read(t, main, columns[:1], offset, SplitOf(0)); OffsetOf(end) != 9000 {
		t.Errorf("ends at %d", OffsetOf(end))
	}
}

func TestCloseEndsATailingRead(t *testing.T) {
	main, _, done := tables(t, vfs.NewMem(), 1)
	defer done()
	source, err := NewSource(main, connect.Request{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := source.Open(t.Context(), SplitOf(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { _, err := r.Read(ctx); result <- err }()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := source.Open(t.Context(), "partition 9", nil); !problem.Is(err, problem.NotFound) {
		t.Errorf("got %v", err)
	}
}
