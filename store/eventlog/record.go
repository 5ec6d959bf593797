package eventlog

import (
	"fmt"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
)

// Offset numbers the records of a partition from 0.
type Offset int64

// Partition numbers the parts of a topic from 0.
type Partition int32

// SegmentID numbers the segment files of a partition in the order they were
// begun, from 1.
type SegmentID uint32

// Record is one event with everything it may carry. A nil Key or Value is null.
type Record struct {
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header is a named value beside a record. Names that begin with "tidemark."
// are the log's own.
type Header struct {
	Name  string
	Value []byte
}

// Events is what one Append writes, all or nothing. The events are views into
// Block, or Records, or Packed; only one of these. The log reads everything here
// until Append returns and keeps none of it.
type Events struct {
	Block   []byte
	Values  []batch.View
	Records []Record

	// Packed is PackedCount events in one piece, which only the appender can
	// take apart. A reader gets it whole.
	Packed      []byte
	PackedCount int

	// Key, when it is not empty, makes a repeated Append of the same key to
	// the same topic return the first answer instead of appending again.
	Key string
	// Result is kept with Key and handed to those who repeat it.
	Result []byte
}

// The headers that carry an idempotency key and its result; they stand on the
// first record of the batch.
const (
	ownHeaderPrefix = "tidemark."
	keyHeader       = ownHeaderPrefix + "key"
	resultHeader    = ownHeaderPrefix + "result"
)

// count is how many events there are.
func (e *Events) count() int { return len(e.Values) + len(e.Records) + e.PackedCount }

// records is how many records the batch gets: an append that only stores its
// key has one record that readers do not see.
func (e *Events) records() int { return max(1, e.count()) }

// check finds what the caller did wrong.
func (e *Events) check() error {
	switch {
	case len(e.Values) > 0 && len(e.Records) > 0 || e.PackedCount > 0 && e.count() > e.PackedCount:
		return problem.New(problem.InvalidRequest, "an append has events in two forms")
	case (len(e.Packed) > 0) != (e.PackedCount > 0):
		return problem.New(problem.InvalidRequest, "an append has %d bytes of %d packed events", len(e.Packed), e.PackedCount)
	case e.count() == 0 && e.Key == "":
		return problem.New(problem.InvalidRequest, "an append has no events")
	case e.count() > recordsMax:
		return problem.New(problem.TooLarge, "an append has %d events, more than %d", e.count(), recordsMax).
			WithHint("send the events in several batches")
	case len(e.Key) > keyBytesMax:
		return problem.New(problem.TooLarge, "an idempotency key has %d bytes, more than %d", len(e.Key), keyBytesMax)
	case len(e.Result) > resultBytesMax:
		return problem.New(problem.TooLarge, "the result of an append has %d bytes, more than %d", len(e.Result), resultBytesMax)
	case len(e.Result) > 0 && e.Key == "":
		return problem.New(problem.InvalidRequest, "an append has a result but no idempotency key to find it by")
	}
	for _, v := range e.Values {
		if uint64(v.Offset)+uint64(v.Length) > uint64(len(e.Block)) {
			return fmt.Errorf("append: view %d+%d is outside of a block of %d bytes", v.Offset, v.Length, len(e.Block))
		}
	}
	for _, r := range e.Records {
		if len(r.Headers) > headersMax {
			return problem.New(problem.TooLarge, "a record has %d headers, more than %d", len(r.Headers), headersMax)
		}
		for _, h := range r.Headers {
			if strings.HasPrefix(h.Name, ownHeaderPrefix) {
				return problem.New(problem.InvalidRequest, "header %q: names that begin with %q are taken", h.Name, ownHeaderPrefix)
			}
		}
	}
	return nil
}
