package eventlog

import (
	"encoding/binary"
	"hash/crc32"

	"tidemark/base/invariant"
)

// A batch is a Kafka RecordBatch of magic 2, big-endian:
//
//	 0  8  base offset
//	 8  4  length of what follows
//	12  4  position in the segment where this write run begins (Kafka: leader epoch)
//	16  1  magic, 2
//	17  4  CRC32C of everything from byte 21 on
//	21  2  attributes: bit 3 = one time for all records, bit 5 = control batch,
//	       bit 8 = packed: one record stands for all
//	23  4  last offset - base offset
//	27  8  first time, ms since 1970
//	35  8  last time
//	43  8  producer id, -1 for none
//	51  2  producer epoch, -1
//	53  4  sequence of the first record, -1
//	57  4  number of records
//	61     records
//
// A record, where v is a zigzag varint:
//
//	v length of the rest, 1 byte 0, v time delta, v offset delta,
//	v key length (-1 null), key, v value length (-1 null), value,
//	v number of headers, each: v name length, name, v value length (-1 null), value
//
// docs/formats/eventlog.md has the whole format.
const (
	headerBytes       = 61
	lengthEnd         = 12 // the length field counts what follows here
	checksummedFrom   = 21
	magic             = 2
	attributeLogTime  = 1 << 3
	attributeControl  = 1 << 5
	attributePacked   = 1 << 8
	attributeCodec    = 7
	recordBytesFixed  = 20 // most bytes of a record beside key, value and headers, with a null key
	headerBytesFixed  = 10 // most bytes of a header beside name and value
	controlVersion    = 0
	controlTypeAnswer = 0x5449 // a control record of ours: only an idempotency key and its result
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// BytesMax bounds what an append of e takes in the log, with all it has to know.
func (e *Events) BytesMax() int { return e.encodedBytesMax() }

// encodedBytesMax bounds the size of the batch that e becomes.
func (e *Events) encodedBytesMax() int {
	size := headerBytes + len(e.Packed) + len(e.Encoded) + recordBytesFixed
	if e.PackedCount == 0 && e.EncodedCount == 0 {
		size += e.records() * recordBytesFixed
	}
	for _, v := range e.Values {
		size += int(v.Length)
	}
	for i := range e.Records {
		r := &e.Records[i]
		size += 5 + len(r.Key) + len(r.Value)
		for _, h := range r.Headers {
			size += headerBytesFixed + len(h.Name) + len(h.Value)
		}
	}
	if e.Key != "" {
		size += 16 + 2*headerBytesFixed + len(keyHeader) + len(e.Key) + len(resultHeader) + len(e.Result)
	}
	return size
}

// encode writes the batch into dst, which has room for encodedBytesMax, and
// returns its size. The bytes of each event are copied once, here.
func (e *Events) encode(dst []byte, base Offset, runStart int64, timeMS int64) int {
	attributes := attributeLogTime
	own := e.ownHeaders()
	n := headerBytes
	switch {
	case e.count() == 0:
		attributes |= attributeControl
		control := binary.BigEndian.AppendUint16(make([]byte, 0, 4), controlVersion)
		control = binary.BigEndian.AppendUint16(control, controlTypeAnswer)
		n += putRecord(dst[n:], 0, &Record{Key: control}, own)
	case e.PackedCount > 0:
		attributes |= attributePacked
		n += putRecord(dst[n:], 0, &Record{Value: e.Packed}, own)
	case e.EncodedCount > 0:
		n += copy(dst[n:], e.Encoded)
	case len(e.Records) > 0:
		for i := range e.Records {
			n += putRecord(dst[n:], i, &e.Records[i], own)
			own = nil
		}
	default:
		first := 0
		if own != nil {
			v := e.Values[0]
			n += putRecord(dst[n:], 0, &Record{Value: e.Block[v.Offset : v.Offset+v.Length : v.Offset+v.Length]}, own)
			first = 1
		}
		for i, v := range e.Values[first:] {
			n += putValue(dst[n:], first+i, e.Block[v.Offset:v.Offset+v.Length])
		}
	}
	records := e.records()
	binary.BigEndian.PutUint64(dst, uint64(base))
	binary.BigEndian.PutUint32(dst[8:], uint32(n-lengthEnd))
	binary.BigEndian.PutUint32(dst[12:], uint32(runStart))
	dst[16] = magic
	binary.BigEndian.PutUint16(dst[21:], uint16(attributes))
	binary.BigEndian.PutUint32(dst[23:], uint32(records-1))
	binary.BigEndian.PutUint64(dst[27:], uint64(timeMS))
	binary.BigEndian.PutUint64(dst[35:], uint64(timeMS))
	producer := noProducer
	if e.Producer != nil {
		producer = *e.Producer
	}
	binary.BigEndian.PutUint64(dst[43:], uint64(producer.ID))
	binary.BigEndian.PutUint16(dst[51:], uint16(producer.Epoch))
	binary.BigEndian.PutUint32(dst[53:], uint32(producer.Sequence))
	binary.BigEndian.PutUint32(dst[57:], uint32(records))
	binary.BigEndian.PutUint32(dst[17:], crc32.Checksum(dst[checksummedFrom:n], castagnoli))
	return n
}

func (e *Events) ownHeaders() []Header {
	if e.Key == "" {
		return nil
	}
	return []Header{{Name: keyHeader, Value: []byte(e.Key)}, {Name: resultHeader, Value: e.Result}}
}

// putValue writes a record that has only a value: the hot path.
func putValue(dst []byte, delta int, value []byte) int {
	size := 4 + varintBytes(delta) + varintBytes(len(value)) + len(value)
	n := putVarint(dst, size)
	dst[n], dst[n+1] = 0, 0
	n += 2
	n += putVarint(dst[n:], delta)
	dst[n] = 1 // null key
	n++
	n += putVarint(dst[n:], len(value))
	n += copy(dst[n:], value)
	dst[n] = 0 // no headers
	return n + 1
}

// putRecord writes a record with everything it may have, and own headers last.
func putRecord(dst []byte, delta int, r *Record, own []Header) int {
	size := 2 + varintBytes(delta) + nullableBytes(r.Key) + nullableBytes(r.Value) + varintBytes(len(r.Headers)+len(own))
	for _, headers := range [2][]Header{r.Headers, own} {
		for _, h := range headers {
			size += varintBytes(len(h.Name)) + len(h.Name) + nullableBytes(h.Value)
		}
	}
	n := putVarint(dst, size)
	end := n + size
	dst[n], dst[n+1] = 0, 0
	n += 2
	n += putVarint(dst[n:], delta)
	n += putNullable(dst[n:], r.Key)
	n += putNullable(dst[n:], r.Value)
	n += putVarint(dst[n:], len(r.Headers)+len(own))
	for _, headers := range [2][]Header{r.Headers, own} {
		for _, h := range headers {
			n += putVarint(dst[n:], len(h.Name))
			n += copy(dst[n:], h.Name)
			n += putNullable(dst[n:], h.Value)
		}
	}
	invariant.Check(n == end, "a record was measured to end at %d but ends at %d", end, n)
	return n
}

// putVarint writes a number that is not negative as a zigzag varint.
func putVarint(dst []byte, value int) int {
	u := uint64(value) << 1
	if u < 0x80 {
		dst[0] = byte(u)
		return 1
	}
	if u < 0x4000 {
		dst[0], dst[1] = byte(u)|0x80, byte(u>>7)
		return 2
	}
	return binary.PutUvarint(dst, u)
}

func varintBytes(value int) int {
	n := 1
	for u := uint64(value) << 1; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

func putNullable(dst []byte, b []byte) int {
	if b == nil {
		dst[0] = 1
		return 1
	}
	n := putVarint(dst, len(b))
	return n + copy(dst[n:], b)
}

func nullableBytes(b []byte) int {
	if b == nil {
		return 1
	}
	return varintBytes(len(b)) + len(b)
}
