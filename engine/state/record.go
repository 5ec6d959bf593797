package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"tidemark/connect"
	"tidemark/engine"
)

// Record is what an epoch says beside its state: how far the sources had been
// read. docs/formats/state.md draws its stored form.
type Record struct {
	Epoch     engine.Epoch
	Origin    connect.Origin
	Watermark engine.Watermark // that the output is complete up to
	Sources   []Source         // in the order of the plan's scans
	Sinks     []Sink           // those that write down outside what they have
}

// Sink is what a sink had written down before the epoch.
type Sink struct {
	Number int
	Before connect.Mark
}

// Standing is where the job stood for a sink, at the end of the epoch. A nil
// record is that of a job that begins.
func (r *Record) Standing(sink int) (s connect.Standing) {
	if r == nil {
		return s
	}
	s.Newest = connect.Mark{Epoch: r.Epoch, Origin: r.Origin}
	for _, known := range r.Sinks {
		if known.Number == sink {
			s.Before = known.Before
		}
	}
	return s
}

// Source is how far one source had been read.
type Source struct {
	Watermark engine.Watermark // combined
	Splits    []Split
}

// Split is how far one split had been read.
type Split struct {
	ID        connect.SplitID
	Offset    connect.Offset // nil is the beginning
	Watermark engine.Watermark
	Ended     bool
}

// recordVersion is the form that is written; recordUnsigned, without origin and
// sinks, is read as well.
const (
	recordVersion  = 2
	recordUnsigned = 1
)

// encode gives the stored form: version, body, and a checksum of both.
func (r *Record) encode() []byte {
	out := []byte{recordVersion}
	out = binary.BigEndian.AppendUint64(out, uint64(r.Epoch))
	out = binary.BigEndian.AppendUint64(out, uint64(r.Watermark))
	out = binary.AppendUvarint(out, uint64(len(r.Sources)))
	for _, s := range r.Sources {
		out = binary.BigEndian.AppendUint64(out, uint64(s.Watermark))
		out = binary.AppendUvarint(out, uint64(len(s.Splits)))
		for _, p := range s.Splits {
			out = appendBytes(out, []byte(p.ID))
			flags := byte(0)
			if p.Offset != nil {
				flags |= splitHasOffset
			}
			if p.Ended {
				flags |= splitHasEnded
			}
			out = appendBytes(append(out, flags), p.Offset)
			out = binary.BigEndian.AppendUint64(out, uint64(p.Watermark))
		}
	}
	out = append(out, r.Origin[:]...)
	out = binary.AppendUvarint(out, uint64(len(r.Sinks)))
	for _, s := range r.Sinks {
		out = binary.AppendUvarint(out, uint64(s.Number))
		out = binary.BigEndian.AppendUint64(out, uint64(s.Before.Epoch))
		out = append(out, s.Before.Origin[:]...)
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

const (
	splitHasOffset = 1 << iota
	splitHasEnded
)

func appendBytes(to, b []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}

func decodeRecord(stored []byte) (*Record, error) {
	if len(stored) < 5 {
		return nil, errors.New("cut off")
	}
	body, sum := stored[:len(stored)-4], stored[len(stored)-4:]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(sum) {
		return nil, errors.New("wrong checksum")
	}
	if body[0] != recordVersion && body[0] != recordUnsigned {
		return nil, fmt.Errorf("version %d, want %d", body[0], recordVersion)
	}
	in := reader{rest: body[1:]}
	r := &Record{Epoch: engine.Epoch(in.fixed()), Watermark: int64(in.fixed())}
	for range in.count() {
		s := Source{Watermark: int64(in.fixed())}
		for range in.count() {
			p := Split{ID: connect.SplitID(in.bytes())}
			flags := in.byte()
			offset := in.bytes()
			if flags&splitHasOffset != 0 {
				p.Offset = append(connect.Offset{}, offset...)
			}
			p.Ended = flags&splitHasEnded != 0
			p.Watermark = int64(in.fixed())
			s.Splits = append(s.Splits, p)
		}
		r.Sources = append(r.Sources, s)
	}
	if body[0] != recordUnsigned {
		copy(r.Origin[:], in.take(uint64(len(r.Origin))))
		for range in.count() {
			s := Sink{Number: int(in.number())}
			s.Before.Epoch = engine.Epoch(in.fixed())
			copy(s.Before.Origin[:], in.take(uint64(len(s.Before.Origin))))
			r.Sinks = append(r.Sinks, s)
		}
	}
	if in.short || len(in.rest) > 0 {
		return nil, errors.New("wrong length")
	}
	return r, nil
}

// reader cuts a record up; past its end it reads zeros and says so.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.short, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) fixed() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 {
		r.short, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

// count reads a number of things that take at least a byte each.
func (r *reader) count() uint64 {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.short, r.rest = true, nil
		return 0
	}
	return n
}

func (r *reader) bytes() []byte { return r.take(r.count()) }
