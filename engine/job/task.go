package job

import (
	"context"
	"fmt"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/engine/exchange"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// task is one of the parallel instances of a stage. Its goroutine runs
// everything in it but the readers of its splits.
type task struct {
	job     *Job
	running context.Context // ends with the run
	stage   int
	index   int
	context plan.Context
	inbox   *exchange.Inbox
	leaves  []*leaf
	links   []*link // inputs before what they feed
	owed    []owed  // what has to be given before anything else
	out     output
	meter   meter

	// Senders of the inbox: the tasks of each edge, then the splits, then, when
	// the stage reads sources, the coordinator.
	splits      []*split // by sender - firstSplit
	firstSplit  int
	coordinator int // -1 for none
	alignment   *exchange.Alignment

	outputs  []state.Output // by number of the sink; nil for none at all
	rowsHeld int64
	batches  int // since the last Flush, with Spec.FlushBatches
}

func (t *task) name() string { return fmt.Sprintf("stage %d, worker %d", t.stage, t.index) }

// run takes messages until the last barrier.
func (t *task) run(ctx context.Context) error {
	var tick <-chan time.Time
	if interval := t.idleCheckInterval(); interval > 0 {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	now := time.Now()
	for _, s := range t.splits {
		s.emptySince = now
	}
	t.meter.begin()
	err := t.giveOwed(ctx)
	if err == nil {
		err = t.followClocks()
	}
	t.meter.end()
	if err != nil {
		return err
	}
	for {
		sender, m, ok := t.inbox.Take(t.mayTake)
		t.meter.begin()
		if !ok {
			err := t.followClocks()
			t.meter.end()
			if err != nil {
				return err
			}
			if err := t.wait(ctx, tick); err != nil {
				return err
			}
			continue
		}
		done, err := t.handle(ctx, sender, m)
		t.meter.end()
		if done || err != nil {
			return err
		}
	}
}

// wait waits until there may be a message to take, and looks for silent splits with
// every tick.
func (t *task) wait(ctx context.Context, tick <-chan time.Time) error {
	t.beginWait()
	defer t.endWait()
	select {
	case <-t.inbox.Arrived():
	case <-tick:
		t.noteIdle()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// beginWait begins to charge time without a message: to what reads, or, when too many
// rows wait for the sink, to what would go on with them.
func (t *task) beginWait() {
	now, full := time.Now(), t.job.pending.Load() > t.job.outputRowsMax()
	for i, l := range t.leaves {
		c := l.reader()
		switch {
		case c == nil || i > 0 && c == t.leaves[i-1].reader(): // one operator with two inputs waits once
		case full:
			c.outputWait.begin(now)
		default:
			c.inputWait.begin(now)
		}
	}
}

func (t *task) endWait() {
	now := time.Now()
	for _, l := range t.leaves {
		if c := l.reader(); c != nil {
			c.outputWait.end(now)
			c.inputWait.end(now)
		}
	}
}

// mayTake reports whether messages of the sender can be taken now.
func (t *task) mayTake(sender int) bool {
	switch {
	case sender < t.firstSplit:
		return !t.alignment.Held(sender)
	case sender == t.coordinator:
		return !t.alignment.Held(t.firstSplit)
	}
	return !t.alignment.Held(t.firstSplit) && t.splits[sender-t.firstSplit].mayRead() && t.job.pending.Load() <= t.job.outputRowsMax()
}

func (t *task) handle(ctx context.Context, sender int, m exchange.Message) (done bool, err error) {
	switch m.Kind {
	case exchange.Rows:
		return false, t.takeRows(sender, m)
	case exchange.Watermark:
		l := t.leafOf(sender)
		w, idle := l.inputs.Set(sender-l.first, m.Watermark, m.Idle)
		return false, l.advance(w, idle)
	case exchange.End:
		return false, t.endSplit(t.splits[sender-t.firstSplit])
	case exchange.Barrier:
		if err := t.followClocks(); err != nil {
			return false, err
		}
		// All splits and the coordinator are one in the alignment.
		if !t.alignment.Pass(min(sender, t.firstSplit)) {
			return false, nil
		}
		return m.Last, t.barrier(ctx, m.Epoch, m.Last)
	}
	return false, nil
}

// leafOf is the leaf of an edge's sender.
func (t *task) leafOf(sender int) *leaf {
	for _, l := range t.leaves {
		if l.edge != nil && sender >= l.first && sender < l.first+t.job.spec.Parallelism {
			return l
		}
	}
	panic(fmt.Sprintf("%s: message of unknown sender %d", t.name(), sender))
}

func (t *task) takeRows(sender int, m exchange.Message) error {
	if t.context.Streaming {
		t.context.Now = time.Now()
	}
	if sender < t.firstSplit {
		if err := t.leafOf(sender).emit(m.Batch); err != nil {
			return err
		}
		return t.countBatch()
	}
	s := t.splits[sender-t.firstSplit]
	l := t.leafOfSource(s.source)
	wanted := l.intake.wanted(m.Batch)
	rows := int64(m.Batch.Live())
	l.cost.took(m.Batch)
	before := t.meter.enter(l.cost)
	lease := m.Batch.Lease
	err := l.intake.take(&t.context, s, m.Batch, wanted, m.Watermark, func(rows *batch.Batch) error {
		share(rows, lease)
		return l.emit(rows)
	})
	lease.Return()
	t.meter.enter(before)
	if err != nil {
		return err
	}
	if _, grows := s.source.plan.source.(connect.Discoverer); grows && s.offset == nil {
		t.job.unbegun.Add(-1)
	}
	s.offset = m.Offset
	now := time.Now()
	s.emptySince = now
	if rows > 0 {
		s.lastRow.Store(now.UnixMilli())
	} else {
		t.job.moves.Add(1)
	}
	t.job.status.rowsIn.Add(rows)
	t.job.rouse()
	if err := t.followClocks(); err != nil {
		return err
	}
	t.wakeOthers(s.source)
	return t.countBatch()
}

func (t *task) leafOfSource(s *source) *leaf {
	for _, l := range t.leaves {
		if l.source == s {
			return l
		}
	}
	panic(fmt.Sprintf("%s: rows of a source that it does not read", t.name()))
}

// countBatch flushes after every FlushBatches batches, where that is asked for.
func (t *task) countBatch() error {
	every := t.job.spec.FlushBatches
	if every == 0 || t.job.spec.Store != nil {
		return nil
	}
	if t.batches++; t.batches < every {
		return nil
	}
	t.batches = 0
	return t.flush()
}

func (t *task) flush() error {
	if t.context.Streaming {
		t.context.Now = time.Now()
	}
	for _, l := range t.links {
		if err := l.flush(); err != nil {
			return err
		}
		// Rows that held the watermark may be gone by now.
		if _, holds := l.operator.(engine.Holder); holds {
			if err := l.pass(l.watermarks.Now(), l.idle); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *task) endSplit(s *split) error {
	s.ended = true
	if s.source.ordered {
		s.source.passTurn()
	}
	s.source.clock.End(s.number)
	if err := t.followClocks(); err != nil {
		return err
	}
	t.wakeOthers(s.source)
	t.job.wantEpoch() // it may be the end of all input
	return nil
}

// wakeOthers lets the other readers of a source see how its clock has changed.
func (t *task) wakeOthers(s *source) {
	for _, other := range s.readers {
		if other != t {
			other.inbox.Poke()
		}
	}
}

// followClocks passes on how far the clocks of the task's sources have got.
// Everything that the task has taken is then in front of the watermark, and
// what it takes later has marks not below it.
func (t *task) followClocks() error {
	for _, l := range t.leaves {
		if l.source == nil {
			continue
		}
		if w, idle := l.source.clock.Now(); w != batch.NoMark || idle {
			if err := l.advance(w, idle); err != nil {
				return err
			}
		}
	}
	return nil
}

// idleCheckInterval is how often to look for silent splits; 0 for never.
func (t *task) idleCheckInterval() time.Duration {
	least := time.Duration(0)
	for _, s := range t.splits {
		if timeout := s.source.plan.idleTimeout(); timeout > 0 && (least == 0 || timeout < least) {
			least = timeout
		}
	}
	if least == 0 {
		return 0
	}
	return min(max(least/4, idleCheckMin), idleCheckMax)
}

// Bounds of the time between two looks for silent splits.
const (
	idleCheckMin = 10 * time.Millisecond
	idleCheckMax = time.Second
)

// noteIdle finds the splits that have had no rows for their idle timeout. A
// split whose rows wait in the inbox is not idle, however long they wait.
func (t *task) noteIdle() {
	now := time.Now()
	for i, s := range t.splits {
		timeout := s.source.plan.idleTimeout()
		switch {
		case timeout == 0 || s.ended:
		case t.inbox.Waiting(t.firstSplit+i) > 0 || !s.mayRead():
			s.emptySince = now
		case now.Sub(s.emptySince) >= timeout:
			s.source.clock.SetIdle(s.number)
			t.wakeOthers(s.source)
		}
	}
}

// barrier ends an epoch: flush, save, pass the barrier on, report.
func (t *task) barrier(ctx context.Context, epoch engine.Epoch, last bool) error {
	// Rows that wait for the clock are not shown by more batches.
	flushes := t.job.spec.Store != nil || t.job.spec.FlushBatches == 0 || last || t.job.waiting.Load() > 0 || t.due() <= time.Now().UnixMilli()
	if flushes {
		if err := t.flush(); err != nil {
			return err
		}
	}
	r := report{task: t, epoch: epoch, last: last, due: t.due()}
	if t.job.spec.Store != nil {
		for _, l := range t.links {
			if l.state == 0 {
				continue
			}
			changes := state.NewChanges(l.state)
			before := t.meter.enter(l.cost)
			err := l.operator.Save(changes)
			t.meter.enter(before)
			if err != nil {
				return err
			}
			r.changes = append(r.changes, changes)
		}
	}
	for _, s := range t.splits {
		w, _ := s.source.clock.Split(s.number)
		r.splits = append(r.splits, splitReport{split: s, at: state.Split{ID: s.id, Offset: s.offset, Watermark: w, Ended: s.ended}})
	}
	for _, l := range t.leaves {
		if l.source != nil {
			w, _ := l.source.clock.Now()
			if w == batch.Final {
				w = batch.NoMark // all splits say that they have ended
			}
			r.clocks = append(r.clocks, clockReport{source: l.source, at: w})
		}
	}
	if err := t.out.barrier(epoch, last); err != nil {
		return err
	}
	r.outputs, r.rows = t.takeOutputs()
	if o, ok := t.out.(*sinkOutput); ok {
		r.isSink, r.watermark = true, o.last
	}
	select {
	case t.job.reports <- r:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// due is from which moment on a flush has windows over processing time to show, in
// ms; never when none is open.
func (t *task) due() int64 {
	first := int64(never)
	for _, l := range t.links {
		if at, open := operator.Due(l.operator); open {
			first = min(first, at)
		}
	}
	return first
}

// environment is what the task's operators know of it.
func (t *task) environment() operator.Environment {
	env := operator.Environment{
		Context: &t.context,
		Worker:  engine.WorkerOf(t.index, t.job.spec.Parallelism),
		Dropped: func(rows int) { t.job.status.late.Add(int64(rows)) },
		Aside:   t.collect,
		Expired: func(keys int) { t.job.status.expiredKeys.Add(int64(keys)) },
		Run:     t.running,
		Waits:   func(more int) { t.job.waiting.Add(int64(more)) },
		Saves:   t.job.spec.Store != nil,
	}
	if t.job.spec.Late != nil {
		env.Late = func(rows *batch.Batch) error {
			t.collect(lateSink, rows)
			return nil
		}
	}
	return env
}
