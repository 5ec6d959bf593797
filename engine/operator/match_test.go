package operator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// ticks is the table that the matches of the tests are over.
type ticks struct{ table *plan.Table }

func (c ticks) Table(string) (*plan.Table, bool)       { return c.table, true }
func (c ticks) Function(string) (*bind.Function, bool) { return nil, false }
func (c ticks) Names() []string                        { return []string{"ticks"} }

const ticksTable = `CREATE TABLE ticks (id INT, k STRING, kind STRING, v INT, tags ARRAY<STRING>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '3' SECOND)`

// failing is what tests, benchmarks and properties have in common.
type failing interface {
	Helper()
	Fatal(args ...any)
}

// ticksOf binds the definition of the table.
func ticksOf(t failing) *plan.Table {
	t.Helper()
	statements, wrong := parse.Script("", ticksTable)
	if err := wrong.Err(); err != nil {
		t.Fatal(err)
	}
	table, err := bind.Table(ticks{}, bind.Session{Streaming: true, Zone: time.UTC}, statements[0].(*sql.CreateTable))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// matchOf binds SELECT * FROM ticks MATCH_RECOGNIZE (clauses).
func matchOf(t failing, streaming bool, clauses string) *plan.Match {
	t.Helper()
	session := bind.Session{Streaming: streaming, Zone: time.UTC}
	statements, wrong := parse.Script("", "SELECT * FROM ticks MATCH_RECOGNIZE ("+clauses+")")
	if err := wrong.Err(); err != nil {
		t.Fatal(err)
	}
	bound, err := bind.Query(ticks{ticksOf(t)}, session, statements[0].(*sql.QueryStatement).Query)
	if err != nil {
		t.Fatal(err)
	}
	var found *plan.Match
	plan.Inspect(bound.Plan, func(n plan.Node) bool {
		if m, ok := n.(*plan.Match); ok {
			found = m
		}
		return found == nil
	})
	return found
}

// tick is a row of ticks; mark is the watermark before it.
type tick struct {
	id      int64
	k, kind string // "" is NULL
	v       int64  // negative is NULL
	at      int64  // seconds
	mark    int64
}

const ticksDelay = 3

// marked writes the marks that one source would.
func marked(rows []tick) []tick {
	running := batch.NoMark
	for i := range rows {
		rows[i].mark = running
		running = max(running, (rows[i].at-ticksDelay)*1000)
	}
	return rows
}

func ticksBatch(rows []tick) *batch.Batch {
	text := func(s string) value.Value {
		if s == "" {
			return value.NullOf(value.StringType)
		}
		return value.OfString(s)
	}
	tags := value.ArrayOf(value.StringType)
	types := []value.Type{value.IntType, value.StringType, value.StringType, value.IntType, tags, value.TimestampOf(3)}
	b := &batch.Batch{Rows: len(rows), Columns: columnsOf(types, len(rows))}
	for _, r := range rows {
		v := value.NullOf(value.IntType)
		if r.v >= 0 {
			v = value.Value{Type: value.IntType, Int: r.v}
		}
		for i, cell := range []value.Value{
			{Type: value.IntType, Int: r.id}, text(r.k), text(r.kind), v,
			{Type: tags, Items: []value.Value{text(r.kind), text(fmt.Sprint(r.id))}},
			{Type: value.TimestampOf(3), Int: r.at * 1e6},
		} {
			b.Columns[i].AppendValue(cell)
		}
		b.Marks = append(b.Marks, r.mark)
	}
	return b
}

// matchRunner drives a Match through rows in batches, with several workers, and
// restarts it with another number of them.
type matchRunner struct {
	t       *rapid.T
	node    *plan.Match
	workers []*Match
	state   storedState
	now     engine.Watermark
	out     []string
	dropped int
}

func newMatchRunner(t *rapid.T, node *plan.Match, workers int) *matchRunner {
	r := &matchRunner{t: t, node: node, state: storedState{}, now: batch.NoMark}
	r.start(workers)
	return r
}

func (r *matchRunner) start(workers int) {
	r.workers = nil
	for i := range workers {
		env := Environment{
			Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(i, workers),
			Dropped: func(rows int) { r.dropped += rows },
		}
		m, err := NewMatch(env, r.node)
		if err == nil {
			err = m.Load(r.state)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		r.workers = append(r.workers, m)
	}
}

// restart saves all workers and goes on with others.
func (r *matchRunner) restart(workers int) {
	for _, m := range r.workers {
		if err := m.Save(r.state); err != nil {
			r.t.Fatal(err)
		}
	}
	r.start(workers)
}

func (r *matchRunner) emit(rows *batch.Batch) error {
	for i := range rows.Rows {
		cells := make([]string, len(rows.Columns))
		for c, column := range rows.Columns {
			cells[c] = column.Value(i).String()
		}
		r.out = append(r.out, strings.Join(cells, " "))
		if mark := rows.Mark(i); mark > r.now {
			r.t.Errorf("a match carries mark %d when downstream is at %d", mark, r.now)
		}
	}
	return nil
}

func (r *matchRunner) feed(rows []tick) {
	for i, m := range r.workers {
		var mine []tick
		for _, row := range rows {
			key := batch.AppendKey(nil, []*batch.Column{ticksBatch([]tick{row}).Columns[1]}, 0)
			if len(r.node.Partition) == 0 && i == 0 || len(r.node.Partition) > 0 && engine.Route(engine.GroupOf(key), len(r.workers)) == i {
				mine = append(mine, row)
			}
		}
		if len(mine) > 0 {
			if err := m.Process(0, ticksBatch(mine), r.emit); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

func (r *matchRunner) advance(w engine.Watermark) {
	for _, m := range r.workers {
		if err := m.Advance(w, r.emit); err != nil {
			r.t.Fatal(err)
		}
	}
	r.now = w
}

// matchCases are patterns with conditions of every kind.
var matchCases = []string{
	`PARTITION BY k ORDER BY ts MEASURES A.id AS a, B.id AS b, B.kind AS kind, MATCH_ROWTIME() AS t PATTERN (A B) DEFINE A AS A.kind = 'x', B AS B.kind = 'y'`,
	`PARTITION BY k ORDER BY ts MEASURES FIRST(A.id) AS f, LAST(A.id, 1) AS l, COUNT(A.v) AS n, SUM(A.v) AS s, LISTAGG(A.kind) AS kinds, MATCH_ROWTIME() AS t
		AFTER MATCH SKIP PAST LAST ROW PATTERN (A{2,} B) WITHIN INTERVAL '6' SECOND DEFINE A AS SUM(A.v) < 12`,
	`PARTITION BY k ORDER BY ts, v DESC, id MEASURES A.id AS a, COUNT(*) AS n, id AS last_id, AVG(v) AS average
		AFTER MATCH SKIP TO NEXT ROW PATTERN (A B*? C) WITHIN INTERVAL '4' SECOND DEFINE B AS B.v >= COALESCE(LAST(B.v, 1), A.v), C AS C.v < FIRST(A.v)`,
	`ORDER BY ts MEASURES A.k AS k, LAST(B.tags[2]) AS tag, COUNT(DISTINCT B.kind) AS kinds PATTERN (A B+? C) DEFINE A AS A.kind = 'x', B AS B.kind <> 'x' AND B.v > 0, C AS C.kind = A.kind`,
	`PARTITION BY k ORDER BY ts MEASURES A.id AS a, B.id AS b, C.id AS c AFTER MATCH SKIP TO LAST C PATTERN (A B? C) DEFINE A AS A.v > 2, B AS B.v > 4 OR B.kind = A.kind, C AS MAX(v) > 6`,
	`PARTITION BY k ORDER BY ts MEASURES A.id AS a, C.id AS c PATTERN (A B*? C) DEFINE B AS CARDINALITY(COLLECT(B.tags)) < 3 AND B.tags[1] <> A.tags[1], C AS LISTAGG(B.kind) <> A.kind`,
	`PARTITION BY k ORDER BY ts MEASURES CLASSIFIER() AS part, SUM(v) AS s, FINAL COUNT(*) AS n, MATCH_ROWTIME() AS t
		ALL ROWS PER MATCH AFTER MATCH SKIP TO LAST A PATTERN (A (B+? A){2}) WITHIN INTERVAL '9' SECOND DEFINE A AS A.v > AVG(B.v), B AS B.v < 7`,
	`PARTITION BY k ORDER BY ts MEASURES FIRST(A.id) AS a, LAST(B.id) AS b, COUNT(*) AS n, MATCH_ROWTIME() AS t
		AFTER MATCH SKIP PAST LAST ROW PATTERN ((A | B C)+) WITHIN INTERVAL '8' SECOND DEFINE A AS A.kind = 'x', B AS B.kind = 'y', C AS C.v > B.v`,
	`PARTITION BY k ORDER BY ts MEASURES FIRST(id) AS f, LAST(id) AS l, CLASSIFIER() AS part, SUM(B.v) AS s
		AFTER MATCH SKIP TO NEXT ROW PATTERN (A (B? C)*? B+) DEFINE A AS A.v > 3, B AS SUM(B.v) < 9, C AS C.v <> LAST(A.v)`,
	`PARTITION BY k ORDER BY ts MEASURES CLASSIFIER() AS part, FINAL COUNT(*) AS n, MATCH_ROWTIME() AS t
		ALL ROWS PER MATCH AFTER MATCH SKIP TO LAST B PATTERN ({- C+ -} PERMUTE(A, B, {- A -}) C*) DEFINE A AS A.v < 7, B AS B.v > LAST(C.v)`,
}

// TestMatchIsTheSameHoweverItRuns: batches of any size, any number of workers,
// restarts in between and batch mode give the same matches.
func TestMatchIsTheSameHoweverItRuns(t *testing.T) {
	matches := 0
	rapid.Check(t, func(t *rapid.T) {
		clauses := rapid.SampledFrom(matchCases).Draw(t, "clauses")
		node := matchOf(t, true, clauses)
		rows := drawTicks(t)

		whole := newMatchRunner(t, node, 1)
		whole.feed(rows)
		whole.advance(batch.Final)
		matches += len(whole.out)

		size := rapid.SampledFrom([]int{1, 7, 4096}).Draw(t, "batch")
		parts := newMatchRunner(t, node, rapid.IntRange(1, 3).Draw(t, "workers"))
		for start := 0; start < len(rows); start += size {
			part := rows[start:min(start+size, len(rows))]
			parts.feed(part)
			last := part[len(part)-1]
			parts.advance(max(parts.now, last.mark, (last.at-ticksDelay)*1000))
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				parts.restart(rapid.IntRange(1, 3).Draw(t, "workers"))
			}
		}
		parts.advance(batch.Final)
		same(t, "in parts", whole.out, parts.out)
		if whole.dropped != parts.dropped {
			t.Errorf("%d rows were late, %d in parts", whole.dropped, parts.dropped)
		}
		parts.restart(1)
		for _, m := range parts.workers {
			if m.rows.live() > len(rows) || len(m.waiting) > 0 {
				t.Errorf("at the end %d rows are kept and %d wait", m.rows.live(), len(m.waiting))
			}
		}

		inTime := slices.DeleteFunc(slices.Clone(rows), func(r tick) bool { return r.mark != batch.NoMark && r.at*1000 <= r.mark })
		for i := range inTime {
			inTime[i].mark = batch.NoMark
		}
		bounded := newMatchRunner(t, matchOf(t, false, clauses), 1)
		bounded.workers[0].env.Context.Streaming = false
		bounded.feed(inTime)
		bounded.advance(batch.Final)
		same(t, "in batch mode", whole.out, bounded.out)
	})
	if matches < 10 {
		t.Errorf("only %d matches were checked", matches)
	}
}

func same(t *rapid.T, how string, want, got []string) {
	want, got = slices.Clone(want), slices.Clone(got)
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s the matches differ (-whole):\n%s", how, d)
	}
}

func drawTicks(t *rapid.T) []tick {
	var rows []tick
	at := int64(100)
	for i := range rapid.IntRange(0, 40).Draw(t, "rows") {
		at += rapid.SampledFrom([]int64{0, 1, 1, 2, 3}).Draw(t, "step")
		late := rapid.SampledFrom([]int64{0, 0, 0, 1, 2, 5}).Draw(t, "late")
		rows = append(rows, tick{
			id: int64(i), k: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "k"), kind: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "kind"),
			v: rapid.Int64Range(-1, 9).Draw(t, "v"), at: at - late,
		})
	}
	return marked(rows)
}

// matched runs clauses over rows in streaming mode.
func matched(t *testing.T, clauses string, rows []tick) ([]string, error) {
	t.Helper()
	m, err := NewMatch(Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1)}, matchOf(t, true, clauses))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	emit := func(rows *batch.Batch) error {
		for i := range rows.Rows {
			text := ""
			for _, c := range rows.Columns {
				text += c.Value(i).String() + " "
			}
			out = append(out, strings.TrimSpace(text))
		}
		return nil
	}
	if err := m.Process(0, ticksBatch(rows), emit); err != nil {
		return nil, err
	}
	return out, m.Advance(batch.Final, emit)
}

// TestConditionsFailOnlyForRowsTheyAreAskedAbout: the cast of 'x' would fail, but
// no such row can be a B.
func TestConditionsFailOnlyForRowsTheyAreAskedAbout(t *testing.T) {
	rows := marked([]tick{{id: 1, k: "a", kind: "x", at: 1}, {id: 2, k: "a", kind: "12:30", at: 2}, {id: 3, k: "a", kind: "x", at: 3}})
	got, err := matched(t, `ORDER BY ts MEASURES A.id AS a, B.id AS b PATTERN (A B) DEFINE A AS A.kind = 'x', B AS B.kind <> 'x' AND CAST(B.kind || ':00' AS TIME) > TIME '12:00:00'`, rows)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"1 2"}, got); d != "" {
		t.Error(d)
	}
}

// TestTimeoutsDoNotWaitForRows: a match that an earlier beginning holds back is
// shown when that one has taken too long, at that time.
func TestTimeoutsDoNotWaitForRows(t *testing.T) {
	clauses := `ORDER BY ts MEASURES A.id AS a, C.id AS c, MATCH_ROWTIME() AS t PATTERN (A B*? C) WITHIN INTERVAL '10' SECOND DEFINE B AS B.v > 0, C AS C.v > A.v`
	rows := marked([]tick{{id: 1, v: 5, at: 100}, {id: 2, v: 1, at: 101}, {id: 3, v: 2, at: 102}, {id: 4, v: 0, at: 200}})
	got, err := matched(t, clauses, rows)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"2 3 1970-01-01 00:01:50.000"}, got); d != "" {
		t.Error(d)
	}
}

// TestForgottenPartitionsLeaveNothing: keys that come once do not add up, in
// memory or in state.
func TestForgottenPartitionsLeaveNothing(t *testing.T) {
	node := matchOf(t, true, `PARTITION BY k ORDER BY ts MEASURES A.id AS a, B.id AS b PATTERN (A B) WITHIN INTERVAL '5' SECOND DEFINE A AS A.kind = 'x', B AS B.kind = 'y'`)
	m, err := NewMatch(Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1)}, node)
	if err != nil {
		t.Fatal(err)
	}
	state := storedState{}
	discard := func(*batch.Batch) error { return nil }
	for round := range 200 {
		var rows []tick
		for i := range 50 {
			at := int64(round * 10)
			rows = append(rows, tick{id: 1, k: fmt.Sprint(round, "-", i), kind: []string{"x", "z"}[i%2], at: at, mark: (at - 10) * 1000})
		}
		if err := m.Process(0, ticksBatch(rows), discard); err != nil {
			t.Fatal(err)
		}
		if err := m.Advance(int64(round*10)*1000, discard); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			if err := m.Save(state); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.Advance(batch.Final, discard); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(state); err != nil {
		t.Fatal(err)
	}
	if m.table.live() != 0 || m.rows.live() != 0 || len(m.runs) > 200 || len(m.rows.numbers) > 200 {
		t.Errorf("%d partitions and %d rows are remembered, in %d and %d places", m.table.live(), m.rows.live(), len(m.runs), len(m.rows.numbers))
	}
	if state.size() != 1 { // the watermark
		t.Errorf("%d entries are stored", state.size())
	}
}

// TestSkipsThatLeadNowhereSayWhere: problems name the partition.
func TestSkipsThatLeadNowhereSayWhere(t *testing.T) {
	rows := marked([]tick{{id: 1, k: "a", kind: "x", at: 1}, {id: 2, k: "a", kind: "y", at: 2}})
	for skip, want := range map[string]string{
		"TO FIRST A": "match partition (a): AFTER MATCH SKIP TO FIRST A goes back to the first row of the match, and would find it again for ever",
		"TO LAST B":  "match partition (a): AFTER MATCH SKIP TO LAST B: the match has no row for it",
	} {
		_, err := matched(t, `PARTITION BY k ORDER BY ts MEASURES A.id AS a AFTER MATCH SKIP `+skip+` PATTERN (A B? C) DEFINE A AS A.kind = 'x', B AS B.kind = 'z'`, rows)
		if !problem.Is(err, problem.InvalidQuery) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("skip %s: %v", skip, err)
		}
	}
}

// TestRowsThatAreTakenBackAreRefused: the plan should not have let them come.
func TestRowsThatAreTakenBackAreRefused(t *testing.T) {
	m, err := NewMatch(Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}}, matchOf(t, true, `ORDER BY ts MEASURES A.id AS a PATTERN (A)`))
	if err != nil {
		t.Fatal(err)
	}
	rows := ticksBatch(marked([]tick{{id: 1, at: 1}}))
	rows.Kinds = []batch.Kind{batch.Delete}
	if err := m.Process(0, rows, nil); !problem.Is(err, problem.Unsupported) {
		t.Errorf("got %v", err)
	}
}

// FuzzMatch runs whatever can be bound over a few rows: it gives matches or a
// problem, and never panics.
func FuzzMatch(f *testing.F) {
	for _, clauses := range matchCases {
		f.Add(clauses)
	}
	var rows []tick
	for i := range int64(24) {
		rows = append(rows, tick{id: i, k: string("ab"[i%2]), kind: string("xyz"[i*i%3]), v: i * 7 % 11, at: i / 2})
	}
	rows = marked(rows)
	f.Fuzz(func(t *testing.T, clauses string) {
		statements, wrong := parse.Script("", "SELECT * FROM ticks MATCH_RECOGNIZE ("+clauses+")")
		if len(wrong) > 0 || len(statements) != 1 {
			return
		}
		query, ok := statements[0].(*sql.QueryStatement)
		if !ok {
			return
		}
		whole := matchOf(t, true, matchCases[0])
		bound, err := bind.Query(ticks{ticksOf(t)}, bind.Session{Streaming: true, Zone: time.UTC}, query.Query)
		if err != nil {
			return
		}
		plan.Inspect(bound.Plan, func(n plan.Node) bool {
			node, ok := n.(*plan.Match)
			if !ok || len(node.Input.Schema()) != len(whole.Input.Schema()) {
				return true
			}
			m, err := NewMatch(Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1)}, node)
			if err != nil {
				return false
			}
			discard := func(*batch.Batch) error { return nil }
			if m.Process(0, ticksBatch(rows), discard) == nil && m.Advance(batch.Final, discard) == nil {
				if err := m.Save(storedState{}); err != nil {
					t.Error(err)
				}
			}
			return false
		})
	})
}

// BenchmarkMatch finds impressions that are followed by a click of the same user,
// rising prices, and runs of spends up to a budget, over a thousand partitions.
func BenchmarkMatch(b *testing.B) {
	const users, batches = 1000, 64
	var feed []*batch.Batch
	clicks, rises, spent := 0, 0, 0
	seen := make([]bool, users)
	for n := range batches {
		var rows []tick
		for i := range batch.MaxRows {
			number := n*batch.MaxRows + i
			user := number * 7919 % users
			r := tick{id: int64(number), k: fmt.Sprintf("user-%04d", user), kind: "imp", v: int64(number / users % 4), at: int64(number / 1000)}
			if number/users%5 == 4 {
				r.kind = "click"
			}
			if number/users%5 == 4 && seen[user] {
				clicks++
			}
			if number/users%4 == 2 {
				rises++
			}
			if number/users%4 == 3 {
				spent++
			}
			seen[user] = true
			rows = append(rows, r)
		}
		feed = append(feed, ticksBatch(marked(rows)))
	}
	run := func(clauses string, want int) func(b *testing.B) {
		return func(b *testing.B) {
			node := matchOf(b, true, clauses)
			found := 0
			count := func(rows *batch.Batch) error {
				found += rows.Rows
				return nil
			}
			before := cpuSeconds(b)
			for b.Loop() {
				found = 0
				m, err := NewMatch(Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1)}, node)
				if err != nil {
					b.Fatal(err)
				}
				for n, rows := range feed {
					in := *rows
					in.Marks = nil
					if err := m.Process(0, &in, count); err != nil {
						b.Fatal(err)
					}
					if err := m.Advance(int64((n+1)*batch.MaxRows/1000-2)*1000, count); err != nil {
						b.Fatal(err)
					}
				}
				if err := m.Advance(batch.Final, count); err != nil {
					b.Fatal(err)
				}
			}
			if found != want {
				b.Errorf("found %d matches, want %d", found, want)
			}
			b.ReportMetric(float64(b.N*batches*batch.MaxRows)/(cpuSeconds(b)-before)/1e6, "Mrows/cpu-s")
		}
	}
	b.Run("click", run(`PARTITION BY k ORDER BY ts MEASURES A.id AS a, B.id AS b, B.ts AS t AFTER MATCH SKIP PAST LAST ROW PATTERN (A B) WITHIN INTERVAL '5' MINUTE DEFINE A AS A.kind = 'imp', B AS B.kind = 'click'`, clicks))
	b.Run("rising", run(`PARTITION BY k ORDER BY ts MEASURES A.id AS a, C.id AS c AFTER MATCH SKIP TO NEXT ROW PATTERN (A B C) DEFINE A AS A.v = 0, B AS B.v > A.v, C AS C.v > B.v`, rises))
	b.Run("groups", run(`PARTITION BY k ORDER BY ts MEASURES A.id AS a, D.id AS d AFTER MATCH SKIP PAST LAST ROW PATTERN (A (B | C)+ D) DEFINE A AS A.v = 0, B AS B.v > LAST(v, 1) AND B.v < 3, C AS C.v = 2 AND C.v > A.v, D AS D.v = 3`, spent))
	b.Run("budget", run(`PARTITION BY k ORDER BY ts MEASURES SUM(A.v) AS s, B.id AS b AFTER MATCH SKIP PAST LAST ROW PATTERN (A+ B) DEFINE A AS SUM(A.v) < 5`, spent))
}
