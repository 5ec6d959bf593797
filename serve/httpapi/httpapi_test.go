package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/telemetry"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect/native"
	"tidemark/plan"
	"tidemark/progress"
	"tidemark/query/gateway"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is what the test's clock shows: twelve minutes and a half past ten.
var noon = time.Date(2026, 1, 1, 10, 12, 30, 0, time.UTC)

// world is a server over a real event log and a real hot store.
type world struct {
	server *Server
	config Config
	board  *progress.Board
	log    *eventlog.Log
	store  *olap.Store
	asker  *storeAsker
	jobs   *fakeJobs
	logged *lockedBuffer
}

// lockedBuffer is where the log goes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// storeAsker asks the hot store in its own dialect, so that answers come from
// real tables whatever the gateway can print.
type storeAsker struct {
	store *olap.Store
	board *progress.Board

	mu      sync.Mutex
	asked   int
	running map[string]context.CancelFunc
	started chan string // gets the id of each question when it is not nil
}

func (a *storeAsker) Ask(ctx context.Context, q gateway.Question, rows gateway.Rows) (*gateway.Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.mu.Lock()
	a.asked++
	answer := &gateway.Answer{ID: fmt.Sprintf("question-%d", a.asked)}
	a.running[answer.ID] = cancel
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.running, answer.ID)
	}()
	if a.started != nil {
		a.started <- answer.ID
	}
	switch q.SQL {
	case "SELEC 1":
		return nil, problem.New(problem.Syntax, "a statement cannot begin with SELEC").At(problem.Position{Line: 1, Column: 1}).WithHint("did you mean SELECT?")
	case "SELECT a, b FROM ads_minute":
		return nil, problem.List{
			problem.New(problem.UnknownColumn, "there is no column a").At(problem.Position{Line: 1, Column: 8}),
			problem.New(problem.UnknownColumn, "there is no column b").At(problem.Position{Line: 1, Column: 11}),
		}
	case "SELECT bug":
		return nil, errors.New("secret internals")
	case "SELECT panic":
		panic("secret panic")
	case "SELECT waiting":
		<-ctx.Done()
		return nil, problem.New(problem.Canceled, "the question was canceled")
	}
	var args []any
	for _, p := range q.Params {
		args = append(args, p.String())
	}
	question := olap.Question{SQL: q.SQL, RowsMax: q.RowsMax, Args: args}
	var err error
	answer.Stats, err = a.store.Query(ctx, question, func(columns []value.Field, b *batch.Batch) error {
		if answer.Columns == nil {
			answer.Columns = columns
			answer.FinalUntil, answer.Tracked = a.board.FinalUntil([]string{minuteTable}, noon)
			answer.Route = []gateway.Piece{{Table: minuteTable, Store: "hot"}}
			if err := rows.Start(answer); err != nil {
				return err
			}
		}
		return rows.Batch(b)
	})
	if strings.Contains(q.SQL, "half-way") && err == nil {
		err = errors.New("the disk went away")
	}
	return answer, err
}

func (a *storeAsker) Cancel(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	cancel, ok := a.running[id]
	if !ok {
		return problem.New(problem.NotFound, "no question %s is running", id)
	}
	cancel()
	return nil
}

func (a *storeAsker) Running() []gateway.Running {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []gateway.Running
	for id := range a.running {
		all = append(all, gateway.Running{ID: id, SQL: "SELECT waiting", Since: noon})
	}
	return all
}

// fakeJobs is one job that can be suspended.
type fakeJobs struct {
	mu    sync.Mutex
	state string
}

func (j *fakeJobs) Statuses() []JobStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	lag, started := int64(7500), noon.Add(-time.Hour)
	return []JobStatus{{Name: "ads_minute", State: j.state, Tables: []string{"ads_minute"}, Started: &started, RowsIn: 42, RowsPerSecond: 1.5, LagMillis: &lag, Watermark: &noon, Epoch: 9}}
}

func (j *fakeJobs) Act(_ context.Context, job string, action JobAction) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if action == Suspend && j.state == "suspended" {
		return problem.New(problem.Conflict, "job %s is suspended already", job)
	}
	j.state = map[JobAction]string{Suspend: "suspended", Resume: "running", Restart: "running"}[action]
	return nil
}

// fakeDefiner answers for one statement.
type fakeDefiner struct{}

func (fakeDefiner) Execute(_ context.Context, text string) ([]Result, error) {
	if !strings.HasPrefix(text, "CREATE TABLE ") {
		return nil, problem.New(problem.AlreadyExists, "table clicks exists already").At(problem.Position{Line: 1, Column: 14})
	}
	return []Result{{Kind: "table", Name: "t", Changed: true, Message: "created table t"}}, nil
}

var clickColumns = []value.Field{{Name: "id", Type: value.BigIntType.Required()}, {Name: "campaign", Type: value.StringType}, {Name: "ts", Type: value.TimestampLTZOf(3)}}

func tableOf(name string, kind plan.TableKind, columns []value.Field, definition, query string) *plan.Table {
	t := &plan.Table{Name: name, Kind: kind, Definition: definition, Query: query}
	for _, c := range columns {
		t.Columns = append(t.Columns, plan.TableColumn{Name: c.Name, Type: c.Type})
	}
	return t
}

func measureColumns(first ...value.Field) []value.Field {
	return append(first, value.Field{Name: "impressions", Type: value.BigIntType}, value.Field{Name: "clicks", Type: value.BigIntType},
		value.Field{Name: "errors", Type: value.BigIntType}, value.Field{Name: "revenue", Type: value.DecimalOf(38, 4)})
}

// newWorld makes a world. change may be nil.
func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{board: progress.NewBoard(), jobs: &fakeJobs{state: "running"}, logged: &lockedBuffer{}}
	var err error
	if w.log, err = eventlog.Open(vfs.NewMem(), "log", eventlog.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.log.Close() })
	topic := func(name string) *eventlog.Topic {
		created, err := w.log.CreateTopic(name, 2)
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	intake := native.NewIntake(topic("clicks"), topic("clicks$quarantine"), clickColumns)
	if w.store, err = olap.Open(t.Context(), vfs.OS(), t.TempDir(), olap.Options{MemoryMax: "256MB"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.asker = &storeAsker{store: w.store, board: w.board, running: map[string]context.CancelFunc{}}
	definitions := catalog.New(nil)
	start := value.Field{Name: "window_start", Type: value.TimestampOf(3)}
	for _, table := range []*plan.Table{
		tableOf("clicks", plan.Native, clickColumns, "CREATE TABLE clicks (id BIGINT NOT NULL, campaign STRING, ts TIMESTAMP_LTZ(3))", ""),
		tableOf("orders", plan.External, clickColumns, "CREATE TABLE orders (id BIGINT) WITH ('connector' = 'jdbc', 'password' = 'it''s secret')", ""),
		tableOf(minuteTable, plan.Materialized, measureColumns(start), "CREATE MATERIALIZED TABLE ads_minute AS SELECT …",
			"WITH w AS (SELECT * FROM clicks) SELECT window_start FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) JOIN w ON TRUE"),
		tableOf(campaignTable, plan.Materialized, measureColumns(start, value.Field{Name: "campaign", Type: value.StringType}), "CREATE MATERIALIZED TABLE dws_campaign_minute AS SELECT …", "SELECT * FROM clicks"),
	} {
		if _, err := definitions.Create(t.Context(), table, catalog.Refuse); err != nil {
			t.Fatal(err)
		}
	}
	table, _ := definitions.Table("clicks")
	table.PrimaryKey, table.Watermark = []int{0}, &plan.WatermarkSpec{Column: 2, Delayed: &plan.Column{Index: 2, Name: "ts", Of: value.TimestampLTZOf(3)}}
	w.config = Config{
		Catalog: definitions, Board: w.board, Asker: w.asker, Definer: fakeDefiner{}, Jobs: w.jobs,
		Intake:    func(name string) (*native.Intake, bool) { return intake, name == "clicks" },
		Ingest:    func() Ingest { return Ingest{EventsPerSecond: 12.5, Freshness: 250 * time.Millisecond, Fresh: true} },
		Telemetry: telemetry.New(),
		Logger:    slog.New(slog.NewTextHandler(w.logged, nil)),
		Now:       func() time.Time { return noon },
	}
	if change != nil {
		change(&w.config)
	}
	if w.server, err = New(w.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.server.Close)
	return w
}

// fillDemo writes some minutes into the tables of the live page.
func (w *world) fillDemo(t testing.TB) {
	t.Helper()
	for name, rows := range map[string]string{
		minuteTable: `SELECT TIMESTAMP '2026-01-01 00:00:00' + INTERVAL 1 MINUTE * m AS window_start, 100 + m AS impressions, m % 10 AS clicks, CAST(1 AS BIGINT) AS errors,
			CAST(m * 0.25 AS DECIMAL(38, 4)) AS revenue FROM range(-2, 613) AS r(m) WHERE m < 1 OR m > 608`,
		campaignTable: `SELECT TIMESTAMP '2026-01-01 10:00:00' + INTERVAL 1 MINUTE * (m // 12) AS window_start, 'c' || (m % 12) AS campaign, 50 + m AS impressions, m % 10 AS clicks,
			CAST(0 AS BIGINT) AS errors, CAST(m % 12 AS DECIMAL(38, 4)) AS revenue FROM range(0, 24) AS r(m)`,
	} {
		if _, err := w.store.Exec(t.Context(), "CREATE TABLE "+name+" AS "+rows); err != nil {
			t.Fatal(err)
		}
	}
	w.board.Report(progress.Evidence{
		Table: minuteTable, Window: progress.Windowing{Size: 60_000, Slide: 60_000}, Job: minuteTable, JobState: progress.Running,
		Applied: noon.Add(-90 * time.Second).UnixMilli(), Newest: noon.UnixMilli(), Late: 3,
		Amended: map[int64]int64{noon.Add(-150 * time.Second).UnixMilli(): 1}, Gaps: map[int64]string{noon.Add(-210 * time.Second).UnixMilli(): "partition 1 was lost"},
	})
}

// TestGolden answers requests as the files in testdata say:
//
//	request             METHOD path, headers, an empty line, the body
//
// and prints status, headers and body. What differs from run to run is masked.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		w := newWorld(t, nil)
		w.fillDemo(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "request" {
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			return w.golden(t, d.Input)
		})
	})
}

func (w *world) golden(t *testing.T, input string) string {
	t.Helper()
	head, body, _ := strings.Cut(input, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, line := range lines[1:] {
		name, text, _ := strings.Cut(line, ": ")
		r.Header.Add(name, text)
		if name == "Host" {
			r.Host = text
		}
	}
	answer := httptest.NewRecorder()
	aborted := func() (aborted bool) {
		defer func() {
			if p := recover(); p != nil {
				aborted = true
				if p != http.ErrAbortHandler {
					t.Errorf("the handler panicked: %v", p)
				}
			}
		}()
		w.server.ServeHTTP(answer, r)
		return false
	}()
	var out strings.Builder
	fmt.Fprintln(&out, answer.Code)
	var names []string
	for name := range answer.Header() {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(answer.Header()[name], ", "))
	}
	out.WriteString("\n")
	out.WriteString(shown(answer.Header().Get("Content-Type"), answer.Body.Bytes()))
	if aborted {
		out.WriteString("connection broken\n")
	}
	return out.String()
}

var changing = regexp.MustCompile(`("(?:waited_ms|ran_ms|trace_id)": )[^,\n]+`)

// shown prints a body with what changes from run to run masked.
func shown(contentType string, body []byte) string {
	if !strings.Contains(contentType, "json") || strings.Contains(contentType, "ndjson") {
		return string(body)
	}
	text := jsontext.Value(body)
	if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
		return string(body)
	}
	return changing.ReplaceAllString(strings.TrimSpace(string(text)), "${1}…") + "\n"
}

// line reads a line of a live stream.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(text, "\n")
}
