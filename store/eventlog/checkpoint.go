package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sort"

	"tidemark/base/vfs"
)

// checkpointName is the file beside a partition's segments.
const checkpointName = "checkpoint"

// checkpointMagic begins the file; its last byte is the version. The one before
// had no producers.
const (
	checkpointMagic       = "TIDELOG\x02"
	checkpointMagicBefore = "TIDELOG\x01"
)

// checkpoint is what recovery need not find out again. It is true of the moment
// it was written, and everything it says was synced before. Big-endian:
//
//	8     magic and version
//	8     synced: all offsets before were acknowledged or may be
//	4     number of segments, each: 4 id, 8 base offset, 8 bytes, 8 last time
//	4     number of holds, each: 2 length, name, 8 offset
//	4     number of keys, each: 16 hash, 8 offset, 8 time
//	4     number of producers, each: 8 id, 2 epoch, 1 number of batches, oldest
//	      first, each: 4 sequence, 4 number of records, 8 offset, 8 time
//	4     CRC32C of all bytes before
//
// The last segment's bytes are the position up to which it was synced.
type checkpoint struct {
	synced    Offset
	segments  []segmentMark
	holds     map[string]Offset
	keys      []rememberedKey
	producers map[int64]producerState
}

type segmentMark struct {
	id       SegmentID
	base     Offset
	size     int64
	lastTime int64
}

func (c *checkpoint) encode() []byte {
	b := make([]byte, 0, 64+28*len(c.segments)+32*len(c.keys)+32*len(c.holds))
	b = append(b, checkpointMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.synced))
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.segments)))
	for _, s := range c.segments {
		b = binary.BigEndian.AppendUint32(b, uint32(s.id))
		b = binary.BigEndian.AppendUint64(b, uint64(s.base))
		b = binary.BigEndian.AppendUint64(b, uint64(s.size))
		b = binary.BigEndian.AppendUint64(b, uint64(s.lastTime))
	}
	names := make([]string, 0, len(c.holds))
	for name := range c.holds {
		names = append(names, name)
	}
	sort.Strings(names)
	b = binary.BigEndian.AppendUint32(b, uint32(len(names)))
	for _, name := range names {
		b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
		b = binary.BigEndian.AppendUint64(b, uint64(c.holds[name]))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.keys)))
	for _, k := range c.keys {
		b = append(b, k.hash[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(k.offset))
		b = binary.BigEndian.AppendUint64(b, uint64(k.timeMS))
	}
	b = c.appendProducers(b)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (c *checkpoint) appendProducers(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.producers)))
	for _, id := range slices.Sorted(maps.Keys(c.producers)) {
		s := c.producers[id]
		b = binary.BigEndian.AppendUint64(b, uint64(id))
		b = binary.BigEndian.AppendUint16(b, uint16(s.epoch))
		b = append(b, byte(len(s.batches)))
		for _, batch := range s.batches {
			b = binary.BigEndian.AppendUint32(b, uint32(batch.sequence))
			b = binary.BigEndian.AppendUint32(b, uint32(batch.count))
			b = binary.BigEndian.AppendUint64(b, uint64(batch.offset))
			b = binary.BigEndian.AppendUint64(b, uint64(batch.timeMS))
		}
	}
	return b
}

func readProducers(r *fieldReader) map[int64]producerState {
	producers := map[int64]producerState{}
	for range r.count(35) {
		id := int64(r.uint64())
		s := producerState{epoch: int16(r.uint16())}
		for range r.take(1)[0] {
			s.batches = append(s.batches, producedBatch{sequence: int32(r.uint32()), count: int(r.uint32()), offset: Offset(r.uint64()), timeMS: int64(r.uint64())})
		}
		if len(s.batches) == 0 || len(s.batches) > producerBatches {
			r.short = true
			break
		}
		producers[id] = s
	}
	return producers
}

// decodeCheckpoint reads the file back; any wrong byte is damage.
func decodeCheckpoint(b []byte) (*checkpoint, error) {
	const least = len(checkpointMagic) + 8 + 4 + 4 + 4 + 4
	if len(b) < least || string(b[:len(checkpointMagic)]) != checkpointMagic && string(b[:len(checkpointMagic)]) != checkpointMagicBefore {
		return nil, damaged("a checkpoint of %d bytes without its beginning", len(b))
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[len(body):]) {
		return nil, damaged("a checkpoint with a wrong checksum")
	}
	r := fieldReader{rest: body[len(checkpointMagic):]}
	c := &checkpoint{synced: Offset(r.uint64()), holds: map[string]Offset{}}
	for range r.count(28) {
		c.segments = append(c.segments, segmentMark{
			id: SegmentID(r.uint32()), base: Offset(r.uint64()), size: int64(r.uint64()), lastTime: int64(r.uint64()),
		})
	}
	for range r.count(10) {
		name := string(r.take(int(r.uint16())))
		c.holds[name] = Offset(r.uint64())
	}
	for range r.count(32) {
		c.keys = append(c.keys, rememberedKey{
			hash: keyHash(r.take(len(keyHash{}))), offset: Offset(r.uint64()), timeMS: int64(r.uint64()),
		})
	}
	if string(b[:len(checkpointMagic)]) == checkpointMagic {
		c.producers = readProducers(&r)
	}
	if r.short || len(r.rest) > 0 {
		return nil, damaged("a checkpoint whose counts do not fit its size")
	}
	return c, nil
}

// fieldReader takes fields from the front; after the end it gives zeros and
// sets short.
type fieldReader struct {
	rest  []byte
	short bool
}

func (r *fieldReader) take(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *fieldReader) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *fieldReader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *fieldReader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// count reads how many things of at least size bytes follow; more than there
// are bytes for is none.
func (r *fieldReader) count(size int) int {
	n := int(r.uint32())
	if n*size > len(r.rest) {
		r.short = true
		return 0
	}
	return n
}

// readCheckpoint gives nil without an error when there is none.
func readCheckpoint(fsys vfs.FS, dir string) (*checkpoint, error) {
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, checkpointName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	return decodeCheckpoint(b)
}
