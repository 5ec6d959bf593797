// Package job runs a plan: it cuts it into stages, runs each as parallel tasks,
// reads the sources, and commits epochs so that every row counts exactly once.
//
// It has no operators and no connectors of its own, keeps no catalog, and does
// not restart itself: a job that has failed is made anew by whoever runs it, and
// goes on from its last epoch.
//
// Flow: New compiles the plan (blueprint.go); Run gives the sinks what they
// missed, restores operators, starts one goroutine per split, per task, the
// coordinator and the committer, and waits for all of them. The coordinator
// (coordinator.go) puts barriers into the source tasks; each task (task.go)
// flushes and saves at the barrier and reports; when all have, the committer
// (commit.go) stores the epoch and then applies it to the sinks, while the tasks
// are already in the next one.
//
// Invariants:
//  1. An epoch reaches a sink only after it is durable in the store, in order,
//     and is kept there until the sink has it.
//  2. Tasks end by a last barrier alone: after the end of all input, when every
//     window has fired, or on Stop, with everything saved.
//  3. At most epochsInFlight epochs are between their barrier and the sink.
//  4. Every goroutine that Run starts has ended when Run returns.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// Limits of the package.
const (
	// epochsInFlight is how many epochs may be under way: one being committed
	// and one being filled keep both the disk and the workers busy.
	epochsInFlight = 2
	// exchangeQueueMax and splitQueueMax are how many messages wait for a task,
	// per sender: enough to cover a pause, few enough to stay in the cache.
	exchangeQueueMax = 8
	splitQueueMax    = 4
	// outputRowsMax is how many rows may wait for their epoch before the
	// sources pause. Without a store an epoch costs next to nothing, and the sooner
	// the sink has used rows up, the less memory is touched.
	outputRowsMax       = 1 << 20
	outputRowsStoreless = 1 << 16
	// heartbeatInterval is how often an epoch is committed when nothing but the
	// watermark has moved.
	heartbeatInterval = time.Second
	// ParallelismMax bounds Spec.Parallelism.
	ParallelismMax = engine.KeyGroups
)

// DefaultEpochInterval is the longest time between epochs where a Spec says nothing.
const DefaultEpochInterval = 200 * time.Millisecond

// Spec says what to run.
type Spec struct {
	Name     string
	Plan     plan.Node
	Sources  map[*plan.Scan]connect.Source
	Updating map[*plan.Scan]bool                   // sources whose rows may take back earlier ones
	Lookups  map[*plan.LookupJoin]connect.Lookuper // closed by whoever made them
	Sink     connect.Sink
	Upserts  bool         // the sink needs no row before an update (connect.Updates)
	Late     connect.Sink // for rows that came too late, if the plan keeps them; may be nil
	// Expired are for the rows that lookups found nothing for, of the types that
	// operator.GivenUpTypes tells.
	Expired map[*plan.LookupJoin]connect.Sink

	// Takeover, when not nil, says what of the store's state another job has made.
	Takeover *Takeover

	Parallelism   int           // workers; 0 means 1
	Store         *state.Store  // nil: nothing outlives the run
	EpochInterval time.Duration // the longest between epochs with rows (pace); 0 means DefaultEpochInterval
	// MemoryBudget is how many bytes of state operators may hold in memory, all of
	// them together; 0 means DefaultMemoryBudget. What is more goes to files in
	// SpillDir, a folder of the job's own that is removed at the end; "" is a
	// temporary one.
	MemoryBudget int64
	SpillDir     string
	// SpillBatches, when not 0, has operators write their state to files after so
	// many batches, however much it is.
	SpillBatches int
	// FlushBatches, when not 0, shows changes after so many batches instead of
	// at epochs, so that a single worker gives the same changelog every time.
	// Only for jobs without a store.
	FlushBatches int
	// AnyOrder lets the splits of a bounded source be read at the same time in
	// streaming mode. Which rows are late then depends on timing.
	AnyOrder bool

	Context plan.Context // copied for each task; Marks is not used
	Log     *slog.Logger // nil for none
}

// Job is one run of a Spec. Run is called once; Stop and Status at any time
// and from any goroutine.
type Job struct {
	spec      Spec
	blueprint *blueprint
	sources   []*source // of the blueprint, in its order
	tasks     []*task
	sinks     []*sinkState
	share     int64 // bytes of memory, of each operator that can spill
	pool      *operator.Pool
	spill     *state.Spill // of a run
	sink      *cost        // of storing epochs and of applying them
	committer thread       // of who does that

	reports chan report
	hurry   chan struct{} // a token: an epoch is wanted now
	stop    chan struct{}
	stopped sync.Once
	pending atomic.Int64 // rows waiting for their epoch
	waiting atomic.Int64 // rows that operators keep until a time of the clock
	moves   atomic.Int64 // of offsets, without rows
	// unbegun is how many splits of sources that may grow have not said yet where
	// their reading begins. Epochs wait for them: what an epoch does not know is
	// taken for new when the job goes on from it.
	unbegun atomic.Int64
	grown   atomic.Bool // a source has splits that the run does not read
	resting atomic.Bool // the coordinator waits for rows

	status statusBoard
}

// New compiles a job. What the engine does not do is refused here, by name.
func New(spec Spec) (*Job, error) {
	spec.Parallelism = max(spec.Parallelism, 1)
	if spec.Parallelism > ParallelismMax {
		return nil, problem.New(problem.InvalidOption, "a job cannot have %d workers", spec.Parallelism).WithHint("use at most %d", ParallelismMax)
	}
	if spec.EpochInterval == 0 {
		spec.EpochInterval = DefaultEpochInterval
	}
	if spec.Context.Zone == nil {
		spec.Context.Zone = time.UTC
	}
	if spec.Log == nil {
		spec.Log = slog.New(slog.DiscardHandler)
	}
	if spec.Store != nil && !spec.Context.Streaming {
		return nil, problem.New(problem.Unsupported, "a job in batch mode has no epochs to keep").WithHint("run it again from the start if it fails")
	}
	b, err := compile(&spec)
	if err != nil {
		return nil, err
	}
	j := &Job{spec: spec, blueprint: b, reports: make(chan report), hurry: make(chan struct{}, 1), stop: make(chan struct{})}
	// Compiling every operator once shows now what would fail at the start.
	if err := b.check(j); err != nil {
		return nil, err
	}
	if err := j.divideMemory(); err != nil {
		return nil, err
	}
	j.status.init(&spec)
	return j, nil
}

// Stop ends the job with a last epoch: everything read so far is saved and
// shown. Run returns when that is done.
func (j *Job) Stop() { j.stopped.Do(func() { close(j.stop) }) }

// Run runs the job until its input ends, Stop is called, ctx ends, a source has
// more splits (ErrMoreSplits, when there is a store to go on from), or something
// fails. When ctx ends, what came after the last epoch is lost, and will be read
// again by the next run.
func (j *Job) Run(ctx context.Context) error {
	j.status.setState(Running, nil)
	err := j.run(ctx)
	switch {
	case err == nil, errors.Is(err, ErrMoreSplits):
		j.status.setState(Finished, nil)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		j.status.setState(Canceled, nil)
	default:
		j.status.setState(Failed, err)
	}
	return err
}

func (j *Job) run(outer context.Context) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	record, err := j.catchUp(ctx)
	if err != nil {
		return err
	}
	j.spill = state.NewSpill(j.spec.SpillDir)
	defer j.removeSpilled()
	defer j.giveBack()
	if err := j.build(ctx, record); err != nil {
		return err
	}
	var all sync.WaitGroup
	readers, stopReaders := context.WithCancel(ctx)
	defer stopReaders()
	start := func(name string, ctx context.Context, run func(context.Context) error) {
		all.Go(func() {
			if err := j.guard(name, func() error { return run(ctx) }); err != nil {
				cancel(err)
			}
		})
	}
	for _, s := range j.sources {
		for _, split := range s.splits {
			start("source "+s.plan.name, readers, split.read)
		}
		if discoverer, ok := s.plan.source.(connect.Discoverer); ok && j.spec.Store != nil && !s.plan.source.Bounded() {
			start("splits of "+s.plan.name, readers, func(ctx context.Context) error { return j.watch(ctx, s, discoverer) })
		}
	}
	for _, t := range j.tasks {
		start(t.name(), ctx, t.run)
	}
	commits := make(chan *epochParts, epochsInFlight)
	committed := make(chan *epochParts, epochsInFlight)
	start("commit epochs", ctx, func(ctx context.Context) error {
		defer close(committed)
		return j.commitAll(ctx, commits, committed)
	})
	start("coordinate epochs", ctx, func(ctx context.Context) error {
		defer stopReaders()
		defer close(commits)
		return j.coordinate(ctx, record, commits, committed)
	})
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if j.grown.Load() {
		return ErrMoreSplits
	}
	return nil
}

// giveBack gives back the memory of operators that is not the garbage collector's.
func (j *Job) giveBack() {
	for _, t := range j.tasks {
		for _, l := range t.links {
			operator.GiveBack(l.operator)
		}
	}
}

// guard runs a goroutine's work and turns a panic into an error. The stack goes
// to the log only.
func (j *Job) guard(name string, run func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			j.spec.Log.Error("job: fault", "job", j.spec.Name, "in", name, "fault", fault, "stack", string(debug.Stack()))
			err = problem.New(problem.Internal, "%s: %v", name, fault)
		}
	}()
	err = run()
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	var p *problem.Problem
	if errors.As(err, &p) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}
