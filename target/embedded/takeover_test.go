package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect/native"
	"tidemark/engine/state"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/lineage"
	"tidemark/plan/rewrite"
	"tidemark/progress"
	"tidemark/sql/parse"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
)

// takeoverPlace is jobs over two native tables, t and d, with a log whose old events go
// when they are told to.
type takeoverPlace struct {
	t       *testing.T
	now     time.Time
	log     *eventlog.Log
	store   *olap.Store
	jobs    *Jobs
	files   *vfs.Faulty // that the jobs use
	catalog *catalog.Catalog
	sent    int
}

func newTakeoverPlace(t *testing.T) *takeoverPlace {
	p := &takeoverPlace{t: t, now: time.Now(), catalog: catalog.New(nil), files: vfs.NewFaulty(vfs.OS(), "")}
	ctx, dir, files := t.Context(), t.TempDir(), vfs.OS()
	var err error
	if p.log, err = eventlog.Open(files, filepath.Join(dir, "log"), eventlog.Options{SegmentBytes: vfs.BlockSize, Now: func() time.Time { return p.now }}); err != nil {
		t.Fatal(err)
	}
	if p.store, err = olap.Open(ctx, files, filepath.Join(dir, "olap"), olap.Options{MemoryMax: "256MB"}); err != nil {
		t.Fatal(err)
	}
	p.jobs, err = NewJobs(JobsOptions{
		Files: p.files, Dir: filepath.Join(dir, "state"), Log: p.log, Store: p.store, Board: progress.NewBoard(), Parallelism: 2,
		Logger: slog.New(slog.DiscardHandler), FallbackInterval: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.jobs.Close()
		if err := errors.Join(p.store.Close(), p.log.Close()); err != nil {
			t.Error(err)
		}
	})
	p.keep(p.define("CREATE TABLE t (id BIGINT, name STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)"))
	p.keep(p.define("CREATE TABLE d (name STRING, city STRING)"))
	return p
}

func (p *takeoverPlace) session() bind.Session {
	return bind.Session{Zone: time.UTC, Streaming: true, Expand: true, Now: p.now, Config: map[string]string{}}
}

// define applies a statement, and gives the job behind what it defines.
func (p *takeoverPlace) define(text string) target.Job {
	p.t.Helper()
	statement, err := parse.Statement(text)
	if err != nil {
		p.t.Fatal(err)
	}
	change, err := p.catalog.Apply(p.t.Context(), p.session(), statement)
	if err != nil {
		p.t.Fatal(err)
	}
	job := target.Job{Table: change.Table, Zone: time.UTC}
	if change.Job != nil {
		job.Plan = rewrite.Configure(change.Job.Plan, nil)
		job.Upstream = lineage.Of(job.Plan).Tables
		return job
	}
	all, err := parse.Query("SELECT * FROM " + change.Table.Name)
	if err != nil {
		p.t.Fatal(err)
	}
	bound, err := bind.Query(p.catalog, p.session(), all)
	if err != nil {
		p.t.Fatal(err)
	}
	job.Plan = bound.Plan
	return job
}

func (p *takeoverPlace) materialized(name, query string) target.Job {
	p.t.Helper()
	return p.define("CREATE OR REPLACE MATERIALIZED TABLE " + name + " FRESHNESS = INTERVAL '1' SECOND AS " + query)
}

func (p *takeoverPlace) keep(job target.Job) {
	p.t.Helper()
	if err := p.jobs.Keep(p.t.Context(), job); err != nil {
		p.t.Fatal(err)
	}
}

// send appends events to t; the names of events repeat.
func (p *takeoverPlace) send(events int) {
	p.t.Helper()
	var b strings.Builder
	for range events {
		p.sent++
		fmt.Fprintf(&b, "{\"id\":%d,\"name\":\"name %d\",\"ts\":%q}\n", p.sent, p.sent*7%23, p.now.Add(time.Duration(p.sent)*time.Second).UTC().Format("2006-01-02T15:04:05"))
	}
	p.accept("t", b.String())
}

func (p *takeoverPlace) accept(table, events string) {
	p.t.Helper()
	in, _ := p.jobs.Intake(table)
	if receipt, err := in.Accept(p.t.Context(), native.Body{Text: []byte(events), Partition: -1}); err != nil || receipt.Rejected > 0 {
		p.t.Fatalf("send: %+v, %v", receipt, err)
	}
}

// settled waits until no job of these tables has anything left to read.
func (p *takeoverPlace) settled(tables ...string) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		behind := int64(0)
		for _, s := range p.jobs.Jobs() {
			if slices.Contains(tables, s.Table) && s.Restart.Replay != 0 {
				behind++
			}
		}
		if behind == 0 {
			return
		}
	}
	p.t.Fatalf("%v have not caught up", tables)
}

// rows are those of a table, sorted.
func (p *takeoverPlace) rows(table string) []string {
	p.t.Helper()
	k, err := p.jobs.keeperOf(table)
	if err != nil {
		p.t.Fatal(err)
	}
	saved, err := p.store.Save(p.t.Context(), []olap.Table{k.stored()})
	if err != nil {
		p.t.Fatal(err)
	}
	defer saved.Close()
	var rows []string
	for {
		b, err := saved.Next(p.t.Context(), 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.t.Fatal(err)
		}
		b.Each(func(i int) { rows = append(rows, fmt.Sprint(b.Row(i))) })
	}
	slices.Sort(rows)
	return rows
}

// alike waits until two tables have the same rows.
func (p *takeoverPlace) alike(table, other string) {
	p.t.Helper()
	diff := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if diff = cmp.Diff(p.rows(other), p.rows(table)); diff == "" {
			return
		}
	}
	p.t.Fatalf("%s differs from %s: %s", table, other, diff)
}

// quiet is a succession that nobody keeps.
type quiet struct{}

func (quiet) Begin(context.Context) error  { return nil }
func (quiet) Swap(context.Context) error   { return nil }
func (quiet) GiveUp(context.Context) error { return nil }

// upgrade makes a table its next version.
func (p *takeoverPlace) upgrade(job target.Job, number int) {
	p.t.Helper()
	if err := p.tryUpgrade(job, number); err != nil {
		p.t.Fatal(err)
	}
}

// tryUpgrade is upgrade, which may fail.
func (p *takeoverPlace) tryUpgrade(job target.Job, number int) error {
	p.t.Helper()
	job.Table.StoredAs = ""
	if number > 1 {
		job.Table.StoredAs = fmt.Sprintf("%s$%d", job.Table.Name, number)
	}
	building, err := p.jobs.Upgrade(p.t.Context(), job, quiet{})
	if err != nil {
		return err
	}
	return building.Wait(p.t.Context())
}

// forget has retention remove what is in the log of t.
func (p *takeoverPlace) forget() {
	p.t.Helper()
	topic, err := p.log.Topic("t")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range p.jobs.Jobs() {
		k, err := p.jobs.keeperOf(s.Table)
		if err == nil {
			err = k.retain(p.t.Context())
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	p.now = p.now.Add(24 * time.Hour)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := topic.Trim(eventlog.Retention{Age: time.Hour}); err != nil {
			p.t.Fatal(err)
		}
		if topic.Extent().Gone == int64(p.sent) {
			return
		}
	}
	p.t.Fatalf("retention has not removed everything: %+v", topic.Extent())
}

const (
	grouped = "SELECT name, COUNT(*) AS n, SUM(id) AS total FROM t GROUP BY name"
	latest  = "SELECT id, name FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY ts DESC) AS rn FROM t) WHERE rn = 1"
	firsts  = "SELECT id, name FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id DESC) AS rn FROM t) WHERE rn <= 3"
)

// TestTakeOver changes tables whose events are gone from the log: what they were made
// of goes on, and the new version is what one from the beginning of the log is.
func TestTakeOver(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"having", grouped, grouped + " HAVING COUNT(*) > 5"},
		{"computed column", grouped, "SELECT *, total / n AS mean, 'x' AS extra FROM (" + grouped + ")"},
		{"fewer rows, then more", "SELECT * FROM (" + grouped + ") WHERE n > 8", "SELECT * FROM (" + grouped + ") WHERE n > 2"},
		{"renamed", grouped, "SELECT name AS who, COUNT(*) AS events, SUM(id) AS ids FROM t GROUP BY name"},
		{"renamed number", "SELECT name, id, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id DESC) AS place FROM t) WHERE place <= 3",
			"SELECT name, id, nth * 10 AS tens FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id DESC) AS nth FROM t) WHERE nth <= 3"},
		{"group again", grouped, "SELECT n, COUNT(*) AS names, SUM(total) AS total FROM (" + grouped + ") GROUP BY n"},
		{"top", grouped, "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY n DESC, name) AS rank_no FROM (" + grouped + ")) WHERE rank_no <= 5"},
		{"join", grouped, "SELECT g.name, g.n, g.total, d.city FROM (" + grouped + ") g LEFT JOIN d ON g.name = d.name"},
		{"one group of all", "SELECT COUNT(*) AS n, MAX(id) AS newest FROM t", "SELECT n, newest, newest - n AS missing FROM (SELECT COUNT(*) AS n, MAX(id) AS newest FROM t)"},
		{"latest", latest, "SELECT MOD(id, 3) AS k, COUNT(*) AS n FROM (" + latest + ") GROUP BY MOD(id, 3)"},
		{"first three", firsts, "SELECT name, SUM(id) AS total FROM (" + firsts + ") GROUP BY name"},
		{"two parts", "SELECT a.name, n, total, newest FROM (" + grouped + ") a JOIN (SELECT name AS city, MAX(city) AS newest FROM d GROUP BY name) b ON a.name = b.city",
			"SELECT a.name, n * 2 AS n, total, newest FROM (" + grouped + ") a LEFT JOIN (SELECT name AS city, MAX(city) AS newest FROM d GROUP BY name) b ON a.name = b.city"},
		{"union", grouped, grouped + " UNION ALL SELECT name, COUNT(*) AS n, CAST(0 AS BIGINT) AS total FROM d GROUP BY name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTakeoverPlace(t)
			for i := range 30 {
				p.accept("d", fmt.Sprintf("{\"name\":\"name %d\",\"city\":\"city %d\"}\n", i, i%4))
			}
			p.keep(p.materialized("m", c.before))
			p.keep(p.materialized("scratch", c.after))
			for range 4 {
				p.send(100)
				p.settled("m", "scratch", "t")
			}
			p.forget()
			next := p.materialized("m", c.after)
			takes, err := p.jobs.Takeover(t.Context(), next)
			if err != nil || len(takes.Kept) == 0 {
				t.Fatalf("nothing would be taken over: %v, %+v", err, takes)
			}
			p.upgrade(next, 2)
			p.alike("m", "scratch")
			p.send(150)
			p.alike("m", "scratch")
			if s := p.jobs.upgradeOf("m"); s.Replayed < 0 || s.Replayed > 150 {
				t.Errorf("%d events of t were read", s.Replayed)
			}
			// Back, and forward again.
			p.upgrade(p.materialized("m", c.before), 1)
			p.send(50)
			p.settled("m", "scratch")
			p.upgrade(p.materialized("m", c.after), 3)
			p.alike("m", "scratch")
		})
	}
}

// TestErrorAtEveryFileOfATakeover lets each operation on the jobs' own files fail once
// while a table whose events are gone takes over state. Either it becomes what it is to
// be, or it stays what it was and becomes it with the next try.
func TestErrorAtEveryFileOfATakeover(t *testing.T) {
	queries, scratches := []string{grouped, grouped + " HAVING COUNT(*) > 5"}, []string{"scratch", "other"}
	p := newTakeoverPlace(t)
	p.keep(p.materialized("m", queries[0]))
	for i, name := range scratches {
		p.keep(p.materialized(name, queries[i]))
	}
	for range 4 {
		p.send(60)
		p.settled("m", "t", "scratch", "other")
	}
	p.forget()
	refused, position, version, now := 0, 1, 1, 0
	for ; ; position++ {
		next := 1 - now
		version++
		before := p.files.Operations()
		p.files.SetScript(fmt.Sprintf("* * #%d eio", position))
		err := p.tryUpgrade(p.materialized("m", queries[next]), version)
		operations := p.files.Operations() - before
		p.files.SetScript("")
		if err != nil {
			refused++
			p.alike("m", scratches[now])
			version++
			p.upgrade(p.materialized("m", queries[next]), version)
		}
		p.alike("m", scratches[next])
		if operations < position {
			break
		}
		now = next
	}
	t.Logf("%d operations, %d were refused", position-1, refused)
	if position < 20 || refused < 3 {
		t.Errorf("only %d operations, %d were refused", position-1, refused)
	}
}

// TestFlippedBitOfATakeover makes what is noted of a takeover another one: it belongs to
// no definition.
func TestFlippedBitOfATakeover(t *testing.T) {
	p := newTakeoverPlace(t)
	job := p.materialized("m", grouped)
	k, err := newKeeper(p.jobs, job)
	if err != nil {
		t.Fatal(err)
	}
	defer k.quit()
	if err := errors.Join(k.dropState(), k.noteTakeover([]state.Operator{2, 13})); err != nil {
		t.Fatal(err)
	}
	if fits, taken, err := k.definition(); !fits || err != nil || fmt.Sprint(taken.Operators) != "[2 13]" {
		t.Fatalf("it is %t, %+v, %v", fits, taken, err)
	}
	text, err := vfs.ReadFile(p.files, k.definitionFile())
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		text[i] ^= 1 << (i % 8)
		if err := vfs.WriteFile(p.files, k.definitionFile(), text); err != nil {
			t.Fatal(err)
		}
		if fits, taken, err := k.definition(); fits || err != nil {
			t.Errorf("with a bit of byte %d it fits, and takes over %+v, %v", i, taken, err)
		}
		text[i] ^= 1 << (i % 8)
	}
}

// TestNothingToTakeOver says why state is made anew.
func TestNothingToTakeOver(t *testing.T) {
	const windows = "SELECT window_start, name, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, name"
	const joined = "SELECT t.name, d.city FROM t JOIN d ON t.name = d.name"
	const first = "SELECT id, name, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY ts) AS rn FROM t) WHERE rn = 1"
	p := newTakeoverPlace(t)
	for _, c := range []struct{ before, after, because string }{
		{windows, "SELECT * FROM (" + windows + ") WHERE n > 3", "windows that are over are forgotten"},
		{joined, "SELECT *, 'x' AS extra FROM (" + joined + ")", "all pairs of that would have to be found again"},
		{first, "SELECT name, MAX(id) AS id, MAX(ts) AS ts FROM (" + first + ") GROUP BY name", "and not the row"},
		{grouped, "SELECT name, total, SUM(n) OVER (PARTITION BY MOD(n, 2) ORDER BY name) AS n FROM (" + grouped + ")", "depends on when rows come"},
		{grouped, "SELECT name, COUNT(*) AS n, SUM(id) AS total, MIN(id) AS least FROM t GROUP BY name", ""},
		{grouped, "SELECT a.name, n, id FROM (" + grouped + ") a JOIN t ON a.name = t.name", ""},
	} {
		p.keep(p.materialized("m", c.before))
		p.send(10)
		p.settled("m")
		takes, err := p.jobs.Takeover(t.Context(), p.materialized("m", c.after))
		if err != nil || len(takes.Kept) > 0 {
			t.Errorf("%s: %v, %+v", c.after, err, takes)
		}
		var because []string
		for _, text := range takes.Because {
			because = append(because, text)
		}
		if !strings.Contains(strings.Join(because, "; "), c.because) || c.because == "" && because != nil {
			t.Errorf("%s: it says %q, want %q", c.after, because, c.because)
		}
	}
}

// TestIdentityOfParts tells parts apart that print alike over other tables.
func TestIdentityOfParts(t *testing.T) {
	of := func(watermark string) string {
		scan := &plan.Scan{Table: &plan.Table{Name: "t", Columns: []plan.TableColumn{{Name: "id"}}, Options: map[string]string{"topic": watermark}}, Columns: []int{0}}
		return identity(&plan.Aggregate{Input: scan})
	}
	if one, again, other := of("a"), of("a"), of("b"); one != again || one == other {
		t.Errorf("parts over the same table are %q and %q, and over one with other options %q", one, again, other)
	}
}
