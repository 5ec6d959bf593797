package value

import (
	"cmp"
	"hash/maphash"
	"math"
	"strings"
)

// Compare orders two values of the same type as ORDER BY does: -1, 0 or 1.
// NULL comes first, FALSE before TRUE, -0.0 before 0.0, NaN last and equal to
// itself, text by code points, bytes as unsigned numbers, collections by their
// elements and then their length. Decimals may differ in scale and timestamps
// in precision.
//
// It is the order of keys, not SQL's <: there -0.0 equals 0.0 and NaN nothing.
func Compare(a, b Value) int {
	if a.Null || b.Null {
		return compareBools(!a.Null, !b.Null)
	}
	switch a.Type.Class() {
	case NoData:
		return 0
	case Bools:
		return compareBools(a.Bool, b.Bool)
	case Ints:
		if b.Type.Class() == Wides {
			return instantOf(a).Wide().Cmp(b.Wide)
		}
		return cmp.Compare(a.Int, b.Int)
	case Floats:
		return CompareFloats(a.Float, b.Float)
	case Wides:
		if b.Type.Class() == Ints {
			return a.Wide.Cmp(instantOf(b).Wide())
		}
		return CompareDecimal(a.Wide, a.Type.Scale, b.Wide, b.Type.Scale)
	case Strings:
		return strings.Compare(a.Text, b.Text)
	case Lists, Structs:
		for i := range min(len(a.Items), len(b.Items)) {
			if c := Compare(a.Items[i], b.Items[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(a.Items), len(b.Items))
	}
	return 0
}

// CompareFloats is Compare for FLOAT and DOUBLE.
func CompareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return cmp.Compare(floatRank(a), floatRank(b))
}

// floatRank tells apart what < cannot: -0.0, other numbers, NaN.
func floatRank(f float64) int {
	switch {
	case f != f:
		return 1
	case f == 0 && math.Signbit(f):
		return -1
	}
	return 0
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Equal reports whether a and b are the same key: NULL equals NULL and NaN
// equals NaN, -0.0 does not equal 0.0.
func Equal(a, b Value) bool { return Compare(a, b) == 0 }

// Hash is equal for values of one type that are Equal. It depends on seed
// alone, so it must not be stored: seeds differ between processes.
func Hash(seed maphash.Seed, v Value) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	v.hash(&h)
	return h.Sum64()
}

func (v Value) hash(h *maphash.Hash) {
	if v.Null {
		h.WriteByte(0)
		return
	}
	h.WriteByte(1)
	switch v.Type.Class() {
	case NoData:
	case Bools:
		maphash.WriteComparable(h, v.Bool)
	case Ints:
		maphash.WriteComparable(h, v.Int)
	case Floats:
		bits := math.Float64bits(v.Float)
		if v.Float != v.Float {
			bits = math.Float64bits(math.NaN())
		}
		maphash.WriteComparable(h, bits)
	case Wides:
		maphash.WriteComparable(h, v.Wide)
	case Strings:
		maphash.WriteComparable(h, v.Text)
	case Lists, Structs:
		maphash.WriteComparable(h, len(v.Items))
		for _, item := range v.Items {
			item.hash(h)
		}
	}
}
