package eventlog

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"tidemark/base/vfs"
)

// bufferPool lends aligned buffers of power-of-two sizes to writers and readers,
// so that an idle partition holds few.
type bufferPool struct {
	sizes [32]sync.Pool
}

// buffer is memory that several may hold: the writer that fills it, the tail
// that keeps it for readers, the blocks that are read from it. What is in it
// does not change while somebody else holds it.
type buffer struct {
	bytes   []byte // all of it
	pool    *bufferPool
	holders atomic.Int32
}

// take gives a buffer of at least size bytes to one holder.
func (p *bufferPool) take(size int) *buffer {
	class := bits.Len(uint(max(size, reserveBytesMin) - 1))
	b, ok := p.sizes[class].Get().(*buffer)
	if !ok {
		b = &buffer{bytes: vfs.AlignedBuffer(1 << class), pool: p}
	}
	b.holders.Store(1)
	return b
}

// hold adds a holder.
func (b *buffer) hold() { b.holders.Add(1) }

// release takes a holder away; the last one gives the buffer back. A holder
// that never does so leaves it to the garbage collector.
func (b *buffer) release() {
	if b.holders.Add(-1) == 0 {
		b.pool.sizes[bits.Len(uint(len(b.bytes)-1))].Put(b)
	}
}

// piece is some bytes of a segment in memory.
type piece struct {
	buffer *buffer // nil for none
	start  int64   // position of the first byte in the segment
	bytes  []byte  // in buffer
	// written says that this process wrote them and never read them from a
	// disk, so that their checksums need no check.
	written bool
}

// release lets go of the piece's buffer.
func (p *piece) release() {
	if p.buffer != nil {
		p.buffer.release()
	}
}

// from is what there is of a segment between two positions; nothing when the
// first one is not in the piece.
func (p *piece) from(position, end int64) []byte {
	end = min(end, p.start+int64(len(p.bytes)))
	if p.buffer == nil || position < p.start || position >= end {
		return nil
	}
	return p.bytes[position-p.start : end-p.start]
}
