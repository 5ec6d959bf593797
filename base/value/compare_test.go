package value

import (
	"hash/maphash"
	"math"
	"slices"
	"testing"
)

func TestCompareOrders(t *testing.T) {
	double := func(f float64) Value { return OfDouble(f) }
	list := func(items ...Value) Value { return Value{Type: ArrayOf(DoubleType), Items: items} }
	seed := maphash.MakeSeed()
	for what, ascending := range map[string][]Value{
		"floats": {NullOf(DoubleType), double(math.Inf(-1)), double(-1), double(math.Copysign(0, -1)), double(0), double(1e-320), double(math.Inf(1)), double(math.NaN())},
		"bools":  {NullOf(BooleanType), OfBool(false), OfBool(true)},
		"texts":  {OfString(""), OfString("a"), OfString("aa"), OfString("b"), OfString("é"), OfString("中")},
		"lists":  {NullOf(ArrayOf(DoubleType)), list(), list(NullOf(DoubleType)), list(double(1)), list(double(1), double(2)), list(double(2))},
		"wides":  {{Type: DecimalOf(38, 0), Wide: MinInt128}, {Type: DecimalOf(38, 0), Wide: Int128Of(-1)}, {Type: DecimalOf(38, 0)}, {Type: DecimalOf(38, 0), Wide: MaxInt128}},
	} {
		for i, a := range ascending {
			for k, b := range ascending {
				want := Compare(OfInt(int32(i)), OfInt(int32(k)))
				if got := Compare(a, b); got != want {
					t.Errorf("%s: %s against %s gives %d, want %d", what, a, b, got, want)
				}
				if Equal(a, b) != (Hash(seed, a) == Hash(seed, b)) {
					t.Errorf("%s: the hashes of %s and %s contradict Equal", what, a, b)
				}
			}
		}
		if !slices.IsSortedFunc(ascending, Compare) {
			t.Errorf("%s are not sorted", what)
		}
	}
}

func TestCompareAcrossPrecisions(t *testing.T) {
	at3, at9 := InstantOfMicros(1_500_000).Value(TimestampOf(3)), InstantOfNanos(Int128Of(1_500_000_001)).Value(TimestampOf(9))
	if Compare(at3, at9) != -1 || Compare(at9, at3) != 1 {
		t.Error("TIMESTAMP(3) against TIMESTAMP(9)")
	}
	a, b := Value{Type: DecimalOf(3, 1), Wide: Int128Of(15)}, Value{Type: DecimalOf(5, 3), Wide: Int128Of(1500)}
	if !Equal(a, b) {
		t.Error("1.5 against 1.500")
	}
}
