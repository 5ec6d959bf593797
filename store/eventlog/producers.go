package eventlog

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrFenced is for a producer whose epoch is over: another has taken its place.
var ErrFenced = errors.New("the producer has been replaced by one of a later epoch")

// ErrOutOfSequence is for a batch of a producer that does not follow the one
// before it.
var ErrOutOfSequence = errors.New("the batch does not follow the producer's last one")

// Producer says who sends a batch, and gives its records their places in what
// that producer sends to the partition: Sequence is that of the first one. After
// the greatest number comes 0.
type Producer struct {
	ID       int64
	Epoch    int16
	Sequence int32
}

// noProducer is what batches have that nobody has numbered.
var noProducer = Producer{ID: -1, Epoch: -1, Sequence: -1}

// producedBatch is where a producer's batch stands.
type producedBatch struct {
	sequence int32
	count    int
	offset   Offset
	timeMS   int64
}

// producerState is what is remembered of a producer: the newest batches, oldest
// first, all of one epoch.
type producerState struct {
	epoch   int16
	batches []producedBatch
}

func (s *producerState) newest() producedBatch { return s.batches[len(s.batches)-1] }

// producerTable remembers the producers of one partition, and those of which an
// append is under way.
type producerTable struct {
	mu struct {
		sync.Mutex
		states map[int64]*producerState
		flying map[int64]chan struct{}
	}
}

func newProducerTable() *producerTable {
	t := &producerTable{}
	t.mu.states = map[int64]*producerState{}
	t.mu.flying = map[int64]chan struct{}{}
	return t
}

// claim waits while another batch of the same producer is being appended. Then
// it either finds where this batch was appended before, or makes the caller the
// one who appends it; after a nil error the caller must release the producer.
func (t *producerTable) claim(ctx context.Context, p Producer, count int) (before producedBatch, known bool, err error) {
	for {
		t.mu.Lock()
		landed, busy := t.mu.flying[p.ID]
		if !busy {
			if before, known, err = t.mu.states[p.ID].place(p, count); err == nil {
				t.mu.flying[p.ID] = make(chan struct{})
			}
			t.mu.Unlock()
			return before, known, err
		}
		t.mu.Unlock()
		select {
		case <-landed:
		case <-ctx.Done():
			return before, false, ctx.Err()
		}
	}
}

// place decides about a batch. A producer that is not known, because it is new
// or has been silent for long, may begin anywhere.
func (s *producerState) place(p Producer, count int) (before producedBatch, known bool, err error) {
	switch {
	case s == nil:
		return before, false, nil
	case p.Epoch < s.epoch:
		return before, false, ErrFenced
	case p.Epoch > s.epoch:
		if p.Sequence != 0 {
			return before, false, ErrOutOfSequence
		}
		return before, false, nil
	}
	for _, b := range s.batches {
		if b.sequence == p.Sequence && b.count == count {
			return b, true, nil
		}
	}
	last := s.newest()
	if p.Sequence != NextSequence(last.sequence, last.count) {
		return before, false, ErrOutOfSequence
	}
	return before, false, nil
}

// NextSequence is the number after those of a batch.
func NextSequence(first int32, count int) int32 {
	return int32((int64(first) + int64(count)) & (1<<31 - 1))
}

// release lets the producer's next batch in.
func (t *producerTable) release(id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.mu.flying[id])
	delete(t.mu.flying, id)
}

// remember notes a durable batch.
func (t *producerTable) remember(p Producer, b producedBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b.sequence = p.Sequence
	s := t.mu.states[p.ID]
	if s == nil || s.epoch != p.Epoch {
		s = &producerState{epoch: p.Epoch}
		t.mu.states[p.ID] = s
	}
	if len(s.batches) == producerBatches {
		s.batches = append(s.batches[:0], s.batches[1:]...)
	}
	s.batches = append(s.batches, b)
	t.forget()
}

// restore puts back what a checkpoint says of a producer.
func (t *producerTable) restore(id int64, s producerState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.states[id] = &s
	t.forget()
}

// forget drops an eighth of the producers, those that were silent for longest,
// when there are too many; the caller holds the mutex.
func (t *producerTable) forget() {
	if len(t.mu.states) <= producersMax {
		return
	}
	times := make([]int64, 0, len(t.mu.states))
	for _, s := range t.mu.states {
		times = append(times, s.newest().timeMS)
	}
	slices.Sort(times)
	left, oldest := producersMax/8, times[producersMax/8]
	for id, s := range t.mu.states {
		if left > 0 && s.newest().timeMS <= oldest {
			delete(t.mu.states, id)
			left--
		}
	}
}

// remembered copies all there is.
func (t *producerTable) remembered() map[int64]producerState {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[int64]producerState, len(t.mu.states))
	for id, s := range t.mu.states {
		all[id] = producerState{epoch: s.epoch, batches: slices.Clone(s.batches)}
	}
	return all
}
