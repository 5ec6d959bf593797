package eventlog

import (
	"math/bits"
	"sync"

	"tidemark/base/vfs"
)

// bufferPool lends aligned buffers of power-of-two sizes to writers, so that an
// idle partition holds none.
type bufferPool struct {
	sizes [32]sync.Pool
}

func (b *bufferPool) take(size int) []byte {
	class := bits.Len(uint(max(size, reserveBytesMin) - 1))
	if buffer, ok := b.sizes[class].Get().(*[]byte); ok {
		return *buffer
	}
	return vfs.AlignedBuffer(1 << class)
}

func (b *bufferPool) give(buffer []byte) {
	b.sizes[bits.Len(uint(len(buffer)-1))].Put(&buffer)
}
