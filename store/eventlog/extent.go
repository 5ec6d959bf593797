package eventlog

import (
	"maps"
	"sort"
	"time"
)

// Extent is what a topic holds.
type Extent struct {
	Events int64 // offsets that are kept, those of void places among them
	Gone   int64 // offsets that retention has removed
	Bytes  int64
	// Oldest is when the oldest event came, about; zero when there is nothing.
	Oldest time.Time
}

// Extent measures the topic. Partitions that cannot be read count as empty.
func (t *Topic) Extent() (e Extent) {
	for _, p := range t.partitions {
		if p.failed != nil {
			continue
		}
		start, next := p.bounds()
		e.Events += int64(next - start)
		e.Gone += int64(start)
		p.mu.Lock()
		for i, s := range p.mu.segments {
			e.Bytes += s.size
			if at := p.began(i); i == 0 && next > start && (e.Oldest.IsZero() || at.Before(e.Oldest)) {
				e.Oldest = at
			}
		}
		p.mu.Unlock()
	}
	return e
}

// Came is about when the event at an offset came: when the first of its segment
// did, so that it is never later. It is zero where there is no such event.
func (t *Topic) Came(id Partition, offset Offset) (time.Time, error) {
	p, err := t.partition(id)
	if err != nil {
		return time.Time{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset < p.start() || offset >= p.mu.next {
		return time.Time{}, nil
	}
	behind := sort.Search(len(p.mu.segments), func(i int) bool { return p.mu.segments[i].base > offset })
	return p.began(behind - 1), nil
}

// began is about when the first event of a segment came. Where that is not known it
// is when the last one before it did, and of the oldest segment when its own last
// one did. The caller holds the mutex.
func (p *partition) began(segment int) time.Time {
	switch s := p.mu.segments[segment]; {
	case s.firstTime > 0:
		return time.UnixMilli(s.firstTime)
	case segment > 0:
		return time.UnixMilli(p.mu.segments[segment-1].lastTime)
	default:
		return time.UnixMilli(s.lastTime)
	}
}

// Holds are the holds of a partition: what retention must not remove, by the name
// of who asked for it.
func (t *Topic) Holds(id Partition) (map[string]Offset, error) {
	p, err := t.partition(id)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.mu.holds), nil
}
