package kafka

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/connect/format"
)

// reader reads one partition.
type reader struct {
	source   *source
	fetcher  *fetcher
	feed     *feed
	id       partitionID
	place    place // behind what Read has given
	unpacker *unpacker
	begun    bool    // the place where reading begins was given
	hasMore  bool    // the unpacker has an answer that was not read to its end
	came     *answer // that Wait has met; nil for none
	pending  []record
	block    []byte // of pending
	keys     format.Decoder
	values   format.Decoder
	most     int // records to decode at once
	closing  sync.Once
	closed   chan struct{}
	at       atomic.Int64 // place.next, for Lag
	newest   atomic.Int64 // time of the last record that was given, ms
}

var (
	_ connect.Lagger   = (*reader)(nil)
	_ connect.Follower = (*reader)(nil)
)

// prepare makes the decoders.
func (r *reader) prepare() (err error) {
	r.closed = make(chan struct{})
	if r.keys, r.values, err = r.source.reading.decoders(); err != nil {
		return err
	}
	r.unpacker.reuse = true
	for _, d := range []format.Decoder{r.keys, r.values} {
		if d == nil {
			continue
		}
		if json, ok := d.(*format.JSONDecoder); ok {
			json.CopyTexts()
		} else {
			r.unpacker.reuse = false
		}
	}
	r.most = batch.MaxRows
	if r.source.reading.value.format.Changes {
		r.most /= 2 // a record is two rows when it is an update
	}
	return nil
}

// Read decodes the next records, or waits for them.
func (r *reader) Read(ctx context.Context) (*batch.Batch, error) {
	if !r.begun {
		// Where reading begins is fixed with the first epoch, even if nothing came.
		r.begun = true
		return &batch.Batch{}, nil
	}
	for {
		if len(r.pending) > 0 {
			return r.decodeSome(ctx)
		}
		if r.place.next >= r.place.end {
			return nil, io.EOF
		}
		if !r.hasMore {
			if err := r.fetch(ctx); err != nil {
				return nil, err
			}
			if !r.hasMore {
				continue
			}
		}
		records, block, err := r.unpacker.take(r.most)
		if err != nil {
			return nil, problem.New(problem.Corrupt, "%s: %v", r.id, err)
		}
		r.pending, r.block = records, block
		if len(records) == 0 {
			r.hasMore = false
			if r.unpacker.next > r.place.next {
				r.move(r.unpacker.next) // over ends of transactions, and what was aborted
				return &batch.Batch{}, nil
			}
		}
		if end := slices.IndexFunc(records, func(x record) bool { return x.offset >= r.place.end }); end >= 0 {
			r.pending = records[:end]
			if end == 0 {
				r.move(r.place.end)
			}
		}
	}
}

// move notes that everything before next was given.
func (r *reader) move(next int64) {
	r.place.next = min(next, r.place.end)
	r.at.Store(r.place.next)
}

// fetch waits for the broker's next answer.
func (r *reader) fetch(ctx context.Context) error {
	a, err := r.next(ctx)
	if err != nil {
		return err
	}
	if a.err == nil {
		r.unpacker.begin(a.raw, a.aborted)
		r.hasMore = true
		r.fetcher.taken(r.feed)
		return nil
	}
	if !errors.Is(a.err, errOutOfRange) {
		return a.err
	}
	return r.goOn(ctx)
}

// goOn finds where to read when the broker does not have the position.
func (r *reader) goOn(ctx context.Context) error {
	first, err := r.fetcher.offsetAt(ctx, r.id, timeEarliest)
	if err != nil {
		return err
	}
	last, err := r.fetcher.offsetAt(ctx, r.id, timeLatest)
	if err != nil {
		return err
	}
	to := first
	switch reset := r.source.properties.reset; {
	case first >= r.place.end:
		r.move(r.place.end) // nothing that is to be read is there any more
		return nil
	case r.place.next > last:
		return problem.New(problem.Conflict, "%s ends at offset %d, and the job has read up to %d", r.id, last, r.place.next).
			WithHint("the cluster has lost records, or the topic was made anew: make the job anew to read what there is")
	case r.place.next >= first:
		// It is there after all: the log was cut between the two questions.
		to = r.place.next
	case reset == "earliest":
	case reset == "latest":
		to = last
	default:
		return problem.New(problem.Conflict, "retention has removed the offsets %d to %d of %s before they were read", r.place.next, first-1, r.id).About("properties.auto.offset.reset").
			WithHint("set 'properties.auto.offset.reset' = 'earliest' to go on without them, or 'latest' to begin with new records")
	}
	r.unpacker.next = to
	r.move(to)
	r.fetcher.seek(r.feed, to)
	return nil
}

// Offset is the next record's.
func (r *reader) Offset() connect.Offset { return r.place.offset() }

// Watermark is unknown to Kafka: the table's WATERMARK clause decides.
func (r *reader) Watermark() int64 { return batch.NoMark }

// Applied notes for the consumer group how far the job has got.
func (r *reader) Applied(offset connect.Offset) {
	if p, err := parsePlace(offset); err == nil {
		r.fetcher.applied(r.id, p.next)
	}
}

// Lag tells how far the reader is behind the partition.
func (r *reader) Lag() (rows int64, age time.Duration) {
	high := r.feed.highMark.Load()
	if high < 0 {
		return -1, -1
	}
	if rows = max(high-r.at.Load(), 0); rows > 0 {
		if newest := r.newest.Load(); newest > 0 {
			age = max(time.Since(time.UnixMilli(newest)), 0)
		}
	}
	return rows, age
}

// Close ends the reader and a Read under way.
func (r *reader) Close() error {
	r.closing.Do(func() {
		close(r.closed)
		r.fetcher.remove(r.feed)
		r.source.leave(r.fetcher)
	})
	return nil
}
