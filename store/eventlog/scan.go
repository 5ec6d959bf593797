package eventlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// noLimit is an offset that no record reaches.
const noLimit = Offset(math.MaxInt64)

// window reads a file through a buffer that slides forward.
type window struct {
	file   io.ReaderAt
	size   int64 // readable bytes
	start  int64
	buffer []byte
}

// bytes gives n bytes from position on, valid until the next call, or io.EOF
// when the file has fewer.
func (w *window) bytes(position int64, n int) ([]byte, error) {
	if position+int64(n) > w.size {
		return nil, io.EOF
	}
	if position < w.start || position+int64(n) > w.start+int64(len(w.buffer)) {
		want := int(min(int64(max(n, windowBytes)), w.size-position))
		if cap(w.buffer) < want {
			w.buffer = make([]byte, want)
		}
		w.start, w.buffer = position, w.buffer[:want]
		read, err := w.file.ReadAt(w.buffer, position)
		w.buffer = w.buffer[:read]
		if read < want && err != io.EOF {
			w.buffer = w.buffer[:0]
			return nil, fmt.Errorf("read at byte %d: %w", position, err)
		}
		if read < want {
			w.size = position + int64(read) // the file is shorter than it should be
		}
		if read < n {
			return nil, io.EOF
		}
	}
	at := position - w.start
	return w.buffer[at : at+int64(n)], nil
}

// scanner walks over the batches of one segment.
type scanner struct {
	window
	position int64  // where the next batch should stand
	expect   Offset // its base offset
	limit    Offset // the first offset that is no longer of this segment
}

// header looks at the batch at the position without checking its content.
func (s *scanner) header() (header, error) {
	b, err := s.bytes(s.position, headerBytes)
	if err == io.EOF {
		return header{}, damaged("the segment ends")
	}
	if err != nil {
		return header{}, err
	}
	h, err := decodeHeader(b)
	if err == nil && h.base != s.expect {
		err = damaged("offset %d instead of %d", h.base, s.expect)
	}
	if err == nil && s.position+int64(h.size) > s.size {
		err = damaged("the segment ends inside a batch of %d bytes", h.size)
	}
	if err == nil && h.next() > s.limit {
		err = damaged("a batch up to offset %d in a segment that ends before %d", h.next(), s.limit)
	}
	return h, err
}

// batch reads and checks the batch at the position.
func (s *scanner) batch() (header, []byte, error) {
	h, err := s.header()
	if err != nil {
		return h, nil, err
	}
	b, err := s.bytes(s.position, h.size)
	if err == io.EOF {
		return h, nil, damaged("the segment ends inside a batch of %d bytes", h.size)
	}
	if err == nil {
		err = verify(b)
	}
	return h, b, err
}

// pass moves behind a batch.
func (s *scanner) pass(h header) {
	s.position += int64(h.size)
	s.expect = h.next()
}

// find searches forward from a byte for the next whole batch that can belong
// to the segment: its offset is not yet passed and its checksum is right.
func (s *scanner) find(from int64) (h header, position int64, found bool, err error) {
	for {
		available := int(min(windowBytes, s.size-from))
		if available < headerBytes {
			return h, 0, false, nil
		}
		chunk, err := s.bytes(from, available)
		if err == io.EOF {
			continue // the size is known better now
		}
		if err != nil {
			return h, 0, false, err
		}
		// The magic byte is at 16, and the offset before it must fit: few
		// other bytes pass, and the checksum sorts those out.
		step := available - headerBytes + 1
		candidate := -1
		for i := 0; i < step; i++ {
			hit := bytes.IndexByte(chunk[16+i:16+step], magic)
			if hit < 0 {
				break
			}
			i += hit
			base := Offset(binary.BigEndian.Uint64(chunk[i:]))
			if base < s.expect || base >= s.limit {
				continue
			}
			if h, err := decodeHeader(chunk[i:]); err == nil && h.next() <= s.limit && from+int64(i)+int64(h.size) <= s.size {
				candidate = i
				break
			}
		}
		if candidate < 0 {
			from += int64(step)
			continue
		}
		position = from + int64(candidate)
		h, _ = decodeHeader(chunk[candidate:])
		b, err := s.bytes(position, h.size)
		if err != nil {
			return h, 0, false, err
		}
		if verify(b) == nil {
			return h, position, true, nil
		}
		from = position + 1
	}
}

// afterDamage gives the position and base offset of the next whole batch behind
// one that cannot be read, or the end of the segment. The batch at the position
// itself is never it: its offset is not under the checksum.
func (s *scanner) afterDamage() (position int64, base Offset, err error) {
	h, position, found, err := s.find(s.position + 1)
	if err != nil || !found {
		return s.size, s.limit, err
	}
	return position, h.base, nil
}

// approach walks forward until the batch at the position is the one with the
// offset, past damage that lies before it. Where the offset itself is damaged,
// it stops in front of the damage. It checks every batch: a wrong length must
// not lead it past good ones.
func (s *scanner) approach(offset Offset) error {
	for {
		h, _, err := s.batch()
		switch {
		case err == nil && h.next() > offset:
			return nil
		case err == nil:
			s.pass(h)
		case isDamage(err):
			position, base, err := s.afterDamage()
			if err != nil || base > offset {
				return err
			}
			s.position, s.expect = position, base
		default:
			return err
		}
	}
}

// survey reads a segment from the position to its end, as recovery does. seen
// is called with every whole batch, gap with every range of offsets that was
// acknowledged and is damaged. It returns where the batches end.
//
// The question at a place that cannot be read is whether somebody was told that
// it is safe. In a segment that is not the last (limit is set) everything was.
// In the last one, each batch says where its write run begins, and a run is
// begun only after the run before it was synced. So a whole batch behind the
// place whose run begins behind the place as well proves that the place was
// synced: it is damage. Otherwise the place is in the last run, which was torn
// by the crash before anybody was told: the segment ends there.
func (s *scanner) survey(seen func(header, []byte), gap func(from, to Offset)) (end int64, err error) {
	last := s.limit == noLimit
	runStart := s.position
	for s.expect < s.limit {
		h, b, err := s.batch()
		if err == nil && last && h.runStart != runStart && h.runStart != s.position {
			err = damaged("run start %d", h.runStart)
		}
		if err == nil {
			runStart = h.runStart
			seen(h, b)
			s.pass(h)
			continue
		}
		if !isDamage(err) {
			return s.position, err
		}
		proof, position, found, err := s.find(s.position + 1)
		for found && last && proof.runStart <= s.position {
			proof, position, found, err = s.find(position + int64(proof.size))
		}
		if err != nil {
			return s.position, err
		}
		if !found {
			break
		}
		gap(s.expect, proof.base)
		s.position, s.expect, runStart = position, proof.base, proof.runStart
	}
	return s.position, nil
}
