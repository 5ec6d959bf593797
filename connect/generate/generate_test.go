package generate

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

func request(options map[string]string) connect.Request {
	return connect.Request{Table: "t", Bounded: true, Options: options, Columns: []connect.Column{
		{Name: "id", Type: value.BigIntType}, {Name: "name", Type: value.StringType}, {Name: "x", Type: value.DoubleType}, {Name: "small", Type: value.TinyIntType},
	}}
}

func rows(t *testing.T, s connect.Source, from connect.Offset) []string {
	t.Helper()
	r, err := s.Open(t.Context(), "rows", from)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for {
		b, err := r.Read(t.Context())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			var cells []string
			for _, v := range b.Row(i) {
				cells = append(cells, v.String())
			}
			all = append(all, strings.Join(cells, "|"))
		}
	}
}

func TestRowsDependOnlyOnTheirNumber(t *testing.T) {
	s, err := newSource(request(map[string]string{"number-of-rows": "10000", "fields.id.kind": "sequence", "fields.id.start": "5", "fields.id.end": "9004", "fields.name.length": "3", "fields.x.null-rate": "0.5"}))
	if err != nil {
		t.Fatal(err)
	}
	all := rows(t, s, nil)
	if len(all) != 9000 || !strings.HasPrefix(all[0], "5|") || !strings.HasPrefix(all[8999], "9004|") {
		t.Fatalf("%d rows, the first %q, the last %q", len(all), all[0], all[len(all)-1])
	}
	r, _ := s.Open(t.Context(), "rows", nil)
	if _, err := r.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all[4096:], rows(t, s, r.Offset())); diff != "" {
		t.Error("rows after a restart differ: " + diff)
	}
	nulls := 0
	for _, row := range all {
		if strings.Split(row, "|")[2] == "NULL" {
			nulls++
		}
	}
	if nulls < 4000 || nulls > 5000 {
		t.Errorf("%d of 9000 are NULL at a rate of 0.5", nulls)
	}
}

func TestWrongOptionsAreProblems(t *testing.T) {
	for _, options := range []map[string]string{
		{}, {"number-of-rows": "many"}, {"number-of-rows": "1", "fields.id.kind": "sequence"}, {"number-of-rows": "1", "fields.id.kind": "prime"},
		{"number-of-rows": "1", "fields.id.min": "2", "fields.id.max": "1"}, {"number-of-rows": "1", "fields.x.null-rate": "2"},
	} {
		if _, err := newSource(request(options)); !problem.Is(err, problem.InvalidOption) {
			t.Errorf("%v: %v", options, err)
		}
	}
}

// TestWait waits for a row of an endless source apart from reading.
func TestWait(t *testing.T) {
	r := request(map[string]string{"rows-per-second": "1000"})
	r.Bounded = false
	s, err := newSource(r)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := s.Open(t.Context(), "rows", nil)
	if err != nil {
		t.Fatal(err)
	}
	opened.(connect.Waiter).Wait(t.Context())
	if n := opened.(*reader).due(); n < 1 {
		t.Errorf("%d rows are due after Wait", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	opened.(*reader).next = 1 << 40 // far behind what is due
	opened.(connect.Waiter).Wait(ended)
	if _, err := opened.Read(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a read that was canceled: %v", err)
	}
}
