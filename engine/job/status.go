package job

import (
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/engine"
)

// State is what a job is doing.
type State string

// The states.
const (
	Created  State = "created"
	Running  State = "running"
	Finished State = "finished" // its input ended, or it was stopped
	Canceled State = "canceled" // its context ended: what came after the last epoch will be read again
	Failed   State = "failed"
)

// Status is a picture of a job at one moment.
type Status struct {
	Name          string
	State         State
	Problem       *problem.Problem // why it failed
	Started       time.Time
	RowsIn        int64
	RowsOut       int64   // in committed epochs
	RowsPerSecond float64 // in, over about the last second
	Late          int64   // rows that came too late for all their windows
	// ExpiredKeys is how many keys were asked for after their state had expired, at
	// least: only the latest that have expired are known again, and none that did in
	// an earlier run. A key counts again when its state has expired again.
	ExpiredKeys   int64
	LagRows       int64 // waiting in the sources; negative when unknown
	LagAge        time.Duration
	Watermark     engine.Watermark // that the sink's content is complete up to
	Epoch         engine.Epoch     // committed last
	EpochTime     time.Time        // when
	EpochDuration time.Duration    // from its barrier to the sink
	StateBytes    int64
	SpilledBytes  int64         // in files of state that did not fit in memory: the most so far
	CPU           time.Duration // of operators, readers and the commits of epochs
	MemoryBytes   int64         // that operators hold state in, those that count it
	// BackPressure is which part of the time, over about the last second, readers of
	// sources waited for what is behind them; negative before it was measured.
	BackPressure float64
	HeldBy       *Holdup          // nil when nothing holds the job back
	Warning      *problem.Problem // of the sink, nil for none
	Sources      []SourceStatus
}

// SourceStatus is how far a source has been read. The split with the least
// watermark of those that are not idle is the one that holds it back.
type SourceStatus struct {
	Table     string
	Watermark engine.Watermark // combined
	Splits    []SplitStatus
}

// SplitStatus is how far a split has been read.
type SplitStatus struct {
	ID        connect.SplitID
	Watermark engine.Watermark
	Idle      bool
	LastRow   time.Time // zero for never
	// Position is the number of the next row to be read, and End that behind the newest
	// one; negative where unknown.
	Position, End int64
	LagRows       int64         // that wait to be read; negative when unknown
	LagAge        time.Duration // from now back to the newest row that was read, if some wait; negative when unknown
}

// statusBoard is where a running job notes what Status shows.
type statusBoard struct {
	rowsIn, rowsOut, late, expiredKeys, stateBytes, spilled atomic.Int64
	mu                                                      struct {
		sync.Mutex
		status   Status
		sources  []*source
		costs    []*cost  // of all tasks
		samples  []sample // of costs, when they were last measured
		loads    []Load   // of costs
		measured time.Time
		rowsThen int64
	}
}

func (b *statusBoard) init(spec *Spec) {
	b.mu.status = Status{Name: spec.Name, State: Created, Watermark: batch.NoMark, BackPressure: -1}
}

func (b *statusBoard) setState(s State, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.status.State = s
	if s == Failed {
		b.mu.status.Problem = problem.Of(err)
	}
	if s == Running {
		b.mu.status.Started = time.Now()
		b.mu.measured = b.mu.status.Started
	}
}

func (b *statusBoard) setSources(all []*source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.sources = all
}

func (b *statusBoard) setCosts(all []*cost) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.costs, b.mu.samples, b.mu.loads = all, make([]sample, len(all)), make([]Load, len(all))
}

func (b *statusBoard) setEpoch(e engine.Epoch, w engine.Watermark) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.status.Epoch, b.mu.status.Watermark, b.mu.status.EpochTime = e, w, time.Now()
}

func (b *statusBoard) epochTook(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.status.EpochDuration = d
}

// rateInterval is the time over which rows per second are counted, and loads.
const rateInterval = time.Second

// measure notes what goes on at the moment; it is called often.
func (b *statusBoard) measure(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	passed := now.Sub(b.mu.measured)
	if passed < rateInterval {
		return
	}
	rows := b.rowsIn.Load()
	b.mu.status.RowsPerSecond = float64(rows-b.mu.rowsThen) / passed.Seconds()
	b.mu.measured, b.mu.rowsThen = now, rows
	b.measureLoads(now, passed)
}

// Status gives a picture of the job now.
func (j *Job) Status() Status {
	b := &j.status
	b.mu.Lock()
	s, sources, costs := b.mu.status, b.mu.sources, b.mu.costs
	b.mu.Unlock()
	for _, c := range costs {
		s.CPU += c.processor()
		s.MemoryBytes += c.state.Load()
	}
	s.RowsIn, s.RowsOut, s.Late, s.ExpiredKeys, s.StateBytes, s.SpilledBytes = b.rowsIn.Load(), b.rowsOut.Load(), b.late.Load(), b.expiredKeys.Load(), b.stateBytes.Load(), b.spilled.Load()
	s.LagRows, s.LagAge = -1, -1
	if warner, ok := j.spec.Sink.(connect.Warner); ok {
		s.Warning = warner.Warning()
	}
	for _, src := range sources {
		w, _ := src.clock.Now()
		one := SourceStatus{Table: src.plan.name, Watermark: w}
		for _, split := range src.splits {
			w, idle := src.clock.Split(split.number)
			st := SplitStatus{ID: split.id, Watermark: w, Idle: idle, Position: -1, End: -1}
			if at := split.lastRow.Load(); at != 0 {
				st.LastRow = time.UnixMilli(at)
			}
			st.LagRows, st.LagAge = split.lagNow()
			s.LagRows, s.LagAge = addLag(s.LagRows, st.LagRows), max(s.LagAge, st.LagAge)
			if positioner := split.positioner.Load(); positioner != nil {
				st.Position, st.End = (*positioner).Position()
			}
			one.Splits = append(one.Splits, st)
		}
		s.Sources = append(s.Sources, one)
	}
	return s
}

// addLag adds numbers of rows of which each may be unknown.
func addLag(a, b int64) int64 {
	if a < 0 || b < 0 {
		return max(a, b)
	}
	return a + b
}
