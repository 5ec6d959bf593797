package batch

import (
	"encoding/binary"
	"math"

	"tidemark/base/value"
)

// AppendKey appends bytes that are equal for two rows exactly when GROUP BY puts
// them in one group: NULLs are equal, NaNs are equal, 0.0 and -0.0 are not. The
// encoding is self-delimiting, so keys of several columns can follow each other,
// and stable, so it may be stored.
func (c *Column) AppendKey(to []byte, i int) []byte {
	if c.IsNull(i) || c.Type.Class() == value.NoData {
		return append(to, 0)
	}
	to = append(to, 1)
	switch c.Type.Class() {
	case value.Bools:
		if c.Bools[i] {
			return append(to, 1)
		}
		return append(to, 0)
	case value.Ints:
		return binary.LittleEndian.AppendUint64(to, uint64(c.Ints[i]))
	case value.Floats:
		f := c.Floats[i]
		if f != f {
			f = math.NaN()
		}
		return binary.LittleEndian.AppendUint64(to, math.Float64bits(f))
	case value.Wides:
		to = binary.LittleEndian.AppendUint64(to, c.Wides[i].Lo)
		return binary.LittleEndian.AppendUint64(to, uint64(c.Wides[i].Hi))
	case value.Strings:
		to = binary.AppendUvarint(to, uint64(c.Views[i].Length))
		return append(to, c.Bytes(i)...)
	case value.Lists:
		span := c.Spans[i]
		to = binary.AppendUvarint(to, uint64(span.Length))
		for e := span.Offset; e < span.Offset+span.Length; e++ {
			for _, child := range c.Children {
				to = child.AppendKey(to, int(e))
			}
		}
	case value.Structs:
		for _, child := range c.Children {
			to = child.AppendKey(to, i)
		}
	case value.NoData:
	}
	return to
}
