package operator

import (
	"encoding/binary"
	"math"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// The order form of a row's sort keys is bytes that compare as the rows sort:
//
//	NULL               00 when NULLs are first, 02 when they are last
//	any other value    01, then the value, with all its bits turned when descending
//
//	BOOLEAN            00 false, 01 true
//	Ints               8 bytes, big-endian, sign bit turned
//	Floats             8 bytes, big-endian: sign bit turned, negatives turned whole; one NaN, the greatest
//	Wides              16 bytes, big-endian, sign bit turned
//	Strings            the bytes, 00 as 00 FF, then 00 00
//	Lists              for each part 01 and its form, 00 for a NULL part inside; then 00 as the end
//	Structs            for each field 00 for NULL, or 01 and its form
//
// It is not stored: it is computed anew from stored rows.

// appendOrder appends the order form of row i of the key columns.
func appendOrder(to []byte, keys []plan.SortKey, columns []*batch.Column, i int) []byte {
	for k, c := range columns {
		if c.IsNull(i) {
			if keys[k].NullsFirst {
				to = append(to, 0)
			} else {
				to = append(to, 2)
			}
			continue
		}
		to = append(to, 1)
		start := len(to)
		to = appendOrderPart(to, c, i)
		if keys[k].Descending {
			for at := start; at < len(to); at++ {
				to[at] = ^to[at]
			}
		}
	}
	return to
}

func appendOrderPart(to []byte, c *batch.Column, i int) []byte {
	switch c.Type.Class() {
	case value.Bools:
		return append(to, byte(truth(c.Bools[i])))
	case value.Ints:
		return binary.BigEndian.AppendUint64(to, uint64(c.Ints[i])^1<<63)
	case value.Floats:
		return binary.BigEndian.AppendUint64(to, orderedBits(c.Floats[i]))
	case value.Wides:
		to = binary.BigEndian.AppendUint64(to, uint64(c.Wides[i].Hi)^1<<63)
		return binary.BigEndian.AppendUint64(to, c.Wides[i].Lo)
	case value.Strings:
		for _, b := range c.Bytes(i) {
			if to = append(to, b); b == 0 {
				to = append(to, 0xff)
			}
		}
		return append(to, 0, 0)
	case value.Lists:
		span := c.Spans[i]
		for e := span.Offset; e < span.Offset+span.Length; e++ {
			for _, child := range c.Children {
				to = appendNested(append(to, 1), child, int(e))
			}
		}
		return append(to, 0)
	case value.Structs:
		for _, child := range c.Children {
			to = appendNested(to, child, i)
		}
	case value.NoData:
	}
	return to
}

// appendNested appends a part of a list or row, a NULL part first.
func appendNested(to []byte, c *batch.Column, i int) []byte {
	if c.IsNull(i) {
		return append(to, 0)
	}
	return appendOrderPart(append(to, 1), c, i)
}

// orderedBits are bits that compare as floats do: 0.0 and -0.0 are alike, NaN is
// the greatest.
func orderedBits(f float64) uint64 {
	switch {
	case f != f:
		return math.MaxUint64
	case f == 0:
		f = 0
	}
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}
