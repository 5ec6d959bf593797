package value

import (
	"math"
	"math/big"
	"strconv"
)

// Rescale moves x from one scale to another, rounding half away from zero, and
// reports whether the result still fits 128 bits.
func Rescale(x Int128, from, to int) (Int128, bool) {
	if to >= from {
		if to == from {
			return x, true
		}
		if to-from > MaxDecimalPrecision {
			return Int128{}, x.Sign() == 0
		}
		return x.Mul(powersOf10[to-from])
	}
	if from-to > MaxDecimalPrecision {
		return Int128{}, true // below 10^38, so less than half of one unit
	}
	return divideHalfUp(x, powersOf10[from-to]), true
}

// RescaleTo is Rescale into the precision and scale of a DECIMAL type; ok is
// false when the digits do not fit, which SQL shows as NULL.
func RescaleTo(x Int128, from int, to Type) (Int128, bool) {
	r, ok := Rescale(x, from, to.Scale)
	return r, ok && r.Fits(to.Precision)
}

// divideHalfUp is x / y rounded half away from zero; y is not zero.
func divideHalfUp(x, y Int128) Int128 {
	q, r := x.QuoRem(y)
	rest, divisor := r.magnitude(), y.magnitude()
	// rest ≥ divisor - rest, written so that nothing overflows.
	if rest != (magnitude{}) && !rest.less(divisor.minus(rest)) {
		one := Int128Of(1)
		if (x.Hi ^ y.Hi) < 0 {
			one = Int128Of(-1)
		}
		q, _ = q.Add(one)
	}
	return q
}

// AddDecimal is x + y, given with their scales, in the DECIMAL type result. It
// is not ok when the sum does not fit: SQL then shows NULL.
func AddDecimal(x Int128, xScale int, y Int128, yScale int, result Type) (Int128, bool) {
	scale := max(xScale, yScale)
	a, okA := Rescale(x, xScale, scale)
	b, okB := Rescale(y, yScale, scale)
	sum, ok := a.Add(b)
	if okA && okB && ok {
		return RescaleTo(sum, scale, result)
	}
	// The operands have more digits together than 128 bits, but rounding to the
	// result's scale may bring the sum back.
	bigA := scaled(x, scale-xScale)
	return fitBig(bigA.Add(bigA, scaled(y, scale-yScale)), scale, result)
}

// SubDecimal is x - y, as AddDecimal.
func SubDecimal(x Int128, xScale int, y Int128, yScale int, result Type) (Int128, bool) {
	return AddDecimal(x, xScale, y.Neg(), yScale, result)
}

// MulDecimal is x · y, as AddDecimal.
func MulDecimal(x Int128, xScale int, y Int128, yScale int, result Type) (Int128, bool) {
	if product, ok := x.Mul(y); ok {
		return RescaleTo(product, xScale+yScale, result)
	}
	product := x.Big()
	return fitBig(product.Mul(product, y.Big()), xScale+yScale, result)
}

// DivDecimal is x / y rounded half away from zero, as AddDecimal. y must not
// be zero.
func DivDecimal(x Int128, xScale int, y Int128, yScale int, result Type) (Int128, bool) {
	shift := result.Scale - xScale + yScale
	if shift >= 0 {
		if dividend, ok := Rescale(x, 0, shift); ok {
			q := divideHalfUp(dividend, y)
			return q, q.Fits(result.Precision)
		}
		return fitQuotient(scaled(x, shift), y.Big(), result)
	}
	return fitQuotient(x.Big(), scaled(y, -shift), result)
}

// ModDecimal is the remainder of x / y with the sign of x, as AddDecimal. y
// must not be zero.
func ModDecimal(x Int128, xScale int, y Int128, yScale int, result Type) (Int128, bool) {
	scale := max(xScale, yScale)
	a, okA := Rescale(x, xScale, scale)
	b, okB := Rescale(y, yScale, scale)
	if okA && okB {
		_, r := a.QuoRem(b)
		return RescaleTo(r, scale, result)
	}
	bigA := scaled(x, scale-xScale)
	return fitBig(bigA.Rem(bigA, scaled(y, scale-yScale)), scale, result)
}

// CompareDecimal compares two decimals of any scales.
func CompareDecimal(x Int128, xScale int, y Int128, yScale int) int {
	if xScale == yScale {
		return x.Cmp(y)
	}
	scale := max(xScale, yScale)
	a, okA := Rescale(x, xScale, scale)
	b, okB := Rescale(y, yScale, scale)
	if okA && okB {
		return a.Cmp(b)
	}
	return scaled(x, scale-xScale).Cmp(scaled(y, scale-yScale))
}

// scaled is x · 10^digits.
func scaled(x Int128, digits int) *big.Int {
	b := x.Big()
	return b.Mul(b, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
}

// fitBig rounds b, which has the given scale, into the type result.
func fitBig(b *big.Int, scale int, result Type) (Int128, bool) {
	if scale <= result.Scale {
		x, ok := Int128OfBig(b)
		if !ok {
			return Int128{}, false
		}
		return RescaleTo(x, scale, result)
	}
	return fitQuotient(b, scaled(Int128Of(1), scale-result.Scale), result)
}

// fitQuotient is x / y rounded half away from zero, if it fits result.
func fitQuotient(x, y *big.Int, result Type) (Int128, bool) {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	if r.Lsh(r.Abs(r), 1).CmpAbs(y) >= 0 {
		q.Add(q, big.NewInt(int64(x.Sign()*y.Sign())))
	}
	n, ok := Int128OfBig(q)
	return n, ok && n.Fits(result.Precision)
}

// DecimalOfFloat converts f by way of its shortest decimal text, as Flink does,
// rounding half away from zero. It is not ok for NaN, infinities and numbers
// that do not fit.
func DecimalOfFloat(f float64, to Type) (Int128, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Int128{}, false
	}
	var text [32]byte
	x, fits, _ := ParseDecimal(strconv.AppendFloat(text[:0], f, 'e', -1, 64), to)
	return x, fits
}

// DecimalToFloat is the float nearest to x · 10^-scale.
func DecimalToFloat(x Int128, scale int) float64 {
	// Both exact in a float up to 2^53 and 10^22, so the division rounds once.
	if x.IsInt64() && x.Int64() < 1<<53 && x.Int64() > -1<<53 && scale <= 22 {
		return float64(x.Int64()) / floatPowersOf10[scale]
	}
	var text [48]byte
	f, _ := strconv.ParseFloat(string(x.AppendDecimal(text[:0], scale)), 64)
	return f
}

var floatPowersOf10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// exponentMax bounds the exponents that ParseDecimal tells apart: beyond it a
// number is zero or does not fit, whatever its digits.
const exponentMax = 1 << 20

// ParseDecimal reads a number in plain or exponent notation, without blanks,
// into the DECIMAL type to, rounding half away from zero. fits is false when
// the text is a number that has too many digits before the point; bad is true
// when it is no number at all.
func ParseDecimal[S ~string | ~[]byte](text S, to Type) (x Int128, fits, bad bool) {
	i, negative := 0, false
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		negative = text[i] == '-'
		i++
	}
	start, digits, point := i, 0, -1
	for ; i < len(text); i++ {
		if c := text[i]; c >= '0' && c <= '9' {
			digits++
		} else if c == '.' && point < 0 {
			point = digits
		} else {
			break
		}
	}
	end := i
	if digits == 0 {
		return Int128{}, false, true
	}
	if point < 0 {
		point = digits
	}
	if i < len(text) {
		exponent, ok := parseExponent(text[i:])
		if !ok {
			return Int128{}, false, true
		}
		point += exponent
	}
	x, fits = scaleDigits(text[start:end], point+to.Scale, negative)
	return x, fits && x.Fits(to.Precision), false
}

// parseExponent reads "e+5", clamped to ±exponentMax.
func parseExponent[S ~string | ~[]byte](text S) (int, bool) {
	if len(text) < 2 || text[0]|0x20 != 'e' {
		return 0, false
	}
	i, negative := 1, false
	if text[i] == '+' || text[i] == '-' {
		negative = text[i] == '-'
		i++
	}
	if i == len(text) {
		return 0, false
	}
	exponent := 0
	for ; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		exponent = min(exponent*10+int(text[i]-'0'), exponentMax)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// scaleDigits makes an integer of the first keep digits of text, which holds
// digits and at most one point, rounding by the digit after them. Missing
// digits count as zeros.
func scaleDigits[S ~string | ~[]byte](text S, keep int, negative bool) (Int128, bool) {
	var m magnitude
	seen := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			continue
		}
		if seen >= keep {
			if seen == keep && c >= '5' {
				lo := m.lo + 1
				if lo == 0 {
					m.hi++
				}
				m.lo = lo
			}
			seen = keep
			break
		}
		if m.hi > math.MaxInt64/10 {
			return Int128{}, false
		}
		m = m.times(10)
		var carry uint64
		if m.lo+uint64(c-'0') < m.lo {
			carry = 1
		}
		m = magnitude{m.hi + carry, m.lo + uint64(c-'0')}
		seen++
	}
	if missing := keep - seen; missing > 0 && m != (magnitude{}) {
		x, ok := m.signed(negative)
		if !ok || missing > MaxDecimalPrecision {
			return Int128{}, false
		}
		return x.Mul(powersOf10[missing])
	}
	return m.signed(negative)
}
