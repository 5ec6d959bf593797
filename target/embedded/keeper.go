package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/engine/job"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
	"tidemark/progress"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
)

// Rhythms of a keeper.
const (
	retryFirst     = 500 * time.Millisecond
	retryMax       = 30 * time.Second
	stopMax        = 20 * time.Second // for the last epoch of a job that is stopped
	steadyAfter    = time.Minute      // a run this long starts the pauses anew
	reportInterval = 500 * time.Millisecond
	// epochsApart is how many epochs state may be ahead of the stored table:
	// those that were committed and not yet applied at a crash.
	epochsApart = 2
)

// keeper keeps one table up to date, or writes to an external one: it runs its
// job, and again when it fails.
type keeper struct {
	name        string // that the table's rows are stored under
	jobs        *Jobs
	job         target.Job
	key         []int
	dir         string
	fingerprint string
	window      progress.Windowing
	started     time.Time

	quit    context.CancelFunc
	ctx     context.Context
	done    chan struct{}
	wake    chan struct{}                   // something was asked: look again
	applied atomic.Int64                    // watermark of the newest visible rows
	beside  atomic.Bool                     // it builds what is not the table yet, and is not spoken of
	at      atomic.Int64                    // when they became visible, Unix ms
	warned  atomic.Pointer[problem.Problem] // what was logged last
	skipped atomic.Int64                    // events that were taken over, and not read
	owes    atomic.Bool                     // what was taken over is not in the stored rows yet

	// disk is held while the state's store is opened and closed, and for reading
	// by whoever else uses it: store, nil while no run has it open.
	disk   sync.RWMutex
	store  *state.Store
	gate   sync.Mutex // held while an epoch is applied to the stored table, and while a moment is taken
	saving sync.Mutex // one savepoint at a time is made or removed

	mu struct {
		sync.Mutex
		run       *job.Job
		graph     *operatorGraph // of the job's plan; nil before it was asked for
		state     target.State
		suspended bool
		stopping  bool
		failure   *problem.Problem
		last      *problem.Problem // failure, kept when it matters no more
		failedAt  time.Time        // of last
		back      *problem.Problem // that the job had to go back; nil for no
		restarts  int
		sources   []string // tables of the last run's sources, in the order of an epoch's record
		task      func()   // to be done while the job does not run
		newest    connect.Epoch
		newestAt  time.Time          // when newest was committed, as far as this process knows
		listed    []target.Savepoint // what savepoints gives, while it is known
		isListed  bool
		positions map[string]map[string]int64 // per source table and split: rows up to here are visible
	}
}

func newKeeper(j *Jobs, work target.Job) (*keeper, error) {
	if _, err := retention(work.Table); err != nil {
		return nil, err
	}
	k := &keeper{name: work.Table.StoredName(), jobs: j, job: work, key: work.Table.PrimaryKey, dir: j.folder(work.Table.StoredName()), started: time.Now(), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	if k.key == nil && work.Table.Kind == plan.Materialized {
		if key, ok := plan.UniqueKey(work.Plan); ok {
			k.key = append([]int{}, key...) // not nil: a table of one row has a key of no columns
		}
	}
	k.window = windowing(work.Plan)
	sum := sha256.Sum256([]byte(plan.PrintTable(work.Table) + plan.Print(work.Plan) + fmt.Sprint(operator.StateVersion, k.key, work.Zone)))
	k.fingerprint = hex.EncodeToString(sum[:])
	k.ctx, k.quit = context.WithCancel(j.ctx)
	k.applied.Store(batch.NoMark)
	k.mu.state = target.Starting
	return k, nil
}

// stored is the job's table as the hot store keeps it.
func (k *keeper) stored() olap.Table {
	stored := storedTable(k.job.Table, k.key)
	stored.Multiset = k.key == nil && plan.Updating(k.job.Plan, func(s *plan.Scan) bool { return changes(s.Table) })
	stored.Upserts = k.upserts()
	return stored
}

// windowing is the grid of the windows that a plan's rows belong to: those of
// its topmost window aggregation.
func windowing(n plan.Node) progress.Windowing {
	var w progress.Windowing
	plan.Inspect(n, func(n plan.Node) bool {
		a, ok := n.(*plan.WindowAggregate)
		if !ok || w.Size > 0 {
			return w.Size == 0
		}
		w = progress.Windowing{Size: a.Spec.Size, Slide: a.Spec.Size, Offset: a.Spec.Offset}
		if a.Spec.Kind == plan.Hop {
			w.Slide = a.Spec.Slide
		}
		return false
	})
	return w
}

// check compiles the job without running it, so that a definition that cannot
// run is refused when it is made.
func (k *keeper) check() error {
	if k.outside() {
		sink, err := k.jobs.sink(k.job)
		if err != nil {
			return err
		}
		defer sink.Close() //nolint:errcheck // nothing was written
	}
	_, err := k.compiled()
	return err
}

// outside reports whether the job writes to a table that is not stored here.
func (k *keeper) outside() bool { return k.job.Table.Kind == plan.External }

// open makes the stored table and sees to it that it, the state and the
// definition belong together.
func (k *keeper) open(ctx context.Context) error {
	if done, err := k.goOnRestoring(ctx); done || err != nil {
		return err
	}
	rebuild, err := k.mustRebuild(ctx)
	if err != nil {
		return err
	}
	if rebuild && !k.outside() && !k.beside.Load() {
		if back, err := k.fallBack(ctx); back || err != nil {
			return err
		}
	}
	if rebuild && k.beside.Load() {
		if done, err := k.takeOver(ctx); done || err != nil {
			return err
		}
	}
	stored := k.stored()
	if k.outside() {
		if !rebuild {
			return nil
		}
		k.jobs.options.Logger.Info("job that inserts begins anew", "table", stored.Name)
		if err := k.dropState(); err != nil {
			return err
		}
		return vfs.WriteFile(k.jobs.options.Files, k.definitionFile(), []byte(k.fingerprint))
	}
	if !rebuild {
		err := k.jobs.options.Store.CreateTable(ctx, stored)
		if err == nil {
			return nil
		}
		if !problem.Is(err, problem.Conflict) {
			return err
		}
	}
	k.jobs.options.Logger.Info("table is built from the event log", "table", stored.Name)
	if err := k.jobs.options.Store.DropTable(ctx, stored.Name); err != nil {
		return err
	}
	if err := errors.Join(k.dropState(), k.holdAll()); err != nil {
		return err
	}
	// The definition is noted last, so that a crash before leads here again.
	if err := k.jobs.options.Store.CreateTable(ctx, stored); err != nil {
		return err
	}
	return vfs.WriteFile(k.jobs.options.Files, k.definitionFile(), []byte(k.fingerprint))
}

// dropState forgets all epochs.
func (k *keeper) dropState() error {
	files := k.jobs.options.Files
	if err := vfs.RemoveTree(files, k.dir); err != nil {
		return fmt.Errorf("remove old state: %w", err)
	}
	if err := vfs.MakeDir(files, k.dir); err != nil {
		return fmt.Errorf("make folder of state: %w", err)
	}
	return nil
}

func (k *keeper) definitionFile() string { return filepath.Join(k.dir, "definition") }
func (k *keeper) stateDir() string       { return filepath.Join(k.dir, "state") }
func (k *keeper) spillDir() string       { return filepath.Join(k.dir, "spill") }

// mustRebuild reports whether state, stored rows and definition do not belong
// together: a table that was changed, or one of whose parts was lost.
func (k *keeper) mustRebuild(ctx context.Context) (bool, error) {
	if fits, _, err := k.definition(); !fits || err != nil {
		return err == nil, err
	}
	store, err := state.Open(k.stateDir())
	if problem.Is(err, problem.Corrupt) {
		k.jobs.options.Logger.Error("state is damaged", "table", k.job.Table.Name, "error", err)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer store.Close() //nolint:errcheck // nothing was written
	record, err := store.Newest()
	if err != nil {
		return problem.Is(err, problem.Corrupt), ignore(err, problem.Corrupt)
	}
	if k.outside() {
		return false, nil // the sink and the job find out by themselves
	}
	stored, err := k.storedEpoch(ctx)
	if err != nil {
		return false, err
	}
	var committed connect.Epoch
	if record != nil {
		committed = record.Epoch
	}
	return stored > committed || committed-stored > epochsApart, nil
}

func ignore(err error, code problem.Code) error {
	if problem.Is(err, code) {
		return nil
	}
	return err
}

// storedEpoch is how far the stored table is; 0 when it is not there.
func (k *keeper) storedEpoch(ctx context.Context) (connect.Epoch, error) {
	w, err := k.jobs.options.Store.Writer(ctx, k.stored())
	if err != nil {
		return 0, err
	}
	epoch, mark, err := w.Committed(ctx)
	k.applied.Store(mark)
	return connect.Epoch(epoch), err
}

// run runs the job until the keeper is stopped.
func (k *keeper) run() {
	defer close(k.done)
	var reporting sync.WaitGroup
	defer reporting.Wait()
	defer k.quit()
	reporting.Go(k.reportAll)
	pause := retryFirst
	for k.ctx.Err() == nil && !k.isStopping() {
		k.runTask()
		if k.isSuspended() {
			select {
			case <-k.wake:
			case <-k.ctx.Done():
			}
			continue
		}
		begin := time.Now()
		err := k.once()
		if k.ctx.Err() != nil {
			return
		}
		if errors.Is(err, job.ErrMoreSplits) {
			k.jobs.options.Logger.Info("a source has new partitions, which are read from now on", "table", k.job.Table.Name)
			continue
		}
		if err == nil {
			if k.isSuspended() || k.isStopping() || k.hasTask() {
				continue
			}
			k.setState(target.Finished, nil)
			select {
			case <-k.wake:
			case <-k.ctx.Done():
			}
			continue
		}
		if time.Since(begin) > steadyAfter {
			pause = retryFirst
		}
		k.jobs.options.Logger.Error("job failed", "table", k.job.Table.Name, "error", err, "next_try_in", pause.String())
		k.setState(target.Restarting, problem.Of(err))
		if problem.Is(err, problem.Corrupt) {
			k.repair()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-k.wake:
		case <-k.ctx.Done():
		}
		timer.Stop()
		pause = min(2*pause, retryMax)
		k.mu.Lock()
		k.mu.restarts++
		k.mu.Unlock()
	}
}

func (k *keeper) isSuspended() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.suspended
}

func (k *keeper) isStopping() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.stopping
}

func (k *keeper) setState(s target.State, failure *problem.Problem) {
	k.mu.Lock()
	k.mu.state, k.mu.failure = s, failure
	if failure != nil {
		k.mu.last, k.mu.failedAt = failure, time.Now()
	}
	k.mu.Unlock()
	k.report()
}

// once runs the job until it ends.
func (k *keeper) once() error {
	store, err := k.openState()
	if err != nil {
		return err
	}
	defer k.closeState()
	from, err := sources(k.job.Plan, k.jobs.source(k.job))
	if err != nil {
		return err
	}
	asked, err := lookups(k.job.Plan, k.jobs.lookup(k.job))
	defer asked.close() //nolint:errcheck // it was only read
	if err != nil {
		return err
	}
	sink, err := k.sink()
	if err != nil {
		return err
	}
	defer sink.Close() //nolint:errcheck // every epoch was applied
	expired, err := expiredSinks(k.job.Plan, k.expired)
	defer expired.close() //nolint:errcheck // every epoch was applied
	if err != nil {
		return err
	}
	_, taken, err := k.definition()
	if err != nil {
		return err
	}
	if record, err := store.Newest(); err != nil {
		return err
	} else if taken.Begins(record) {
		k.owes.Store(true)
	}
	spec := job.Spec{
		Takeover: taken,
		Name:     k.name, Plan: k.job.Plan, Sources: from, Updating: updating(from), Lookups: asked, Expired: expired, Parallelism: k.jobs.options.Parallelism, Store: store,
		MemoryBudget: k.jobs.options.MemoryBudget, SpillDir: k.spillDir(),
		Sink:    &reportingSink{Sink: sink, keeper: k, store: store},
		Upserts: k.upserts(),
		Context: plan.Context{Zone: k.job.Zone, Start: time.Now(), Streaming: true}, Log: k.jobs.options.Logger,
	}
	if k.job.Table.Kind == plan.Materialized {
		if spec.Late, err = k.newLateSink(); err != nil {
			return err
		}
	}
	run, err := job.New(spec)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.mu.run = run
	if k.mu.stopping || k.mu.suspended || k.mu.task != nil {
		run.Stop() // it was asked to when there was no run yet
	}
	k.mu.Unlock()
	k.setState(target.Running, nil)
	err = run.Run(k.ctx)
	k.report()
	read, end := k.sourceTables(), run.Status()
	k.mu.Lock()
	k.mu.newest, k.mu.newestAt = end.Epoch, end.EpochTime
	k.mu.run, k.mu.sources = nil, read
	k.mu.Unlock()
	return err
}

// sink is where the job's rows go.
func (k *keeper) sink() (connect.Sink, error) {
	if k.outside() {
		return k.jobs.sink(k.job)
	}
	writer, err := k.jobs.options.Store.Writer(k.ctx, k.stored())
	if err != nil {
		return nil, err
	}
	if k.job.Table.Kind == plan.Native && k.key != nil {
		return native.NewEventSink(writer, k.key), nil
	}
	return k.fromCut(native.NewSink(writer))
}

// reportingSink tells the board of every epoch that has become visible.
type reportingSink struct {
	connect.Sink
	keeper *keeper
	store  *state.Store
}

// Apply applies, and then reports. The store's newest record is that of this
// epoch: the job commits the next one only afterwards.
func (s *reportingSink) Apply(ctx context.Context, c connect.Commit) error {
	s.keeper.gate.Lock()
	err := s.Sink.Apply(ctx, c)
	s.keeper.gate.Unlock()
	if err != nil {
		return err
	}
	record, err := s.store.Newest()
	if err != nil {
		return err
	}
	s.keeper.visible(c, record)
	return nil
}

// Resume passes on where the job stands.
func (s *reportingSink) Resume(ctx context.Context, standing connect.Standing) error {
	return resume(ctx, s.Sink, standing)
}

// Mark passes on what the sink has written down.
func (s *reportingSink) Mark() connect.Mark { return mark(s.Sink) }

// Warning passes on what the sink has to say.
func (s *reportingSink) Warning() *problem.Problem { return warning(s.Sink) }

// visible notes what an epoch has made visible.
func (k *keeper) visible(c connect.Commit, record *state.Record) {
	k.applied.Store(c.Watermark)
	k.owes.Store(c.Epoch <= takeoverEpoch && k.owes.Load())
	k.at.Store(time.Now().UnixMilli())
	k.mu.Lock()
	run := k.mu.run
	k.mu.Unlock()
	// The sources of a run that gives the sink what it missed are not known yet.
	if names := k.sourceTables(); record != nil && record.Epoch == c.Epoch && run != nil && len(names) == len(record.Sources) {
		positions := k.positionsOf(record, names)
		k.mu.Lock()
		k.mu.positions = positions
		k.mu.Unlock()
	}
	k.report()
}

// reportAll reports from time to time what changes without an epoch: silence.
func (k *keeper) reportAll() {
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			k.report()
		case <-k.ctx.Done():
			return
		}
	}
}

// report puts the evidence of this table on the board.
func (k *keeper) report() {
	if k.beside.Load() {
		return
	}
	k.mu.Lock()
	run, e := k.mu.run, progress.Evidence{
		Table: k.job.Table.Name, Upstream: k.job.Upstream, Window: k.window, Job: k.job.Table.Name, Started: k.started,
		Applied: k.applied.Load(), AppliedAt: time.UnixMilli(k.at.Load()), Newest: batch.NoMark, Positions: k.mu.positions[k.job.Table.Name],
		JobState: map[target.State]progress.JobState{
			target.Starting: progress.Running, target.Running: progress.Running, target.Restarting: progress.Failed,
			target.Suspended: progress.Stopped, target.Finished: progress.Finished,
		}[k.mu.state],
	}
	if k.mu.failure != nil {
		e.JobError = k.mu.failure.Message
	}
	k.mu.Unlock()
	if run != nil {
		st := run.Status()
		e.Late = st.Late
		k.warn(st.Warning)
		e.Splits, e.Newest = splits(st)
	}
	e.Newest = max(e.Newest, e.Applied)
	k.jobs.options.Board.Report(e)
}

// warn logs a warning when it comes.
func (k *keeper) warn(now *problem.Problem) {
	if before := k.warned.Swap(now); now != nil && now != before {
		k.jobs.options.Logger.Warn("job runs, but look at this", "table", k.job.Table.Name, "problem", now.Error())
	}
}

// splits turns a job's view of its sources into evidence, and finds the newest
// event time among them.
func splits(st job.Status) (all []progress.Split, newest int64) {
	newest = batch.NoMark
	for _, source := range st.Sources {
		for _, split := range source.Splits {
			s := progress.Split{Source: source.Table, Name: string(split.ID), Watermark: split.Watermark, LastRow: split.LastRow, Idle: split.Idle, Ended: split.Watermark == batch.Final, Waiting: split.LagRows}
			if split.Watermark != batch.Final {
				newest = max(newest, split.Watermark)
			}
			all = append(all, s)
		}
	}
	return all, newest
}

// freshness is how long the newest row that can be seen took to be visible,
// from when it came; or how long the oldest that cannot be seen has waited.
func (k *keeper) freshness() time.Duration {
	k.mu.Lock()
	run := k.mu.run
	k.mu.Unlock()
	if run == nil {
		return 0
	}
	st := run.Status()
	if st.LagRows > 0 {
		return max(st.LagAge, st.EpochDuration)
	}
	return st.EpochDuration
}

// act carries out what somebody asks of the job.
func (k *keeper) act(action target.Action) error {
	k.mu.Lock()
	run := k.mu.run
	switch action {
	case target.Suspend:
		k.mu.suspended, k.mu.state = true, target.Suspended
	case target.Resume, target.Restart:
		k.mu.suspended = false
	default:
		k.mu.Unlock()
		return problem.New(problem.InvalidRequest, "there is no action %q", action).WithHint("use suspend, resume or restart")
	}
	k.mu.Unlock()
	if run != nil && action != target.Resume {
		run.Stop()
	}
	k.awake()
	k.report()
	return nil
}

// stop ends the job with a last epoch and waits for it, but not for ever.
func (k *keeper) stop() {
	k.mu.Lock()
	run := k.mu.run
	k.mu.stopping = true
	k.mu.Unlock()
	if run != nil {
		run.Stop()
	}
	k.awake()
	timer := time.NewTimer(stopMax)
	defer timer.Stop()
	select {
	case <-k.done:
	case <-timer.C:
	}
	k.quit()
	<-k.done
}

// awake makes run look again at what it is to do.
func (k *keeper) awake() {
	select {
	case k.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// status is the job as others see it.
func (k *keeper) status() target.Status {
	restart := k.restartPlan()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := target.Status{
		Table: k.job.Table.Name, State: k.mu.state, Error: k.mu.failure, Started: k.started, Restarts: k.mu.restarts,
		Watermark: k.applied.Load(), LagRows: -1, Parallelism: k.jobs.options.Parallelism,
		Failed: k.mu.failedAt, Failure: k.mu.last, Restart: restart, Warning: k.mu.back, BackPressure: -1,
	}
	if k.mu.run != nil {
		st := k.mu.run.Status()
		s.RowsIn, s.RowsOut, s.RowsPerSecond, s.LagRows, s.LagAge = st.RowsIn, st.RowsOut, st.RowsPerSecond, st.LagRows, st.LagAge
		if st.Warning != nil {
			s.Warning = st.Warning
		}
		s.Epoch, s.EpochAt, s.EpochTook, s.LateRows, s.ExpiredKeys, s.StateBytes = st.Epoch, st.EpochTime, st.EpochDuration, st.Late, st.ExpiredKeys, st.StateBytes
		k.describeRun(&s, k.mu.run, st)
	}
	return s
}

// retain removes rows that are past the table's retention. Events
// that a job has not read yet are held.
func (k *keeper) retain(ctx context.Context) error {
	k.mu.Lock()
	positions := k.mu.positions
	k.mu.Unlock()
	if err := k.hold(positions); err != nil {
		return err
	}
	age, err := retention(k.job.Table)
	if err != nil || age == 0 || k.job.Table.Kind != plan.Native {
		return err
	}
	if w := k.job.Table.Watermark; w != nil {
		column := k.job.Table.Columns[w.Column]
		_, err = k.jobs.options.Store.DeleteBefore(ctx, k.name, value.Field{Name: column.Name, Type: column.Type}, time.Now().Add(-age))
	}
	return err
}

// hold keeps the events that this job has not applied yet.
func (k *keeper) hold(positions map[string]map[string]int64) error {
	var failed error
	plan.Inspect(k.job.Plan, func(n plan.Node) bool {
		scan, ok := n.(*plan.Scan)
		if !ok || scan.Table.Kind == plan.External {
			return true
		}
		topic, err := k.jobs.options.Log.Topic(scan.Table.Name)
		if err != nil {
			failed = errors.Join(failed, err)
			return false
		}
		for p := range topic.Partitions() {
			id := eventlog.Partition(p)
			at, known := positions[scan.Table.Name][string(native.SplitOf(id))]
			if start, err := topic.StartOffset(id); err == nil && known && eventlog.Offset(at) >= start {
				failed = errors.Join(failed, topic.Hold(id, k.holdName(), eventlog.Offset(at)))
			}
		}
		return false
	})
	return failed
}

func (k *keeper) holdName() string { return "job " + k.name }
