package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// Reader reads the records of a partition in order. It sees only what is
// synced. It is used by one goroutine at a time; any number of readers may be
// open.
type Reader struct {
	partition *partition
	offset    Offset // of the next record to give
	segment   *segment
	file      segmentFile
	position  int64  // of the next batch to read
	expect    Offset // its base offset
	loaded    piece  // of the segment, around the position
	closed    bool
}

// Offset is that of the next record.
func (r *Reader) Offset() Offset { return r.offset }

// Close gives the file back.
func (r *Reader) Close() error {
	r.closed = true
	return r.leave()
}

// Next returns the next records, and waits for some when there are none. It
// ends with the context's error, with ErrClosed, with problem.Corrupt where
// bytes are damaged (see SkipCorrupt), or with problem.NotFound where retention
// was faster.
func (r *Reader) Next(ctx context.Context) (*Block, error) {
	for {
		k, err := r.NextAvailable()
		if !errors.Is(err, io.EOF) {
			return k, err
		}
		if err := r.partition.wait(ctx, r.offset); err != nil {
			return nil, err
		}
	}
}

// NextAvailable returns the next records, or io.EOF when there are none now.
func (r *Reader) NextAvailable() (*Block, error) {
	for {
		v, err := r.enter()
		if err != nil {
			return nil, err
		}
		if v.segment == nil {
			return nil, io.EOF
		}
		k := newBlock()
		if err := r.fill(k, v); err != nil {
			k.Release()
			return nil, r.partition.readError(v.segment, r.offset, err)
		}
		if k.Len() > 0 {
			return k, nil
		}
		k.Release() // only control batches were there
	}
}

// enter opens the segment of the offset, at or before it.
func (r *Reader) enter() (view, error) {
	if r.closed {
		return view{}, ErrClosed
	}
	v, err := r.partition.at(r.offset)
	if err != nil || v.segment == nil || v.segment == r.segment {
		return v, err
	}
	if err := r.leave(); err != nil {
		return v, err
	}
	from := indexEntry{offset: v.segment.base}
	if r.offset > v.segment.base {
		if from, err = r.partition.seek(v, r.offset); err != nil {
			return v, err
		}
		if from, err = r.approach(v, from); err != nil {
			return v, r.partition.readError(v.segment, r.offset, err)
		}
	}
	file, err := r.partition.openSegment(v.segment, true)
	if err != nil {
		return v, r.partition.readError(v.segment, r.offset, err)
	}
	r.segment, r.file, r.position, r.expect = v.segment, file, from.position, from.offset
	return v, nil
}

// approach walks from a place in the segment to the batch with the offset, or
// to damage in front of it.
func (r *Reader) approach(v view, from indexEntry) (indexEntry, error) {
	if from.offset == r.offset {
		return from, nil
	}
	s, done, err := r.partition.openScanner(v)
	if err != nil {
		return from, err
	}
	defer done()
	s.position, s.expect = from.position, from.offset
	err = s.approach(r.offset)
	return indexEntry{position: s.position, offset: s.expect}, err
}

func (r *Reader) leave() error {
	r.unload()
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file, r.segment = nil, nil
	return file.Close()
}

// fill reads whole batches into the block: all that are loaded, at least one.
// Damage behind the first batch is left for the next call.
func (r *Reader) fill(k *Block, v view) error {
	k.first = r.offset
	if r.position >= v.size {
		return damaged("the segment ends at byte %d", r.position)
	}
	for r.position < v.size {
		h, err := r.batch(v)
		if errors.Is(err, errShort) {
			if k.Len() > 0 {
				break // its views are into what is loaded
			}
			if err := r.load(v, h.size); err != nil {
				return err
			}
			continue
		}
		// A block's offsets have no gaps, and a packed batch is a block alone.
		if err == nil && k.Len() > 0 && (h.control() || h.packed()) {
			break
		}
		if err == nil && !h.control() {
			k.buffer = r.loaded.bytes
			start := int(r.position - r.loaded.start)
			err = k.decodeRecords(h, start, start+h.size, r.offset)
		}
		if err != nil {
			if k.Len() > 0 && isDamage(err) {
				break
			}
			return err
		}
		r.position += int64(h.size)
		r.expect, r.offset = h.next(), max(h.next(), r.offset)
		if h.control() {
			k.first = r.offset
		}
		if h.packed() {
			break
		}
	}
	k.next = r.offset
	if k.Len() > 0 {
		k.held = r.loaded.buffer
		k.held.hold()
	}
	return nil
}

// errShort says that a batch goes on behind what is loaded.
var errShort = errors.New("the batch goes on")

// load loads what stands at the position: at least the given number of bytes,
// or what the tail has there, which is whole batches.
func (r *Reader) load(v view, least int) error {
	before := r.loaded
	r.loaded = piece{}
	defer before.release()
	if p, ok := r.partition.tail.at(v.segment, r.position); ok && len(p.from(r.position, v.size)) >= least {
		r.loaded = p
		return nil
	} else if ok {
		p.release()
	}
	if sealed, ok := r.file.(*sealedFile); ok {
		return r.loadFrame(sealed, least)
	}
	return r.loadFile(v, least, before)
}

// loadFrame loads a frame of a sealed segment, which is whole batches.
func (r *Reader) loadFrame(s *sealedFile, least int) error {
	i, ok := s.frameAt(r.position)
	if !ok || s.frames[i].end() < r.position+int64(least) {
		return damaged("the frame of byte %d ends inside a batch", r.position)
	}
	f := &s.frames[i]
	buffer := r.partition.log.buffers.take(f.size)
	if err := s.read(i, buffer.bytes[:f.size]); err != nil {
		buffer.release()
		return err
	}
	r.loaded = piece{buffer: buffer, start: f.start, bytes: buffer.bytes[:f.size]}
	return nil
}

// loadFile loads whole blocks of the file, but for those that the piece before
// has already: it ended inside of a batch.
func (r *Reader) loadFile(v view, least int, before piece) error {
	start := r.position &^ (vfs.BlockSize - 1)
	size := max(blockBytes, wholeBlocks(int(r.position-start)+least))
	size = int(min(int64(size), int64(wholeBlocks(int(v.size-start)))))
	buffer := r.partition.log.buffers.take(size)
	have := 0
	if !before.written {
		have = copy(buffer.bytes[:size], before.from(start, before.start+int64(len(before.bytes)))) &^ (vfs.BlockSize - 1)
	}
	n, err := r.file.ReadAt(buffer.bytes[have:size], start+int64(have))
	n += have
	switch {
	case n < size && err != io.EOF:
		err = fmt.Errorf("at byte %d: %w", r.position, err)
	case start+int64(n) < r.position+int64(least):
		err = damaged("the file ends at byte %d instead of %d", start+int64(n), v.size)
	default:
		// What stands behind the end in its block is not written yet: it must not
		// be taken for what comes there.
		r.loaded = piece{buffer: buffer, start: start, bytes: buffer.bytes[:min(n, int(v.size-start))]}
		return nil
	}
	buffer.release()
	return err
}

// unload lets go of what is loaded.
func (r *Reader) unload() {
	r.loaded.release()
	r.loaded = piece{}
}

// batch checks the batch at the position. With errShort, the header's size is
// what has to be loaded.
func (r *Reader) batch(v view) (header, error) {
	b := r.loaded.from(r.position, v.size)
	if len(b) < headerBytes {
		if r.position+headerBytes > v.size {
			return header{}, damaged("the segment ends inside a batch")
		}
		return header{size: headerBytes}, errShort
	}
	h, err := decodeHeader(b)
	if err != nil {
		return h, err
	}
	if h.base != r.expect || h.next() > v.end {
		return h, damaged("offsets %d to %d instead of %d", h.base, h.next(), r.expect)
	}
	if h.size > len(b) {
		if r.position+int64(h.size) > v.size {
			return h, damaged("the segment ends inside a batch of %d bytes", h.size)
		}
		return h, errShort
	}
	if r.loaded.written {
		return h, nil
	}
	return h, verify(b[:h.size])
}

// SkipCorrupt moves behind the damage that Next reported, to the next record
// that can be read, and tells which offsets were given up.
func (r *Reader) SkipCorrupt() (Range, error) {
	skipped := Range{From: r.offset, To: r.offset}
	v, err := r.partition.at(r.offset)
	if err != nil {
		return skipped, err
	}
	if v.segment == nil || r.closed {
		return skipped, problem.New(problem.InvalidRequest, "nothing is damaged at offset %d of %v", r.offset, r.partition)
	}
	target := v.end
	s, done, err := r.partition.openScanner(v)
	switch {
	case isMissing(err), isDamage(err): // there is nothing of it
	case err != nil:
		return skipped, r.partition.readError(v.segment, r.offset, err)
	default:
		defer done()
		if target, err = r.nextReadable(s, v); err != nil {
			return skipped, err
		}
	}
	if target <= r.offset {
		return skipped, problem.New(problem.InvalidRequest, "nothing is damaged at offset %d of %v", r.offset, r.partition)
	}
	if err := r.leave(); err != nil {
		return skipped, err
	}
	r.offset, skipped.To = target, target
	return skipped, nil
}

// nextReadable walks the segment with checksums up to the first whole batch
// with a record at or behind the offset; without one it is the segment's end.
func (r *Reader) nextReadable(s *scanner, v view) (Offset, error) {
	if r.segment == v.segment {
		s.position, s.expect = r.position, r.expect
	}
	for s.expect < v.end {
		h, _, err := s.batch()
		switch {
		case err == nil && h.next() > r.offset:
			return max(h.base, r.offset), nil
		case err == nil:
			s.pass(h)
		case isDamage(err):
			if s.position, s.expect, err = s.afterDamage(); err != nil {
				return 0, r.partition.readError(v.segment, r.offset, err)
			}
		default:
			return 0, r.partition.readError(v.segment, r.offset, err)
		}
	}
	return v.end, nil
}
