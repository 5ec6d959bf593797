package flink

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
	"tidemark/sql/parse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeGateway answers statements from a list and keeps what it was asked.
type fakeGateway struct {
	*httptest.Server
	mu struct {
		sync.Mutex
		asked      []string // statements, and what was closed or cancelled
		properties map[string]string
		running    []string     // statements by operation
		visited    map[int]bool // operations that were asked for rows
	}
	answer  func(statement, mark string) []fakePage // pages by token
	waiting chan struct{}                           // told when a page was not ready
}

// fakePage is a page in both forms, or a fault. Without any it stays not ready.
type fakePage struct{ json, text, fault string }

func newFakeGateway(t *testing.T, answer func(statement, mark string) []fakePage) *fakeGateway {
	t.Helper()
	g := &fakeGateway{answer: answer, waiting: make(chan struct{}, 1000)}
	g.mu.visited = map[int]bool{}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.Close)
	return g
}

func (g *fakeGateway) asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.mu.asked)
}

func (g *fakeGateway) note(text string) { g.mu.asked = append(g.mu.asked, text) }

func (g *fakeGateway) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	place := strings.TrimPrefix(r.URL.Path, "/v3")
	var operation, token int
	switch {
	case r.Method == http.MethodPost && place == "/sessions":
		var request struct {
			Properties map[string]string `json:"properties"`
		}
		_ = json.NewDecoder(r.Body).Decode(&request)
		g.mu.properties = request.Properties
		fmt.Fprint(w, `{"sessionHandle": "s"}`)
	case r.Method == http.MethodPost && place == "/sessions/s/statements":
		var request struct {
			Statement string `json:"statement"`
		}
		_ = json.NewDecoder(r.Body).Decode(&request)
		g.note(request.Statement)
		g.mu.running = append(g.mu.running, request.Statement)
		fmt.Fprintf(w, `{"operationHandle": "%d"}`, len(g.mu.running)-1)
	case r.Method == http.MethodDelete && place == "/sessions/s":
		g.note("close session")
		fmt.Fprint(w, `{}`)
	case scan(place, "/sessions/s/operations/%d/result/%d", &operation, &token):
		g.page(w, operation, token, r.URL.Query().Get("rowFormat"))
	case scan(place, "/sessions/s/operations/%d/cancel", &operation) && r.Method == http.MethodPost:
		g.note("cancel " + g.mu.running[operation])
		fmt.Fprint(w, `{}`)
	case scan(place, "/sessions/s/operations/%d/close", &operation) && r.Method == http.MethodDelete:
		g.note("close " + g.mu.running[operation])
		fmt.Fprint(w, `{}`)
	default:
		http.Error(w, `{"errors": ["no such place"]}`, http.StatusNotFound)
	}
}

// scan reads numbers of a path that has exactly the form.
func scan(place, form string, numbers ...any) bool {
	n, err := fmt.Sscanf(place, form, numbers...)
	values := make([]any, len(numbers))
	for i := range numbers {
		values[i] = *numbers[i].(*int)
	}
	return err == nil && n == len(numbers) && fmt.Sprintf(form, values...) == place
}

// page gives a page; the first question of an operation always comes too early.
func (g *fakeGateway) page(w http.ResponseWriter, operation, token int, form string) {
	pages := g.answer(g.mu.running[operation], g.mu.properties[jobNameKey])
	if token >= len(pages) {
		fmt.Fprint(w, `{"resultType": "EOS"}`)
		return
	}
	p := pages[token]
	fault := p.fault != "" && (form == "JSON" || p.text == "")
	switch {
	case !g.mu.visited[operation] || p == fakePage{}:
		g.mu.visited[operation] = true
		fmt.Fprintf(w, `{"resultType": "NOT_READY", "nextResultUri": "/v3/sessions/s/operations/%d/result/%d"}`, operation, token)
		g.waiting <- struct{}{}
	case fault:
		said, _ := json.Marshal(map[string]any{"errors": []string{"Internal server error.", p.fault}})
		http.Error(w, string(said), http.StatusInternalServerError)
	case form == "JSON":
		fmt.Fprint(w, p.json)
	default:
		fmt.Fprint(w, p.text)
	}
}

const twoColumns = `{"name": "a", "logicalType": {"type": "DECIMAL", "precision": 3, "scale": 2}}, {"name": "b", "logicalType": {"type": "VARCHAR", "length": 2147483647}}`

// payload is a page of two columns: changes are "KIND|cells as JSON|cells as texts".
func payload(next int, changes ...string) fakePage {
	form := func(which int) string {
		var data []string
		for _, c := range changes {
			parts := strings.Split(c, "|")
			data = append(data, fmt.Sprintf(`{"kind": %q, "fields": [%s]}`, parts[0], parts[which]))
		}
		return fmt.Sprintf(`{"resultType": "PAYLOAD", "isQueryResult": true, "results": {"columns": [%s], "data": [%s]}, "nextResultUri": "/v3/o/result/%d?rowFormat=JSON"}`,
			twoColumns, strings.Join(data, ", "), next)
	}
	return fakePage{json: form(1), text: form(2)}
}

// printed collects answers as lines.
func printed(lines *[]string) Results {
	return Results{
		Start: func(s plan.Schema) error {
			for _, c := range s {
				*lines = append(*lines, c.Name+" "+c.Type.String())
			}
			return nil
		},
		Rows: func(b *batch.Batch) error {
			b.Each(func(i int) {
				cells := make([]string, 0, len(b.Columns))
				for _, v := range b.Row(i) {
					cells = append(cells, v.Text)
					if v.Null {
						cells[len(cells)-1] = "(null)"
					}
				}
				*lines = append(*lines, b.Kind(i).String()+" "+strings.Join(cells, "|"))
			})
			return nil
		},
	}
}

func script(t *testing.T, text string) []sql.Statement {
	t.Helper()
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		t.Fatal(err)
	}
	return statements
}

func open(t *testing.T, g *fakeGateway, options Options) *Session {
	t.Helper()
	options.Gateway = g.URL
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScriptRunsStatementByStatement(t *testing.T) {
	g := newFakeGateway(t, func(statement, _ string) []fakePage {
		if !strings.HasPrefix(statement, "SELECT") {
			return []fakePage{payload(1, `INSERT|1, "OK"|"1", "OK"`)}
		}
		return []fakePage{
			payload(1),
			payload(2, `INSERT|1.5, "x"|"1.50", "x"`, `UPDATE_BEFORE|1.5, "x"|"1.50", "x"`),
			payload(3),
			payload(4, `UPDATE_AFTER|null, "NULL"|"NULL", "NULL"`, `UPDATE_AFTER|1.5, null|"1.50", "NULL"`, `UPDATE_BEFORE|1.5, null|"1.50", "NULL"`),
		}
	})
	statements := script(t, `SET 'pipeline.name' = 'mine'; CREATE TABLE t (a INT) WITH ('connector' = 'print'); SELECT a, b FROM t; INSERT INTO t SELECT 1`)
	s := open(t, g, Options{Streaming: true, Parallelism: 2})
	var lines []string
	for _, statement := range statements {
		if err := s.Execute(t.Context(), statement, printed(&lines)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"a DECIMAL(3, 2)", "b STRING", "+I 1.50|x", "-U 1.50|x", "+U (null)|NULL", "+I 1.50|(null)", "-D 1.50|(null)"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	var asked []string
	for _, text := range []string{"SET 'pipeline.name' = 'mine " + s.mark + "'", "CREATE TABLE t (\n  a INT\n)\nWITH (\n  'connector' = 'print'\n)",
		"SELECT a, b\nFROM t", "INSERT INTO t\nSELECT 1"} {
		asked = append(asked, text, "close "+text)
	}
	if diff := cmp.Diff(append(asked, "close session"), g.asked()); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]string{"execution.runtime-mode": "streaming", "parallelism.default": "2", "table.dml-sync": "true", jobNameKey: s.mark} {
		if got := g.mu.properties[key]; got != want {
			t.Errorf("property %s is %q, want %q", key, got, want)
		}
	}
}

func TestPagesThatJSONCannotHoldAreReadAsTexts(t *testing.T) {
	g := newFakeGateway(t, func(string, string) []fakePage {
		p := payload(1, `INSERT||"1.50", "NULL"`)
		p.fault = "Caused by: java.lang.RuntimeException: Failed to map response to JSON."
		return []fakePage{p}
	})
	s := open(t, g, Options{})
	defer s.Close() //nolint:errcheck // the fake gateway closes everything
	var lines []string
	if err := s.Execute(t.Context(), script(t, "SELECT 1")[0], printed(&lines)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a DECIMAL(3, 2)", "b STRING", "+I 1.50|(null)"}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestQueryIsTriedAgainWhileThereAreNoSlots(t *testing.T) {
	tries := 0
	g := newFakeGateway(t, func(statement, _ string) []fakePage {
		busy := fakePage{fault: "Caused by: org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required resources."}
		switch {
		case !strings.HasPrefix(statement, "SELECT") && statement != "SHOW JOBS":
			return []fakePage{busy}
		case strings.HasPrefix(statement, "SELECT") && tries < 1:
			return []fakePage{payload(1), busy}
		case strings.HasPrefix(statement, "SELECT"):
			return []fakePage{payload(1), payload(2, `INSERT|1.5, "x"|"1.50", "x"`)}
		}
		tries++
		return nil
	})
	s := open(t, g, Options{})
	defer s.Close() //nolint:errcheck // the fake gateway closes everything
	var lines []string
	if err := s.Execute(t.Context(), script(t, "SELECT a, b FROM t")[0], printed(&lines)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a DECIMAL(3, 2)", "b STRING", "+I 1.50|x"}, lines); diff != "" {
		t.Error(diff)
	}
	if err := s.Execute(t.Context(), script(t, "INSERT INTO t SELECT 1")[0], Results{}); !problem.Is(err, problem.TooBusy) {
		t.Errorf("an INSERT without slots gives %v", err)
	}
}

func TestStoppedStatementLeavesNoJob(t *testing.T) {
	g := newFakeGateway(t, func(statement, mark string) []fakePage {
		switch {
		case statement == "SHOW JOBS":
			p := payload(1)
			columns := strings.Repeat(`{"name": "x", "logicalType": {"type": "VARCHAR", "length": 2147483647}}, `, 3)
			data := func(job, name, state string) string {
				return fmt.Sprintf(`{"kind": "INSERT", "fields": [%q, %q, %q]}`, job, name, state)
			}
			p.json = fmt.Sprintf(`{"resultType": "PAYLOAD", "results": {"columns": [%s], "data": [%s]}, "nextResultUri": "/r/1"}`, strings.TrimSuffix(columns, ", "),
				strings.Join([]string{data("j1", "mine "+mark, "RUNNING"), data("j2", "other", "RUNNING"), data("j3", mark, "FINISHED")}, ", "))
			p.text = p.json
			return []fakePage{p}
		case strings.HasPrefix(statement, "STOP"):
			return nil
		}
		return []fakePage{{}} // never ready
	})
	s := open(t, g, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-g.waiting; cancel() }()
	err := s.Execute(ctx, script(t, "INSERT INTO t SELECT 1")[0], Results{})
	if !problem.Is(err, problem.Canceled) {
		t.Errorf("error is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	insert := "INSERT INTO t\nSELECT 1"
	want := []string{insert, "cancel " + insert, "close " + insert, "SHOW JOBS", "close SHOW JOBS", "STOP JOB 'j1'", "close STOP JOB 'j1'", "close session"}
	if diff := cmp.Diff(want, g.asked()); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsOfAStatement(t *testing.T) {
	g := newFakeGateway(t, func(statement, _ string) []fakePage {
		if statement == "SHOW JOBS" {
			return nil
		}
		return []fakePage{{fault: "Caused by: org.apache.calcite.sql.validate.SqlValidatorException: At line 1, column 8: Column 'x' not found in any table"}}
	})
	s := open(t, g, Options{})
	defer s.Close() //nolint:errcheck // the fake gateway closes everything
	for _, c := range []struct{ text, want string }{
		{"SELECT   x FROM t", "1:10: Flink: Column 'x' not found in any table (names are case-sensitive)"},
		{"SELECT LENGTH(x) FROM t", "1:8: Flink does not have the function LENGTH (write CHAR_LENGTH(x))"},
	} {
		if err := s.Execute(t.Context(), script(t, c.text)[0], Results{}); err == nil || err.Error() != c.want {
			t.Errorf("%s gives %v, want %s", c.text, err, c.want)
		}
	}
}

func TestCheckFindsEverythingBeforeAnythingRuns(t *testing.T) {
	err := Check(script(t, "SELECT 1; CREATE TABLE n (a INT); SELECT 2;\nSELECT LENGTH('a')"))
	want := "1:11: Flink does not have native tables (give the table a connector in WITH (…))\n" +
		"2:8: Flink does not have the function LENGTH (write CHAR_LENGTH(x))"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestGatewayThatIsNotThere(t *testing.T) {
	g := newFakeGateway(t, nil)
	g.Close()
	for address, code := range map[string]problem.Code{g.URL: problem.NotFound, "localhost:8083": problem.InvalidRequest, "": problem.InvalidRequest} {
		if _, err := Open(t.Context(), Options{Gateway: address}); !problem.Is(err, code) {
			t.Errorf("%q gives %v, want %s", address, err, code)
		}
	}
}
