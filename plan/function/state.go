package function

import (
	"encoding/binary"
	"math"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// What states of aggregates are made of: dense slices indexed by group, and
// the bytes they are stored as.

// grown returns s with room for groups 0 to n-1; it never shrinks.
func grown[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	return append(s, make([]T, n-len(s))...)
}

// damaged is the error of stored state that ends early or makes no sense.
func damaged() error {
	return problem.New(problem.Corrupt, "the stored state of an aggregate is damaged")
}

func readVarint(from []byte) (int64, []byte, error) {
	v, n := binary.Varint(from)
	if n <= 0 {
		return 0, nil, damaged()
	}
	return v, from[n:], nil
}

func readUvarint(from []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(from)
	if n <= 0 {
		return 0, nil, damaged()
	}
	return v, from[n:], nil
}

func appendFloat(to []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(to, math.Float64bits(f))
}

func readFloat(from []byte) (float64, []byte, error) {
	if len(from) < 8 {
		return 0, nil, damaged()
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(from)), from[8:], nil
}

func appendWide(to []byte, x value.Int128) []byte {
	to = binary.LittleEndian.AppendUint64(to, x.Lo)
	return binary.LittleEndian.AppendUint64(to, uint64(x.Hi))
}

func readWide(from []byte) (value.Int128, []byte, error) {
	if len(from) < 16 {
		return value.Int128{}, nil, damaged()
	}
	return value.Int128{Lo: binary.LittleEndian.Uint64(from), Hi: int64(binary.LittleEndian.Uint64(from[8:]))}, from[16:], nil
}

// appendBlock appends bytes with their length before them.
func appendBlock(to, b []byte) []byte {
	to = binary.AppendUvarint(to, uint64(len(b)))
	return append(to, b...)
}

func readBlock(from []byte) (block, rest []byte, err error) {
	n, from, err := readUvarint(from)
	if err != nil || n > uint64(len(from)) {
		return nil, nil, damaged()
	}
	return from[:n:n], from[n:], nil
}

// appendKey appends row i of c, which is not NULL, as bytes that are equal for
// equal values only, and that order as the values do where the type has an
// order: numbers big-endian with the sign bit turned, text as it is, the parts
// of a collection each with a NULL flag and length before it. All NaN are one.
func appendKey(to []byte, c *batch.Column, i int) []byte {
	switch c.Type.Class() {
	case value.Bools:
		return append(to, byte(rank(c.Bools[i])))
	case value.Ints:
		return binary.BigEndian.AppendUint64(to, uint64(c.Ints[i])^signBit)
	case value.Floats:
		return binary.BigEndian.AppendUint64(to, orderedBits(c.Floats[i]))
	case value.Wides:
		to = binary.BigEndian.AppendUint64(to, uint64(c.Wides[i].Hi)^signBit)
		return binary.BigEndian.AppendUint64(to, c.Wides[i].Lo)
	case value.Strings:
		return append(to, c.Bytes(i)...)
	case value.Lists:
		span := c.Spans[i]
		for e := span.Offset; e < span.Offset+span.Length; e++ {
			for _, child := range c.Children {
				to = appendPart(to, child, int(e))
			}
		}
	case value.Structs:
		for _, child := range c.Children {
			to = appendPart(to, child, i)
		}
	case value.NoData:
	}
	return to
}

// appendPart is appendKey for a value among others, or a NULL.
func appendPart(to []byte, c *batch.Column, i int) []byte {
	if c.IsNull(i) || c.Type.Class() == value.NoData {
		return append(to, 0)
	}
	to = append(to, 1)
	start := len(to)
	to = appendKey(to, c, i)
	// The length goes in front; collections are rare enough to move the bytes.
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(to)-start))
	to = append(to, length[:n]...)
	copy(to[start+n:], to[start:len(to)-n])
	copy(to[start:], length[:n])
	return to
}

const signBit = 1 << 63

// orderedBits turns floats into integers that order alike, -0.0 below 0.0 and
// NaN highest.
func orderedBits(f float64) uint64 {
	if f != f {
		return math.MaxUint64
	}
	bits := math.Float64bits(f)
	if bits&signBit != 0 {
		return ^bits
	}
	return bits | signBit
}

func floatOfOrderedBits(bits uint64) float64 {
	switch {
	case bits == math.MaxUint64:
		return math.NaN()
	case bits&signBit != 0:
		return math.Float64frombits(bits &^ signBit)
	}
	return math.Float64frombits(^bits)
}

// setKey sets row i of c to the value that appendKey wrote as key.
func setKey(c *batch.Column, i int, key []byte) error {
	c.Nulls.Clear(i)
	switch class := c.Type.Class(); class {
	case value.Bools:
		if len(key) != 1 {
			return damaged()
		}
		c.Bools[i] = key[0] != 0
	case value.Ints, value.Floats:
		if len(key) != 8 {
			return damaged()
		}
		bits := binary.BigEndian.Uint64(key)
		if class == value.Ints {
			c.Ints[i] = int64(bits ^ signBit)
		} else {
			c.Floats[i] = floatOfOrderedBits(bits)
		}
	case value.Wides:
		if len(key) != 16 {
			return damaged()
		}
		c.Wides[i] = value.Int128{Hi: int64(binary.BigEndian.Uint64(key) ^ signBit), Lo: binary.BigEndian.Uint64(key[8:])}
	case value.Strings:
		c.SetBytes(i, key)
	case value.Lists:
		start, n := c.Children[0].Len(), 0
		for len(key) > 0 {
			for _, child := range c.Children {
				child.Resize(start + n + 1)
				var err error
				if key, err = setPart(child, start+n, key); err != nil {
					return err
				}
			}
			n++
		}
		c.Spans[i] = batch.View{Offset: uint32(start), Length: uint32(n)}
	case value.Structs:
		for _, child := range c.Children {
			var err error
			if key, err = setPart(child, i, key); err != nil {
				return err
			}
		}
	case value.NoData:
	}
	return nil
}

func setPart(c *batch.Column, i int, from []byte) (rest []byte, err error) {
	if len(from) == 0 {
		return nil, damaged()
	}
	if from[0] == 0 {
		c.SetNull(i)
		return from[1:], nil
	}
	key, rest, err := readBlock(from[1:])
	if err != nil {
		return nil, err
	}
	return rest, setKey(c, i, key)
}
