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
// are our own: those of idempotency keys the log's, the others its appenders'.
type Header struct {
	Name  string
	Value []byte
}

// Events is what one Append writes, all or nothing. The events are views into
// Block, or Records, or Packed, or Encoded; only one of these. The log reads everything here
// until Append returns and keeps none of it.
type Events struct {
	Block   []byte
	Values  []batch.View
	Records []Record

	// Packed is PackedCount events in one piece, which only the appender can
	// take apart. A reader gets it whole.
	Packed      []byte
	PackedCount int

	// Encoded is EncodedCount records as they stand in a batch (decode.go), of
	// which ReadRecords has found that they are well-formed. Their times do not
	// count. There can be no Key with them.
	Encoded      []byte
	EncodedCount int

	// Producer, when it is set, numbers the records. A batch that comes again is
	// answered and not appended, one that is ahead of its turn is refused.
	Producer *Producer

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

// Headers that say why a record has no value. A record with neither is a row.
const (
	// VoidHeader marks the place of an event that could not be read: there is no
	// row for its offset.
	VoidHeader = ownHeaderPrefix + "void"
	// DeleteHeader marks a deletion; its value is the key of what is deleted, in
	// the appender's own encoding.
	DeleteHeader = ownHeaderPrefix + "delete"
)

// IsOwnHeader reports whether a name is one that outside records cannot use.
func IsOwnHeader(name string) bool { return strings.HasPrefix(name, ownHeaderPrefix) }

// marks reports whether the record has one of the headers above.
func (r *Record) marks() bool {
	for _, h := range r.Headers {
		if h.Name == VoidHeader || h.Name == DeleteHeader {
			return true
		}
	}
	return false
}

// count is how many events there are.
func (e *Events) count() int {
	return len(e.Values) + len(e.Records) + e.PackedCount + e.EncodedCount
}

// records is how many records the batch gets: an append that only stores its
// key has one record that readers do not see.
func (e *Events) records() int { return max(1, e.count()) }

// format is the oldest version of the format in which the events can be kept.
func (e *Events) format() int {
	for i := range e.Records {
		if e.Records[i].marks() {
			return formatMarks
		}
	}
	if e.PackedCount > 0 {
		return formatPacks
	}
	return formatFirst
}

// check finds what the caller did wrong.
func (e *Events) check() error {
	switch {
	case e.count() > max(len(e.Values), len(e.Records), e.PackedCount, e.EncodedCount):
		return problem.New(problem.InvalidRequest, "an append has events in two forms")
	case (len(e.Packed) > 0) != (e.PackedCount > 0):
		return problem.New(problem.InvalidRequest, "an append has %d bytes of %d packed events", len(e.Packed), e.PackedCount)
	case (len(e.Encoded) > 0) != (e.EncodedCount > 0) || e.EncodedCount > 0 && e.Key != "":
		return problem.New(problem.InvalidRequest, "an append has %d bytes of %d records, and key %q", len(e.Encoded), e.EncodedCount, e.Key)
	case e.Producer != nil && (e.Key != "" || e.count() == 0 || e.Producer.ID < 0 || e.Producer.Epoch < 0 || e.Producer.Sequence < 0):
		return problem.New(problem.InvalidRequest, "an append of %d events by producer %v has key %q", e.count(), *e.Producer, e.Key)
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
		if len(r.Headers) > headersMax+1 { // one may be a mark
			return problem.New(problem.TooLarge, "a record has %d headers, more than %d", len(r.Headers), headersMax)
		}
		for _, h := range r.Headers {
			if IsOwnHeader(h.Name) && h.Name != VoidHeader && h.Name != DeleteHeader {
				return problem.New(problem.InvalidRequest, "header %q: names that begin with %q are taken", h.Name, ownHeaderPrefix)
			}
		}
	}
	return nil
}
