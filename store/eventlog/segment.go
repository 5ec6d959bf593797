package eventlog

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// What the names of files end with.
const (
	segmentSuffix   = ".seg"
	temporarySuffix = ".new" // of one that is being written and was not there before; a start removes it
)

// segment is one file of a partition: batches one after the other, and zeros
// behind them while it is the last. The fields that change are guarded by the
// partition's mutex.
type segment struct {
	id       SegmentID
	base     Offset // of its first record
	size     int64  // bytes of batches that are synced
	lastTime int64  // of its newest record, ms since 1970; 0 when it is empty
	// firstTime is that of its oldest record, or an earlier one; known of the last
	// segment only.
	firstTime int64
	index     index

	// sealedBytes is the size of its sealed file, which is there instead of the
	// other one; 0 while there is none.
	sealedBytes atomic.Int64
	// keepAsIs says that it is not to be sealed.
	keepAsIs atomic.Bool
}

// plainName holds the id, which orders the files, and the base offset, which
// ends the segment before: 0000000007-00000000000000001234.seg.
func (s *segment) plainName() string { return s.name() + segmentSuffix }

// sealedName is that of the segment when it is sealed.
func (s *segment) sealedName() string { return s.name() + sealedSuffix }

func (s *segment) name() string { return fmt.Sprintf("%010d-%020d", s.id, s.base) }

// fileName is that of the file that there is.
func (s *segment) fileName() string {
	if s.isSealed() {
		return s.sealedName()
	}
	return s.plainName()
}

func (s *segment) isSealed() bool { return s.sealedBytes.Load() > 0 }

// diskBytes is what the segment takes of the disk.
func (s *segment) diskBytes() int64 {
	if sealed := s.sealedBytes.Load(); sealed > 0 {
		return sealed
	}
	return s.size
}

// parseSegmentName reads the name of a plain or of a sealed file back.
func parseSegmentName(name string) (s *segment, ok bool) {
	rest, isPlain := strings.CutSuffix(name, segmentSuffix)
	rest, isSealed := strings.CutSuffix(rest, sealedSuffix)
	id, base, ok := strings.Cut(rest, "-")
	if !ok || isPlain == isSealed {
		return nil, false
	}
	idNumber, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return nil, false
	}
	baseNumber, err := strconv.ParseInt(base, 10, 64)
	if err != nil {
		return nil, false
	}
	s = &segment{id: SegmentID(idNumber), base: Offset(baseNumber)}
	return s, s.name() == rest
}

// openScanner opens a segment for walking over its first size bytes.
func (p *partition) openScanner(v view) (*scanner, func(), error) {
	file, err := p.openSegment(v.segment, false)
	if err != nil {
		return nil, nil, err
	}
	w := window{file: file, size: v.size}
	// Reading does not lose anything when closing fails.
	return &scanner{window: w, expect: v.segment.base, limit: v.end}, func() { _ = file.Close() }, nil
}
