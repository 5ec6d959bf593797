package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"sort"

	"tidemark/base/vfs"
)

// checkpointName is the file beside a partition's segments.
const checkpointName = "checkpoint"

// checkpointMagic begins the file; its last byte is the version.
const checkpointMagic = "TIDELOG\x01"

// checkpoint is what recovery need not find out again. It is true of the moment
// it was written, and everything it says was synced before. Big-endian:
//
//	8     magic and version
//	8     synced: all offsets before were acknowledged or may be
//	4     number of segments, each: 4 id, 8 base offset, 8 bytes, 8 last time
//	4     number of holds, each: 2 length, name, 8 offset
//	4     number of keys, each: 16 hash, 8 offset, 8 time
//	4     CRC32C of all bytes before
//
// The last segment's bytes are the position up to which it was synced.
type checkpoint struct {
	synced   Offset
	segments []segmentMark
	holds    map[string]Offset
	keys     []rememberedKey
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
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeCheckpoint reads the file back; any wrong byte is damage.
func decodeCheckpoint(b []byte) (*checkpoint, error) {
	const least = len(checkpointMagic) + 8 + 4 + 4 + 4 + 4
	if len(b) < least || string(b[:len(checkpointMagic)]) != checkpointMagic {
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
