package batch

import (
	"encoding/binary"

	"tidemark/base/value"
)

// ReadRows adds rows in key form to the columns, a column at a time: row i begins
// at at[i] of heap. Afterwards at says where each row ends.
//
// Texts are not copied. heap becomes the heap of the Strings columns: it must
// begin with the heap that they have, and is not written any more, only appended
// to.
func ReadRows(columns []*Column, heap []byte, at []uint32) error {
	for _, c := range columns {
		first := c.Len()
		c.Resize(first + len(at))
		var err error
		switch c.Type.Class() {
		case value.Ints:
			err = readInts(c, first, heap, at)
		case value.Strings:
			c.Heap = heap[:len(heap):len(heap)]
			err = readViews(c, first, heap, at)
		default:
			err = readParts(c, first, heap, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readInts(c *Column, first int, heap []byte, at []uint32) error {
	ints := c.Ints[first:]
	for i, start := range at {
		switch {
		case uint64(start)+9 <= uint64(len(heap)) && heap[start] != 0:
			ints[i] = int64(binary.LittleEndian.Uint64(heap[start+1:]))
			at[i] = start + 9
		case uint64(start) < uint64(len(heap)) && heap[start] == 0:
			c.SetNull(first + i)
			at[i] = start + 1
		default:
			return errShortKey
		}
	}
	return nil
}

// readViews notes where texts are.
func readViews(c *Column, first int, heap []byte, at []uint32) error {
	views := c.Views[first:]
	for i, start := range at {
		if uint64(start) >= uint64(len(heap)) {
			return errShortKey
		}
		length, used := uint64(heap[start]), 1
		if length > 0x7f {
			if length, used = binary.Uvarint(heap[start:]); used <= 0 {
				return errShortKey
			}
		}
		start += uint32(used)
		switch {
		case length == 0:
			c.SetNull(first + i)
		case length-1 > uint64(len(heap))-uint64(start):
			return errShortKey
		default:
			views[i] = View{start, uint32(length - 1)}
			start += uint32(length - 1)
		}
		at[i] = start
	}
	return nil
}

// readParts reads columns of the other types.
func readParts(c *Column, first int, heap []byte, at []uint32) error {
	for i, start := range at {
		if uint64(start) > uint64(len(heap)) {
			return errShortKey
		}
		rest, err := setKeyPart(c, first+i, heap[start:])
		if err != nil {
			return err
		}
		at[i] = uint32(len(heap) - len(rest))
	}
	return nil
}
