package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
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
	"tidemark/plan/bind"
	"tidemark/progress"
	"tidemark/query/gateway"
	"tidemark/sql/parse"
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
	asker  *stagedAsker
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

// stagedAsker is the real gateway, but for questions that stage what a test
// cannot bring about.
type stagedAsker struct {
	*gateway.Gateway
	asked   atomic.Int64  // questions passed on to the gateway
	started chan string   // gets the id of each of them before it runs, when it is not nil …
	proceed chan struct{} // … and then it waits for this, or for its client to leave
	ended   chan error    // gets the outcome of each of them, when it is not nil
}

func (a *stagedAsker) Ask(ctx context.Context, q gateway.Question, rows gateway.Rows) (*gateway.Answer, error) {
	switch q.SQL {
	case "several problems":
		return nil, problem.List{
			problem.New(problem.UnknownColumn, "there is no column a").At(problem.Position{Line: 1, Column: 8}),
			problem.New(problem.UnknownColumn, "there is no column b").At(problem.Position{Line: 1, Column: 11}),
		}
	case "a bug":
		return nil, errors.New("secret internals")
	case "a panic":
		panic("secret internals")
	case "a full disk":
		return nil, problem.New(problem.DiskFull, "the data folder has no space left")
	case "too many":
		return nil, problem.New(problem.TooBusy, "64 questions are waiting already").Retryable()
	}
	a.asked.Add(1)
	if start := rows.Start; a.started != nil {
		rows.Start = func(answer *gateway.Answer) error {
			a.started <- answer.ID
			select {
			case <-a.proceed:
			case <-ctx.Done():
			}
			return start(answer)
		}
	}
	answer, err := a.Gateway.Ask(ctx, q, rows)
	if a.ended != nil {
		a.ended <- err
	}
	if strings.Contains(q.SQL, "half-way") && err == nil {
		err = errors.New("the disk went away")
	}
	return answer, err
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
	processor, memory, at, end, behind := 1.5, int64(4096), int64(40), int64(42), int64(1200)
	sum := Operator{ID: 1, Name: "Aggregate", Details: []string{"keys: k"}, Inputs: []int{2}, RowsIn: 42, RowsOut: 9, CPUSeconds: 1.25, OutputWaitSeconds: 0.5, MemoryBytes: &memory, Recent: OperatorLoad{Busy: 0.75}}
	sum.Workers = []OperatorShare{{RowsIn: 40, CPUSeconds: 1, MemoryBytes: &memory}, {RowsIn: 2, CPUSeconds: 0.25}}
	return []JobStatus{{
		Name: "ads_minute", State: j.state, Tables: []string{"ads_minute"}, Started: &started, RowsIn: 42, RowsPerSecond: 1.5, LagMillis: &lag, Watermark: &noon, Epoch: 9,
		CPUSeconds: &processor, MemoryBytes: &memory, BackPressure: &sum.Recent.Busy, HeldBy: &Holdup{Operator: 1, Name: sum.Name, Busy: 0.75},
		Operators: []Operator{{Name: "Sink ads_minute", Inputs: []int{1}, RowsIn: 9}, sum, {ID: 2, Name: "Scan clicks", RowsOut: 42}},
		Sources: []JobSource{
			{Table: "clicks", Watermark: &noon, Splits: []JobSplit{{Name: "partition 0", Position: &at, End: &end, Waiting: new(int64), LagMillis: &behind, LastRow: &started}}},
			{Table: "orders", Splits: []JobSplit{{Name: "orders-0", Position: &at, End: &at, Waiting: new(int64), LagMillis: new(int64)}, {Name: "orders-1", Idle: true}}},
		},
	}}
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

// fakeSavepoints has one savepoint of every job.
type fakeSavepoints struct{}

func (fakeSavepoints) one(job, name string) (Savepoint, error) {
	if name == "missing" {
		return Savepoint{}, problem.New(problem.NotFound, "%s has no savepoint %s", job, name)
	}
	return Savepoint{Name: name, Job: job, Epoch: 9, TakenAt: noon, Bytes: 7, Fits: true}, nil
}

func (f fakeSavepoints) Save(_ context.Context, job, name string) (Savepoint, error) {
	return f.one(job, name)
}

func (f fakeSavepoints) List(job string) ([]Savepoint, error) {
	one, err := f.one(job, "first")
	return []Savepoint{one}, err
}

func (f fakeSavepoints) Restore(_ context.Context, job, name string) error {
	_, err := f.one(job, name)
	return err
}

func (f fakeSavepoints) Forget(_ context.Context, job, name string) error {
	_, err := f.one(job, name)
	return err
}

func (f fakeSavepoints) Export(job, name string) (io.ReadCloser, error) {
	_, err := f.one(job, name)
	return io.NopCloser(strings.NewReader("content")), err
}

func (f fakeSavepoints) Import(_ context.Context, job, name string, file io.Reader) (Savepoint, error) {
	if _, err := io.Copy(io.Discard, file); err != nil {
		return Savepoint{}, err
	}
	return f.one(job, name)
}

// fakeDefiner answers for one statement.
type fakeDefiner struct{}

func (fakeDefiner) Execute(_ context.Context, text string) ([]Result, error) {
	if !strings.HasPrefix(text, "CREATE TABLE ") {
		return nil, problem.New(problem.AlreadyExists, "table clicks exists already").At(problem.Position{Line: 1, Column: 14})
	}
	return []Result{{Kind: "table", Name: "t", Changed: true, Message: "created table t"}}, nil
}

// definitions are the tables of a world beside those of the ad demo.
const definitions = `
CREATE TABLE clicks (id BIGINT NOT NULL COMMENT 'of the click', campaign STRING, ts TIMESTAMP_LTZ(3), day AS CAST(ts AS DATE),
	WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (id) NOT ENFORCED);
CREATE TABLE orders (id BIGINT, ` + "`partition`" + ` INT METADATA VIRTUAL) WITH ('connector' = 'kafka', 'properties.sasl.password' = 'it''s secret', 'topic' = 'orders');
CREATE VIEW clicks_by_campaign AS WITH orders AS (SELECT * FROM clicks) SELECT campaign, COUNT(*) AS n FROM orders GROUP BY campaign;
`

// define binds definitions into a catalog.
func define(t testing.TB, c *catalog.Catalog, text string) {
	t.Helper()
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := c.Apply(t.Context(), bind.Session{Zone: time.UTC, Streaming: true, Now: noon, Expand: true, Config: map[string]string{}}, s); err != nil {
			t.Fatal(err)
		}
	}
}

// newWorld makes a world with the tables of the ad demo. change may be nil.
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
	c := catalog.New(nil)
	define(t, c, definitions)
	for _, file := range []string{"ods/impressions", "ods/clicks", "dwd/events", "dws/campaign_minute", "ads/minute"} {
		text, err := os.ReadFile("../../examples/ads/project/" + file + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		define(t, c, string(text))
	}
	w.asker = &stagedAsker{Gateway: gateway.New(c, w.store, w.board)}
	w.config = Config{
		Catalog: c, Board: w.board, Asker: w.asker, Definer: fakeDefiner{}, Jobs: w.jobs, Savepoints: fakeSavepoints{}, Gaps: fakeGaps{}, Projects: fakeProjects{}, Quotas: &fakeQuotas{},
		Intake:    func(name string) (*native.Intake, bool) { return intake, name == "clicks" },
		TableLog:  logOfClicks,
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

// logOfClicks is what a job and a savepoint hold of one table.
func logOfClicks(table string) *TableLog {
	if table != "clicks" {
		return nil
	}
	oldest := noon.Add(-48 * time.Hour)
	return &TableLog{Events: 42, Gone: 7, Bytes: 4200, Oldest: &oldest, Quarantined: 3, Holds: []TableHold{
		{By: "savepoint ads_minute first", Partition: 1, Behind: 30, Since: &oldest}, {By: "job ads_minute", Partition: 1},
	}}
}

var clickColumns = []value.Field{{Name: "id", Type: value.BigIntType.Required()}, {Name: "campaign", Type: value.StringType}, {Name: "ts", Type: value.TimestampLTZOf(3)}}

// fill makes the hot table of a defined table, with rows. A cell is nil, a text,
// an integer, a time, or "1.50" for a DECIMAL.
func (w *world) fill(t testing.TB, name string, rows [][]any) {
	t.Helper()
	definition, ok := w.config.Catalog.Table(name)
	if !ok {
		t.Fatalf("no table %s", name)
	}
	table := olap.Table{Name: name}
	b := &batch.Batch{Rows: len(rows)}
	for i, c := range definition.Columns {
		table.Columns = append(table.Columns, value.Field{Name: c.Name, Type: c.Type})
		column := batch.NewColumn(c.Type, len(rows))
		for _, row := range rows {
			if at, ok := row[i].(time.Time); ok {
				column.AppendValue(value.Value{Type: c.Type, Int: at.UnixMicro()})
				continue
			}
			cell, err := value.Cast(value.OfString(fmt.Sprint(row[i])), c.Type, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			column.AppendValue(cell)
		}
		b.Columns = append(b.Columns, column)
	}
	if err := w.store.CreateTable(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	writer, err := w.store.Writer(t.Context(), table)
	if err == nil {
		err = writer.Apply(t.Context(), 1, noon.UnixMilli(), []*batch.Batch{b})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fillDemo writes some minutes into the tables of the live page: around
// midnight, around an hour ago, and now.
func (w *world) fillDemo(t testing.TB) {
	t.Helper()
	midnight := noon.Truncate(24 * time.Hour)
	var minutes, campaigns [][]any
	for _, m := range []int{-2, -1, 0, 1, 552, 553, 609, 610, 611, 612} {
		start := midnight.Add(time.Duration(m) * time.Minute)
		minutes = append(minutes, []any{start, 1000 + m, 10 + m%7, 1, fmt.Sprintf("%d.25", m+10), 12})
		for c := range 12 {
			campaigns = append(campaigns, []any{start, fmt.Sprintf("campaign %d", c), 100 + m, c, 0, fmt.Sprintf("%d.5", c%6)})
		}
	}
	w.fill(t, minuteTable, minutes)
	w.fill(t, campaignTable, campaigns)
	w.board.Report(progress.Evidence{
		Table: minuteTable, Upstream: []string{"dwd_events"}, Window: progress.Windowing{Size: 60_000, Slide: 60_000}, Job: minuteTable, JobState: progress.Running,
		Applied: noon.Add(-90 * time.Second).UnixMilli(), Newest: noon.UnixMilli(), Late: 3,
		Amended: map[int64]int64{noon.Add(-150 * time.Second).UnixMilli(): 1},
	})
	w.board.Note(minuteTable, []progress.Gap{{
		ID: minuteTable + "-1", From: noon.Add(-210 * time.Second).UnixMilli(), Until: noon.Add(-200 * time.Second).UnixMilli(), Text: "partition 1 was lost",
	}})
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
		text := strings.Join(answer.Header()[name], ", ")
		if name == queryIDHeader {
			text = "…"
		}
		fmt.Fprintf(&out, "%s: %s\n", name, text)
	}
	out.WriteString("\n")
	out.WriteString(shown(answer.Header().Get("Content-Type"), answer.Body.Bytes()))
	if aborted {
		out.WriteString("connection broken\n")
	}
	return out.String()
}

var changing = regexp.MustCompile(`("(?:id|waited_ms|ran_ms|trace_id)": )[^,\n]+`)

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
