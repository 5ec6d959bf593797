package eventlog

import (
	"sync"

	"tidemark/base/batch"
)

// Block is a run of consecutive records as they stand in the log. It belongs
// to the caller, who may give its memory back with Release.
type Block struct {
	first, next Offset
	buffer      []byte
	values      []batch.View
	starts      []uint32 // where each record's attributes stand in buffer
	times       []int64
}

var blocks = sync.Pool{New: func() any { return new(Block) }}

func newBlock() *Block {
	k := blocks.Get().(*Block)
	k.values, k.starts, k.times = k.values[:0], k.starts[:0], k.times[:0]
	return k
}

// resize makes the buffer size bytes long, with padding behind, and keeps what
// is in it.
func (k *Block) resize(size int) {
	if cap(k.buffer) < size+blockPadding {
		grown := make([]byte, size, size+blockPadding)
		copy(grown, k.buffer)
		k.buffer = grown
	}
	k.buffer = k.buffer[:size]
}

// Release gives the block's memory back to the log: neither the block nor a
// view into its buffer may be used afterwards. Not calling it is no leak.
func (k *Block) Release() { blocks.Put(k) }

// Len is the number of records.
func (k *Block) Len() int { return len(k.values) }

// First is the offset of record 0; record i has offset First + i.
func (k *Block) First() Offset { return k.first }

// Next is where a reader goes on after this block.
func (k *Block) Next() Offset { return k.next }

// Buffer is what Values point into. At least 64 bytes behind its end can be
// read (within its capacity), so that decoders may load whole words.
func (k *Block) Buffer() []byte { return k.buffer }

// Values are the records' values; a null value is empty here.
func (k *Block) Values() []batch.View { return k.values }

// Value is the value of record i.
func (k *Block) Value(i int) []byte {
	v := k.values[i]
	return k.buffer[v.Offset : v.Offset+v.Length : v.Offset+v.Length]
}

// Times are when the records were appended, in milliseconds since 1970; they
// never decrease within a partition.
func (k *Block) Times() []int64 { return k.times }

// Record reads record i with its key and headers; its bytes are views into the
// buffer.
func (k *Block) Record(i int) (Record, error) {
	return decodeRecord(k.buffer, int(k.starts[i]))
}
