package gateway

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/telemetry"
	"tidemark/base/value"
	"tidemark/plan/bind"
	"tidemark/progress"
	"tidemark/store/olap"
)

// answered asks and gives rows as text, and whether they were computed before.
func answered(ctx context.Context, g *Gateway, q Question) (rows string, kept bool, err error) {
	var out strings.Builder
	a, err := g.Ask(ctx, q, Rows{Start: func(*Answer) error { return nil }, Batch: func(b *batch.Batch) error {
		b.Each(func(i int) { fmt.Fprintln(&out, b.Row(i)) })
		return nil
	}})
	if err != nil {
		return "", false, err
	}
	return out.String(), a.Kept, nil
}

// mustAnswer demands that an answer is kept, or not, and gives it.
func mustAnswer(t *testing.T, g *Gateway, q Question, wantKept bool) string {
	t.Helper()
	rows, kept, err := answered(t.Context(), g, q)
	if err != nil {
		t.Fatalf("%s: %v", q.SQL, err)
	}
	if kept != wantKept {
		t.Errorf("%s: kept %v, want %v", q.SQL, kept, wantKept)
	}
	return rows
}

// adder adds rows to the table events of world, whose first epoch is 1.
type adder struct {
	writer  *olap.Writer
	columns []value.Field
	epoch   uint64
}

func newAdder(t *testing.T, g *Gateway, name string) *adder {
	t.Helper()
	table, ok := g.catalog.Table(name)
	if !ok {
		t.Fatal(name)
	}
	stored := olap.Table{Name: name}
	for _, c := range table.Columns {
		stored.Columns = append(stored.Columns, value.Field{Name: c.Name, Type: c.Type})
	}
	w, err := g.store.Writer(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	return &adder{w, stored.Columns, 1}
}

// add applies an epoch of rows that hold n in their first column.
func (a *adder) add(ctx context.Context, n int64, rows int) error {
	b := &batch.Batch{Rows: rows}
	for i, f := range a.columns {
		c := batch.NewColumn(f.Type, rows)
		for range rows {
			if i == 0 {
				c.AppendValue(value.Value{Int: n})
			} else {
				c.AppendNull()
			}
		}
		b.Columns = append(b.Columns, c)
	}
	a.epoch++
	return a.writer.Apply(ctx, a.epoch, 0, []*batch.Batch{b})
}

// TestAnswersAreKept: until a table moves, by DuckDB and by the engine.
func TestAnswersAreKept(t *testing.T) {
	g := world(t)
	events := newAdder(t, g, "events")
	for _, sql := range []string{
		"SELECT COUNT(*), MAX(id) FROM events",
		"SELECT n FROM big ORDER BY n",
		"SELECT COUNT(*) FROM events MATCH_RECOGNIZE (ORDER BY ts MEASURES A.id AS n PATTERN (A) DEFINE A AS A.id >= 0)",
	} {
		q := Question{SQL: sql}
		first := mustAnswer(t, g, q, false)
		if again := mustAnswer(t, g, q, true); again != first {
			t.Errorf("%s: %s and then %s", sql, first, again)
		}
		q.Recompute = true
		if again := mustAnswer(t, g, q, false); again != first {
			t.Errorf("%s: %s and then %s", sql, first, again)
		}
		q.Recompute, q.RowsMax = false, 1
		mustAnswer(t, g, q, false)
	}
	q := Question{SQL: "SELECT COUNT(*) FROM events"}
	mustAnswer(t, g, q, false)
	if err := events.add(t.Context(), 7, 2); err != nil {
		t.Fatal(err)
	}
	if rows := mustAnswer(t, g, q, false); !strings.Contains(rows, "7") {
		t.Errorf("seven rows are %s", rows)
	}
	mustAnswer(t, g, Question{SQL: "SELECT n FROM big ORDER BY n"}, true) // another table moved
	if err := events.add(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, g, q, true) // only time has moved
}

// TestAnswersFollowDefinitionsAndTheLine: what a question means, and what is final,
// are part of it.
func TestAnswersFollowDefinitionsAndTheLine(t *testing.T) {
	g := world(t)
	q := Question{SQL: "SELECT COUNT(*) FROM big"}
	before := mustAnswer(t, g, q, false)
	mustAnswer(t, g, q, true)
	define(t, g, "CREATE OR REPLACE VIEW big (m, n) AS SELECT window_start, n FROM minutes WHERE n > 100")
	if after := mustAnswer(t, g, q, false); after == before {
		t.Errorf("a view that was changed gives %s as before", after)
	}
	define(t, g, "CREATE FUNCTION twice(a BIGINT) RETURNS BIGINT AS a * 2")
	q.SQL = "SELECT twice(id) FROM events ORDER BY id"
	before = mustAnswer(t, g, q, false)
	define(t, g, "CREATE OR REPLACE FUNCTION twice(a BIGINT) RETURNS BIGINT AS a * 3")
	if after := mustAnswer(t, g, q, false); after == before {
		t.Errorf("a function that was changed gives %s as before", after)
	}

	final := Question{SQL: "SELECT COUNT(*) FROM minutes", Finality: Settled}
	latest := Question{SQL: "SELECT COUNT(*) FROM minutes"}
	minute := progress.Windowing{Size: 60_000, Slide: 60_000}
	counts := map[string]bool{}
	for m := range int64(3) {
		g.board.Report(progress.Evidence{Table: "minutes", Applied: noon.UnixMilli() + (m+1)*60_000 - 1, Newest: noon.UnixMilli() + 300_000, JobState: progress.Running, Window: minute})
		counts[mustAnswer(t, g, final, false)] = true
		mustAnswer(t, g, final, true)
		mustAnswer(t, g, latest, m > 0)
		a, err := g.Ask(t.Context(), latest, Rows{Start: func(*Answer) error { return nil }, Batch: func(*batch.Batch) error { return nil }})
		if err != nil || a.FinalUntil != noon.UnixMilli()+(m+1)*60_000 {
			t.Errorf("minute %d: final until %d, %v", m, a.FinalUntil-noon.UnixMilli(), err)
		}
	}
	if len(counts) != 3 {
		t.Errorf("three lines have the counts %v", counts)
	}
}

// TestWhatMayDifferIsComputed: answers that depend on more than rows.
func TestWhatMayDifferIsComputed(t *testing.T) {
	g := world(t)
	define(t, g, "CREATE FUNCTION chance() RETURNS DOUBLE AS RAND()")
	define(t, g, "CREATE VIEW moments AS SELECT id, NOW() AS moment FROM events")
	for _, e := range []string{
		"NOW()", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_ROW_TIMESTAMP()", "UNIX_TIMESTAMP()",
		"RAND()", "RAND_INTEGER(5)", "UUID()", "chance()", "ABS(RAND())",
	} {
		for _, sql := range []string{
			"SELECT " + e + " AS e FROM events",
			"SELECT id FROM events WHERE id >= 0 OR CAST(" + e + " AS STRING) = 'x'",
			"SELECT n FROM (SELECT id AS n, CAST(" + e + " AS STRING) AS e FROM events) WHERE e IS NOT NULL",
		} {
			mustAnswer(t, g, Question{SQL: sql}, false)
			mustAnswer(t, g, Question{SQL: sql}, false)
		}
	}
	mustAnswer(t, g, Question{SQL: "SELECT * FROM moments"}, false)
	mustAnswer(t, g, Question{SQL: "SELECT * FROM moments"}, false)
}

// TestEqualQuestionsAreComputedOnce: those that are asked at the same time.
func TestEqualQuestionsAreComputedOnce(t *testing.T) {
	g := world(t)
	q := Question{SQL: "SELECT COUNT(*) FROM events AS a, events AS b, events AS c, events AS d, events AS e, events AS f WHERE a.id + b.id + c.id + d.id + e.id + f.id < 9"}
	const askers = 16
	var all sync.WaitGroup
	var answers [askers]string
	for i := range askers {
		all.Go(func() {
			var err error
			if answers[i], _, err = answered(t.Context(), g, q); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(slices.Compact(answers[:])) != 1 {
		t.Errorf("answers %q", answers)
	}
	if c := g.Cache(); c.Computed != 1 || c.Kept+c.Shared != askers-1 || c.Answers != 1 || c.Bytes <= 0 {
		t.Errorf("%+v", c)
	}
}

// TestMeasure demands that the metrics tell what became of questions.
func TestMeasure(t *testing.T) {
	g := world(t)
	r := telemetry.New()
	g.Measure(r)
	mustAnswer(t, g, Question{SQL: "SELECT COUNT(*) FROM events"}, false)
	mustAnswer(t, g, Question{SQL: "SELECT COUNT(*) FROM events"}, true)
	page := httptest.NewRecorder()
	r.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{"answers_computed_total 1", "answers_reused_total 1", "answers_shared_total 0", "answers 1", "questions_running 0"} {
		if !strings.Contains(page.Body.String(), "\ntidemark_gateway_"+line+"\n") {
			t.Errorf("no %s in\n%s", line, page.Body)
		}
	}
}

// TestWhoLeadsMayGo: the others are answered all the same.
func TestWhoLeadsMayGo(t *testing.T) {
	g := world(t)
	key := answerKey{text: "q"}
	_, led, leads := g.answers.begin(key, []string{"events"})
	if !leads {
		t.Fatal("the first does not lead")
	}
	_, f, leads := g.answers.begin(key, []string{"events"})
	if leads || f != led {
		t.Fatal("the second does not wait for the first")
	}
	led.err = problem.New(problem.Canceled, "the question was canceled")
	g.answers.end(key, led)
	if answer, again, err := f.wait(t.Context()); answer != nil || !again || err != nil {
		t.Errorf("%v, %v, %v", answer, again, err)
	}
	_, second, leads := g.answers.begin(key, []string{"events"})
	if !leads || second == led {
		t.Error("nobody leads after the first has gone")
	}
	wrong := problem.New(problem.InvalidValue, "this is wrong for everybody")
	second.err = wrong
	g.answers.end(key, second)
	if _, again, err := second.wait(t.Context()); again || err != error(wrong) {
		t.Errorf("%v, %v", again, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, third, _ := g.answers.begin(key, nil)
	if _, _, err := third.wait(gone); !problem.Is(err, problem.Canceled) {
		t.Errorf("a question that was canceled waits: %v", err)
	}
}

// TestAnswersThatAreTooLarge are handed on and not kept.
func TestAnswersThatAreTooLarge(t *testing.T) {
	g := world(t)
	q := Question{SQL: "SELECT a.city, b.city, c.city, d.city, e.city, f.city, g.city FROM events AS a, events AS b, events AS c, events AS d, events AS e, events AS f, events AS g", RowsMax: 50_000}
	first := mustAnswer(t, g, q, false)
	if strings.Count(first, "\n") != 50_000 {
		t.Errorf("%d rows", strings.Count(first, "\n"))
	}
	mustAnswer(t, g, q, false)
}

// TestAnswersHaveLimits: of bytes, and old answers that nobody can find go first.
func TestAnswersHaveLimits(t *testing.T) {
	var version atomic.Uint64
	a := &answers{versions: func([]string) []uint64 { return []uint64{version.Load()} }}
	keep := func(n int) {
		key := answerKey{rowsMax: n}
		_, f, _ := a.begin(key, []string{"t"})
		f.answer = &keptAnswer{key: key, versions: f.versions, bytes: answerBytesMax}
		a.end(key, f)
	}
	for n := range 100 {
		keep(n)
		a.begin(answerKey{rowsMax: 0}, []string{"t"}) // it is asked for again and again
	}
	if c := a.counted(); c.Bytes != answersBytesMax || c.Answers != answersBytesMax/answerBytesMax {
		t.Errorf("%+v", c)
	}
	if found, _, _ := a.begin(answerKey{rowsMax: 0}, []string{"t"}); found == nil {
		t.Error("the answer that is asked for most has gone")
	}
	for n := range 20 {
		version.Add(1)
		keep(1000 + n)
	}
	if c := a.counted(); c.Answers > 2 || c.Bytes != c.Answers*answerBytesMax {
		t.Errorf("what nobody finds any more is kept: %+v", c)
	}
}

// TestAnswersUnderCommits asks while epochs are applied: no answer is older than
// what was applied when it was asked for, and each is of one moment.
func TestAnswersUnderCommits(t *testing.T) {
	g := world(t)
	events := newAdder(t, g, "events")
	const epochs, rowsEach, base = 50, 3, 5
	var applied atomic.Int64
	var all sync.WaitGroup
	for asker := range 4 {
		all.Go(func() {
			q := Question{SQL: "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS epochs FROM events WHERE id >= 100 OR city IS NOT NULL", RowsMax: 1 + asker%2}
			for done := false; !done; {
				before := applied.Load()
				done = before == epochs
				var n, ids int64
				_, err := g.Ask(t.Context(), q, Rows{Start: func(*Answer) error { return nil }, Batch: func(b *batch.Batch) error {
					n, ids = b.Columns[0].Ints[0], b.Columns[1].Ints[0]
					return nil
				}})
				seen := (n - base) / rowsEach
				if err != nil || (n-base)%rowsEach != 0 || seen < before || ids != base+seen {
					t.Errorf("%d rows of %d numbers after %d epochs, %v", n, ids, before, err)
					return
				}
			}
		})
	}
	for e := range int64(epochs) {
		if err := events.add(t.Context(), 100+e, rowsEach); err != nil {
			t.Error(err)
		}
		applied.Store(e + 1)
	}
	all.Wait()
	t.Logf("%+v", g.Cache())
}

// TestPreparedQuestionsAreKept: until what they name changes, and not too many.
func TestPreparedQuestionsAreKept(t *testing.T) {
	g := world(t)
	session := bind.Session{Now: noon}
	prepared := func(q Question) *prepared {
		t.Helper()
		p, _, err := g.prepare(q, session)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for sql, want := range map[string]bool{
		"SELECT COUNT(*) FROM big": true, "SELECT NOW() FROM events": false, "SELECT * FROM minutes$progress": false,
		"SELECT id FROM events WHERE city SIMILAR TO 'c.*'": true,
	} {
		first, second := prepared(Question{SQL: sql}), prepared(Question{SQL: sql})
		if kept := first == second; kept != want {
			t.Errorf("%s: kept %v, want %v", sql, kept, want)
		}
	}
	one := prepared(Question{SQL: "SELECT COUNT(*) FROM events WHERE id = ?", Params: []value.Value{value.OfBigInt(1)}})
	if two := prepared(Question{SQL: "SELECT COUNT(*) FROM events WHERE id = ?", Params: []value.Value{value.OfBigInt(2)}}); one == two || one.text == two.text {
		t.Error("a question with other parameters is the same")
	}
	big := prepared(Question{SQL: "SELECT COUNT(*) FROM big"})
	define(t, g, "CREATE VIEW another AS SELECT id FROM events")
	if prepared(Question{SQL: "SELECT COUNT(*) FROM big"}) != big {
		t.Error("another view made the question new")
	}
	define(t, g, "CREATE OR REPLACE VIEW big (m, n) AS SELECT window_start, n FROM minutes WHERE n > 100")
	if prepared(Question{SQL: "SELECT COUNT(*) FROM big"}) == big {
		t.Error("the view of a question changed, and it is as it was")
	}
	for n := range 2 * plansBytesMax / (2 << 10) {
		g.plans.keep(planKey{sql: fmt.Sprint(n)}, big)
	}
	if g.plans.bytes > plansBytesMax || len(g.plans.kept) == 0 {
		t.Errorf("%d plans have %d bytes", len(g.plans.kept), g.plans.bytes)
	}
}
