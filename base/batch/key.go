package batch

import (
	"encoding/binary"
	"errors"
	"math"

	"tidemark/base/value"
)

// The key form of a row is bytes that are equal exactly when GROUP BY takes the
// rows for the same: NULLs are equal, NaNs are equal, 0.0 and -0.0 are not. It
// is the form of keys in hash tables and in stored state:
//
//	BOOLEAN            00 NULL, 01 false, 02 true
//	Ints, Floats       00 NULL, or 01 and 8 bytes, little-endian
//	Wides              00 NULL, or 01 and 16 bytes, low word first
//	Strings            uvarint of length + 1 (0 is NULL), then the bytes
//	Lists              uvarint of length + 1 (0 is NULL), then the elements
//	Structs            00 NULL, or 01 and the fields
//	types without data 00

// errShortKey says that key bytes ended too early: stored state is damaged.
var errShortKey = errors.New("key is cut off")

var canonicalNaN = math.Float64bits(math.NaN())

// AppendKey appends the key form of row i of the columns.
func AppendKey(to []byte, columns []*Column, i int) []byte {
	for _, c := range columns {
		to = appendKeyPart(to, c, i)
	}
	return to
}

func appendKeyPart(to []byte, c *Column, i int) []byte {
	if c.IsNull(i) {
		return append(to, 0)
	}
	switch c.Type.Class() {
	case value.Bools:
		if c.Bools[i] {
			return append(to, 2)
		}
		return append(to, 1)
	case value.Ints:
		return binary.LittleEndian.AppendUint64(append(to, 1), uint64(c.Ints[i]))
	case value.Floats:
		bits := math.Float64bits(c.Floats[i])
		if c.Floats[i] != c.Floats[i] {
			bits = canonicalNaN
		}
		return binary.LittleEndian.AppendUint64(append(to, 1), bits)
	case value.Wides:
		to = binary.LittleEndian.AppendUint64(append(to, 1), c.Wides[i].Lo)
		return binary.LittleEndian.AppendUint64(to, uint64(c.Wides[i].Hi))
	case value.Strings:
		text := c.Bytes(i)
		return append(binary.AppendUvarint(to, uint64(len(text))+1), text...)
	case value.Lists:
		span := c.Spans[i]
		to = binary.AppendUvarint(to, uint64(span.Length)+1)
		for e := span.Offset; e < span.Offset+span.Length; e++ {
			to = AppendKey(to, c.Children, int(e))
		}
		return to
	case value.Structs:
		return AppendKey(append(to, 1), c.Children, i)
	}
	return append(to, 0)
}

// AppendRow reads one row in key form and adds it to the columns. It returns
// the bytes behind it.
func AppendRow(columns []*Column, key []byte) (rest []byte, err error) {
	for _, c := range columns {
		// The usual case without a call for each part of it.
		if c.Ints != nil && c.Nulls == nil && len(key) >= 9 && key[0] == 1 {
			c.Ints = append(c.Ints, int64(binary.LittleEndian.Uint64(key[1:])))
			c.rows = len(c.Ints)
			key = key[9:]
			continue
		}
		n := c.Len()
		c.Resize(n + 1)
		if key, err = setKeyPart(c, n, key); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// setKeyPart makes row n of c, which exists, what key says.
func setKeyPart(c *Column, n int, key []byte) ([]byte, error) {
	class := c.Type.Class()
	if class == value.Strings || class == value.Lists {
		length, used := binary.Uvarint(key)
		if used <= 0 {
			return nil, errShortKey
		}
		key = key[used:]
		if length == 0 {
			c.SetNull(n)
			return key, nil
		}
		length--
		if length > uint64(len(key)) {
			return nil, errShortKey
		}
		if class == value.Strings {
			c.SetBytes(n, key[:length])
			return key[length:], nil
		}
		c.Spans[n] = View{uint32(c.Children[0].Len()), uint32(length)}
		for range length {
			var err error
			if key, err = AppendRow(c.Children, key); err != nil {
				return nil, err
			}
		}
		return key, nil
	}
	if len(key) == 0 {
		return nil, errShortKey
	}
	tag := key[0]
	key = key[1:]
	if tag == 0 {
		c.SetNull(n)
		return key, nil
	}
	switch class {
	case value.Bools:
		c.Bools[n] = tag == 2
		return key, nil
	case value.Ints, value.Floats:
		if len(key) < 8 {
			return nil, errShortKey
		}
		bits := binary.LittleEndian.Uint64(key)
		if class == value.Ints {
			c.Ints[n] = int64(bits)
		} else {
			c.Floats[n] = math.Float64frombits(bits)
		}
		return key[8:], nil
	case value.Wides:
		if len(key) < 16 {
			return nil, errShortKey
		}
		c.Wides[n] = value.Int128{Lo: binary.LittleEndian.Uint64(key), Hi: int64(binary.LittleEndian.Uint64(key[8:]))}
		return key[16:], nil
	case value.Structs:
		for _, child := range c.Children {
			var err error
			if key, err = setKeyPart(child, n, key); err != nil {
				return nil, err
			}
		}
		return key, nil
	}
	return key, nil
}

// Keys is the key form of many rows in one piece of memory, to be used again
// for the next batch.
type Keys struct {
	bytes []byte
	ends  []uint32 // where each key ends
}

// Encode replaces the keys by those of the first count rows of the columns.
// With prefixes, one a row, each key begins with its prefix in 4 bytes.
func (k *Keys) Encode(prefixes []uint32, columns []*Column, count int) {
	k.bytes, k.ends = k.bytes[:0], k.ends[:0]
	if len(columns) == 1 && columns[0].Type.Class() == value.Strings && columns[0].Nulls == nil {
		k.encodeStrings(prefixes, columns[0], count)
		return
	}
	for i := range count {
		if prefixes != nil {
			k.bytes = binary.LittleEndian.AppendUint32(k.bytes, prefixes[i])
		}
		k.bytes = AppendKey(k.bytes, columns, i)
		k.ends = append(k.ends, uint32(len(k.bytes)))
	}
}

// encodeStrings is Encode for the commonest key: one string, never NULL.
func (k *Keys) encodeStrings(prefixes []uint32, c *Column, count int) {
	for i, v := range c.Views[:count] {
		if prefixes != nil {
			k.bytes = binary.LittleEndian.AppendUint32(k.bytes, prefixes[i])
		}
		if v.Length < 0x7f {
			k.bytes = append(k.bytes, byte(v.Length)+1)
		} else {
			k.bytes = binary.AppendUvarint(k.bytes, uint64(v.Length)+1)
		}
		k.bytes = append(k.bytes, c.Heap[v.Offset:v.Offset+v.Length]...)
		k.ends = append(k.ends, uint32(len(k.bytes)))
	}
}

// PrefixBytes is the size of a prefix that Encode was given.
const PrefixBytes = 4

// Len is the number of keys.
func (k *Keys) Len() int { return len(k.ends) }

// At is key i, valid until the next Encode.
func (k *Keys) At(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = k.ends[i-1]
	}
	return k.bytes[start:k.ends[i]:k.ends[i]]
}
