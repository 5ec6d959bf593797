// Package target is the contract of where jobs run: what keeps a table up to
// date once somebody has defined it.
//
// It does not define tables (catalog) and does not decide what should run
// (control/pipeline). Children fulfil it: embedded runs jobs in this process.
//
// Flow: a definition changes → Keep or Drop → Status tells how the jobs are.
//
// Invariants:
//  1. Keep with the same definition is harmless: what runs goes on.
//  2. A job that fails is started again by itself, later each time, until it
//     runs or somebody suspends it.
package target

import (
	"context"
	"io"
	"time"

	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/plan"
)

// Job is a table that is to be kept up to date, or an external one that rows are
// inserted into for as long as they come.
type Job struct {
	Table    *plan.Table
	Plan     plan.Node // what the table holds
	Upstream []string  // tables the plan reads, by lineage
	Zone     *time.Location
	// Anew has an upgrade read everything again, also when the plan is what runs.
	Anew bool
	// From has an upgrade that is Anew keep what stands for an earlier time as it is:
	// what Cutting gave; zero for reading everything.
	From time.Time
	// Resumed has an upgrade go on with what a start before has built of it.
	Resumed bool
	// Others are the names that other versions of the table are stored under which are
	// still needed. What else is left of it, Keep removes.
	Others []string
}

// State is what a job is doing.
type State string

// The states of a job.
const (
	Starting   State = "starting"
	Running    State = "running"
	Restarting State = "restarting" // failed, and waiting for the next try
	Suspended  State = "suspended"
	Finished   State = "finished" // its sources have ended
)

// Action is what somebody asks of a job.
type Action string

// The actions.
const (
	Suspend Action = "suspend"
	Resume  Action = "resume"
	Restart Action = "restart"
)

// Status is a job at one moment.
type Status struct {
	Table         string
	State         State
	Error         *problem.Problem // of the last failure, while it matters
	Warning       *problem.Problem // of what is not right and does not stop the job, nil for nothing
	Started       time.Time
	Restarts      int
	RowsIn        int64
	RowsOut       int64
	RowsPerSecond float64
	LagRows       int64
	LagAge        time.Duration
	Watermark     int64 // ms; applied
	Epoch         connect.Epoch
	EpochAt       time.Time
	EpochTook     time.Duration
	LateRows      int64
	ExpiredKeys   int64         // asked for after their state had expired, since the last start, at least
	StateBytes    int64         // of the stored state, on disk
	SpilledBytes  int64         // in files of state that did not fit in memory, since the last start: the most so far
	MemoryBytes   int64         // that operators hold state in
	CPU           time.Duration // since the last start
	// BackPressure is which part of the time, over about the last second, readers of
	// sources waited for what is behind them; negative when it is not known.
	BackPressure float64
	HeldBy       *Holdup    // nil when nothing holds it back
	Operators    []Operator // in the order of the plan, the sink first; none while it does not run
	Sources      []Source
	Parallelism  int
	Failed       time.Time // of the last failure; zero for none since the start
	Failure      *problem.Problem
	Restart      RestartPlan
	Upgrade      *Upgrade // that is under way, or was last; nil for none
}

// Upgrade is the building of a table's next version beside what it is.
type Upgrade struct {
	Phase    UpgradePhase
	Began    time.Time
	Replayed int64 // events read
	Total    int64 // events that there are to read
	Compared *Comparison
	Error    *problem.Problem // of Failed
}

// UpgradePhase is how far an upgrade is.
type UpgradePhase string

// The phases.
const (
	Replaying UpgradePhase = "replaying" // from the event log
	Catching  UpgradePhase = "catching"  // up with the old version, which stands still
	Swapped   UpgradePhase = "swapped"
	Failed    UpgradePhase = "failed" // the table is what it was
)

// Comparison is the rows of both versions at the same moment, by the columns that
// both have. Without a key in common rows do not differ, they are on one side only.
type Comparison struct {
	Equal, Differing, OnlyOld, OnlyNew int64
}

// Upgrading is a Target that builds a changed table beside what it is. It is safe
// for concurrent use.
type Upgrading interface {
	// Upgrade builds job beside the table's job, and tells the succession how it goes.
	// The building is nil when the plan is what runs already. An earlier upgrade that
	// is under way is abandoned. One that the end of the process interrupts stays as
	// far as it is: the next start asks for it again, Resumed.
	Upgrade(ctx context.Context, job Job, succession Succession) (*Building, error)
	// Abandon ends an upgrade that is under way; none is no error.
	Abandon(ctx context.Context, table string) error
	// DropVersions removes what other versions of a table have stored, but for those
	// under these names.
	DropVersions(ctx context.Context, table string, but ...string) error
}

// Building is an upgrade that is under way. It is safe for concurrent use.
type Building struct {
	ended chan struct{}
	err   error // what became of it; not before ended
}

// NewBuilding is an upgrade that has begun.
func NewBuilding() *Building { return &Building{ended: make(chan struct{})} }

// End says what became of it, once.
func (b *Building) End(err error) {
	b.err = err
	close(b.ended)
}

// Wait waits for what becomes of it, or for the end of ctx.
func (b *Building) Wait(ctx context.Context) error {
	select {
	case <-b.ended:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Succession is what follows from the building of a table's next version, for
// whoever keeps the definitions. It is called from one goroutine at a time.
type Succession interface {
	// Begin is called before anything of the version is stored.
	Begin(ctx context.Context) error
	// Swap is called when the version has caught up: the table becomes what was built.
	// If it fails, everything stays as it was.
	Swap(ctx context.Context) error
	// GiveUp is called when the upgrade was abandoned or cannot be done. Nothing is
	// stored of the version any more.
	GiveUp(ctx context.Context) error
}

// RestartPlan is what a job would do if it started anew now.
type RestartPlan struct {
	Epoch  connect.Epoch // that it would go on from; 0 for the beginning
	Age    time.Duration // of that epoch
	Replay int64         // events that it would read again, or for the first time; negative when unknown
	Back   []Savepoint   // that it could go back to if that epoch were damaged, newest first
}

// Savepoint is a moment of a job, kept in a file: its state and the rows of its
// table.
type Savepoint struct {
	Table     string
	Name      string
	Automatic bool // made from time to time, to fall back to; the newest few are kept
	Epoch     connect.Epoch
	Taken     time.Time
	Bytes     int64
	Fits      bool // it belongs to the definition as it is now
}

// Saving is a Target whose jobs can be kept at a moment and go back to it. It is
// safe for concurrent use.
type Saving interface {
	// Save keeps the present moment of a job under a name that is not taken.
	Save(ctx context.Context, table, name string) (Savepoint, error)
	// Savepoints lists what there is of a table's job, newest first.
	Savepoints(table string) ([]Savepoint, error)
	// Restore takes a job back to a savepoint of the same definition. What came
	// later is read again from the event log.
	Restore(ctx context.Context, table, name string) error
	// Forget removes a savepoint.
	Forget(ctx context.Context, table, name string) error
	// Export opens a savepoint's file, which the caller closes.
	Export(table, name string) (io.ReadCloser, error)
	// Import keeps a file that was exported, after it has looked at all of it.
	Import(ctx context.Context, table, name string, file io.Reader) (Savepoint, error)
}

// Connecting is a Target that knows what the events of external tables mean.
type Connecting interface {
	// Changing reports whether they may take back earlier ones.
	Changing(*plan.Table) bool
	// Replacing reports whether they replace each other by primary key.
	Replacing(*plan.Table) bool
}

// Target runs jobs. It is safe for concurrent use.
type Target interface {
	// Keep starts a job for the table, or leaves the one that runs when its
	// definition is the same. One with another definition is built anew, in the place
	// of what there was; Upgrading builds it beside.
	Keep(ctx context.Context, job Job) error
	// Drop ends the table's job and forgets its rows and state.
	Drop(ctx context.Context, table string) error
	// Act suspends, resumes or restarts a job.
	Act(ctx context.Context, table string, action Action) error
	// Jobs lists all jobs by table.
	Jobs() []Status
}
