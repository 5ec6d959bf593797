package operator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// heldForm is how the rows of one side of a join in event time are held in memory:
// the key columns first, then the others, each so that it is known where it ends.
// Two keys are equal exactly when their bytes are, and no key is how another begins.
//
//	Ints     00 NULL, or 1 + n and the n lowest bytes of the zigzag form, little endian
//	Strings  uvarint: 0 NULL, 1 a UUID, whose 16 bytes follow, or 2 + length and the text
//	others   as in batch.AppendKey
//
// The time of a row is known to who holds it. Where a column is nothing else, it is
// left out.
type heldForm struct {
	input   *joinInput
	implied int // place of the column that is the row's time; -1 for none
	columns []*batch.Column
	single  [1]*batch.Column
}

// uuidBytes is how long a UUID in lower case is as text.
const uuidBytes = 36

// newHeldForm is the form for rows whose time is in the column.
func newHeldForm(in *joinInput, timeColumn int) *heldForm {
	f := &heldForm{input: in, implied: -1}
	t, place := in.types[timeColumn], in.place[timeColumn]
	isTime := t.Kind == value.Timestamp || t.Kind == value.TimestampLTZ
	if isTime && t.Precision <= 3 && t.Class() == value.Ints && place >= in.keys {
		f.implied = place
	}
	return f
}

// encode replaces what r holds by the rows of a batch, all of which are live and have
// a time.
func (f *heldForm) encode(r *joinRows, rows *batch.Batch) {
	f.columns = f.columns[:0]
	for _, column := range f.input.order {
		f.columns = append(f.columns, rows.Columns[column])
	}
	r.bytes, r.starts, r.keyEnds = r.bytes[:0], r.starts[:0], r.keyEnds[:0]
	keys := f.input.keys
	for i := range rows.Rows {
		r.starts = append(r.starts, len(r.bytes))
		for _, c := range f.columns[:keys] {
			r.bytes = f.appendPart(r.bytes, c, i)
		}
		r.keyEnds = append(r.keyEnds, len(r.bytes))
		for place, c := range f.columns[keys:] {
			if keys+place != f.implied {
				r.bytes = f.appendPart(r.bytes, c, i)
			}
		}
	}
	r.starts = append(r.starts, len(r.bytes))
}

func (f *heldForm) appendPart(to []byte, c *batch.Column, i int) []byte {
	switch {
	case c.Ints != nil:
		if c.IsNull(i) {
			return append(to, 0)
		}
		zigzag := uint64(c.Ints[i]<<1) ^ uint64(c.Ints[i]>>63)
		n := (bits.Len64(zigzag) + 7) / 8
		to = append(to, byte(1+n))
		return binary.LittleEndian.AppendUint64(to, zigzag)[:len(to)+n]
	case c.Views != nil:
		if c.IsNull(i) {
			return append(to, 0)
		}
		text := c.Bytes(i)
		if len(text) == uuidBytes {
			if packed, ok := packUUID((*[uuidBytes]byte)(text)); ok {
				to = binary.LittleEndian.AppendUint64(append(to, 1), packed[0])
				return binary.LittleEndian.AppendUint64(to, packed[1])
			}
		}
		return append(binary.AppendUvarint(to, uint64(len(text))+2), text...)
	}
	f.single[0] = c
	return batch.AppendKey(to, f.single[:], i)
}

// heldColumns makes columns of rows that are held.
type heldColumns struct {
	form    *heldForm
	bytes   int      // of all rows
	pending [][]byte // the rows
	times   []int64  // of each row, in milliseconds
	at      []uint32 // scratch: where in the heap each row goes on
}

// heapSlack is behind the rows in the heap, so that 8 bytes can be read wherever a
// value begins.
const heapSlack = 8

// clear begins anew: what was handed out stays as it is.
func (h *heldColumns) clear() { h.pending, h.times, h.bytes = h.pending[:0], h.times[:0], 0 }

func (h *heldColumns) rows() int { return len(h.pending) }

// add appends a row.
func (h *heldColumns) add(row []byte, at int64) error {
	if h.bytes+len(row) > batch.MaxHeap/4 { // UUIDs become longer
		return problem.New(problem.TooLarge, "the rows of a join have more than %d bytes", batch.MaxHeap/4).
			WithHint("add a condition with = to the join")
	}
	h.pending, h.times = append(h.pending, row), append(h.times, at)
	h.bytes += len(row)
	return nil
}

var errHeldForm = errors.New("a row in memory is cut off")

// columns is the rows added since clear as the columns of the input. Their texts are
// views into one heap, to which the rows are copied.
func (h *heldColumns) columns() ([]*batch.Column, error) {
	in, n := h.form.input, len(h.pending)
	heap := make([]byte, 0, h.bytes+heapSlack)
	h.at = h.at[:0]
	for _, row := range h.pending {
		h.at = append(h.at, uint32(len(heap)))
		heap = append(heap, row...)
	}
	stored := make([]*batch.Column, len(in.stored))
	var err error
	for place, t := range in.stored {
		c := batch.NewColumn(t, n)
		stored[place] = c
		switch {
		case place == h.form.implied:
			c.Resize(n)
			for i, at := range h.times {
				c.Ints[i] = at * 1000
			}
		case t.Class() == value.Ints:
			c.Resize(n)
			err = h.ints(c, heap[:h.bytes:cap(heap)])
		case t.Class() == value.Strings:
			c.Resize(n)
			heap, err = h.texts(c, heap)
		default:
			err = h.others(c, heap[:h.bytes])
		}
		if err != nil {
			return nil, fmt.Errorf("read rows of a join: %w", err)
		}
	}
	for _, c := range stored {
		if c.Views != nil {
			c.Heap = heap[:len(heap):len(heap)]
		}
	}
	columns := make([]*batch.Column, len(in.types))
	for column, place := range in.place {
		columns[column] = stored[place]
	}
	return columns, nil
}

// ints reads a column of Ints; rows has room for heapSlack bytes behind it.
func (h *heldColumns) ints(c *batch.Column, rows []byte) error {
	padded := rows[:len(rows)+heapSlack]
	for i, at := range h.at {
		if int(at) >= len(rows) || int(at)+int(rows[at]) > len(rows) {
			return errHeldForm
		}
		tag := rows[at]
		if tag == 0 {
			c.SetNull(i)
			h.at[i] = at + 1
			continue
		}
		n := uint(tag-1) * 8
		zigzag := binary.LittleEndian.Uint64(padded[at+1:]) & (1<<n - 1)
		c.Ints[i] = int64(zigzag>>1) ^ -int64(zigzag&1)
		h.at[i] = at + uint32(tag)
	}
	return nil
}

// texts reads a column of Strings. UUIDs are written behind what is in the heap.
func (h *heldColumns) texts(c *batch.Column, heap []byte) ([]byte, error) {
	for i, at := range h.at {
		length, used := binary.Uvarint(heap[at:h.bytes])
		if used <= 0 {
			return nil, errHeldForm
		}
		at += uint32(used)
		switch left := uint64(h.bytes) - uint64(at); {
		case length == 0:
			c.SetNull(i)
		case length == 1 && left >= 16:
			c.Views[i] = batch.View{Offset: uint32(len(heap)), Length: uuidBytes}
			heap = appendUUID(heap, [2]uint64{binary.LittleEndian.Uint64(heap[at:]), binary.LittleEndian.Uint64(heap[at+8:])})
			at += 16
		case length >= 2 && length-2 <= left:
			c.Views[i] = batch.View{Offset: at, Length: uint32(length - 2)}
			at += uint32(length - 2)
		default:
			return nil, errHeldForm
		}
		h.at[i] = at
	}
	return heap, nil
}

func (h *heldColumns) others(c *batch.Column, rows []byte) error {
	single := []*batch.Column{c}
	for i, at := range h.at {
		rest, err := batch.AppendRow(single, rows[at:])
		if err != nil {
			return err
		}
		h.at[i] = uint32(len(rows) - len(rest))
	}
	return nil
}
