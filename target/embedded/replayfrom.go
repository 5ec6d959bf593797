package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/engine/state"
	"tidemark/plan"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
)

// A replay from a time on builds the windows that start at a cut or later from the
// events of that time, and takes those before from the table as it is. That is the
// same as building all of them, because
//
//   - all windows before the cut are final when it begins, so that nothing that comes
//     later belongs to them;
//   - each partition is read from its first event at or after the cut. Earlier ones are
//     older than the cut, so that they are in no window that is built, and they held no
//     watermark that made an event of these windows late.
//
// Events behind that are older than the cut make parts of windows before it, which the
// sink leaves out (windowsFrom) until the new version is the table; by then they are
// late, as they are for what the table was.

// windowed is a plan of windows that can be built from a time on.
type windowed struct {
	spec  plan.WindowSpec
	start int        // the column of the table that holds the windows' start
	scan  *plan.Scan // what the windows are made of
	time  int        // its column, of the table, that windows go by
}

// windowedOf finds the windows of a job, or says why it cannot be built from a time on.
func windowedOf(job target.Job) (w windowed, err error) {
	refuse := func(because string) (windowed, error) {
		return w, problem.New(problem.Unsupported, "%s cannot be built again from a time on: %s", job.Table.Name, because).WithHint("replay it without --from")
	}
	node, columns := job.Plan, make([]int, len(job.Plan.Schema()))
	for i := range columns {
		columns[i] = i
	}
	var windows *plan.WindowAggregate
	for windows == nil {
		switch n := node.(type) {
		case *plan.Project:
			for i, c := range columns {
				columns[i] = passed(n, c)
			}
			node = n.Input
		case *plan.Filter:
			node = n.Input
		case *plan.WindowAggregate:
			windows = n
		default:
			return refuse(fmt.Sprintf("its rows do not stand for windows of time, they come from: %s", plan.Title(n)))
		}
	}
	w.spec, w.start = windows.Spec, -1
	if w.spec.Kind == plan.Session {
		return refuse("where a session begins depends on what came before")
	}
	if windows.Late.Action == plan.LateRevise {
		return refuse("late rows amend windows that are final")
	}
	for i, c := range columns {
		if property := c - len(windows.Keys) - len(windows.Calls) - len(windows.Groupings); c >= 0 && property >= 0 && windows.Properties[property].Kind == plan.WindowStart {
			w.start = i
		}
	}
	if w.start < 0 {
		return refuse("window_start is not one of its columns")
	}
	w.time = w.spec.Time
	for node = windows.Input; w.scan == nil; {
		switch n := node.(type) {
		case *plan.Project:
			if w.time = passed(n, w.time); w.time < 0 {
				return refuse("the time that its windows go by is computed")
			}
			node = n.Input
		case *plan.Filter:
			node = n.Input
		case *plan.Watermark:
			node = n.Input
		case *plan.Scan:
			w.scan = n
		default:
			return refuse(fmt.Sprintf("what its windows are made of depends on more than one event: %s", plan.Title(n)))
		}
	}
	w.time = w.scan.Columns[w.time]
	column := w.scan.Table.Columns[w.time]
	switch {
	case w.scan.Table.Kind != plan.Native || w.scan.Changing || w.scan.Table.PrimaryKey != nil:
		return refuse(fmt.Sprintf("%s is no native table whose events stay as they are", w.scan.Table.Name))
	case column.Computed != nil || column.Metadata != "":
		return refuse("the time that its windows go by is computed")
	case column.Type.Class() == value.Wides || job.Table.Columns[w.start].Type.Class() == value.Wides:
		return refuse("its times are finer than microseconds")
	case column.Type.Kind == value.TimestampLTZ && job.Zone != time.UTC:
		return refuse("its windows follow a time zone")
	}
	return w, nil
}

// passed is the column of a projection's input that stands unchanged in one of its
// own; negative for none.
func passed(n *plan.Project, column int) int {
	if column < 0 {
		return column
	}
	if c, ok := n.Exprs[column].(*plan.Column); ok {
		return c.Index
	}
	return -1
}

// cut is the start of the first window, in ms, that an event of a time is in.
func (w windowed) cut(at int64) int64 {
	if w.spec.Kind == plan.Hop {
		return floor(at-w.spec.Size-w.spec.Offset, w.spec.Slide) + w.spec.Slide + w.spec.Offset
	}
	return floor(at-w.spec.Offset, w.spec.Size) + w.spec.Offset
}

// ended is when the last window that starts before a cut ends.
func (w windowed) ended(cut int64) int64 {
	if w.spec.Kind == plan.Hop {
		return cut - w.spec.Slide + w.spec.Size
	}
	return cut
}

// floor is the greatest multiple of step that is not greater.
func floor(at, step int64) int64 {
	rest := at % step
	if rest < 0 {
		rest += step
	}
	return at - rest
}

var _ target.Cutting = (*Jobs)(nil)

// CutReplay finds the first window that a replay from a time on builds.
func (j *Jobs) CutReplay(ctx context.Context, job target.Job, from time.Time, byLog bool) (time.Time, error) {
	w, err := windowedOf(job)
	if err != nil {
		return time.Time{}, err
	}
	at := from.UnixMilli()
	if byLog {
		if at, err = j.oldestSince(ctx, w, from); err != nil {
			return time.Time{}, err
		}
	}
	cut := w.cut(at)
	k, err := j.keeperOf(job.Table.Name)
	if err != nil {
		return time.Time{}, err
	}
	if final := k.applied.Load(); final == batch.NoMark || final < w.ended(cut)-1 {
		return time.Time{}, problem.New(problem.Conflict, "windows of %s before %s are not final yet, so that they could not be kept as they are", job.Table.Name, time.UnixMilli(cut).UTC().Format(time.RFC3339)).
			WithHint("replay from an earlier time, or all of it without --from")
	}
	return time.UnixMilli(cut).UTC(), nil
}

// oldestSince is the oldest time, in ms, of the events that came at a moment or later.
func (j *Jobs) oldestSince(ctx context.Context, w windowed, from time.Time) (int64, error) {
	oldest := int64(math.MaxInt64)
	err := j.eachTime(ctx, w, func(topic *eventlog.Topic, id eventlog.Partition) (eventlog.Offset, error) {
		return topic.OffsetAt(id, from)
	}, func(_ eventlog.Partition, _ connect.Offset, times []int64) bool {
		for _, at := range times {
			oldest = min(oldest, at)
		}
		return true
	})
	if err == nil && oldest == math.MaxInt64 {
		err = problem.New(problem.NotFound, "no event came into %s since %s", w.scan.Table.Name, from.UTC().Format(time.RFC3339)).WithHint("name an earlier time")
	}
	return oldest, err
}

// eachTime reads the times, in ms, that windows go by, batch by batch with the offset
// before it, from an offset in each partition, until each says that it is enough.
func (j *Jobs) eachTime(ctx context.Context, w windowed, from func(*eventlog.Topic, eventlog.Partition) (eventlog.Offset, error), each func(id eventlog.Partition, before connect.Offset, times []int64) bool) error {
	topic, err := j.options.Log.Topic(w.scan.Table.Name)
	if err != nil {
		return err
	}
	column := w.scan.Table.Columns[w.time]
	source, err := native.NewSource(topic, connect.Request{Table: topic.Name(), Bounded: true, Columns: []connect.Column{{Name: column.Name, Type: column.Type}}})
	if err != nil {
		return err
	}
	for p := range topic.Partitions() {
		id := eventlog.Partition(p)
		start, err := from(topic, id)
		if err != nil {
			return err
		}
		if err := eachTimeOf(ctx, source, id, start, each); err != nil {
			return fmt.Errorf("look for times in %s: %w", topic.Name(), err)
		}
	}
	return nil
}

func eachTimeOf(ctx context.Context, source *native.Source, id eventlog.Partition, start eventlog.Offset, each func(eventlog.Partition, connect.Offset, []int64) bool) (err error) {
	r, err := source.Open(ctx, native.SplitOf(id), binary.BigEndian.AppendUint64(nil, uint64(start)))
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	var times []int64
	for {
		before := r.Offset()
		b, err := r.Read(ctx)
		if errors.Is(err, io.EOF) {
			each(id, r.Offset(), nil)
			return nil
		}
		if err != nil {
			return err
		}
		times = times[:0]
		b.Each(func(i int) {
			if !b.Columns[0].IsNull(i) {
				times = append(times, floor(b.Columns[0].Ints[i], 1000)/1000)
			}
		})
		if !each(id, before, times) {
			return nil
		}
	}
}

// openFrom makes what stood before the cut the beginning of a new version.
func (k *keeper) openFrom(ctx context.Context) error {
	w, err := windowedOf(k.job)
	if err != nil {
		return err
	}
	old, err := k.jobs.keeperOf(k.job.Table.Name)
	if err != nil {
		return err
	}
	store := k.jobs.options.Store
	if err := errors.Join(k.jobs.dropVersion(ctx, k.name), k.dropState(), k.holdAll()); err != nil {
		return err
	}
	for _, t := range []olap.Table{k.stored(), k.lateTable()} {
		if err := store.CreateTable(ctx, t); err != nil {
			return err
		}
	}
	if err := k.seed(ctx, w); err != nil {
		return err
	}
	saved, err := store.Save(ctx, []olap.Table{old.stored()})
	if err != nil {
		return err
	}
	err = k.replaceRows(ctx, k.stored(), func() (*batch.Batch, error) {
		rows, err := saved.Next(ctx, 0)
		if err != nil {
			return nil, err
		}
		return w.within(rows, func(start int64) bool { return start < k.job.From.UnixMicro() }).Compact(), nil
	})
	err = errors.Join(err, saved.Close(), k.replaceRows(ctx, k.lateTable(), func() (*batch.Batch, error) { return nil, io.EOF }))
	if err != nil {
		return err
	}
	// As in open, it is noted last.
	return vfs.WriteFile(k.jobs.options.Files, k.definitionFile(), []byte(k.fingerprint))
}

func (k *keeper) replaceRows(ctx context.Context, t olap.Table, next func() (*batch.Batch, error)) error {
	writer, err := k.jobs.options.Store.Writer(ctx, t)
	if err != nil {
		return err
	}
	return writer.Replace(ctx, olap.SavedEpoch{Epoch: 1, Watermark: batch.NoMark}, next)
}

// seed commits a first epoch that has read nothing, and goes on at the first event of
// each partition that is at or after the cut.
func (k *keeper) seed(ctx context.Context, w windowed) error {
	read := state.Source{Watermark: batch.NoMark}
	cut, found := k.job.From.UnixMilli(), map[eventlog.Partition]bool{}
	err := k.jobs.eachTime(ctx, w, (*eventlog.Topic).StartOffset, func(id eventlog.Partition, before connect.Offset, times []int64) bool {
		reached := times == nil // the end
		for _, at := range times {
			reached = reached || at >= cut
		}
		if reached && !found[id] {
			found[id] = true
			read.Splits = append(read.Splits, state.Split{ID: native.SplitOf(id), Offset: before, Watermark: batch.NoMark})
		}
		return !reached
	})
	if err != nil {
		return err
	}
	store, err := state.Open(k.stateDir())
	if err != nil {
		return err
	}
	return errors.Join(store.Commit(&state.Record{Epoch: 1, Watermark: batch.NoMark, Sources: []state.Source{read}}, nil, nil), store.Close())
}

// within keeps the rows whose window starts, in microseconds, as asked.
func (w windowed) within(b *batch.Batch, keep func(start int64) bool) *batch.Batch {
	chosen := *b
	chosen.Sel = []uint16{}
	starts := b.Columns[w.start]
	b.Each(func(i int) {
		if !starts.IsNull(i) && keep(starts.Ints[i]) {
			chosen.Sel = append(chosen.Sel, uint16(i))
		}
	})
	return &chosen
}

// windowsFrom leaves out windows that start before the cut, while the version is built
// beside the one that has them.
type windowsFrom struct {
	connect.Sink
	keeper   *keeper
	windowed windowed
}

// Apply hands on what starts at the cut or later.
func (s windowsFrom) Apply(ctx context.Context, c connect.Commit) error {
	if !s.keeper.beside.Load() {
		return s.Sink.Apply(ctx, c)
	}
	cut := s.keeper.job.From.UnixMicro()
	return applyAs(ctx, s.Sink, c, func(b *batch.Batch) (*batch.Batch, error) {
		return s.windowed.within(b, func(start int64) bool { return start >= cut }), nil
	})
}

// Resume passes on where the job stands.
func (s windowsFrom) Resume(ctx context.Context, standing connect.Standing) error {
	return resume(ctx, s.Sink, standing)
}

// Mark passes on what the sink has written down.
func (s windowsFrom) Mark() connect.Mark { return mark(s.Sink) }

// fromCut puts the leaving out before a sink of a version that is built from a time on.
func (k *keeper) fromCut(sink connect.Sink) (connect.Sink, error) {
	if k.job.From.IsZero() || !k.beside.Load() {
		return sink, nil
	}
	w, err := windowedOf(k.job)
	return windowsFrom{sink, k, w}, err
}
