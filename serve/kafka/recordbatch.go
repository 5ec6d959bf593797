package kafka

import (
	"encoding/binary"
	"hash/crc32"

	"tidemark/base/invariant"
	"tidemark/base/problem"
	"tidemark/connect/native"
	"tidemark/store/eventlog"
)

// A batch of records, magic 2, big-endian; docs/formats/eventlog.md draws it as
// the log stores it:
//
//	0 base offset 8, 8 length of what follows 4, 12 leader epoch 4, 16 magic 1,
//	17 CRC32C of what follows 4, 21 attributes 2, 23 last offset delta 4,
//	27 first and last time 16, 43 producer id 8, 51 epoch 2, 53 sequence 4,
//	57 number of records 4, 61 records
const (
	batchHeaderBytes       = 61
	attributeCodec         = 7
	attributeLogTime       = 1 << 3
	attributeTransactional = 1 << 4
	attributeControl       = 1 << 5
	newestMagic            = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordBatch is a batch that was taken apart.
type recordBatch struct {
	producer      *eventlog.Producer // nil when its records are not numbered
	transactional bool
	count         int
	records       []byte // decompressed; of the frame, or its own
}

// readBatch checks the only batch of a partition in a produce request.
func readBatch(b []byte) (recordBatch, error) {
	if len(b) < batchHeaderBytes {
		return recordBatch{}, problem.New(problem.Corrupt, "a batch of %d bytes", len(b))
	}
	if b[16] != newestMagic {
		return recordBatch{}, problem.New(problem.InvalidRequest, "the batch has magic %d", b[16]).WithHint("use a client that writes records of magic 2 (Kafka 0.11 and later)")
	}
	if size := int64(binary.BigEndian.Uint32(b[8:])) + 12; size != int64(len(b)) {
		return recordBatch{}, problem.New(problem.Corrupt, "a batch of %d bytes says that it has %d: a partition takes one batch at a time", len(b), size)
	}
	if crc32.Checksum(b[21:], castagnoli) != binary.BigEndian.Uint32(b[17:]) {
		return recordBatch{}, problem.New(problem.Corrupt, "the batch's checksum is wrong")
	}
	attributes := binary.BigEndian.Uint16(b[21:])
	count, lastDelta := int32(binary.BigEndian.Uint32(b[57:])), int32(binary.BigEndian.Uint32(b[23:]))
	if count < 1 || lastDelta != count-1 || attributes&attributeControl != 0 {
		return recordBatch{}, problem.New(problem.Corrupt, "a batch of %d records with last delta %d and attributes %#x", count, lastDelta, attributes)
	}
	batch := recordBatch{transactional: attributes&attributeTransactional != 0, count: int(count)}
	if id := int64(binary.BigEndian.Uint64(b[43:])); id >= 0 {
		batch.producer = &eventlog.Producer{ID: id, Epoch: int16(binary.BigEndian.Uint16(b[51:])), Sequence: int32(binary.BigEndian.Uint32(b[53:]))}
		if batch.producer.Epoch < 0 || batch.producer.Sequence < 0 {
			return recordBatch{}, problem.New(problem.Corrupt, "a batch of producer %d with epoch %d and sequence %d", id, batch.producer.Epoch, batch.producer.Sequence)
		}
	}
	var err error
	batch.records, err = decompress(attributes&attributeCodec, b[batchHeaderBytes:])
	return batch, err
}

// batchWriter puts messages together as batches for a fetch, until they have the
// bytes that were asked for.
type batchWriter struct {
	out    []byte
	start  int // of the batch under way; -1 for none
	base   eventlog.Offset
	timeMS int64
	count  int32
}

// add appends a message to the batch under way, or begins one: messages of one
// batch have one time.
func (w *batchWriter) add(m *native.Message) {
	if w.start >= 0 && (m.TimeMS != w.timeMS || m.Offset-w.base > 1<<30) {
		w.finish(m.Offset)
	}
	if w.start < 0 {
		w.begin(m.Offset, m.TimeMS)
	}
	size := 2 + varintBytes(int64(m.Offset-w.base)) + nullableBytes(m.Key) + nullableBytes(m.Value) + varintBytes(int64(len(m.Headers)))
	for _, h := range m.Headers {
		size += varintBytes(int64(len(h.Name))) + len(h.Name) + nullableBytes(h.Value)
	}
	r := binary.AppendVarint(w.out, int64(size))
	end := len(r) + size
	r = append(r, 0, 0) // attributes, and no difference in time
	r = binary.AppendVarint(r, int64(m.Offset-w.base))
	r = appendNullable(r, m.Key)
	r = appendNullable(r, m.Value)
	r = binary.AppendVarint(r, int64(len(m.Headers)))
	for _, h := range m.Headers {
		r = binary.AppendVarint(r, int64(len(h.Name)))
		r = append(r, h.Name...)
		r = appendNullable(r, h.Value)
	}
	invariant.Check(len(r) == end, "a record was measured to end at %d but ends at %d", end, len(r))
	w.out = r
	w.count++
}

func varintBytes(n int64) int {
	bytes := 1
	for u := uint64(n)<<1 ^ uint64(n>>63); u >= 0x80; u >>= 7 {
		bytes++
	}
	return bytes
}

func nullableBytes(b []byte) int {
	if b == nil {
		return 1
	}
	return varintBytes(int64(len(b))) + len(b)
}

func appendNullable(to, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(to, -1)
	}
	return append(binary.AppendVarint(to, int64(len(b))), b...)
}

func (w *batchWriter) begin(base eventlog.Offset, timeMS int64) {
	w.start, w.base, w.timeMS, w.count = len(w.out), base, timeMS, 0
	w.out = append(w.out, make([]byte, batchHeaderBytes)...)
}

// finish ends the batch under way, if there is one, before the offset next: those
// between its last message and next are empty.
func (w *batchWriter) finish(next eventlog.Offset) {
	if w.start < 0 {
		return
	}
	b := w.out[w.start:]
	binary.BigEndian.PutUint64(b, uint64(w.base))
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	b[16] = newestMagic
	binary.BigEndian.PutUint16(b[21:], attributeLogTime)
	binary.BigEndian.PutUint32(b[23:], uint32(next-w.base-1))
	binary.BigEndian.PutUint64(b[27:], uint64(w.timeMS))
	binary.BigEndian.PutUint64(b[35:], uint64(w.timeMS))
	binary.BigEndian.PutUint64(b[43:], 1<<64-1)
	binary.BigEndian.PutUint16(b[51:], 1<<16-1)
	binary.BigEndian.PutUint32(b[53:], 1<<32-1)
	binary.BigEndian.PutUint32(b[57:], uint32(w.count))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	w.start = -1
}
