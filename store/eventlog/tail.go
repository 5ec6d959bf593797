package eventlog

import "sync"

// tail keeps the newest bytes of a partition in memory, for readers that follow
// its writer closely. Files are written past the page cache, so without it
// every reader would fetch from the disk what was written a moment ago.
//
// It is the buffers that the newest runs were written from: readers get them
// without a copy. Small runs are copied together, so that a buffer is full
// before the next one is begun. Only synced bytes come in.
type tail struct {
	mu struct {
		sync.Mutex
		segment *segment
		pieces  []piece // without gaps, oldest first
		size    int     // of the pieces' buffers, in bytes
	}
}

// append adds a run that was synced at a position of a segment: the bytes from
// lead to end of a buffer. It lets go of the oldest ones.
func (t *tail) append(s *segment, position int64, run *buffer, lead, end int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.mu.pieces)
	if s != t.mu.segment || n > 0 && position != t.mu.pieces[n-1].start+int64(len(t.mu.pieces[n-1].bytes)) {
		t.forget(n)
		t.mu.segment = s
	}
	t.add(position, run, lead, end)
	excess := 0
	for size := t.mu.size; size > tailBytes && excess < len(t.mu.pieces)-1; excess++ {
		size -= len(t.mu.pieces[excess].buffer.bytes)
	}
	t.forget(excess)
}

// add adds a piece, or adds to the last one; the caller holds the mutex.
func (t *tail) add(position int64, run *buffer, lead, end int) {
	if end-lead >= tailShareBytes {
		run.hold()
		t.keep(piece{buffer: run, start: position, bytes: run.bytes[lead:end], written: true})
		return
	}
	last := len(t.mu.pieces) - 1
	if last < 0 || !t.mu.pieces[last].hasRoom(end-lead) {
		own := run.pool.take(tailPieceBytes)
		t.keep(piece{buffer: own, start: position, bytes: own.bytes[:0:tailPieceBytes], written: true})
		last++
	}
	// Readers hold what is in front of this; they do not look behind it.
	t.mu.pieces[last].bytes = append(t.mu.pieces[last].bytes, run.bytes[lead:end]...)
}

// hasRoom reports whether size bytes can be added: not to a run's own buffer.
func (p *piece) hasRoom(size int) bool {
	return cap(p.bytes) == tailPieceBytes && len(p.bytes)+size <= tailPieceBytes
}

func (t *tail) keep(p piece) {
	t.mu.pieces = append(t.mu.pieces, p)
	t.mu.size += len(p.buffer.bytes)
}

// forget lets go of the oldest n pieces; the caller holds the mutex.
func (t *tail) forget(n int) {
	for _, p := range t.mu.pieces[:n] {
		t.mu.size -= len(p.buffer.bytes)
		p.release()
	}
	left := copy(t.mu.pieces, t.mu.pieces[n:])
	clear(t.mu.pieces[left:])
	t.mu.pieces = t.mu.pieces[:left]
}

// at gives the piece with a position of a segment, if it is here, to one more
// holder. It has the whole of every batch that begins in it.
func (t *tail) at(s *segment, position int64) (found piece, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s != t.mu.segment {
		return found, false
	}
	for _, p := range t.mu.pieces {
		if p.start <= position && position < p.start+int64(len(p.bytes)) {
			p.buffer.hold()
			return p, true
		}
	}
	return found, false
}
