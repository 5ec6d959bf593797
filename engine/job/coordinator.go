package job

import (
	"context"
	"math"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/engine/exchange"
	"tidemark/engine/state"
)

// report is what a task says when it has passed a barrier.
type report struct {
	task      *task
	epoch     engine.Epoch
	last      bool
	changes   []*state.Changes
	outputs   []state.Output // by number of the sink; nil for none at all
	rows      int64          // in outputs
	splits    []splitReport
	clocks    []clockReport
	due       int64 // when windows over processing time may be over, ms; never for none
	isSink    bool
	watermark engine.Watermark // of a task that feeds the sink
}

type splitReport struct {
	split *split
	at    state.Split
}

type clockReport struct {
	source *source
	at     engine.Watermark
}

// epochParts is an epoch that is being put together from the tasks' reports.
type epochParts struct {
	record  *state.Record
	reports []report // by number of task
	left    int
	due     int64 // the earliest of the reports
	last    bool
	started time.Time
}

// never is a moment that does not come.
const never = math.MaxInt64

// wantEpoch asks the coordinator for an epoch now.
func (j *Job) wantEpoch() {
	select {
	case j.hurry <- struct{}{}:
	default:
	}
}

// coordinate starts epochs and hands complete ones to the committer, until the
// last one is committed.
func (j *Job) coordinate(ctx context.Context, record *state.Record, commits chan<- *epochParts, committed <-chan *epochParts) error {
	c := &coordinator{job: j, epoch: j.firstEpoch(record), parts: map[engine.Epoch]*epochParts{}, pace: newPace(&j.spec), due: never, wantsEpoch: j.spec.Takeover.Begins(record)}
	c.timer = time.NewTimer(c.pace.interval)
	defer c.timer.Stop()
	stop := j.stop
	for {
		if j.inputEnded() {
			c.wantsLast = true
		}
		if err := c.startEpoch(ctx); err != nil {
			return err
		}
		select {
		case <-c.timer.C:
			c.look()
			j.status.measure(time.Now())
		case <-j.hurry:
			c.wantsEpoch = c.wantsEpoch || j.pending.Load() > j.outputRowsMax()
			if c.rests {
				c.rests = false
				c.timer.Reset(gatherTime)
			}
		case <-stop:
			stop, c.wantsLast = nil, true
		case r := <-j.reports:
			if complete := c.add(r); complete != nil {
				commits <- complete // has room for all epochs in flight
			}
		case done, ok := <-committed:
			if !ok {
				return nil // the committer has failed and says why
			}
			c.inFlight--
			c.pace.took(time.Since(done.started))
			if done.last {
				return nil
			}
			for _, t := range j.tasks {
				t.inbox.Poke() // sources may go on if they had paused
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// coordinator decides when epochs start.
type coordinator struct {
	job        *Job
	pace       pace
	timer      *time.Timer  // when to look whether there is something to commit
	rests      bool         // there was nothing: the next rows wake it
	epoch      engine.Epoch // the next one
	parts      map[engine.Epoch]*epochParts
	inFlight   int
	wantsEpoch bool
	wantsLast  bool
	lastBegun  bool

	rowsSeen  int64 // when the last epoch started
	movesSeen int64
	marksSeen []engine.Watermark
	begun     time.Time
	due       int64 // from when on windows over processing time may be over without more rows, ms
}

// inputEnded reports whether every split of every source has been read to its
// end.
func (j *Job) inputEnded() bool {
	for _, s := range j.sources {
		if w, _ := s.clock.Now(); w != batch.Final {
			return false
		}
	}
	return true
}

// look wants an epoch if there is something to commit, or else rests until rows
// come. A task that takes rows wakes the coordinator if it finds resting set, so
// it is set before looking once more: rows that came in between are not missed.
func (c *coordinator) look() {
	c.timer.Reset(c.job.spec.EpochInterval) // unless an epoch starts now
	if c.changed() {
		c.wantsEpoch, c.rests = true, false
		return
	}
	c.rests = true
	c.job.resting.Store(true)
	if c.job.status.rowsIn.Load() != c.rowsSeen {
		c.job.rouse()
	}
}

// rouse wakes the coordinator if it rests.
func (j *Job) rouse() {
	if j.resting.Load() && j.resting.CompareAndSwap(true, false) {
		j.wantEpoch()
	}
}

// changed reports whether there is something to commit: rows, or, now and then,
// only time or offsets. Rows that wait for the clock are looked at from time to time.
func (c *coordinator) changed() bool {
	if c.job.status.rowsIn.Load() != c.rowsSeen {
		return true
	}
	if c.due <= time.Now().UnixMilli() {
		return true
	}
	passed := time.Since(c.begun)
	if c.job.waiting.Load() > 0 && passed >= c.job.spec.EpochInterval {
		return true
	}
	if passed < heartbeatInterval {
		return false
	}
	if c.job.moves.Load() != c.movesSeen {
		return true
	}
	for i, s := range c.job.sources {
		if w, _ := s.clock.Now(); c.marksSeen == nil || w != c.marksSeen[i] {
			return true
		}
	}
	return false
}

// startEpoch puts a barrier into every task that reads sources, if an epoch is
// wanted and not too many are under way.
func (c *coordinator) startEpoch(ctx context.Context) error {
	if c.lastBegun || !c.wantsEpoch && !c.wantsLast || c.inFlight == epochsInFlight {
		return nil
	}
	if c.job.unbegun.Load() > 0 && !c.wantsLast {
		return nil
	}
	c.begun, c.rowsSeen, c.movesSeen, c.marksSeen = time.Now(), c.job.status.rowsIn.Load(), c.job.moves.Load(), nil
	c.due = never // until the tasks say what is still open
	record := &state.Record{Epoch: c.epoch, Origin: connect.NewOrigin(), Watermark: batch.Final}
	for _, s := range c.job.sources {
		w, _ := s.clock.Now()
		c.marksSeen = append(c.marksSeen, w)
		record.Sources = append(record.Sources, state.Source{Watermark: batch.Final, Splits: make([]state.Split, len(s.splits))})
	}
	c.parts[c.epoch] = &epochParts{record: record, reports: make([]report, len(c.job.tasks)), left: len(c.job.tasks), due: never, last: c.wantsLast, started: c.begun}
	for _, t := range c.job.tasks {
		if t.coordinator < 0 {
			continue
		}
		barrier := exchange.Message{Kind: exchange.Barrier, Epoch: c.epoch, Last: c.wantsLast}
		if err := t.inbox.Put(ctx, t.coordinator, barrier); err != nil {
			return err
		}
	}
	c.epoch++
	c.inFlight++
	c.wantsEpoch, c.lastBegun = false, c.wantsLast
	c.timer.Reset(c.pace.interval)
	return nil
}

// add takes a task's report; it gives the epoch when that was the last one
// missing.
func (c *coordinator) add(r report) *epochParts {
	parts := c.parts[r.epoch]
	for i, t := range c.job.tasks {
		if t == r.task {
			parts.reports[i] = r
		}
	}
	for _, s := range r.splits {
		parts.record.Sources[s.split.source.number].Splits[s.split.number] = s.at
	}
	for _, k := range r.clocks {
		at := &parts.record.Sources[k.source.number].Watermark
		// What any task has seen at its barrier bounds what rows behind it
		// were judged by; the least is right for all of them.
		*at = min(*at, k.at)
	}
	parts.due = min(parts.due, r.due)
	if r.isSink {
		parts.record.Watermark = min(parts.record.Watermark, r.watermark)
	}
	if parts.left--; parts.left > 0 {
		return nil
	}
	delete(c.parts, r.epoch)
	c.due = parts.due
	return parts
}
