package corpus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/engine/job"
	"tidemark/engine/state"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/sql/parse"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/test/trial"
)

// orderVariable holds the path of the order for a process that keeps tables.
const orderVariable = "TIDEMARK_CORPUS_ORDER"

const (
	epochInterval = 20 * time.Millisecond
	orderMax      = 2 * time.Minute // for one process; only a hang takes so long
)

// order is what a process that keeps tables is to do: with a Feed, to run the
// jobs of the cases for ever, take the events in two halves and be killed;
// without one, to run the jobs to the end of what is there and print the rows.
type order struct {
	Dir         string
	Definitions []string
	Cases       []keptCase
	Feed        *trial.Feed
	KillAtOnce  bool // and not when the second half has been applied
	Parallelism int
}

// keeping is a process that keeps tables.
type keeping struct {
	order   order
	catalog *catalog.Catalog
	session bind.Session
	log     *eventlog.Log
	store   *olap.Store
}

// keptJob is one case's job.
type keptJob struct {
	table   olap.Table
	job     *job.Job
	state   *state.Store
	reads   map[string]bool // native tables
	applied chan struct{}   // a token: an epoch was applied
}

// keepTables carries out the order in a file.
func keepTables(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	k := &keeping{catalog: catalog.New(nil), session: trial.NewSession()}
	if err := json.Unmarshal(text, &k.order); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), orderMax)
	defer cancel()
	for _, definition := range k.order.Definitions {
		if err := k.each(definition, func(s sql.Statement) error { return trial.Apply(ctx, k.catalog, &k.session, s) }); err != nil {
			return err
		}
	}
	if k.log, err = eventlog.Open(vfs.OS(), filepath.Join(k.order.Dir, "log"), eventlog.Options{}); err != nil {
		return err
	}
	defer k.log.Close() //nolint:errcheck // every receipt was synced
	if k.store, err = olap.Open(ctx, vfs.OS(), filepath.Join(k.order.Dir, "olap"), olap.Options{MemoryMax: "256MB"}); err != nil {
		return err
	}
	if damage := k.store.Damage(); damage != nil {
		return fmt.Errorf("the crash damaged the hot store: %s", damage.Cause)
	}
	jobs := make([]*keptJob, len(k.order.Cases))
	for i, c := range k.order.Cases {
		if jobs[i], err = k.open(ctx, i, c); err != nil {
			return fmt.Errorf("%s: %w", c.SQL, err)
		}
	}
	if k.order.Feed != nil {
		return k.feedAndDie(ctx, jobs)
	}
	return k.finish(ctx, jobs)
}

func (k *keeping) each(text string, f func(sql.Statement) error) error {
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		return err
	}
	for _, s := range statements {
		if err := f(s); err != nil {
			return err
		}
	}
	return nil
}

// open makes the job of a case, which goes on where an earlier process was
// killed. Every other table shows its windows early.
func (k *keeping) open(ctx context.Context, number int, c keptCase) (*keptJob, error) {
	var made *bind.Materialized
	err := k.each("CREATE MATERIALIZED TABLE "+c.Name+" AS "+c.SQL, func(s sql.Statement) error {
		change, err := k.catalog.Apply(ctx, k.session, s)
		made = change.Job
		return err
	})
	if err != nil {
		return nil, err
	}
	emit := "final"
	if number%2 == 0 {
		emit = "early"
	}
	query := rewrite.Configure(made.Plan, map[string]string{"emit": emit})
	kept := &keptJob{table: olap.Table{Name: c.Name, Key: made.Table.PrimaryKey}, reads: map[string]bool{}, applied: make(chan struct{}, 1)}
	if kept.table.Key == nil {
		if key, ok := plan.UniqueKey(query); ok {
			kept.table.Key = append([]int{}, key...)
		}
	}
	kept.table.Multiset = kept.table.Key == nil && plan.Updating(query, nil)
	for _, column := range made.Table.Columns {
		kept.table.Columns = append(kept.table.Columns, value.Field{Name: column.Name, Type: column.Type})
	}
	if err := k.store.CreateTable(ctx, kept.table); err != nil {
		return nil, err
	}
	writer, err := k.store.Writer(ctx, kept.table)
	if err != nil {
		return nil, err
	}
	if kept.state, err = state.Open(filepath.Join(k.order.Dir, "state", c.Name)); err != nil {
		return nil, err
	}
	spec := job.Spec{
		Name: c.Name, Plan: query, Sources: map[*plan.Scan]connect.Source{}, Sink: signaling{native.NewSink(writer), kept.applied},
		Parallelism: k.order.Parallelism, Store: kept.state, EpochInterval: epochInterval,
		Context: plan.Context{Zone: k.session.Zone, Start: k.session.Now, Streaming: true},
	}
	plan.Inspect(query, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok && err == nil {
			kept.reads[scan.Table.Name] = true
			spec.Sources[scan], err = k.source(scan)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	kept.job, err = job.New(spec)
	return kept, err
}

func (k *keeping) source(scan *plan.Scan) (connect.Source, error) {
	topic, err := trial.TopicOf(k.log, scan.Table.Name)
	if err != nil {
		return nil, err
	}
	request := connect.Request{Table: scan.Table.Name, Zone: k.session.Zone, FS: vfs.OS(), Bounded: k.order.Feed == nil}
	for _, position := range scan.Columns {
		column := scan.Table.Columns[position]
		request.Columns = append(request.Columns, connect.Column{Name: column.Name, Type: column.Type, Metadata: column.Metadata})
	}
	return native.NewSource(topic, request)
}

// signaling tells when an epoch was applied.
type signaling struct {
	connect.Sink
	applied chan struct{}
}

func (s signaling) Apply(ctx context.Context, c connect.Commit) error {
	err := s.Sink.Apply(ctx, c)
	select {
	case s.applied <- struct{}{}:
	default: // it has not been looked at since
	}
	return err
}

// feedAndDie runs the jobs while events come, and kills this process.
func (k *keeping) feedAndDie(ctx context.Context, jobs []*keptJob) error {
	failed := make(chan error, len(jobs))
	for _, j := range jobs {
		go func() {
			if err := j.job.Run(ctx); err != nil {
				failed <- fmt.Errorf("%s: %w", j.table.Name, err)
			}
		}()
	}
	rows := strings.SplitAfter(k.order.Feed.Rows, "\n")
	half := (len(rows) + 1) / 2
	if err := k.feed(ctx, rows[:half]); err != nil {
		return err
	}
	if err := k.waitForEpochs(ctx, jobs, failed); err != nil {
		return err
	}
	if half < len(rows) {
		if err := k.feed(ctx, rows[half:]); err != nil {
			return err
		}
		if !k.order.KillAtOnce {
			if err := k.waitForEpochs(ctx, jobs, failed); err != nil {
				return err
			}
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func (k *keeping) feed(ctx context.Context, rows []string) error {
	_, err := trial.Accept(ctx, k.log, k.catalog, trial.Feed{Table: k.order.Feed.Table, Rows: strings.Join(rows, "")})
	return err
}

// waitForEpochs waits until each job that reads the table being fed has applied
// an epoch, which need not hold all of the events.
func (k *keeping) waitForEpochs(ctx context.Context, jobs []*keptJob, failed <-chan error) error {
	for _, j := range jobs {
		if !j.reads[k.order.Feed.Table] {
			continue
		}
		select {
		case <-j.applied:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%s applied no epoch: %w", j.table.Name, ctx.Err())
		}
	}
	return nil
}

// finish runs the jobs to the end of what is there and prints what is stored.
func (k *keeping) finish(ctx context.Context, jobs []*keptJob) error {
	var all sync.WaitGroup
	errs := make([]error, len(jobs))
	for i, j := range jobs {
		all.Go(func() { errs[i] = errors.Join(j.job.Run(ctx), j.state.Close()) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	stored := map[string][]string{}
	for _, j := range jobs {
		a := &trial.Answer{Zone: k.session.Zone}
		_, err := k.store.Query(ctx, olap.Question{SQL: `SELECT * FROM "` + j.table.Name + `"`, Columns: j.table.Columns}, func(_ []value.Field, b *batch.Batch) error { a.Add(b); return nil })
		if err != nil {
			return err
		}
		if stored[j.table.Name], err = a.Rows(); err != nil {
			return err
		}
	}
	if err := k.store.Close(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(stored)
}
