package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/query/gateway"
)

// counting is the question that tests cancel while the asker holds it up.
const counting = "SELECT COUNT(*) AS n FROM ads_minute"

func post(t *testing.T, h http.Handler, path, accept, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnswersAsArrow(t *testing.T) {
	w := newWorld(t, nil)
	w.fillDemo(t)
	answer := post(t, w.server, "/api/v1/query", arrowStream, `{"sql":"SELECT window_start, impressions, revenue FROM ads_minute ORDER BY window_start LIMIT 3"}`)
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != arrowStream || answer.Header().Get(queryIDHeader) == "" {
		t.Fatalf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
	reader, err := ipc.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	var fields, rows []string
	for _, f := range reader.Schema().Fields() {
		fields = append(fields, fmt.Sprintf("%s %s %t %s", f.Name, f.Type, f.Nullable, f.Metadata.Values()))
	}
	for reader.Next() {
		record := reader.RecordBatch()
		for i := range int(record.NumRows()) {
			var cells []string
			for _, c := range record.Columns() {
				cells = append(cells, c.ValueStr(i))
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"window_start timestamp[us] false [TIMESTAMP(3) NOT NULL]", "impressions int64 false [BIGINT NOT NULL]", "revenue decimal(38, 4) true [DECIMAL(38, 4)]"}, fields); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2025-12-31T23:58:00|998|8.25", "2025-12-31T23:59:00|999|9.25", "2026-01-01T00:00:00|1000|10.25"}, rows); diff != "" {
		t.Error(diff)
	}
}

// TestArrowHasEveryType writes a value and a NULL of every type and reads them
// back.
func TestArrowHasEveryType(t *testing.T) {
	text := func(s string) value.Value { return value.OfString(s) }
	types := []value.Type{
		value.BooleanType, value.TinyIntType, value.SmallIntType, value.IntType, value.BigIntType, value.FloatType, value.DoubleType,
		value.DecimalOf(20, 3), value.CharOf(3), value.StringType, value.BytesType, value.DateType, value.TimeOf(3), value.TimestampOf(3),
		value.TimestampOf(9), value.TimestampLTZOf(6), value.ArrayOf(value.IntType), value.MapOf(value.StringType, value.IntType),
		value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.StringType}),
		{Kind: value.IntervalYearMonth, Unit: value.Month}, {Kind: value.IntervalDayTime, Unit: value.Second}, value.NullType,
	}
	texts := []string{"true", "-7", "-300", "70000", "5000000000", "1.5", "2.25", "-12345678901234567.125", "abc", "ü", "bytes", "2026-02-03", "10:11:12", "2026-02-03 10:11:12.345",
		"2026-02-03 10:11:12.123456789", "2026-02-03 10:11:12.123456"}
	b := &batch.Batch{Rows: 3, Sel: []uint16{0, 2}}
	answer := &gateway.Answer{}
	for i, typ := range types {
		answer.Columns = append(answer.Columns, value.Field{Name: fmt.Sprint("c", i), Type: typ})
		c := batch.NewColumn(typ, 3)
		var v value.Value
		switch {
		case i < len(texts):
			var err error
			if v, err = value.Cast(text(texts[i]), typ, time.UTC); err != nil {
				t.Fatal(err)
			}
		case typ.Kind == value.Array:
			v = value.Value{Type: typ, Items: []value.Value{value.OfInt(1), value.NullOf(value.IntType)}}
		case typ.Kind == value.Map:
			v = value.Value{Type: typ, Items: []value.Value{text("k"), value.OfInt(1)}}
		case typ.Kind == value.Row:
			v = value.Value{Type: typ, Items: []value.Value{value.OfInt(1), text("x")}}
		case typ.Kind == value.Null:
			v = value.NullOf(typ)
		default:
			v = value.Value{Type: typ, Int: 14}
		}
		for _, row := range []value.Value{v, v, value.NullOf(typ)} {
			if typ.Kind == value.Null {
				c.AppendNull()
			} else {
				c.AppendValue(row)
			}
		}
		b.Columns = append(b.Columns, c)
	}
	recorded := httptest.NewRecorder()
	out := &reply{w: recorded}
	writer, err := newArrowAnswer(out, answer)
	for _, step := range []func() error{func() error { return err }, func() error { return writer.batch(b) }, func() error { return writer.end(answer) }, out.flush} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := ipc.NewReader(recorded.Body)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	if !reader.Next() {
		t.Fatal(reader.Err())
	}
	record := reader.RecordBatch()
	if record.NumRows() != 2 {
		t.Fatalf("%d rows", record.NumRows())
	}
	var got []string
	for i, c := range record.Columns() {
		if types[i].Kind != value.Null && !c.IsNull(1) { // all of an array of nulls is NULL, without a bitmap
			t.Errorf("%s: NULL became %s", types[i], c.ValueStr(1))
		}
		got = append(got, fmt.Sprintf("%s = %s", c.DataType(), c.ValueStr(0)))
	}
	want := []string{"bool = true", "int8 = -7", "int16 = -300", "int32 = 70000", "int64 = 5000000000", "float32 = 1.5", "float64 = 2.25", "decimal(20, 3) = -12345678901234567.125",
		"utf8 = abc", "utf8 = ü", "binary = Ynl0ZXM=", "date32 = 2026-02-03", "time32[ms] = 10:11:12.000", "timestamp[us] = 2026-02-03T10:11:12.345", "timestamp[ns] = 2026-02-03T10:11:12.123456789",
		"timestamp[us, tz=UTC] = 2026-02-03T10:11:12.123456Z", "list<item: int32, nullable> = [1,null]", `map<utf8, int32, items_nullable> = [{"key":"k","value":1}]`,
		`struct<a: int32 nullable, b: utf8 nullable> = {"a":1,"b":"x"}`, "month_interval = 14", "duration[ms] = 14ms", "null = (null)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestArrowRefusesWhatItCannotHold(t *testing.T) {
	far := batch.NewColumn(value.TimestampOf(9), 1)
	far.AppendValue(value.Value{Type: far.Type, Wide: value.Int128{Hi: 1}})
	nullKey := batch.NewColumn(value.MapOf(value.StringType, value.IntType), 1)
	nullKey.AppendValue(value.Value{Type: nullKey.Type, Items: []value.Value{value.NullOf(value.StringType), value.OfInt(1)}})
	for _, c := range []*batch.Column{far, nullKey} {
		answer := &gateway.Answer{Columns: []value.Field{{Name: "c", Type: c.Type}}}
		writer, err := newArrowAnswer(&reply{w: httptest.NewRecorder()}, answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.batch(&batch.Batch{Rows: 1, Columns: []*batch.Column{c}}); !problem.Is(err, problem.InvalidValue) {
			t.Errorf("%s: %v", c.Type, err)
		}
	}
	raw := &gateway.Answer{Columns: []value.Field{{Name: "c", Type: value.Type{Kind: value.Raw}}}}
	if _, err := newArrowAnswer(&reply{}, raw); !problem.Is(err, problem.Unsupported) {
		t.Error(err)
	}
}

func TestCanceledByRequest(t *testing.T) {
	w := newWorld(t, nil)
	w.fillDemo(t)
	w.asker.started, w.asker.proceed = make(chan string), make(chan struct{})
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() { answered <- post(t, w.server, "/api/v1/query", "", `{"sql":"`+counting+`"}`) }()
	var id string
	select {
	case id = <-w.asker.started:
	case answer := <-answered:
		t.Fatalf("it ended at once: %d %s", answer.Code, answer.Body)
	}
	list := httptest.NewRecorder()
	w.server.ServeHTTP(list, httptest.NewRequest(http.MethodGet, "/api/v1/queries", nil))
	var running RunningList
	if err := json.Unmarshal(list.Body.Bytes(), &running); err != nil {
		t.Fatal(err)
	}
	if len(running.Queries) != 1 || running.Queries[0].ID != id || running.Queries[0].SQL != counting {
		t.Errorf("running: %+v", running)
	}
	cancel := httptest.NewRecorder()
	w.server.ServeHTTP(cancel, httptest.NewRequest(http.MethodDelete, "/api/v1/queries/"+id, nil))
	if cancel.Code != http.StatusNoContent {
		t.Errorf("cancel: %d %s", cancel.Code, cancel.Body)
	}
	close(w.asker.proceed)
	if answer := <-answered; answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), `"code":"canceled"`) {
		t.Errorf("answer: %d %s", answer.Code, answer.Body)
	}
}

func TestCanceledWithTheConnection(t *testing.T) {
	w := newWorld(t, nil)
	w.fillDemo(t)
	w.asker.started, w.asker.ended = make(chan string), make(chan error, 1)
	server := httptest.NewServer(w.server)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/api/v1/query", strings.NewReader(`{"sql":"`+counting+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		answer, err := server.Client().Do(request)
		if err == nil {
			answer.Body.Close()
		}
		failed <- err
	}()
	select {
	case <-w.asker.started:
	case err := <-failed:
		t.Fatalf("it ended at once: %v", err)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	if err := <-w.asker.ended; !problem.Is(err, problem.Canceled) {
		t.Errorf("the question ended with %v", err)
	}
	if text := w.logged.String(); text != "" {
		t.Errorf("a client that leaves is nothing to log: %s", text)
	}
}

func TestBrokenAnswerBreaksTheConnection(t *testing.T) {
	w := newWorld(t, nil)
	w.fillDemo(t)
	server := httptest.NewServer(w.server)
	defer server.Close()
	wide := "SELECT REPEAT('half-way', 10000) AS text FROM ads_minute"
	for _, accept := range []string{"application/json", "application/x-ndjson", "text/csv", arrowStream} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/query", strings.NewReader(`{"sql":"`+wide+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", accept)
		answer, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || read == 0 || err == nil {
			t.Errorf("%s: status %d, %d bytes, error %v", accept, answer.StatusCode, read, err)
		}
	}
	if n := strings.Count(w.logged.String(), "the disk went away"); n != 4 {
		t.Errorf("logged %d times instead of 4", n)
	}
}

func TestFaultsAreLoggedOnceAndSaidNowhere(t *testing.T) {
	w := newWorld(t, nil)
	for _, question := range []string{"a bug", "a panic"} {
		answer := post(t, w.server, "/api/v1/query", "", `{"sql":"`+question+`"}`)
		var doc Problem
		if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(answer.Body.Bytes(), []byte("secret")) {
			t.Errorf("%s: the answer tells %s", question, answer.Body)
		}
		if doc.Trace == "" || strings.Count(w.logged.String(), doc.Trace) != 1 {
			t.Errorf("%s: trace %q is in the log %d times", question, doc.Trace, strings.Count(w.logged.String(), doc.Trace))
		}
	}
	if !strings.Contains(w.logged.String(), "query_test.go") && !strings.Contains(w.logged.String(), "httpapi_test.go") {
		t.Error("the log does not tell where the panic was")
	}
}

func TestParamsHaveTheTypesOfLiterals(t *testing.T) {
	var got []string
	for _, text := range []string{"1", "-1", "2147483648", "9223372036854775808", "0.5", "-12.30", "1e3", "true", "null", `"a\"ü"`} {
		var p Param
		if err := p.UnmarshalJSON([]byte(text)); err != nil {
			t.Fatal(text, err)
		}
		got = append(got, fmt.Sprintf("%s %s", value.Value(p), p.Type))
	}
	want := []string{"1 INT NOT NULL", "-1 INT NOT NULL", "2147483648 BIGINT NOT NULL", "9223372036854775808 DECIMAL(19, 0) NOT NULL", "0.5 DECIMAL(1, 1) NOT NULL", "-12.30 DECIMAL(4, 2) NOT NULL",
		"1000.0 DOUBLE NOT NULL", "TRUE BOOLEAN NOT NULL", "NULL NULL", `a"ü STRING NOT NULL`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"1" + strings.Repeat("0", 38), "1e999"} {
		var p Param
		if err := p.UnmarshalJSON([]byte(text)); !problem.Is(err, problem.InvalidValue) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	ours := []problem.Code{problem.DiskFull, problem.Corrupt, problem.Internal, problem.Timeout}
	for _, code := range []problem.Code{
		problem.Syntax, problem.UnknownTable, problem.UnknownColumn, problem.UnknownFunction, problem.UnknownOption, problem.InvalidOption, problem.Ambiguous, problem.TypeMismatch,
		problem.InvalidValue, problem.InvalidQuery, problem.Unsupported, problem.AlreadyExists, problem.NotFound, problem.InvalidRequest, problem.TooLarge, problem.TooBusy,
		problem.Timeout, problem.Canceled, problem.Conflict, problem.DiskFull, problem.Corrupt, problem.Internal,
	} {
		if status := statusOf(code); (status >= 500) != slices.Contains(ours, code) {
			t.Errorf("%s has status %d", code, status)
		}
	}
}

// TestKeptAnswersSaySo: in their stats and in a header, and not when the client
// wants them computed.
func TestKeptAnswersSaySo(t *testing.T) {
	w := newWorld(t, nil)
	w.fillDemo(t)
	const question = `{"sql":"SELECT COUNT(*) AS n FROM ads_minute"`
	for _, ask := range []struct {
		body string
		kept bool
	}{{question + `}`, false}, {question + `}`, true}, {question + `,"recompute":true}`, false}} {
		answer := post(t, w.server, "/api/v1/query", "", ask.body)
		var said struct{ Stats QueryStats }
		if err := json.Unmarshal(answer.Body.Bytes(), &said); err != nil {
			t.Fatal(err)
		}
		if age := answer.Header().Get(ageHeader); said.Stats.Kept != ask.kept || (age != "") != ask.kept || (said.Stats.Age > 0) != ask.kept {
			t.Errorf("%s: %+v, age %q", ask.body, said.Stats, age)
		}
	}
}
