package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect/native"
	"tidemark/plan/bind"
	"tidemark/plan/lineage"
	"tidemark/plan/rewrite"
	"tidemark/progress"
	"tidemark/sql/parse"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
)

// place is a data folder with jobs that keep two tables: events, and sums of them.
type place struct {
	t     *testing.T
	dir   string
	log   *eventlog.Log
	store *olap.Store
	jobs  *Jobs
	files vfs.FS // that the jobs use; the operating system's when nil
}

const sumsQuery = "SELECT name, COUNT(*) AS n, SUM(v) AS total FROM events GROUP BY name"

func newPlace(t *testing.T) *place {
	p := &place{t: t, dir: t.TempDir()}
	p.open(sumsQuery)
	t.Cleanup(p.close)
	return p
}

// open starts the jobs, the second with this query.
func (p *place) open(query string) {
	p.t.Helper()
	if err := p.tryOpen(query); err != nil {
		p.t.Fatal(err)
	}
}

// tryOpen is open, where the jobs' files may fail.
func (p *place) tryOpen(query string) error {
	p.t.Helper()
	ctx, files := context.Background(), vfs.OS()
	var err error
	if p.log, err = eventlog.Open(files, filepath.Join(p.dir, "log"), eventlog.Options{}); err != nil {
		p.t.Fatal(err)
	}
	if p.store, err = olap.Open(ctx, files, filepath.Join(p.dir, "olap"), olap.Options{MemoryMax: "256MB"}); err != nil {
		p.t.Fatal(err)
	}
	if p.files == nil {
		p.files = files
	}
	p.jobs, err = NewJobs(JobsOptions{
		Files: p.files, Dir: filepath.Join(p.dir, "state"), Log: p.log, Store: p.store, Board: progress.NewBoard(), Parallelism: 2,
		Logger: slog.New(slog.DiscardHandler), FallbackInterval: -1,
	})
	if err != nil {
		return errors.Join(err, p.store.Close(), p.log.Close())
	}
	c, session := catalog.New(nil), bind.Session{Zone: time.UTC, Streaming: true, Expand: true, Now: time.Now(), Config: map[string]string{}}
	for _, text := range []string{"CREATE TABLE events (name STRING, v BIGINT)", "CREATE MATERIALIZED TABLE sums FRESHNESS = INTERVAL '1' SECOND AS " + query} {
		statement, err := parse.Statement(text)
		if err != nil {
			p.t.Fatal(err)
		}
		change, err := c.Apply(ctx, session, statement)
		if err != nil {
			p.t.Fatal(err)
		}
		job := target.Job{Table: change.Table, Zone: time.UTC}
		if change.Job != nil {
			job.Plan = rewrite.Configure(change.Job.Plan, nil)
			job.Upstream = lineage.Of(job.Plan).Tables
		} else {
			all, err := parse.Query("SELECT * FROM events")
			if err != nil {
				p.t.Fatal(err)
			}
			bound, err := bind.Query(c, session, all)
			if err != nil {
				p.t.Fatal(err)
			}
			job.Plan = bound.Plan
		}
		if err := p.jobs.Keep(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) close() {
	p.t.Helper()
	if p.jobs == nil {
		return
	}
	p.jobs.Close()
	if err := errors.Join(p.store.Close(), p.log.Close()); err != nil {
		p.t.Error(err)
	}
	p.jobs = nil
}

// send appends events, one of each name with the value.
func (p *place) send(v int, names ...string) {
	p.t.Helper()
	in, ok := p.jobs.Intake("events")
	if !ok {
		p.t.Fatal("no intake")
	}
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "{\"name\":%q,\"v\":%d}\n", name, v)
	}
	receipt, err := in.Accept(p.t.Context(), native.Body{Text: []byte(b.String()), Partition: -1})
	if err != nil || receipt.Accepted != len(names) {
		p.t.Fatalf("sent %d events: %+v, %v", len(names), receipt, err)
	}
}

// sums waits until the table is as wanted.
func (p *place) sums(want ...string) {
	p.t.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if got = p.rows(); cmp.Equal(got, want) {
			return
		}
	}
	p.t.Errorf("sums has %q, want %q", got, want)
}

func (p *place) rows() []string {
	p.t.Helper()
	saved, err := p.store.Save(p.t.Context(), []olap.Table{{Name: "sums", Columns: []value.Field{{Name: "name", Type: value.StringType}, {Name: "n", Type: value.BigIntType}, {Name: "total", Type: value.BigIntType}}}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer saved.Close()
	rows := map[string]string{}
	for {
		b, err := saved.Next(p.t.Context(), 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.t.Fatal(err)
		}
		for i := range b.Rows {
			name := strings.Trim(b.Columns[0].Value(i).String(), "'")
			rows[name] = fmt.Sprintf("%s %d %d", name, b.Columns[1].Ints[i], b.Columns[2].Ints[i])
		}
	}
	var all []string
	for _, name := range []string{"a", "b", "c"} {
		if text, ok := rows[name]; ok {
			all = append(all, text)
			delete(rows, name)
		}
	}
	if len(rows) > 0 {
		p.t.Fatalf("unknown rows %v", rows)
	}
	return all
}

func (p *place) status() target.Status {
	p.t.Helper()
	for _, s := range p.jobs.Jobs() {
		if s.Table == "sums" {
			return s
		}
	}
	p.t.Fatal("no job keeps sums")
	return target.Status{}
}

func TestSavepointRestores(t *testing.T) {
	p := newPlace(t)
	p.send(1, "a", "b")
	p.sums("a 1 1", "b 1 1")
	saved, err := p.jobs.Save(t.Context(), "sums", "first")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.jobs.Save(t.Context(), "sums", "first"); !problem.Is(err, problem.AlreadyExists) {
		t.Errorf("the name again: %v", err)
	}
	p.send(10, "a", "c")
	p.sums("a 2 11", "b 1 1", "c 1 10")
	if err := p.jobs.Restore(t.Context(), "sums", "first"); err != nil {
		t.Fatal(err)
	}
	// What came later is read again from the log, once.
	p.sums("a 2 11", "b 1 1", "c 1 10")
	p.send(100, "b")
	p.sums("a 2 11", "b 2 101", "c 1 10")

	list, err := p.jobs.Savepoints("sums")
	if err != nil || len(list) != 1 || !cmp.Equal(list[0], saved) || !saved.Fits || saved.Epoch == 0 {
		t.Errorf("listed %+v, %v; saved %+v", list, err, saved)
	}
	for name, code := range map[string]problem.Code{"frist": problem.NotFound, "../x": problem.InvalidRequest} {
		if err := p.jobs.Restore(t.Context(), "sums", name); !problem.Is(err, code) {
			t.Errorf("restore %s: %v", name, err)
		}
	}

	// A table of the same name with another definition does not take it.
	p.close()
	p.open("SELECT name, COUNT(*) AS n, MAX(v) AS total FROM events GROUP BY name")
	p.sums("a 2 10", "b 2 100", "c 1 10")
	if err := p.jobs.Restore(t.Context(), "sums", "first"); !problem.Is(err, problem.Conflict) {
		t.Errorf("restore of another definition: %v", err)
	}
	if err := p.jobs.Forget(t.Context(), "sums", "first"); err != nil {
		t.Error(err)
	}
	if list, err := p.jobs.Savepoints("sums"); err != nil || len(list) != 0 {
		t.Errorf("after it was forgotten: %v, %v", list, err)
	}
}

func TestSavepointExports(t *testing.T) {
	p := newPlace(t)
	p.send(1, "a", "b")
	p.sums("a 1 1", "b 1 1")
	if _, err := p.jobs.Save(t.Context(), "sums", "first"); err != nil {
		t.Fatal(err)
	}
	f, err := p.jobs.Export("sums", "first")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close(), p.jobs.Forget(t.Context(), "sums", "first")); err != nil {
		t.Fatal(err)
	}
	// Wherever it is damaged or cut off, it is refused, and nothing is kept of it.
	for at := 0; at < len(content); at += 3 {
		damaged := bytes.Clone(content)
		damaged[at] ^= 0x10
		for _, file := range [][]byte{damaged, content[:at]} {
			if _, err := p.jobs.Import(t.Context(), "sums", "again", bytes.NewReader(file)); err == nil {
				t.Fatalf("a file damaged at %d of %d was taken", at, len(content))
			}
		}
	}
	if _, err := p.jobs.Import(t.Context(), "sums", "again", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	p.send(10, "a")
	p.sums("a 2 11", "b 1 1")
	if err := p.jobs.Restore(t.Context(), "sums", "again"); err != nil {
		t.Fatal(err)
	}
	p.sums("a 2 11", "b 1 1")
}

// TestFallBack damages every file of the state in turn: the job goes back to its
// newest savepoint, and says so; with that one damaged too, to the one before, and
// without any it begins anew. Rows are right each time.
func TestFallBack(t *testing.T) {
	p := newPlace(t)
	p.send(1, "a", "b")
	p.sums("a 1 1", "b 1 1")
	fallBack := func() target.Savepoint {
		t.Helper()
		p.jobs.mu.Lock()
		k := p.jobs.mu.keepers["sums"]
		p.jobs.mu.Unlock()
		// Rows are seen a moment before the job has noted their epoch.
		before := k.savepoints()
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if err := k.saveFallback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if now := k.savepoints(); len(now) > len(before) {
				return now[0]
			}
		}
		t.Fatal("no savepoint was made")
		return target.Savepoint{}
	}
	first := fallBack()
	p.send(10, "a")
	p.sums("a 2 11", "b 1 1")
	second := fallBack()
	p.send(100, "c")
	p.sums("a 2 11", "b 1 1", "c 1 100")
	// Rows are seen a moment before the job has noted that they are.
	plan := p.status().Restart
	for deadline := time.Now().Add(20 * time.Second); (plan.Replay != 0 || plan.Epoch <= second.Epoch) && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		plan = p.status().Restart
	}
	if plan.Replay != 0 || plan.Epoch <= second.Epoch || len(plan.Back) != 2 {
		t.Errorf("before the damage it would restart as %+v", plan)
	}
	for _, want := range []*target.Savepoint{&second, &first, nil} {
		p.close()
		damageAll(t, filepath.Join(p.dir, "state", "sums", "state"))
		p.open(sumsQuery)
		p.sums("a 2 11", "b 1 1", "c 1 100")
		warning := p.status().Warning
		switch {
		case want == nil && warning != nil:
			t.Errorf("without a savepoint there is a warning: %v", warning)
		case want != nil && (warning == nil || !strings.Contains(warning.Message, fmt.Sprintf("epoch %d ", want.Epoch))):
			t.Errorf("the job went back to %v, want epoch %d", warning, want.Epoch)
		}
		if want != nil {
			damageAll(t, filepath.Join(p.dir, "savepoints", "sums", want.Name+savepointSuffix))
		}
	}
}

// damageAll flips bits all over the files.
func damageAll(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "LOCK" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for at := 20; at < len(content); at += 40 {
			content[at] ^= 0xff
		}
		return os.WriteFile(path, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRestoreGoesOnAfterACrash leaves what a crash in the middle of going back
// leaves: the note, and no state.
func TestRestoreGoesOnAfterACrash(t *testing.T) {
	p := newPlace(t)
	p.send(1, "a")
	p.sums("a 1 1")
	if _, err := p.jobs.Save(t.Context(), "sums", "first"); err != nil {
		t.Fatal(err)
	}
	p.send(10, "b")
	p.sums("a 1 1", "b 1 10")
	p.close()
	folder := filepath.Join(p.dir, "state", "sums")
	if err := errors.Join(os.RemoveAll(filepath.Join(folder, "state")), os.WriteFile(filepath.Join(folder, "restoring"), []byte("first"), 0o600)); err != nil {
		t.Fatal(err)
	}
	p.open(sumsQuery)
	p.sums("a 1 1", "b 1 10")
	if _, err := os.Stat(filepath.Join(folder, "restoring")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the note is still there: %v", err)
	}
}
