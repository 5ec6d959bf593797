package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"tidemark/base/batch"
)

// damage says why bytes are not the batch that should be there.
type damage struct{ reason string }

func (d *damage) Error() string { return d.reason }

func damaged(format string, args ...any) error {
	return &damage{reason: fmt.Sprintf(format, args...)}
}

func isDamage(err error) bool {
	var d *damage
	return errors.As(err, &d)
}

// header is what stands before the records of a batch.
type header struct {
	base       Offset
	size       int // of the whole batch in bytes
	runStart   int64
	attributes uint16
	records    int
	firstTime  int64 // ms since 1970
	lastTime   int64
	producer   Producer // noProducer for none
}

// next is the offset after the batch.
func (h header) next() Offset { return h.base + Offset(h.records) }

// packed reports whether one record stands for all.
func (h header) packed() bool { return h.attributes&attributePacked != 0 }

// control reports whether readers skip the batch.
func (h header) control() bool { return h.attributes&attributeControl != 0 }

// decodeHeader reads the first headerBytes of b. It finds lengths and counts
// that cannot be, but not wrong content: that is verify's work.
func decodeHeader(b []byte) (header, error) {
	h := header{
		base:       Offset(binary.BigEndian.Uint64(b)),
		size:       int(binary.BigEndian.Uint32(b[8:])) + lengthEnd,
		runStart:   int64(binary.BigEndian.Uint32(b[12:])),
		attributes: binary.BigEndian.Uint16(b[21:]),
		firstTime:  int64(binary.BigEndian.Uint64(b[27:])),
		lastTime:   int64(binary.BigEndian.Uint64(b[35:])),
		records:    int(binary.BigEndian.Uint32(b[57:])),
		producer: Producer{
			ID: int64(binary.BigEndian.Uint64(b[43:])), Epoch: int16(binary.BigEndian.Uint16(b[51:])), Sequence: int32(binary.BigEndian.Uint32(b[53:])),
		},
	}
	switch lastDelta := int(binary.BigEndian.Uint32(b[23:])); {
	case b[16] != magic:
		return h, damaged("magic %d instead of %d", b[16], magic)
	case h.base < 0:
		return h, damaged("negative offset %d", h.base)
	case h.size < headerBytes || h.size > batchBytesMax:
		return h, damaged("a batch of %d bytes", h.size)
	case h.records < 1 || h.records > recordsMax || lastDelta != h.records-1:
		return h, damaged("a batch of %d records with last delta %d", h.records, lastDelta)
	case h.attributes&attributeCodec != 0:
		return h, damaged("a compressed batch (attributes %#x)", h.attributes)
	}
	return h, nil
}

// verify checks a whole batch against its checksum.
func verify(b []byte) error {
	want := binary.BigEndian.Uint32(b[17:])
	if got := crc32.Checksum(b[checksummedFrom:], castagnoli); got != want {
		return damaged("checksum %08x instead of %08x", got, want)
	}
	return nil
}

// decodeRecords adds the records of the batch that stands in buffer[start:end]
// to the block, those from offset `from` on.
func (k *Block) decodeRecords(h header, start, end int, from Offset) error {
	if h.packed() {
		return k.decodePacked(h, start, end, from)
	}
	return k.decodeEach(h, start+headerBytes, end, from)
}

// decodeEach adds records that stand one by one in buffer[position:end].
func (k *Block) decodeEach(h header, position, end int, from Offset) error {
	buffer := k.buffer[:end]
	for i := range h.records {
		length, n := varint(buffer[position:])
		position += n
		if n == 0 || length < 6 || length > int64(end-position) {
			return damaged("record %d has length %d", i, length)
		}
		recordEnd := position + int(length)
		var view batch.View
		at := position + 1
		timeDelta, n := varint(buffer[at:recordEnd])
		at += n
		delta, n2 := varint(buffer[at:recordEnd])
		at += n2
		if n == 0 || n2 == 0 || delta != int64(i) {
			return damaged("record %d has offset delta %d", i, delta)
		}
		_, at, ok := nullable(buffer[:recordEnd], at)
		if ok {
			view, at, ok = nullable(buffer[:recordEnd], at)
		}
		if !ok || at >= recordEnd {
			return damaged("record %d has a key or value outside of it", i)
		}
		if h.base+Offset(i) >= from {
			if h.attributes&attributeLogTime != 0 {
				timeDelta = h.lastTime - h.firstTime
			}
			k.values = append(k.values, view)
			k.starts = append(k.starts, uint32(position))
			k.times = append(k.times, h.firstTime+timeDelta)
		}
		position = recordEnd
	}
	if position != end {
		return damaged("%d bytes after the last record", end-position)
	}
	return nil
}

// ReadRecords reads records that somebody else has put together for a batch,
// uncompressed: count of them one after the other, with offset deltas from 0 on.
// They are views into encoded, and every one is whole: once they have been read
// here, they can be appended as Events.Encoded.
func ReadRecords(encoded []byte, count int) (*Block, error) {
	if count < 1 || count > recordsMax || len(encoded) > batchBytesMax {
		return nil, damaged("%d records in %d bytes", count, len(encoded))
	}
	k := newBlock()
	k.buffer, k.next = encoded, Offset(count)
	if err := k.decodeEach(header{records: count, attributes: attributeLogTime}, 0, len(encoded), 0); err != nil {
		k.Release()
		return nil, err
	}
	end := 0
	for i, start := range k.starts {
		length, n := varint(encoded[end:])
		end += n + int(length)
		if err := checkHeaders(encoded[:end], k.values[i], int(start)); err != nil {
			k.Release()
			return nil, err
		}
	}
	return k, nil
}

// decodePacked makes the block that of the packed batch in buffer[start:end].
func (k *Block) decodePacked(h header, start, end int, from Offset) error {
	length, n := varint(k.buffer[start+headerBytes : end])
	at := start + headerBytes + n
	if n == 0 || length != int64(end-at) {
		return damaged("the only record has length %d", length)
	}
	at++ // attributes
	for range 2 {
		_, n := varint(k.buffer[min(at, end):end])
		if n == 0 {
			return damaged("the only record ends in its deltas")
		}
		at += n
	}
	_, at, ok := nullable(k.buffer[:end], at)
	if ok {
		k.packed, _, ok = nullable(k.buffer[:end], at)
	}
	if !ok {
		return damaged("the only record has a key or value outside of it")
	}
	k.isPack, k.time, k.skip = true, h.lastTime, int(max(from-h.base, 0))
	k.first, k.next = max(h.base, from), h.next()
	return nil
}

// decodeRecord reads everything of the record whose attributes stand at start.
// The bytes are views into buffer.
func decodeRecord(buffer []byte, start int) (Record, error) {
	var r Record
	at := start + 1
	if at > len(buffer) {
		return r, damaged("a record ends before its attributes")
	}
	for range 2 {
		_, n := varint(buffer[at:])
		if n == 0 {
			return r, damaged("a record ends in its deltas")
		}
		at += n
	}
	fields := [2]*[]byte{&r.Key, &r.Value}
	for _, field := range fields {
		var ok bool
		if *field, at, ok = nullableSlice(buffer, at); !ok {
			return r, damaged("a record ends in its key or value")
		}
	}
	count, n := varint(buffer[at:])
	at += n
	if n == 0 || count < 0 || count > headersMax+ownHeadersMax {
		return r, damaged("a record has %d headers", count)
	}
	for range count {
		name, next, ok := nullableSlice(buffer, at)
		if !ok {
			return r, damaged("a record ends in a header's name")
		}
		value, next, ok := nullableSlice(buffer, next)
		if !ok {
			return r, damaged("a record ends in a header's value")
		}
		r.Headers = append(r.Headers, Header{Name: string(name), Value: value})
		at = next
	}
	return r, nil
}

// checkHeaders finds out whether the headers of a record, which stand behind its
// value and end the buffer, can be read. start is where its attributes are.
func checkHeaders(buffer []byte, value batch.View, start int) error {
	at := int(value.Offset + value.Length)
	count, n := varint(buffer[at:])
	at += n
	if n == 0 || count < 0 || count > headersMax {
		return damaged("the record at byte %d has %d headers", start, count)
	}
	for range count {
		for _, part := range [2]string{"name", "value"} {
			var ok bool
			if length, n := varint(buffer[at:]); n == 0 || length < 0 && part == "name" {
				return damaged("the record at byte %d has a header without a name", start)
			}
			if _, at, ok = nullable(buffer, at); !ok {
				return damaged("the record at byte %d ends in a header's %s", start, part)
			}
		}
	}
	if at != len(buffer) {
		return damaged("the record at byte %d goes on behind its headers", start)
	}
	return nil
}

// answerOf finds the idempotency key and its result in a batch whose checksum
// is right. ok is false when the batch has none.
func answerOf(b []byte) (key string, result []byte, ok bool) {
	_, n := varint(b[headerBytes:])
	if n == 0 {
		return "", nil, false
	}
	r, err := decodeRecord(b, headerBytes+n)
	if err != nil {
		return "", nil, false
	}
	for _, h := range r.Headers {
		switch h.Name {
		case keyHeader:
			key, ok = string(h.Value), true
		case resultHeader:
			result = h.Value
		}
	}
	return key, result, ok
}

// nullable reads a length and skips as many bytes; null is an empty view.
func nullable(b []byte, at int) (batch.View, int, bool) {
	if at > len(b) {
		return batch.View{}, at, false
	}
	length, n := varint(b[at:])
	at += n
	if n == 0 || length < -1 || length > int64(len(b)-at) {
		return batch.View{}, at, false
	}
	if length <= 0 {
		return batch.View{Offset: uint32(at)}, at, true
	}
	return batch.View{Offset: uint32(at), Length: uint32(length)}, at + int(length), true
}

// nullableSlice is nullable that tells null from empty.
func nullableSlice(b []byte, at int) ([]byte, int, bool) {
	if at > len(b) {
		return nil, at, false
	}
	length, n := varint(b[at:])
	at += n
	if n == 0 || length < -1 || length > int64(len(b)-at) {
		return nil, at, false
	}
	if length < 0 {
		return nil, at, true
	}
	end := at + int(length)
	return b[at:end:end], end, true
}

// varint reads a zigzag varint; n is 0 when b ends inside it.
func varint(b []byte) (value int64, n int) {
	if len(b) >= 2 {
		if b[0] < 0x80 {
			return int64(b[0]>>1) ^ -int64(b[0]&1), 1
		}
		if b[1] < 0x80 {
			u := uint64(b[0]&0x7f) | uint64(b[1])<<7
			return int64(u>>1) ^ -int64(u&1), 2
		}
	}
	value, n = binary.Varint(b)
	return value, max(n, 0)
}
