package operator

import (
	"bytes"
	"cmp"
	"math"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// compareValues orders two values of a column, neither of which is NULL. NaN is
// the greatest number; a list or row compares part by part, a NULL part first.
func compareValues(c *batch.Column, a, b int) int {
	switch c.Type.Class() {
	case value.Bools:
		return cmp.Compare(truth(c.Bools[a]), truth(c.Bools[b]))
	case value.Ints:
		return cmp.Compare(c.Ints[a], c.Ints[b])
	case value.Floats:
		return compareFloats(c.Floats[a], c.Floats[b])
	case value.Wides:
		return c.Wides[a].Cmp(c.Wides[b])
	case value.Strings:
		return bytes.Compare(c.Bytes(a), c.Bytes(b))
	case value.Lists:
		x, y := c.Spans[a], c.Spans[b]
		for i := range min(x.Length, y.Length) {
			for _, child := range c.Children {
				if order := compareParts(child, int(x.Offset+i), int(y.Offset+i)); order != 0 {
					return order
				}
			}
		}
		return cmp.Compare(x.Length, y.Length)
	case value.Structs:
		for _, child := range c.Children {
			if order := compareParts(child, a, b); order != 0 {
				return order
			}
		}
	case value.NoData:
	}
	return 0
}

func compareParts(c *batch.Column, a, b int) int {
	switch nullA, nullB := c.IsNull(a), c.IsNull(b); {
	case nullA && nullB:
		return 0
	case nullA:
		return -1
	case nullB:
		return 1
	}
	return compareValues(c, a, b)
}

func compareFloats(a, b float64) int {
	switch nanA, nanB := math.IsNaN(a), math.IsNaN(b); {
	case nanA && nanB:
		return 0
	case nanA:
		return 1
	case nanB:
		return -1
	}
	return cmp.Compare(a, b)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
