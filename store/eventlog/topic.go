package eventlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tidemark/base/problem"
)

// Topic is the log of one table: some partitions, each with its own order.
type Topic struct {
	log        *Log
	name       string
	dir        string
	keys       *keyTable
	partitions []*partition
	// file guards the topic's file, which says how new its format is.
	file struct {
		sync.Mutex
		format int
	}
}

// Appended says where an append went.
type Appended struct {
	Partition Partition
	First     Offset // of the first event; the others follow without gaps
	Count     int
	TimeMS    int64  // when it was appended, ms since 1970
	Duplicate bool   // the key or the producer's batch had been appended before; this is that answer
	Result    []byte // what was stored with the key
}

// Name is the table's name.
func (t *Topic) Name() string { return t.name }

// Partitions is how many there are.
func (t *Topic) Partitions() int { return len(t.partitions) }

// partition finds a partition that works.
func (t *Topic) partition(id Partition) (*partition, error) {
	if id < 0 || int(id) >= len(t.partitions) {
		return nil, problem.New(problem.NotFound, "%s has no partition %d", t.name, id).
			WithHint("its partitions are 0 to %d", len(t.partitions)-1)
	}
	p := t.partitions[id]
	return p, p.failed
}

// Append adds events to a partition, all or none of them, and returns when they
// are synced. It may be called from any number of goroutines; those that wait
// together are synced together.
//
// Errors: problem.TooBusy when too many wait, problem.DiskFull, problem.TooLarge
// and problem.InvalidRequest for what the caller sent; ErrFenced and
// ErrOutOfSequence for what a producer sent; the context's error when
// it ends before the write has begun, after which nothing was appended. After
// any other error only a repetition with the same key or of the same producer's
// batch is safe.
func (t *Topic) Append(ctx context.Context, id Partition, events Events) (Appended, error) {
	p, err := t.partition(id)
	if err != nil {
		return Appended{}, err
	}
	if err := events.check(); err != nil {
		return Appended{}, err
	}
	if needed := events.format(); needed > formatFirst {
		if err := t.allow(needed); err != nil {
			return Appended{}, err
		}
	}
	r := &request{events: &events, bytesMax: events.encodedBytesMax(), done: make(chan error, 1)}
	if r.bytesMax > batchBytesMax {
		return Appended{}, problem.New(problem.TooLarge, "an append has %d bytes, more than %d", r.bytesMax, batchBytesMax).
			WithHint("send the events in several batches")
	}
	if events.Key != "" {
		r.hash = hashKey(events.Key)
		place, known, err := t.keys.claim(ctx, r.hash)
		if err != nil {
			return Appended{}, fmt.Errorf("append to %v: wait for the same key: %w", p, err)
		}
		defer t.keys.release(r.hash)
		if known {
			before, found, err := t.partitions[place.partition].answer(place.offset, events.Key)
			if found || err != nil {
				return before, err
			}
		}
	}
	if events.Producer != nil {
		before, known, err := p.producers.claim(ctx, *events.Producer, events.count())
		if err != nil {
			return Appended{}, fmt.Errorf("append to %v: %w", p, err)
		}
		defer p.producers.release(events.Producer.ID)
		if known {
			return Appended{Partition: id, First: before.offset, Count: before.count, TimeMS: before.timeMS, Duplicate: true}, nil
		}
	}
	if err := p.writer.append(ctx, r); err != nil {
		return Appended{}, err
	}
	return Appended{Partition: id, First: r.first, Count: events.count(), TimeMS: r.timeMS, Result: events.Result}, nil
}

// Answer finds what was appended with an idempotency key, so that a door need
// not decode a repeated batch. It does not wait for an append under way.
func (t *Topic) Answer(key string) (a Appended, found bool, err error) {
	place, known := t.keys.find(hashKey(key))
	if !known {
		return a, false, nil
	}
	return t.partitions[place.partition].answer(place.offset, key)
}

// Reader reads a partition from an offset on, which must be between StartOffset
// and HighWater. The caller closes it.
func (t *Topic) Reader(id Partition, from Offset) (*Reader, error) {
	p, err := t.partition(id)
	if err != nil {
		return nil, err
	}
	v, err := p.at(from)
	if err != nil {
		return nil, err
	}
	if from > v.next {
		return nil, problem.New(problem.InvalidRequest, "offset %d of %v does not exist yet; the next one is %d", from, p, v.next)
	}
	return &Reader{partition: p, offset: from}, nil
}

// Await returns when there is a record at the offset. It ends with the context's
// error, or with ErrClosed.
func (t *Topic) Await(ctx context.Context, id Partition, offset Offset) error {
	p, err := t.partition(id)
	if err != nil {
		return err
	}
	return p.wait(ctx, offset)
}

// NewestTime is when the newest record was appended, in ms since 1970; 0 when
// there never was one.
func (t *Topic) NewestTime(id Partition) (int64, error) {
	p, err := t.partition(id)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.lastTime, nil
}

// HighWater is the offset after the last record that is synced.
func (t *Topic) HighWater(id Partition) (Offset, error) {
	p, err := t.partition(id)
	if err != nil {
		return 0, err
	}
	_, next := p.bounds()
	return next, nil
}

// StartOffset is the oldest offset that is kept.
func (t *Topic) StartOffset(id Partition) (Offset, error) {
	p, err := t.partition(id)
	if err != nil {
		return 0, err
	}
	start, _ := p.bounds()
	return start, nil
}

// Recovery is what opening a partition found.
func (t *Topic) Recovery(id Partition) (Recovery, error) {
	p, err := t.partition(id)
	if err != nil {
		return Recovery{}, err
	}
	return p.recovery, nil
}

// OffsetAt is the offset of the first record appended at or after a time, or
// the high water when there is none.
func (t *Topic) OffsetAt(id Partition, at time.Time) (Offset, error) {
	p, err := t.partition(id)
	if err != nil {
		return 0, err
	}
	return p.offsetAt(at.UnixMilli())
}

// offsetAt finds the segment by its newest record and the batch by walking:
// all records of a batch have the same time.
func (p *partition) offsetAt(timeMS int64) (Offset, error) {
	start, next := p.bounds()
	for offset := start; offset < next; {
		v, err := p.at(offset)
		if err != nil {
			return 0, err
		}
		p.mu.Lock()
		newest := v.segment.lastTime
		p.mu.Unlock()
		if newest >= timeMS {
			return p.offsetInSegment(v, timeMS)
		}
		offset = v.end
	}
	return next, nil
}

func (p *partition) offsetInSegment(v view, timeMS int64) (Offset, error) {
	s, done, err := p.openScanner(v)
	if err != nil {
		return 0, p.readError(v.segment, v.segment.base, err)
	}
	defer done()
	for s.expect < s.limit {
		h, _, err := s.batch()
		switch {
		case err == nil && h.lastTime >= timeMS:
			return h.base, nil
		case err == nil:
			s.pass(h)
		case isDamage(err):
			s.position, s.expect, err = s.afterDamage()
			if err != nil {
				return 0, p.readError(v.segment, s.expect, err)
			}
		default:
			return 0, p.readError(v.segment, s.expect, err)
		}
	}
	return v.end, nil
}
