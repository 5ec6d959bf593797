package native

import (
	"context"
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
)

// Sink applies epochs to a table of the hot store.
type Sink struct {
	writer *olap.Writer
	key    []int // not nil: rows are events, and deletions say no more than this key
}

// NewSink makes the sink of a stored table, which must exist.
func NewSink(writer *olap.Writer) *Sink { return &Sink{writer: writer} }

// NewEventSink makes the sink of a native table with a primary key, whose rows
// come as its events do.
func NewEventSink(writer *olap.Writer, key []int) *Sink { return &Sink{writer: writer, key: key} }

// Committed is the last epoch that the stored table holds.
func (s *Sink) Committed(ctx context.Context) (connect.Epoch, error) {
	epoch, _, err := s.writer.Committed(ctx)
	return connect.Epoch(epoch), err
}

// Apply writes an epoch with its number in one transaction.
func (s *Sink) Apply(ctx context.Context, c connect.Commit) error {
	if s.key != nil {
		c.Batches = withoutDeleted(c.Batches, s.key)
	}
	return s.writer.Apply(ctx, uint64(c.Epoch), c.Watermark, c.Batches)
}

// withoutDeleted leaves out the rows of a key before its last deletion. The hot
// store finds what a deletion takes away by the whole row, which an event from
// outside does not know. All events of a key come from one partition, in order.
func withoutDeleted(batches []*batch.Batch, key []int) []*batch.Batch {
	deleted := map[string]int{} // by key: how many rows of the commit are before the deletion
	columns := make([]*batch.Column, len(key))
	var text []byte
	each := func(b *batch.Batch, f func(row int, key []byte)) {
		for i, k := range key {
			columns[i] = b.Columns[k]
		}
		b.Each(func(i int) {
			text = batch.AppendKey(text[:0], columns, i)
			f(i, text)
		})
	}
	at := 0
	for _, b := range batches {
		if b.Kinds == nil {
			at += b.Live()
			continue
		}
		each(b, func(i int, key []byte) {
			if b.Kind(i) == batch.Delete {
				deleted[string(key)] = at
			}
			at++
		})
	}
	if len(deleted) == 0 {
		return batches
	}
	kept := make([]*batch.Batch, len(batches))
	at = 0
	for n, b := range batches {
		some := *b
		some.Sel = []uint16{}
		each(b, func(i int, key []byte) {
			if before, is := deleted[string(key)]; !is || at >= before {
				some.Sel = append(some.Sel, uint16(i))
			}
			at++
		})
		kept[n] = &some
	}
	return kept
}

// Close leaves the writer to the hot store, which owns it.
func (s *Sink) Close() error { return nil }

// LogSink appends rows to a native table's topic as events: INSERT INTO of a
// script.
type LogSink struct {
	topic   *eventlog.Topic
	request connect.Request
	encoder format.Encoder
	epoch   connect.Epoch
}

// NewLogSink makes the sink of a native table's topic.
func NewLogSink(topic *eventlog.Topic, request connect.Request) (*LogSink, error) {
	fields := make([]value.Field, len(request.Columns))
	for i, c := range request.Columns {
		fields[i] = value.Field{Name: c.Name, Type: c.Type}
	}
	f, err := format.ByName("json")
	if err != nil {
		return nil, err
	}
	encoder, err := f.NewEncoder(fields, nil)
	if err != nil {
		return nil, err
	}
	return &LogSink{topic: topic, request: request, encoder: encoder}, nil
}

// Committed is the last epoch of this run.
func (s *LogSink) Committed(context.Context) (connect.Epoch, error) { return s.epoch, nil }

// Apply appends the rows of an epoch, under a key that makes a repetition
// harmless. Rows that take back others are refused: events have happened.
func (s *LogSink) Apply(ctx context.Context, c connect.Commit) error {
	for n, b := range c.Batches {
		var text []byte
		var views []batch.View
		var failed error
		b.Each(func(i int) {
			if failed == nil && b.Kind(i) != batch.Insert {
				failed = problem.New(problem.InvalidQuery, "the query takes rows back (%s), and %s keeps events", b.Kind(i), s.topic.Name()).WithHint("insert from a query that only appends, or define a materialized table")
			}
			if failed == nil {
				start := len(text)
				text, failed = s.encoder.AppendRow(text, b, i)
				views = append(views, batch.View{Offset: uint32(start), Length: uint32(len(text) - start)})
			}
		})
		if failed != nil {
			return failed
		}
		if len(views) == 0 {
			continue
		}
		key := fmt.Sprintf("%s/%d/%d", s.request.Job, c.Epoch, n)
		if _, err := s.topic.Append(ctx, 0, eventlog.Events{Block: text, Values: views, Key: key}); err != nil {
			return err
		}
	}
	s.epoch = c.Epoch
	return nil
}

// Close does nothing.
func (s *LogSink) Close() error { return nil }
