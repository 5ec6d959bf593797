package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"

	"tidemark/base/vfs"
)

// A sealed segment is a segment that is not written to any more, compressed. It
// reads as the segment did, byte by byte: positions in it are those that they
// were. Big-endian:
//
//	place   where the table is
//	frames  zstd, one after the other, each of some whole batches
//	table   of the frames
//	table   the same once more
//	place   the same once more
//
//	place: 8 magic and version, 8 position of the first table, 4 number of frames, 4 CRC32C
//	table: for each frame 4 bytes of the segment in it, 4 bytes that it takes, 4 CRC32C of these; 4 CRC32C
//
// What says where things are is there twice, so that one damaged place costs one
// frame at most. A frame that is damaged reads as zeros, which are no batches.
const (
	sealedSuffix     = ".sealed"
	sealedMagic      = "TIDESEA\x01"
	placeBytes       = 24
	frameTableBytes  = 12
	frameChecksumEnd = 4
)

// frame is a part of a sealed segment.
type frame struct {
	start  int64 // position in the segment
	size   int   // bytes of the segment
	at     int64 // position in the file
	stored int   // bytes in the file
	sum    uint32
}

func (f *frame) end() int64 { return f.start + int64(f.size) }

// sealWriter writes a sealed segment from its batches.
type sealWriter struct {
	file    vfs.File
	encoder *zstd.Encoder
	frames  []frame
	pending []byte // batches of the frame under way
	packed  []byte
	size    int64 // bytes of the segment so far
	at      int64 // where the next frame goes
}

func newSealWriter(file vfs.File) (*sealWriter, error) {
	// A batch can be larger than the window: it is compressed all the same.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(frameBytes), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	return &sealWriter{file: file, encoder: encoder, at: placeBytes}, nil
}

// add adds a batch. It reports whether a frame was written before it.
func (w *sealWriter) add(batch []byte) (written bool, err error) {
	if len(w.pending) > 0 && len(w.pending)+len(batch) > frameBytes {
		written, err = true, w.flush()
	}
	w.pending = append(w.pending, batch...)
	return written, err
}

// flush writes the frame under way.
func (w *sealWriter) flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	w.packed = w.encoder.EncodeAll(w.pending, w.packed[:0])
	f := frame{start: w.size, size: len(w.pending), at: w.at, stored: len(w.packed), sum: crc32.Checksum(w.packed, castagnoli)}
	if _, err := w.file.WriteAt(w.packed, w.at); err != nil {
		return err
	}
	w.frames = append(w.frames, f)
	w.size, w.at, w.pending = f.end(), w.at+int64(f.stored), w.pending[:0]
	return nil
}

// end writes what is left and makes the file durable. stored is its size.
func (w *sealWriter) end() (stored int64, err error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	place := appendPlace(nil, w.at, len(w.frames))
	table := appendTable(nil, w.frames)
	rest := append(append(append([]byte{}, table...), table...), place...)
	if _, err := w.file.WriteAt(rest, w.at); err != nil {
		return 0, err
	}
	if _, err := w.file.WriteAt(place, 0); err != nil {
		return 0, err
	}
	return w.at + int64(len(rest)), w.file.Sync()
}

func appendPlace(to []byte, table int64, frames int) []byte {
	to = append(to, sealedMagic...)
	to = binary.BigEndian.AppendUint64(to, uint64(table))
	to = binary.BigEndian.AppendUint32(to, uint32(frames))
	return binary.BigEndian.AppendUint32(to, crc32.Checksum(to, castagnoli))
}

func appendTable(to []byte, frames []frame) []byte {
	for _, f := range frames {
		to = binary.BigEndian.AppendUint32(to, uint32(f.size))
		to = binary.BigEndian.AppendUint32(to, uint32(f.stored))
		to = binary.BigEndian.AppendUint32(to, f.sum)
	}
	return binary.BigEndian.AppendUint32(to, crc32.Checksum(to, castagnoli))
}

// unsealer decompresses frames for everybody who reads a log.
type unsealer struct {
	once    sync.Once
	decoder *zstd.Decoder
	err     error
}

// unseal appends what is in a frame, which is at most as much as dst has room for.
func (u *unsealer) unseal(dst, stored []byte) ([]byte, error) {
	u.once.Do(func() {
		u.decoder, u.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(batchBytesMax+frameBytes), zstd.IgnoreChecksum(true))
	})
	if u.err != nil {
		return nil, u.err
	}
	return u.decoder.DecodeAll(stored, dst)
}

// sealedFile reads a sealed segment as the segment that it was. It is used by one
// goroutine at a time.
type sealedFile struct {
	file     vfs.File
	unsealer *unsealer
	frames   []frame
	size     int64 // of the segment
	stored   []byte
	// loaded is the frame that is unsealed, for those who read by the byte.
	loaded      int // -1 for none
	loadedBytes []byte
}

// openSealed opens a sealed segment. It is damage when neither of its tables can
// be read.
func openSealed(file vfs.File, u *unsealer) (*sealedFile, error) {
	s := &sealedFile{file: file, unsealer: u, loaded: -1}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	err = damaged("a sealed segment of %d bytes", info.Size)
	for _, at := range []int64{0, info.Size - placeBytes} {
		if info.Size < 2*placeBytes {
			break
		}
		var table int64
		var frames int
		if table, frames, err = readPlace(file, at, info.Size); err != nil {
			continue
		}
		tableBytes := int64(frames*frameTableBytes + frameChecksumEnd)
		for _, at := range []int64{table, table + tableBytes} {
			if err = s.readTable(at, table, frames); err == nil {
				return s, nil
			}
		}
	}
	return nil, err
}

// readPlace reads where the table is.
func readPlace(file vfs.File, at, size int64) (table int64, frames int, err error) {
	b := make([]byte, placeBytes)
	if n, err := file.ReadAt(b, at); n < placeBytes {
		return 0, 0, readFailed(err)
	}
	if string(b[:len(sealedMagic)]) != sealedMagic || crc32.Checksum(b[:placeBytes-4], castagnoli) != binary.BigEndian.Uint32(b[placeBytes-4:]) {
		return 0, 0, damaged("the place of its table has a wrong checksum")
	}
	table, frames = int64(binary.BigEndian.Uint64(b[8:])), int(binary.BigEndian.Uint32(b[16:]))
	if table < placeBytes || table > size || int64(frames) > size/frameTableBytes {
		return 0, 0, damaged("%d frames before byte %d of %d", frames, table, size)
	}
	return table, frames, nil
}

// readTable reads the frames, which end at a position.
func (s *sealedFile) readTable(at, end int64, frames int) error {
	b := make([]byte, frames*frameTableBytes+frameChecksumEnd)
	if n, err := s.file.ReadAt(b, at); n < len(b) {
		return readFailed(err)
	}
	sums := len(b) - frameChecksumEnd
	if crc32.Checksum(b[:sums], castagnoli) != binary.BigEndian.Uint32(b[sums:]) {
		return damaged("its table has a wrong checksum")
	}
	s.frames, s.size = make([]frame, frames), 0
	stored := int64(placeBytes)
	for i := range s.frames {
		entry := b[i*frameTableBytes:]
		f := &s.frames[i]
		f.start, f.at = s.size, stored
		f.size, f.stored = int(binary.BigEndian.Uint32(entry)), int(binary.BigEndian.Uint32(entry[4:]))
		f.sum = binary.BigEndian.Uint32(entry[8:])
		s.size, stored = f.end(), stored+int64(f.stored)
		if f.size == 0 || f.size > frameBytes+batchBytesMax || stored > end {
			return damaged("frame %d has %d bytes in %d", i, f.size, f.stored)
		}
	}
	return nil
}

// readFailed is damage where the file is shorter than it says.
func readFailed(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return damaged("a sealed segment that is cut off")
	}
	return err
}

// frameAt finds the frame of a position; ok is false behind the last one.
func (s *sealedFile) frameAt(position int64) (i int, ok bool) {
	i = sort.Search(len(s.frames), func(i int) bool { return s.frames[i].end() > position })
	return i, i < len(s.frames)
}

// read unseals a frame into dst, which has its size. What is damaged becomes zeros.
func (s *sealedFile) read(i int, dst []byte) error {
	f := &s.frames[i]
	if cap(s.stored) < f.stored {
		s.stored = make([]byte, f.stored, f.stored+f.stored/4)
	}
	b := s.stored[:f.stored]
	n, err := s.file.ReadAt(b, f.at)
	if n < len(b) && err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("frame %d: %w", i, err)
	}
	if n == len(b) && crc32.Checksum(b, castagnoli) == f.sum {
		// Without more room than the frame has, it cannot grow elsewhere unseen.
		if got, err := s.unsealer.unseal(dst[:0:len(dst)], b); err == nil && len(got) == len(dst) {
			if &got[0] != &dst[0] {
				copy(dst, got)
			}
			return nil
		}
	}
	clear(dst)
	return nil
}

// ReadAt reads as the segment that it was.
func (s *sealedFile) ReadAt(b []byte, position int64) (n int, err error) {
	for n < len(b) {
		i, ok := s.frameAt(position + int64(n))
		if !ok || position+int64(n) < 0 {
			return n, io.EOF
		}
		f := &s.frames[i]
		if at := position + int64(n); at == f.start && len(b)-n >= f.size {
			if err := s.read(i, b[n:n+f.size]); err != nil {
				return n, err
			}
			n += f.size
			continue
		}
		if s.loaded != i {
			s.loaded = -1
			if cap(s.loadedBytes) < f.size {
				s.loadedBytes = make([]byte, f.size)
			}
			s.loadedBytes = s.loadedBytes[:f.size]
			if err := s.read(i, s.loadedBytes); err != nil {
				return n, err
			}
			s.loaded = i
		}
		n += copy(b[n:], s.loadedBytes[position+int64(n)-f.start:])
	}
	return n, nil
}

// Close closes the file.
func (s *sealedFile) Close() error { return s.file.Close() }
