package eventlog

import (
	"maps"
	"time"
)

// Extent is what a topic holds.
type Extent struct {
	Events int64 // offsets that are kept, those of void places among them
	Gone   int64 // offsets that retention has removed
	Bytes  int64
	// Oldest is when the oldest segment was last written to, or about; zero when there is nothing.
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
			if at := time.UnixMilli(s.lastTime); i == 0 && next > start && (e.Oldest.IsZero() || at.Before(e.Oldest)) {
				e.Oldest = at
			}
		}
		p.mu.Unlock()
	}
	return e
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
