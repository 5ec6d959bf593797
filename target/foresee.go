package target

import (
	"context"
	"time"
)

// History is what there is to read of a table's events.
type History struct {
	Events int64
	Gone   int64 // that retention has removed: nothing can be made of them any more
	Bytes  int64
	Oldest time.Time // about when the oldest came; zero when there is none
	Holds  []Hold
}

// Hold is what keeps retention from removing events.
type Hold struct {
	By        string // a job or a savepoint
	Partition int
	Behind    int64     // events at and behind the held one
	Since     time.Time // about when the held event came, not later; zero when there is none yet
}

// Fate is what Keep or Upgrade would do to a table's job.
type Fate string

// The fates.
const (
	Begins Fate = "begins"  // there is no job
	GoesOn Fate = "goes-on" // its plan is what runs
	IsMade Fate = "is-made" // its plan is being built already
	Anew   Fate = "anew"    // its plan is another one: everything is read again
)

// Foreseeing is a Target that tells what it would do, and how much that is.
type Foreseeing interface {
	Foresee(job Job) (Fate, error)
	// History is what the log has of a table; ok is false for tables of other systems.
	History(table string) (h History, ok bool)
	// ReplayRate is how many events a second a job reads again, about.
	ReplayRate() float64
}

// Cutting is a Target that can build a part of a table again.
type Cutting interface {
	// CutReplay finds from where on the table's rows are built again so that all those
	// are that a time, or an event that came then or later, has a part in. A plan that
	// cannot be replayed from the middle is a problem that says why.
	CutReplay(ctx context.Context, job Job, from time.Time, byLog bool) (time.Time, error)
}
