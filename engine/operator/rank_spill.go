package operator

import (
	"encoding/binary"
	"unsafe"

	"tidemark/base/batch"
	"tidemark/engine"
)

// A partition in files is, with windows, the end of its window, or if it expires
// when it was written last, and then its rows.

// keyOf implements spillable.
func (r *Rank) keyOf(in *batch.Batch) []*batch.Column { return r.rows.keyOf(in) }

// held implements spillable.
func (r *Rank) held() int64 {
	const windowedBytes = 2 * (8 + 16) // of a partition, in maps
	n := r.rows.held() + r.expiry.held() + 4*int64(cap(r.written)) + r.touched.held() +
		int64(cap(r.pending))*int64(unsafe.Sizeof(changedRank{})) + int64(cap(r.before))*int64(unsafe.Sizeof(numberedRow{}))
	if r.windows != nil {
		n += windowedBytes * int64(len(r.windows.known))
	}
	return n
}

// has implements spillable.
func (r *Rank) has(key []byte) bool { return r.rows.has(key) }

// spill implements spillable.
func (r *Rank) spill(put func(key, val []byte, due engine.Watermark) error) error {
	var val []byte
	return r.rows.table.each(func(code uint32, key []byte) error {
		val = val[:0]
		due := batch.Final
		if r.windows != nil {
			end := r.windows.known[code]
			due = r.windows.assigner.fires(end)
			val = binary.AppendVarint(val, end)
		}
		return put(key, r.rows.appendPartition(r.expiry.append(val, code), code), due)
	})
}

// bring implements spillable.
func (r *Rank) bring(key, val []byte) error {
	rest := &spilledState{rest: val}
	end := int64(0)
	if r.windows != nil {
		end = rest.number()
	}
	written := int64(0)
	if r.expiry != nil {
		written = rest.number()
	}
	code, err := r.rows.bringPartition(key, rest, r.env.broughtFlags())
	switch {
	case err != nil:
		return err
	case r.windows != nil:
		r.windows.note(code, end)
	case r.env.Context.Streaming:
		r.expiry.restore(code, written)
	default:
		r.touch(code)
	}
	return nil
}

// merges implements merging: what is taken back may be in another part.
func (r *Rank) merges() bool { return !r.retracts }

// forget implements spillable.
func (r *Rank) forget() {
	r.rows.forget()
	r.touched, r.pending, r.before = pages[bool]{}, nil, nil
	r.written, r.expired = nil, nil
	r.expiry.reset()
	if r.windows != nil {
		r.windows.forget()
	}
}
