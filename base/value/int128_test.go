package value

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// int128s draws numbers of every size, so that carries and limits come up.
var int128s = rapid.Custom(func(t *rapid.T) Int128 {
	x := Int128{rapid.Int64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
	switch rapid.IntRange(0, 5).Draw(t, "shape") {
	case 0:
		return Int128Of(x.Hi)
	case 1:
		return Int128Of(int64(int8(x.Lo)))
	case 2:
		return Int128{Hi: int64(int32(x.Hi)), Lo: x.Lo}
	case 3:
		power := Pow10(rapid.IntRange(0, MaxDecimalPrecision).Draw(t, "power"))
		near, _ := power.Add(Int128Of(int64(int8(x.Lo))))
		return near
	case 4:
		return rapid.SampledFrom([]Int128{MaxInt128, MinInt128, {}, Int128Of(-1), Int128Of(math.MinInt64), {Lo: math.MaxUint64}}).Draw(t, "limit")
	}
	return x
})

// decimals draws what a DECIMAL can hold.
var decimals = int128s.Filter(func(x Int128) bool { return x.Fits(MaxDecimalPrecision) })

func TestInt128MatchesBig(t *testing.T) {
	check := func(t *rapid.T, what string, got Int128, ok bool, want *big.Int) {
		t.Helper()
		wanted, fits := Int128OfBig(want)
		if ok != fits || ok && got != wanted {
			t.Fatalf("%s: got %v, %v, want %v", what, got, ok, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := int128s.Draw(t, "x"), int128s.Draw(t, "y")
		a, b := x.Big(), y.Big()
		sum, ok := x.Add(y)
		check(t, "sum", sum, ok, new(big.Int).Add(a, b))
		difference, ok := x.Sub(y)
		check(t, "difference", difference, ok, new(big.Int).Sub(a, b))
		product, ok := x.Mul(y)
		check(t, "product", product, ok, new(big.Int).Mul(a, b))
		if x != MinInt128 {
			check(t, "negative", x.Neg(), true, new(big.Int).Neg(a))
			if y.Sign() != 0 {
				q, r := x.QuoRem(y)
				wantQ, wantR := new(big.Int).QuoRem(a, b, new(big.Int))
				check(t, "quotient", q, true, wantQ)
				check(t, "remainder", r, true, wantR)
			}
			if got := x.String(); got != a.String() {
				t.Fatalf("String gives %s, want %s", got, a)
			}
		}
		if x.Cmp(y) != a.Cmp(b) || x.Sign() != a.Sign() || x.IsInt64() != a.IsInt64() {
			t.Fatal("Cmp, Sign or IsInt64 differs")
		}
		if f, _ := new(big.Float).SetInt(a).Float64(); x.Float64() != f {
			t.Fatalf("Float64 gives %v, want %v", x.Float64(), f)
		}
		precision := rapid.IntRange(0, MaxDecimalPrecision).Draw(t, "precision")
		if limit := scaled(Int128Of(1), precision); x.Fits(precision) != (a.CmpAbs(limit) < 0) {
			t.Fatalf("Fits(%d) gives %v", precision, x.Fits(precision))
		}
	})
}

// decimalRat is x · 10^-scale.
func decimalRat(x Int128, scale int) *big.Rat {
	return new(big.Rat).SetFrac(x.Big(), scaled(Int128Of(1), scale))
}

// rounded is what SQL makes of an exact result.
func rounded(r *big.Rat, to Type) (Int128, bool) {
	r = new(big.Rat).Mul(r, new(big.Rat).SetInt(scaled(Int128Of(1), to.Scale)))
	q, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Lsh(rest.Abs(rest), 1).Cmp(r.Denom()) >= 0 {
		q.Add(q, big.NewInt(int64(r.Sign())))
	}
	x, ok := Int128OfBig(q)
	return x, ok && x.Fits(to.Precision)
}

func TestDecimalArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := decimals.Draw(t, "x"), decimals.Draw(t, "y")
		xs, ys := rapid.IntRange(0, 38).Draw(t, "x scale"), rapid.IntRange(0, 38).Draw(t, "y scale")
		a, b := decimalRat(x, xs), decimalRat(y, ys)
		precision := rapid.IntRange(1, 38).Draw(t, "precision")
		to := DecimalOf(precision, rapid.IntRange(0, precision).Draw(t, "scale"))
		check := func(what string, got Int128, ok bool, exact *big.Rat) {
			t.Helper()
			if want, fits := rounded(exact, to); ok != fits || ok && got != want {
				t.Fatalf("%s into %v: got %v, %v, want %v, %v", what, to, got, ok, want, fits)
			}
		}
		got, ok := AddDecimal(x, xs, y, ys, to)
		check("sum", got, ok, new(big.Rat).Add(a, b))
		got, ok = SubDecimal(x, xs, y, ys, to)
		check("difference", got, ok, new(big.Rat).Sub(a, b))
		got, ok = MulDecimal(x, xs, y, ys, to)
		check("product", got, ok, new(big.Rat).Mul(a, b))
		got, ok = RescaleTo(x, xs, to)
		check("rescaled", got, ok, a)
		if y.Sign() != 0 {
			got, ok = DivDecimal(x, xs, y, ys, to)
			quotient := new(big.Rat).Quo(a, b)
			check("quotient", got, ok, quotient)
			whole := new(big.Int).Quo(quotient.Num(), quotient.Denom())
			remainder := new(big.Rat).Sub(a, new(big.Rat).Mul(b, new(big.Rat).SetInt(whole)))
			got, ok = ModDecimal(x, xs, y, ys, to)
			check("remainder", got, ok, remainder)
		}
		if CompareDecimal(x, xs, y, ys) != a.Cmp(b) {
			t.Fatal("CompareDecimal differs")
		}
		if want, _ := a.Float64(); DecimalToFloat(x, xs) != want {
			t.Fatalf("DecimalToFloat gives %v, want %v", DecimalToFloat(x, xs), want)
		}
	})
}

func TestParseDecimalReadsWhatIsPrinted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, scale := decimals.Draw(t, "x"), rapid.IntRange(0, 38).Draw(t, "scale")
		text := x.AppendDecimal(nil, scale)
		precision := rapid.IntRange(1, 38).Draw(t, "precision")
		to := DecimalOf(precision, rapid.IntRange(0, precision).Draw(t, "to scale"))
		want, wantFits := RescaleTo(x, scale, to)
		got, fits, bad := ParseDecimal(text, to)
		if bad || fits != wantFits || fits && got != want {
			t.Fatalf("%s into %v: got %v, %v, %v, want %v, %v", text, to, got, fits, bad, want, wantFits)
		}
	})
}
