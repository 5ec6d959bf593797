package eventlog

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"tidemark/base/vfs"
)

// segmentSuffix ends the name of a segment file.
const segmentSuffix = ".seg"

// segment is one file of a partition: batches one after the other, and zeros
// behind them while it is the last. The fields that change are guarded by the
// partition's mutex.
type segment struct {
	id       SegmentID
	base     Offset // of its first record
	size     int64  // bytes of batches that are synced
	lastTime int64  // of its newest record, ms since 1970; 0 when it is empty
	index    index
}

// fileName holds the id, which orders the files, and the base offset, which
// ends the segment before: 0000000007-00000000000000001234.seg.
func (s *segment) fileName() string {
	return fmt.Sprintf("%010d-%020d%s", s.id, s.base, segmentSuffix)
}

// parseSegmentName reads a file name back.
func parseSegmentName(name string) (*segment, bool) {
	id, base, ok := strings.Cut(strings.TrimSuffix(name, segmentSuffix), "-")
	if !ok || !strings.HasSuffix(name, segmentSuffix) {
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
	s := &segment{id: SegmentID(idNumber), base: Offset(baseNumber)}
	return s, s.fileName() == name
}

// openScanner opens the file for walking over its first size bytes.
func (s *segment) openScanner(fsys vfs.FS, dir string, size int64, limit Offset) (*scanner, func(), error) {
	file, err := fsys.Open(filepath.Join(dir, s.fileName()))
	if err != nil {
		return nil, nil, err
	}
	w := window{file: file, size: size}
	// Reading does not lose anything when closing fails.
	return &scanner{window: w, expect: s.base, limit: limit}, func() { _ = file.Close() }, nil
}
