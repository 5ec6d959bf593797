package eventlog

import "sync"

// tail keeps the newest bytes of a partition in memory, for readers that follow
// its writer closely. Files are written past the page cache, so without it
// every reader would fetch from the disk what was written a moment ago.
//
// It is a ring that stands for the range [start, end) of one segment: the byte
// at position p is ring[p % len(ring)]. Only synced bytes come in.
type tail struct {
	mu struct {
		sync.RWMutex
		segment    *segment
		start, end int64
		ring       []byte // made by the first append
	}
}

// append adds bytes that were synced at a position of a segment, and lets go of
// the oldest ones.
func (t *tail) append(s *segment, position int64, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.ring == nil {
		t.mu.ring = make([]byte, tailBytes)
	}
	if s != t.mu.segment || position != t.mu.end {
		t.mu.segment, t.mu.start, t.mu.end = s, position, position
	}
	t.mu.end = position + int64(len(b))
	if spare := len(b) - len(t.mu.ring); spare > 0 {
		b, position = b[spare:], position+int64(spare)
	}
	at := int(position % int64(len(t.mu.ring)))
	copy(t.mu.ring, b[copy(t.mu.ring[at:], b):])
	t.mu.start = max(t.mu.start, t.mu.end-int64(len(t.mu.ring)))
}

// read fills b with what stands at a position of a segment, if all of it is here.
func (t *tail) read(s *segment, position int64, b []byte) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if s != t.mu.segment || position < t.mu.start || position+int64(len(b)) > t.mu.end {
		return false
	}
	at := int(position % int64(len(t.mu.ring)))
	copy(b[copy(b, t.mu.ring[at:]):], t.mu.ring)
	return true
}
