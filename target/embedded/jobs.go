package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/progress"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
)

// Limits and rhythms of the jobs.
const (
	partitionsMax       = 64
	maintenanceInterval = time.Minute // between removals of what retention no longer keeps
)

// JobsOptions is what jobs need of the process.
type JobsOptions struct {
	Files       vfs.FS
	Dir         string // for state of jobs
	Log         *eventlog.Log
	Store       *olap.Store
	Board       *progress.Board
	Parallelism int // workers per job; 0 for the number of cores
	Logger      *slog.Logger
	// Savepoints is the folder that savepoints are kept in; "" for one beside Dir.
	Savepoints string
	// FallbackInterval is the time between savepoints that are made to fall back to;
	// 0 for the default, negative for none.
	FallbackInterval time.Duration
	// MemoryBudget is how many bytes of state one job may hold in
	// memory; 0 for the engine's default.
	MemoryBudget int64
	// Gaps is told of gaps in the input; nil for nobody.
	Gaps connect.GapLedger
}

// Jobs keeps stored tables up to date. It fulfils target.Target.
type Jobs struct {
	options JobsOptions
	ctx     context.Context // of all jobs; ends with Close
	cancel  context.CancelFunc
	all     sync.WaitGroup
	mu      struct {
		sync.Mutex
		keepers  map[string]*keeper
		upgrades map[string]*upgrade // under way, or the last
		intakes  map[string]*native.Intake
		natives  map[string]*plan.Table // that have a topic, stored or not
		// replayRate is events a second of the last long upgrade; 0 before there was one.
		replayRate float64
		// tenants are the allowances that tables share, by the name of their tenant.
		tenants map[string]*native.Allowance
	}
}

var (
	_ target.Target     = (*Jobs)(nil)
	_ target.Connecting = (*Jobs)(nil)
)

// NewJobs starts with no jobs. A hot store that was damaged and put aside makes
// all state void: everything is built again from the event log.
func NewJobs(options JobsOptions) (*Jobs, error) {
	if options.Parallelism <= 0 {
		options.Parallelism = runtime.GOMAXPROCS(0)
	}
	if damage := options.Store.Damage(); damage != nil {
		options.Logger.Error("hot store was damaged and is built again from the event log", "cause", damage.Cause, "kept", damage.Kept)
		if err := vfs.RemoveTree(options.Files, options.Dir); err != nil {
			return nil, fmt.Errorf("remove state that belongs to the damaged store: %w", err)
		}
	}
	if err := vfs.MakeDir(options.Files, options.Dir); err != nil {
		return nil, fmt.Errorf("make folder of job state: %w", err)
	}
	if options.Savepoints == "" {
		options.Savepoints = filepath.Join(filepath.Dir(options.Dir), "savepoints")
	}
	if options.FallbackInterval == 0 {
		options.FallbackInterval = fallbackInterval
	}
	j := &Jobs{options: options}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.mu.keepers = map[string]*keeper{}
	j.mu.upgrades = map[string]*upgrade{}
	j.mu.intakes = map[string]*native.Intake{}
	j.mu.natives = map[string]*plan.Table{}
	j.mu.tenants = map[string]*native.Allowance{}
	j.all.Go(j.maintain)
	j.all.Go(j.watchBacklogs)
	if options.FallbackInterval > 0 {
		j.all.Go(j.saveAll)
	}
	return j, nil
}

// Close stops all jobs, each with a last epoch, and waits for them.
func (j *Jobs) Close() {
	j.mu.Lock()
	keepers := make([]*keeper, 0, len(j.mu.keepers))
	for _, k := range j.mu.keepers {
		keepers = append(keepers, k)
	}
	upgrades := slices.Collect(maps.Values(j.mu.upgrades))
	j.mu.Unlock()
	var all sync.WaitGroup
	for _, u := range upgrades {
		all.Go(u.leave)
	}
	for _, k := range keepers {
		all.Go(k.stop)
	}
	all.Wait()
	j.cancel()
	j.all.Wait()
}

// Keep starts the jobs behind a table: its own, and for a native table the one
// that stores its quarantine. That of an external table writes to it.
func (j *Jobs) Keep(ctx context.Context, job target.Job) error {
	t := job.Table
	if t.Kind == plan.External {
		return j.keep(ctx, job)
	}
	if t.Kind == plan.Native {
		if err := j.openNative(t); err != nil {
			return err
		}
	}
	for _, system := range catalog.SystemTables(t) {
		if !catalog.Stored(system) {
			continue
		}
		if err := j.options.Store.CreateTable(ctx, storedTable(system, nil)); err != nil {
			return err
		}
		if t.Kind == plan.Native {
			scan := &plan.Scan{Table: system, Columns: positions(len(system.Columns))}
			if err := j.keep(ctx, target.Job{Table: system, Plan: scan, Zone: job.Zone}); err != nil {
				return err
			}
		}
	}
	if !catalog.Stored(t) {
		return nil
	}
	if t.Kind == plan.Materialized {
		if err := j.dropLeftovers(ctx, job); err != nil {
			return err
		}
	}
	return j.keep(ctx, job)
}

func positions(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// openNative makes the topics of a native table and its intake.
func (j *Jobs) openNative(t *plan.Table) error {
	partitions := 1
	if text, given := t.Options["partitions"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > partitionsMax {
			return problem.New(problem.InvalidOption, "partitions is %q", text).About("partitions").WithHint("use a number from 1 to %d", partitionsMax)
		}
		partitions = n
	}
	if stored, given := t.Options["stored"]; given && stored != "true" && stored != "false" {
		return problem.New(problem.InvalidOption, "stored is %q", stored).About("stored").WithHint("'false' keeps events in the log only, for jobs; 'true' is the default")
	}
	if _, err := retention(t); err != nil {
		return err
	}
	if _, err := lookupSettingsOf(t); err != nil {
		return err
	}
	topic, err := j.topic(t.Name, partitions)
	if err != nil {
		return err
	}
	var quarantine *eventlog.Topic
	if t.Options["quarantine"] != "off" {
		if quarantine, err = j.topic(t.Name+catalog.QuarantineSuffix, 1); err != nil {
			return err
		}
	}
	var columns []value.Field
	var key []int
	for i, c := range t.Columns {
		if c.Computed != nil || c.Metadata != "" {
			continue
		}
		if slices.Contains(t.PrimaryKey, i) {
			key = append(key, len(columns))
		}
		columns = append(columns, value.Field{Name: c.Name, Type: c.Type})
	}
	allowances, err := j.allowancesOf(t)
	if err != nil {
		return err
	}
	intake := native.NewIntake(topic, quarantine, columns)
	intake.Limit(allowances...)
	if err := intake.TakeRecords(key, t.Options); err != nil {
		return err
	}
	j.mu.Lock()
	j.mu.intakes[t.Name] = intake
	j.mu.natives[t.Name] = t
	j.mu.Unlock()
	return nil
}

func (j *Jobs) topic(name string, partitions int) (*eventlog.Topic, error) {
	topic, err := j.options.Log.Topic(name)
	if problem.Is(err, problem.NotFound) {
		return j.options.Log.CreateTopic(name, partitions)
	}
	if err == nil && topic.Partitions() != partitions {
		return nil, problem.New(problem.Unsupported, "%s has %d partitions and cannot get %d", name, topic.Partitions(), partitions).WithHint("keep 'partitions' = '%d'", topic.Partitions())
	}
	return topic, err
}

// Intake finds the way in for events of a native table.
func (j *Jobs) Intake(table string) (*native.Intake, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	in, ok := j.mu.intakes[table]
	return in, ok
}

// Accepted is how many events have come since the start, and how old the oldest
// of those is that cannot be seen yet.
func (j *Jobs) Accepted() (events int64, freshness time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for name, in := range j.mu.intakes {
		events += in.Accepted()
		if k := j.mu.keepers[name]; k != nil {
			freshness = max(freshness, k.freshness())
		}
	}
	return events, freshness
}

// keep starts one job, or leaves it when it is the same.
func (j *Jobs) keep(ctx context.Context, job target.Job) error {
	name := job.Table.Name
	j.mu.Lock()
	old := j.mu.keepers[name]
	j.mu.Unlock()
	k, err := newKeeper(j, job)
	if err != nil {
		return err
	}
	if err := k.check(); err != nil {
		return err
	}
	if old != nil {
		if old.fingerprint == k.fingerprint {
			return nil
		}
		old.stop()
	}
	if err := k.open(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	j.mu.keepers[name] = k
	j.mu.Unlock()
	j.all.Go(k.run)
	return nil
}

// Drop ends the table's jobs and forgets its rows, state and events.
func (j *Jobs) Drop(ctx context.Context, name string) error {
	failed := []error{j.Abandon(ctx, name)}
	for _, one := range []string{name, name + catalog.QuarantineSuffix, name + catalog.LateSuffix} {
		j.mu.Lock()
		k := j.mu.keepers[one]
		delete(j.mu.keepers, one)
		delete(j.mu.intakes, one)
		delete(j.mu.natives, one)
		j.mu.Unlock()
		if k != nil {
			k.stop()
			failed = append(failed, k.forgetAll(), j.dropVersion(ctx, k.name))
		}
		failed = append(failed, vfs.RemoveTree(j.options.Files, j.savepointDir(one)), j.options.Store.DropTable(ctx, one))
		if _, err := j.options.Log.Topic(one); !problem.Is(err, problem.NotFound) {
			failed = append(failed, j.options.Log.DropTopic(one))
		}
		j.options.Board.Forget(one)
	}
	j.mu.Lock()
	delete(j.mu.upgrades, name)
	j.mu.Unlock()
	return errors.Join(append(failed, j.DropVersions(ctx, name))...)
}

// Act suspends, resumes or restarts a job.
func (j *Jobs) Act(_ context.Context, name string, action target.Action) error {
	k, err := j.keeperOf(name)
	if err != nil {
		return err
	}
	return k.act(action)
}

// keeperOf finds the keeper of a table.
func (j *Jobs) keeperOf(name string) (*keeper, error) {
	j.mu.Lock()
	k := j.mu.keepers[name]
	names := make([]string, 0, len(j.mu.keepers))
	for n := range j.mu.keepers {
		names = append(names, n)
	}
	j.mu.Unlock()
	if k != nil {
		return k, nil
	}
	p := problem.New(problem.NotFound, "no job keeps a table %s", name)
	if near := problem.Nearest(name, names); near != "" {
		p.WithHint("did you mean %s?", near)
	}
	return nil, p
}

// Jobs lists all jobs by table.
func (j *Jobs) Jobs() []target.Status {
	j.mu.Lock()
	keepers := make([]*keeper, 0, len(j.mu.keepers))
	for _, k := range j.mu.keepers {
		keepers = append(keepers, k)
	}
	j.mu.Unlock()
	all := make([]target.Status, len(keepers))
	for i, k := range keepers {
		all[i] = k.status()
		all[i].Upgrade = j.upgradeOf(k.job.Table.Name)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Table < all[j].Table })
	return all
}

// source opens the source of a scan for a job.
func (j *Jobs) source(job target.Job) func(*plan.Scan) (connect.Source, error) {
	return func(scan *plan.Scan) (connect.Source, error) {
		r := request(scan.Table, scan.Columns)
		r.Conditions = conditionsOf(scan)
		r.Zone, r.FS, r.Job, r.Gaps = job.Zone, j.options.Files, job.Table.Name, j.options.Gaps
		if scan.Table.Kind == plan.External {
			c, err := connectorOf(scan.Table)
			if err != nil {
				return nil, err
			}
			if c.Source == nil {
				return nil, problem.New(problem.InvalidQuery, "connector %q has no rows to read", c.Name)
			}
			return c.Source(r)
		}
		topic, err := j.options.Log.Topic(scan.Table.Name)
		if err != nil {
			return nil, err
		}
		return native.NewSource(topic, r)
	}
}

// Changing reports whether the events of a table may take back earlier ones.
func (j *Jobs) Changing(t *plan.Table) bool { return changes(t) }

// Replacing reports whether the events of a table replace each other by key.
func (j *Jobs) Replacing(t *plan.Table) bool { return replaces(t) }

// sink opens the connector of a table that a job inserts into.
func (j *Jobs) sink(job target.Job) (connect.Sink, error) {
	t := job.Table
	if err := checkOptions(t); err != nil {
		return nil, err
	}
	c, err := connectorOf(t)
	if err != nil {
		return nil, err
	}
	if c.Sink == nil {
		return nil, problem.New(problem.InvalidQuery, "connector %q takes no rows", c.Name).WithHint("it can only be read")
	}
	if err := checkChanges(t, job.Plan); err != nil {
		return nil, err
	}
	r := request(t, t.Written())
	r.Zone, r.FS, r.Job = job.Zone, j.options.Files, t.Name
	r.Upserts = takesUpserts(t, r, job.Plan)
	r.Stdout = func(text []byte) { j.options.Logger.Info("printed", "table", t.Name, "rows", string(text)) }
	sink, err := c.Sink(r)
	if err != nil {
		return nil, err
	}
	return requiring(sink, t.Name, r.Columns), nil
}

// storedTable is a table as the hot store keeps it: with computed columns, which
// are stored as values, and without virtual ones.
func storedTable(t *plan.Table, key []int) olap.Table {
	stored := olap.Table{Name: t.StoredName(), Key: key}
	for _, c := range t.Columns {
		stored.Columns = append(stored.Columns, value.Field{Name: c.Name, Type: c.Type})
	}
	return stored
}

// folder is where a job's state is kept.
func (j *Jobs) folder(table string) string {
	return filepath.Join(j.options.Dir, url.PathEscape(table))
}

// maintain removes, from time to time, what retention no longer keeps.
func (j *Jobs) maintain() {
	ticker := time.NewTicker(maintenanceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-j.ctx.Done():
			return
		}
		j.mu.Lock()
		keepers, natives := slices.Collect(maps.Values(j.mu.keepers)), slices.Collect(maps.Values(j.mu.natives))
		j.mu.Unlock()
		for _, k := range keepers {
			if err := k.retain(j.ctx); err != nil && j.ctx.Err() == nil {
				j.options.Logger.Error("retention of rows", "table", k.job.Table.Name, "error", err)
			}
		}
		for _, t := range natives {
			if err := j.trim(t); err != nil {
				j.options.Logger.Error("retention of events", "table", t.Name, "error", err)
			}
		}
	}
}

// trim removes the events of a native table that are past its retention and that
// no job has yet to read.
func (j *Jobs) trim(t *plan.Table) error {
	age, err := retention(t)
	if err != nil || age == 0 {
		return err
	}
	topic, err := j.options.Log.Topic(t.Name)
	if err != nil {
		return err
	}
	_, err = topic.Trim(eventlog.Retention{Age: age})
	return err
}

// retention reads a table's option, zero when it keeps everything.
func retention(t *plan.Table) (time.Duration, error) {
	text, given := t.Options["retention"]
	if !given {
		return 0, nil
	}
	d, ok := bind.Duration(text)
	if !ok || d <= 0 {
		return 0, problem.New(problem.InvalidOption, "retention is %q", text).About("retention").WithHint("write a duration such as '7 d'")
	}
	return d, nil
}
