package eventlog

import (
	"context"
	"fmt"
	"path/filepath"
	"sort"
	"sync"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// partition is a sequence of records in segments. Its writer appends; any
// number of readers read what is published here, which is always synced.
type partition struct {
	log   *Log
	topic string
	id    Partition
	dir   string
	keys  *keyTable
	// producers are those that number their batches.
	producers *producerTable
	writer    *writer
	tail      tail
	// failed says why the partition could not be opened; nothing else but
	// topic, id and dir is set then.
	failed error
	// recovery is what opening found.
	recovery Recovery

	// sealing is held while a segment is sealed, until closing ends.
	sealing sync.Mutex
	closing context.Context
	stop    context.CancelFunc

	// checkpointing is held while a checkpoint is made and written, so that an
	// older one never replaces a newer one; the file is written under it.
	checkpointing sync.Mutex
	mu            struct {
		sync.Mutex
		segments []*segment // in order; the last one is written to
		next     Offset     // of the record after the last synced one
		lastTime int64      // of the newest record
		holds    map[string]Offset
		changed  chan struct{} // closed when next grows; nil while nobody waits
		closed   bool
	}
}

// Recovery is what opening a partition found.
type Recovery struct {
	ScannedBytes  int64   // read because no checkpoint spoke for it
	TornBytes     int64   // of an unacknowledged write that a crash tore; cut off
	Damaged       []Range // acknowledged records that cannot be read
	NoCheckpoint  bool    // there was none, or it was damaged: everything was scanned
	ReplacedStart bool    // the last segment lost acknowledged bytes; a new one was begun
}

// Range is the offsets from From up to but not including To.
type Range struct{ From, To Offset }

func (p *partition) String() string { return fmt.Sprintf("partition %d of %s", p.id, p.topic) }

// start is the oldest offset that is kept; the caller holds the mutex.
func (p *partition) start() Offset {
	if len(p.mu.segments) == 0 {
		return p.mu.next
	}
	return p.mu.segments[0].base
}

// bounds are the oldest offset that is kept and the high water.
func (p *partition) bounds() (start, next Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.start(), p.mu.next
}

// view is a segment as a reader may see it.
type view struct {
	segment *segment
	size    int64
	end     Offset // of the segment: nothing in it is at or behind
	next    Offset // high water
}

// at finds the segment of an offset. A view without a segment says that there
// is nothing at the offset yet.
func (p *partition) at(offset Offset) (view, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return view{}, ErrClosed
	}
	if start := p.start(); offset < start {
		return view{}, problem.New(problem.NotFound, "offset %d of %v is gone; the oldest that is kept is %d", offset, p, start).
			WithHint("raise the retention of %s, or start at its oldest event", p.topic)
	}
	v := view{next: p.mu.next}
	if offset >= p.mu.next {
		return v, nil
	}
	i := sort.Search(len(p.mu.segments), func(i int) bool { return p.mu.segments[i].base > offset }) - 1
	v.segment, v.size, v.end = p.mu.segments[i], p.mu.segments[i].size, p.mu.next
	if i+1 < len(p.mu.segments) {
		v.end = p.mu.segments[i+1].base
	}
	return v, nil
}

// wait returns when there are records at the offset.
func (p *partition) wait(ctx context.Context, offset Offset) error {
	for {
		p.mu.Lock()
		if p.mu.closed {
			p.mu.Unlock()
			return ErrClosed
		}
		if offset < p.mu.next {
			p.mu.Unlock()
			return nil
		}
		if p.mu.changed == nil {
			p.mu.changed = make(chan struct{})
		}
		changed := p.mu.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// publish shows readers what was synced: the segment up to size, the partition
// up to next.
func (p *partition) publish(s *segment, size int64, next Offset, timeMS int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.size == 0 {
		s.firstTime = timeMS
	}
	s.size, s.lastTime = size, timeMS
	p.mu.next, p.mu.lastTime = next, timeMS
	p.wake()
}

// wake lets waiting readers look again; the caller holds the mutex.
func (p *partition) wake() {
	if p.mu.changed != nil {
		close(p.mu.changed)
		p.mu.changed = nil
	}
}

// startSegment makes s the last segment. One that never got a record is
// dropped: its name stays free for nobody, because ids are not used again.
func (p *partition) startSegment(s *segment) (dropped *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.mu.segments); n > 0 && p.mu.segments[n-1].base == s.base {
		dropped = p.mu.segments[n-1]
		p.mu.segments = p.mu.segments[:n-1]
	}
	p.mu.segments = append(p.mu.segments, s)
	return dropped
}

// seek finds a place in the segment from which walking forward meets the offset.
func (p *partition) seek(v view, offset Offset) (indexEntry, error) {
	open := func() (*scanner, func(), error) { return p.openScanner(v) }
	if err := v.segment.index.complete(open); err != nil {
		return indexEntry{}, p.readError(v.segment, offset, err)
	}
	return v.segment.index.floor(offset, indexEntry{offset: v.segment.base}), nil
}

// answer reads what was stored with an idempotency key in the batch at a place.
// found is false when the batch is gone or has another key.
func (p *partition) answer(offset Offset, key string) (a Appended, found bool, err error) {
	if p.failed != nil {
		return a, false, p.failed
	}
	v, err := p.at(offset)
	if problem.Is(err, problem.NotFound) {
		return a, false, nil
	}
	if err != nil || v.segment == nil {
		return a, false, err
	}
	from, err := p.seek(v, offset)
	if err != nil {
		return a, false, err
	}
	s, done, err := p.openScanner(v)
	if err != nil {
		return a, false, p.readError(v.segment, offset, err)
	}
	defer done()
	s.position, s.expect = from.position, from.offset
	if err := s.approach(offset); err != nil {
		return a, false, p.readError(v.segment, offset, err)
	}
	h, b, err := s.batch()
	if err != nil {
		return a, false, p.readError(v.segment, offset, err)
	}
	storedKey, result, ok := answerOf(b)
	if !ok || storedKey != key {
		return a, false, nil
	}
	a = Appended{Partition: p.id, First: offset, Count: h.records, TimeMS: h.lastTime, Duplicate: true, Result: append([]byte(nil), result...)}
	if h.control() {
		a.Count = 0
	}
	return a, true, nil
}

// readError says what could not be read: damage names file and offset.
func (p *partition) readError(s *segment, offset Offset, err error) error {
	if isDamage(err) || isMissing(err) {
		p.log.metrics.damaged.WithLabelValues(p.topic).Inc()
		return problem.New(problem.Corrupt, "event %d of %v cannot be read: file %s is damaged: %v",
			offset, p, filepath.Join(p.dir, s.fileName()), err).
			WithHint("the events behind it can be read; restore the file from a backup, or skip what is damaged")
	}
	return fmt.Errorf("read %v: segment %d: %w", p, s.id, err)
}

// saveCheckpoint writes down what is synced now.
func (p *partition) saveCheckpoint() error {
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	return p.saveCheckpointLocked()
}

// saveCheckpointLocked is saveCheckpoint for those who hold checkpointing.
func (p *partition) saveCheckpointLocked() error {
	p.mu.Lock()
	c := checkpoint{synced: p.mu.next, holds: make(map[string]Offset, len(p.mu.holds))}
	for _, s := range p.mu.segments {
		c.segments = append(c.segments, segmentMark{id: s.id, base: s.base, size: s.size, lastTime: s.lastTime})
	}
	for name, offset := range p.mu.holds {
		c.holds[name] = offset
	}
	p.mu.Unlock()
	// Keys and sequences are remembered before their batch is published, so that
	// none below the synced offset is missing here.
	c.keys, c.producers = p.keys.remembered(p.id), p.producers.remembered()
	if err := vfs.WriteFile(p.log.fs, filepath.Join(p.dir, checkpointName), c.encode()); err != nil {
		return p.writeError(fmt.Errorf("write checkpoint of %v: %w", p, err))
	}
	return nil
}

// close ends readers and the writer.
func (p *partition) close() {
	p.endSealing()
	if p.failed != nil {
		return
	}
	p.writer.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.closed = true
	p.wake()
}
