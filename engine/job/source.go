package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/engine/exchange"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// source is a source of a running job.
type source struct {
	plan    *sourcePlan
	number  int // in the blueprint and in records
	clock   *operator.Clock
	splits  []*split
	readers []*task // tasks of the stage that reads it
	// ordered sources are read split by split, so that the marks of rows do not
	// depend on timing: turn is the number of the split that may be read.
	ordered bool
	turn    atomic.Int64
}

// split is a part of a source. Its reader goroutine puts rows into the inbox of
// its task, which owns everything here but the reader.
type split struct {
	source *source
	number int // in the source
	id     connect.SplitID
	task   *task
	sender int // in the task's inbox
	offset connect.Offset
	ended  bool
	found  bool // it came after an epoch without it

	emptySince time.Time    // when its queue was last seen to become empty
	lastRow    atomic.Int64 // when rows came last, Unix ms; 0 for never
	lag        atomic.Pointer[connect.Lagger]
	positioner atomic.Pointer[connect.Positioner]
	follower   atomic.Pointer[connect.Follower]

	thread    thread       // of its reader
	busy, cpu atomic.Int64 // ns, of its reader
	room      tally        // that the reader has waited for room in the inbox
}

// openSource lists the splits and sets up their clock as the record left it.
func (j *Job) openSource(ctx context.Context, number int, p *sourcePlan, record *state.Record) (*source, error) {
	ids, err := p.source.Splits(ctx)
	if err != nil {
		return nil, fmt.Errorf("list splits of %s: %w", p.name, err)
	}
	if len(ids) == 0 && !p.source.Bounded() {
		return nil, problem.New(problem.NotFound, "table %s has no partitions to read", p.name).Retryable()
	}
	s := &source{plan: p, number: number}
	s.ordered = p.source.Bounded() && j.spec.Context.Streaming && !j.spec.AnyOrder
	before := state.Source{Watermark: batch.NoMark}
	if record != nil {
		if number >= len(record.Sources) {
			return nil, problem.New(problem.Conflict, "the stored state belongs to another plan").WithHint("start the job anew, or bring the old definition back")
		}
		before = record.Sources[number]
	}
	stored := map[connect.SplitID]state.Split{}
	_, grows := p.source.(connect.Discoverer)
	for _, old := range before.Splits {
		if grows && old.Offset == nil {
			continue // the last epoch came before its reader had begun
		}
		stored[old.ID] = old
		if grows && !slices.Contains(ids, old.ID) {
			// Going on would forget its offset, and read it again when it is back.
			return nil, problem.New(problem.NotFound, "%s of table %s, which the job has read, is not there", old.ID, p.name).Retryable().
				WithHint("bring it back, or make the job anew")
		}
	}
	watermarks := make([]engine.Watermark, len(ids))
	for i, id := range ids {
		split := &split{source: s, number: i, id: id}
		watermarks[i] = batch.NoMark
		if old, ok := stored[id]; ok {
			split.offset, split.ended, watermarks[i] = old.Offset, old.Ended, old.Watermark
		} else {
			split.found = grows && len(stored) > 0
			if grows {
				j.unbegun.Add(1)
			}
		}
		s.splits = append(s.splits, split)
	}
	s.clock = operator.NewClock(watermarks, before.Watermark)
	for i, split := range s.splits {
		if split.ended {
			s.clock.End(i)
		}
	}
	s.passTurn()
	return s, nil
}

// passTurn lets the first split be read that has not ended. It is called by the
// task that has the turn.
func (s *source) passTurn() {
	turn := s.turn.Load()
	for int(turn) < len(s.splits) && s.splits[turn].ended {
		turn++
	}
	s.turn.Store(turn)
}

// mayRead reports whether it is the split's turn.
func (s *split) mayRead() bool {
	return !s.source.ordered || s.source.turn.Load() == int64(s.number)
}

// read is the goroutine of a split's reader.
func (s *split) read(ctx context.Context) error {
	if s.ended {
		return nil
	}
	reader, err := s.open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Canceled
		}
		return fmt.Errorf("open %s: %w", s.id, err)
	}
	defer reader.Close()
	if lagger, ok := reader.(connect.Lagger); ok {
		s.lag.Store(&lagger)
		defer s.lag.Store(nil)
	}
	if positioner, ok := reader.(connect.Positioner); ok {
		s.positioner.Store(&positioner)
		defer s.positioner.Store(nil)
	}
	if follower, ok := reader.(connect.Follower); ok {
		s.follower.Store(&follower)
	}
	waiter, waits := reader.(connect.Waiter)
	for {
		if waits {
			waiter.Wait(ctx)
		}
		rows, err := s.next(ctx, reader, waits || s.source.plan.source.Bounded())
		if errors.Is(err, io.EOF) {
			return s.task.inbox.Put(ctx, s.sender, exchange.Message{Kind: exchange.End})
		}
		if err != nil {
			if ctx.Err() != nil {
				return context.Canceled
			}
			return fmt.Errorf("read %s: %w", s.id, err)
		}
		m := exchange.Message{Kind: exchange.Rows, Batch: rows, Offset: reader.Offset(), Watermark: reader.Watermark()}
		if err := s.put(ctx, m); err != nil {
			if ctx.Err() != nil {
				return context.Canceled
			}
			return err
		}
	}
}

// lagNow is how much waits to be read, as the split's reader knows it; negative when
// unknown. Any goroutine may call it.
func (s *split) lagNow() (rows int64, age time.Duration) {
	lagger := s.lag.Load()
	if lagger == nil {
		return -1, -1
	}
	return (*lagger).Lag()
}

// reads reports whether it is being read. Any goroutine may call it.
func (s *split) reads() bool {
	w, _ := s.source.clock.Split(s.number)
	return w != batch.Final && s.mayRead()
}

// next reads the next rows. What that takes is measured if it does not wait for them:
// a goroutine that is measured holds its thread.
func (s *split) next(ctx context.Context, reader connect.Reader, measured bool) (*batch.Batch, error) {
	if !measured {
		return reader.Read(ctx)
	}
	work := s.thread.start()
	rows, err := reader.Read(ctx)
	passed, processor := s.thread.stop(work)
	s.busy.Add(int64(passed))
	s.cpu.Add(int64(processor))
	return rows, err
}

// put gives rows to the split's task. How long it waits for room is how far the
// source is held up by what is behind it.
func (s *split) put(ctx context.Context, m exchange.Message) error {
	if s.task.inbox.Offer(s.sender, m) {
		return nil
	}
	s.room.begin(time.Now())
	err := s.task.inbox.Put(ctx, s.sender, m)
	s.room.end(time.Now())
	return err
}

// open makes the split's reader.
func (s *split) open(ctx context.Context) (connect.Reader, error) {
	if discoverer, ok := s.source.plan.source.(connect.Discoverer); ok && s.found {
		return discoverer.OpenFound(ctx, s.id)
	}
	return s.source.plan.source.Open(ctx, s.id, s.offset)
}

// ErrMoreSplits is how a run ends, with a last epoch, that has met splits which
// it does not read: the next run reads them too.
var ErrMoreSplits = errors.New("a source has more splits than the job reads")

// watch waits until the source has more splits, and then ends the run.
func (j *Job) watch(ctx context.Context, s *source, discoverer connect.Discoverer) error {
	known := make([]connect.SplitID, len(s.splits))
	for i, split := range s.splits {
		known[i] = split.id
	}
	if err := discoverer.Discover(ctx, known); err != nil {
		if ctx.Err() != nil {
			return context.Canceled
		}
		return fmt.Errorf("look for splits: %w", err)
	}
	j.grown.Store(true)
	j.Stop()
	return nil
}

// intake is what a task does with rows of a source first: computed columns and
// event time.
type intake struct {
	calc      *operator.Calc      // nil for none
	watermark *operator.Watermark // nil for none
	selects   bool                // the source says in Sel which rows are wanted
	filters   bool                // calc does so, too, of rows that the source wants
}

func newIntake(env operator.Environment, p *sourcePlan) (*intake, error) {
	in := &intake{selects: p.selects, filters: p.selects && p.scan.Filter != nil}
	var err error
	if len(p.calc) > 0 {
		if in.calc, err = operator.NewCalc(env, p.calc); err != nil {
			return nil, err
		}
	}
	if p.watermark != nil && env.Context.Streaming {
		if in.watermark, err = operator.NewWatermark(env, p.watermark); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// wanted makes all rows of a batch live, and gives which of them the source found to be
// wanted; nil for all.
func (in *intake) wanted(rows *batch.Batch) []uint16 {
	if !in.selects {
		return nil
	}
	wanted := rows.Sel
	rows.Sel = nil
	return wanted
}

// take marks rows of a split and passes on those that are wanted, nil for all.
func (in *intake) take(ctx *plan.Context, s *split, rows *batch.Batch, wanted []uint16, vouched engine.Watermark, emit engine.Emit) error {
	if !ctx.Streaming {
		rows.Marks, vouched = nil, batch.NoMark
	}
	if in.filters {
		rows.Sel, wanted = wanted, nil
	}
	mark := func(rows *batch.Batch) error {
		switch {
		case vouched != batch.NoMark:
			// The source knows better than any clause: nothing at or before
			// what it vouched for came after, so its word holds from the next
			// row on.
			running, _ := s.source.clock.Split(s.number)
			rows.Marks = make([]int64, rows.Rows)
			for i := range rows.Marks {
				rows.Marks[i] = running
			}
			s.source.clock.Mark(s.number, rows.Marks, running)
		case in.watermark != nil:
			if _, err := in.watermark.Mark(rows, s.source.clock, s.number); err != nil {
				return err
			}
		}
		if wanted != nil {
			rows.Sel = wanted
		}
		if rows.Live() == 0 {
			return nil
		}
		return emit(rows)
	}
	var err error
	switch {
	case rows.Live() == 0:
	case in.calc != nil:
		err = in.calc.Process(0, rows, mark)
	default:
		err = mark(rows)
	}
	if vouched != batch.NoMark && err == nil {
		s.source.clock.Mark(s.number, nil, vouched)
	}
	return err
}
