package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/batch"
)

// A record batch as brokers keep it, all numbers big endian:
//
//	 0  8  base offset            23  4  last offset, minus the base
//	 8  4  length of what follows 27  8  time of the first record, ms
//	12  4  leader epoch           35  8  greatest time
//	16  1  magic: 2               43  8  producer
//	17  4  CRC-32C of the rest    51  2  its epoch
//	21  2  attributes             53  4  sequence
//	                              57  4  number of records, then the records
const (
	batchHead   = 61
	lengthEnd   = 12 // what the length does not count
	magicPlace  = 16
	magicNow    = 2
	crcPlace    = 17
	crcFrom     = 21
	codecBits   = 0x07
	logTimeBit  = 0x08
	transactBit = 0x10
	controlBit  = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errCutOff   = errors.New("a record is cut off")
	errChecksum = errors.New("a record batch has a wrong checksum")
)

// record is one record, as views into a block.
type record struct {
	offset, millis   int64
	key, value       batch.View
	headers          batch.View // undecoded, with their number
	hasKey, hasValue bool
	logTime          bool // millis is when the broker took it
	leaderEpoch      int32
}

// unpacker takes the record batches of one partition apart. It is used by one
// goroutine.
//
// Uncompressed batches are read where they lie in the broker's answer;
// compressed ones are unpacked into a block, small ones one behind the other.
type unpacker struct {
	codec     kgo.Decompressor
	room      room  // that codec unpacks into
	reuse     bool  // nobody holds on to blocks of unpacked bytes
	next      int64 // offset of the record that comes next
	raw       []byte
	rest      []byte // of raw, batches not yet begun
	aborted   []kmsg.FetchResponseTopicPartitionAbortedTransaction
	aborting  map[int64]bool // producers whose records are of an aborted transaction
	unpacked  []byte         // the block of compressed batches
	open      openBatch
	records   []record
	committed bool // pass aborted transactions
}

// joinedBytesMax is how long a block may be for another batch to be added to it.
const joinedBytesMax = 64 << 10

func newUnpacker(next int64, committed bool) *unpacker {
	u := &unpacker{next: next, committed: committed}
	u.codec = kgo.DefaultDecompressor(&u.room)
	return u
}

// room is the end of a block that is not used yet, as a pool of the codec's.
type room struct{ free []byte }

// GetDecompressBytes gives the room.
func (r *room) GetDecompressBytes([]byte, kgo.CompressionCodecType) []byte { return r.free }

// PutDecompressBytes leaves it where it is.
func (r *room) PutDecompressBytes([]byte) {}

// unpack adds the bytes of a batch to the block.
func (u *unpacker) unpack(packed []byte, codec kgo.CompressionCodecType) error {
	have := len(u.unpacked)
	u.room.free = u.unpacked[have:have:cap(u.unpacked)]
	plain, err := u.codec.Decompress(packed, codec)
	switch {
	case err != nil:
		return err
	case have+len(plain) > unpackedBytesMax:
		return fmt.Errorf("it has more than %d bytes", unpackedBytesMax)
	case len(plain) == 0:
	case have == 0:
		u.unpacked = plain
	case have+len(plain) <= cap(u.unpacked) && &plain[0] == &u.unpacked[:have+1][have]:
		u.unpacked = u.unpacked[:have+len(plain)]
	default:
		u.unpacked = append(u.unpacked, plain...)
	}
	return nil
}

// openBatch is the batch under way.
type openBatch struct {
	left        int // records
	packed      bool
	at, end     int // in the block
	base, last  int64
	firstMillis int64
	maxMillis   int64
	logTime     bool
	leaderEpoch int32
}

// begin takes what a broker answered. Nothing of the answer before may be left.
func (u *unpacker) begin(raw []byte, aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction) {
	u.raw, u.rest = raw, raw
	u.aborted, u.aborting = nil, nil
	if u.committed {
		u.aborted = slices.Clone(aborted)
		slices.SortFunc(u.aborted, func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
			switch {
			case a.FirstOffset < b.FirstOffset:
				return -1
			case a.FirstOffset > b.FirstOffset:
				return 1
			}
			return 0
		})
	}
}

// take gives the next records, at most a number, all of one block, and moves
// next behind them. No records mean that the answer has no more.
func (u *unpacker) take(most int) (records []record, block []byte, err error) {
	u.records = u.records[:0]
	if u.open.left == 0 {
		if u.reuse {
			u.unpacked = u.unpacked[:0]
		} else {
			u.unpacked = nil
		}
	}
	begun, packed := false, false
	for len(u.records) < most {
		if u.open.left == 0 {
			if begun && !u.joins(packed) {
				break
			}
			found, err := u.openNext()
			if err != nil {
				return nil, nil, err
			}
			if !found {
				break
			}
			continue
		}
		begun, packed = true, u.open.packed
		if err := u.readRecord(); err != nil {
			return nil, nil, err
		}
	}
	if packed {
		return u.records, u.unpacked, nil
	}
	return u.records, u.raw, nil
}

// joins reports whether the records of the next batch may stand in the same block
// as those that were taken.
func (u *unpacker) joins(packed bool) bool {
	if len(u.rest) < batchHead {
		return true
	}
	nextPacked := u.rest[crcFrom+1]&codecBits != 0
	return nextPacked == packed && (!packed || len(u.unpacked) < joinedBytesMax)
}

// openNext begins the next batch, if there is a whole one. A batch that gives no
// rows is passed.
func (u *unpacker) openNext() (bool, error) {
	if len(u.rest) < lengthEnd {
		return false, nil
	}
	length := int(binary.BigEndian.Uint32(u.rest[8:])) + lengthEnd
	if length > len(u.rest) {
		return false, nil // the answer was cut there; the next one has it
	}
	b := u.rest[:length]
	if length < batchHead || b[magicPlace] != magicNow {
		return false, fmt.Errorf("a record batch at offset %d is of an old version; let the brokers convert it (Kafka before 0.11)", binary.BigEndian.Uint64(b))
	}
	if crc32.Checksum(b[crcFrom:], castagnoli) != binary.BigEndian.Uint32(b[crcPlace:]) {
		return false, errChecksum
	}
	start := len(u.raw) - len(u.rest)
	u.rest = u.rest[length:]
	attributes := b[crcFrom+1]
	o := openBatch{
		left: int(int32(binary.BigEndian.Uint32(b[57:]))), base: int64(binary.BigEndian.Uint64(b)),
		firstMillis: int64(binary.BigEndian.Uint64(b[27:])), maxMillis: int64(binary.BigEndian.Uint64(b[35:])),
		logTime: attributes&logTimeBit != 0, leaderEpoch: int32(binary.BigEndian.Uint32(b[12:])),
		at: start + batchHead, end: start + length,
	}
	o.last = o.base + int64(int32(binary.BigEndian.Uint32(b[23:])))
	if o.last < u.next {
		return true, nil // read before
	}
	passed, err := u.passes(b, o, attributes)
	if err != nil {
		return false, err
	}
	if passed || o.left <= 0 {
		u.next = o.last + 1
		return true, nil
	}
	if codec := attributes & codecBits; codec != 0 {
		o.packed, o.at = true, len(u.unpacked)
		if err := u.unpack(b[batchHead:], kgo.CompressionCodecType(codec)); err != nil {
			return false, fmt.Errorf("unpack the batch at offset %d: %w", o.base, err)
		}
		o.end = len(u.unpacked)
	}
	u.open = o
	return true, nil
}

// passes reports whether a batch has no rows: it is the end of a transaction, or
// belongs to one that was aborted.
func (u *unpacker) passes(b []byte, o openBatch, attributes byte) (bool, error) {
	producer := int64(binary.BigEndian.Uint64(b[43:]))
	for len(u.aborted) > 0 && u.aborted[0].FirstOffset <= o.last {
		if u.aborting == nil {
			u.aborting = map[int64]bool{}
		}
		u.aborting[u.aborted[0].ProducerID] = true
		u.aborted = u.aborted[1:]
	}
	if attributes&controlBit == 0 {
		return attributes&transactBit != 0 && u.aborting[producer], nil
	}
	// The key of the only record: version and kind, of which 0 is the end of an
	// aborted transaction. Records of the producer behind it count again.
	body := b[batchHead:]
	_, fields, err := cutRecord(body, 0, len(body))
	if err != nil {
		return false, err
	}
	if fields.key.Length >= 4 && binary.BigEndian.Uint16(body[fields.key.Offset+2:]) == 0 {
		delete(u.aborting, producer)
	}
	return true, nil
}

// readRecord takes the next record of the open batch, unless it was read before.
func (u *unpacker) readRecord() error {
	block := u.raw
	if u.open.packed {
		block = u.unpacked
	}
	next, r, err := cutRecord(block, u.open.at, u.open.end)
	if err != nil {
		return fmt.Errorf("the batch at offset %d: %w", u.open.base, err)
	}
	u.open.at = next
	u.open.left--
	r.offset += u.open.base
	r.millis += u.open.firstMillis
	if r.logTime = u.open.logTime; r.logTime {
		r.millis = u.open.maxMillis
	}
	r.leaderEpoch = u.open.leaderEpoch
	if r.offset >= u.next {
		u.records = append(u.records, r)
		u.next = r.offset + 1
	}
	if u.open.left == 0 {
		u.next = max(u.next, u.open.last+1) // compaction may have removed the last ones
	}
	return nil
}

// cutRecord reads the record at a place of a block, and says where the next one
// begins. Offset and time are counted from the batch's.
func cutRecord(block []byte, at, limit int) (next int, r record, err error) {
	length, at, ok := varint(block, at, limit)
	if !ok || length < 1 || length > int64(limit-at) {
		return 0, r, errCutOff
	}
	next = at + int(length)
	at++ // attributes, which no version uses
	var key, val int64
	var good [4]bool
	r.millis, at, good[0] = varint(block, at, next)
	r.offset, at, good[1] = varint(block, at, next)
	key, at, good[2] = varint(block, at, next)
	if key > int64(next-at) {
		return 0, r, errCutOff
	}
	if r.hasKey = key >= 0; r.hasKey {
		r.key = batch.View{Offset: uint32(at), Length: uint32(key)}
		at += int(key)
	}
	val, at, good[3] = varint(block, at, next)
	if good != [4]bool{true, true, true, true} || val > int64(next-at) {
		return 0, r, errCutOff
	}
	if r.hasValue = val >= 0; r.hasValue {
		r.value = batch.View{Offset: uint32(at), Length: uint32(val)}
		at += int(val)
	}
	r.headers = batch.View{Offset: uint32(at), Length: uint32(next - at)}
	return next, r, nil
}

// varint reads a zigzag number of at most limit-at bytes.
func varint(block []byte, at, limit int) (n int64, next int, ok bool) {
	if at >= limit {
		return 0, limit, false
	}
	if first := block[at]; first < 0x80 {
		return int64(first>>1) ^ -int64(first&1), at + 1, true
	}
	n, length := binary.Varint(block[at:limit])
	if length <= 0 {
		return 0, limit, false
	}
	return n, at + length, true
}

// header is one header of a record.
type header struct {
	name  string
	value []byte // nil for NULL
}

// cutHeaders reads the headers of a record.
func cutHeaders(block []byte, v batch.View) ([]header, error) {
	at, limit := int(v.Offset), int(v.Offset+v.Length)
	count, at, ok := varint(block, at, limit)
	if !ok || count < 0 || count > int64(limit-at) {
		return nil, errCutOff
	}
	all := make([]header, 0, count)
	for range count {
		var h header
		length, start, ok := varint(block, at, limit)
		if !ok || length < 0 || length > int64(limit-start) {
			return nil, errCutOff
		}
		at = start + int(length)
		h.name = string(block[start:at])
		length, start, ok = varint(block, at, limit)
		if !ok || length > int64(limit-start) {
			return nil, errCutOff
		}
		at = start
		if length >= 0 {
			at = start + int(length)
			h.value = block[start:at:at]
			if h.value == nil {
				h.value = []byte{}
			}
		}
		all = append(all, h)
	}
	return all, nil
}

// endOf is the offset behind the last whole batch of an answer; otherwise when it
// has none.
func endOf(raw []byte, otherwise int64) int64 {
	for len(raw) >= batchHead {
		length := int(binary.BigEndian.Uint32(raw[8:])) + lengthEnd
		if length < batchHead || length > len(raw) {
			break
		}
		otherwise = max(otherwise, int64(binary.BigEndian.Uint64(raw))+int64(int32(binary.BigEndian.Uint32(raw[23:])))+1)
		raw = raw[length:]
	}
	return otherwise
}
