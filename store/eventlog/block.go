package eventlog

import (
	"sync"

	"tidemark/base/batch"
)

// Block is a run of consecutive records as they stand in the log: either
// records one by one, or the records of one packed append. It belongs to the
// caller, who may give its memory back with Release.
type Block struct {
	first, next Offset
	held        *buffer // where the bytes are
	buffer      []byte

	// Of records one by one.
	values []batch.View
	starts []uint32 // where each record's attributes stand in buffer
	times  []int64

	// Of a packed append.
	packed batch.View
	isPack bool
	skip   int // how many of its records are in front of first
	time   int64
}

var blocks = sync.Pool{New: func() any { return new(Block) }}

func newBlock() *Block {
	k := blocks.Get().(*Block)
	*k = Block{values: k.values[:0], starts: k.starts[:0], times: k.times[:0]}
	return k
}

// Release gives the block's memory back to the log: neither the block nor a
// view into its buffer may be used afterwards. Not calling it is no leak.
func (k *Block) Release() {
	if k.held != nil {
		k.held.release()
		k.held = nil
	}
	blocks.Put(k)
}

// Len is the number of records.
func (k *Block) Len() int {
	if k.isPack {
		return int(k.next - k.first)
	}
	return len(k.values)
}

// First is the offset of record 0; record i has offset First + i.
func (k *Block) First() Offset { return k.first }

// Next is where a reader goes on after this block.
func (k *Block) Next() Offset { return k.next }

// Packed is the bytes of a packed append, and how many of its records stand in
// front of the block's first; ok is false for records one by one.
func (k *Block) Packed() (pack []byte, skip int, ok bool) {
	if !k.isPack {
		return nil, 0, false
	}
	return k.slice(k.packed), k.skip, true
}

// Buffer is what Values point into.
func (k *Block) Buffer() []byte { return k.buffer }

// Values are the values of records one by one; a null value is empty here.
func (k *Block) Values() []batch.View { return k.values }

// Value is the value of record i of records one by one.
func (k *Block) Value(i int) []byte { return k.slice(k.values[i]) }

func (k *Block) slice(v batch.View) []byte {
	return k.buffer[v.Offset : v.Offset+v.Length : v.Offset+v.Length]
}

// Time is when record i was appended, in milliseconds since 1970; times never
// decrease within a partition.
func (k *Block) Time(i int) int64 {
	if k.isPack {
		return k.time
	}
	return k.times[i]
}

// Record reads record i of records one by one with its key and headers; its
// bytes are views into the buffer.
func (k *Block) Record(i int) (Record, error) {
	return decodeRecord(k.buffer, int(k.starts[i]))
}
