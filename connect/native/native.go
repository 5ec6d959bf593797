// Package native makes our own event log and hot store an ordinary source and
// an ordinary sink, and is the one way of events into the log.
//
// It does not listen to anybody: doors hand bodies (serve/httpapi) or records
// (serve/kafka) to an Intake.
//
// Flow in: Intake.Accept cuts a body into events → reads each as its table's
// columns → events that do not fit go to the quarantine topic with the reason →
// the others to the table's topic, synced, and a receipt is returned. The
// events of a body of eight or more are stored as columns (pack.go), others as they
// came.
// Records are stored as they came, each in its place: one that does not fit, or
// that deletes a row, has no value there (records.go).
// Flow through: Source reads the topic's partitions as splits and takes, or
// decodes, the columns that a plan needs.
// Flow out: Sink applies a job's epochs to a table of the hot store; Export gives
// events to others as messages.
//
// Invariants:
//  1. Every event in a table's topic can be read as the columns the table had
//     when the event came. A record without a value is a deletion, or no event.
//  2. A receipt is given only after the events are synced; the same key gives
//     the same receipt and adds nothing.
package native

import (
	"context"
	"encoding/binary"
	"strconv"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

// Source reads a topic of the event log.
type Source struct {
	topic   *eventlog.Topic
	request connect.Request
}

// NewSource makes the source of a native table.
func NewSource(topic *eventlog.Topic, request connect.Request) (*Source, error) {
	for _, c := range request.Columns {
		if err := checkMetadata(c); err != nil {
			return nil, err
		}
	}
	return &Source{topic: topic, request: request}, nil
}

// Splits are the topic's partitions.
func (s *Source) Splits(context.Context) ([]connect.SplitID, error) {
	splits := make([]connect.SplitID, s.topic.Partitions())
	for i := range splits {
		splits[i] = SplitOf(eventlog.Partition(i))
	}
	return splits, nil
}

// SplitOf names the split of a partition.
func SplitOf(p eventlog.Partition) connect.SplitID {
	return connect.SplitID("partition " + strconv.Itoa(int(p)))
}

// Bounded reports whether reading ends with what is there now.
func (s *Source) Bounded() bool { return s.request.Bounded }

// OffsetOf reads an offset of a Source; nil is the beginning.
func OffsetOf(o connect.Offset) eventlog.Offset {
	if len(o) != 8 {
		return 0
	}
	return eventlog.Offset(binary.BigEndian.Uint64(o))
}

// Open starts to read a partition. An offset that retention has removed since
// becomes the oldest that is kept.
func (s *Source) Open(_ context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r := &reader{source: s, next: OffsetOf(from)}
	found := false
	for p := range s.topic.Partitions() {
		if SplitOf(eventlog.Partition(p)) == split {
			r.partition, found = eventlog.Partition(p), true
		}
	}
	if !found {
		return nil, problem.New(problem.NotFound, "%s has no %s", s.topic.Name(), split)
	}
	start, err := s.topic.StartOffset(r.partition)
	if err != nil {
		return nil, err
	}
	if r.end, err = s.topic.HighWater(r.partition); err != nil {
		return nil, err
	}
	r.next = max(r.next, start)
	r.at.Store(int64(r.next))
	if r.log, err = s.topic.Reader(r.partition, r.next); err != nil {
		return nil, err
	}
	var fields []format.Column
	for i, c := range s.request.Columns {
		if c.Metadata == "" {
			r.fields = append(r.fields, i)
			fields = append(fields, format.Column{Name: c.Name, Type: c.Type})
			r.packs.wanted = append(r.packs.wanted, value.Field{Name: c.Name, Type: c.Type})
		}
	}
	// What is in the log was checked when it came. If the table's columns have
	// changed since, a value that no longer fits is NULL, not the end of the job.
	r.decoder = format.NewJSONDecoder(fields, format.JSONOptions{Strict: true})
	r.lenient = format.NewJSONDecoder(fields, format.JSONOptions{IgnoreErrors: true})
	// The log's memory can be given back at once then.
	r.decoder.CopyTexts()
	r.lenient.CopyTexts()
	return r, nil
}
