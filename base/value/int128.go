package value

import (
	"math"
	"math/big"
	"math/bits"
)

// Int128Of widens i.
func Int128Of(i int64) Int128 { return Int128{Hi: i >> 63, Lo: uint64(i)} }

// Limits of Int128.
var (
	MaxInt128 = Int128{Hi: math.MaxInt64, Lo: math.MaxUint64}
	MinInt128 = Int128{Hi: math.MinInt64}
)

// powersOf10 holds 10^0 to 10^38, all that Int128 has room for.
var powersOf10 = func() (p [MaxDecimalPrecision + 1]Int128) {
	p[0] = Int128{Lo: 1}
	for i := 1; i < len(p); i++ {
		hi, lo := bits.Mul64(p[i-1].Lo, 10)
		p[i] = Int128{Hi: int64(uint64(p[i-1].Hi)*10 + hi), Lo: lo}
	}
	return p
}()

// Pow10 is 10^n, for n from 0 to 38.
func Pow10(n int) Int128 { return powersOf10[n] }

// Sign is -1, 0 or 1.
func (x Int128) Sign() int {
	switch {
	case x.Hi < 0:
		return -1
	case x.Hi == 0 && x.Lo == 0:
		return 0
	}
	return 1
}

// Cmp is -1, 0 or 1 as x is below, equal to or above y.
func (x Int128) Cmp(y Int128) int {
	switch {
	case x == y:
		return 0
	case x.Hi < y.Hi || x.Hi == y.Hi && x.Lo < y.Lo:
		return -1
	}
	return 1
}

// IsInt64 reports whether x fits 64 bits.
func (x Int128) IsInt64() bool { return x.Hi == int64(x.Lo)>>63 }

// Int64 is the low 64 bits of x: x itself when IsInt64, else x wrapped as a
// cast to BIGINT wraps it.
func (x Int128) Int64() int64 { return int64(x.Lo) }

// Neg is -x. It wraps for MinInt128, which no DECIMAL reaches.
func (x Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, x.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.Hi), borrow)
	return Int128{Hi: int64(hi), Lo: lo}
}

// Add is x + y and whether it fits; if not, the sum has wrapped.
func (x Int128) Add(y Int128) (sum Int128, ok bool) {
	lo, carry := bits.Add64(x.Lo, y.Lo, 0)
	hi, _ := bits.Add64(uint64(x.Hi), uint64(y.Hi), carry)
	sum = Int128{Hi: int64(hi), Lo: lo}
	return sum, (x.Hi^y.Hi) < 0 || (x.Hi^sum.Hi) >= 0
}

// Sub is x - y and whether it fits; if not, the difference has wrapped.
func (x Int128) Sub(y Int128) (difference Int128, ok bool) {
	lo, borrow := bits.Sub64(x.Lo, y.Lo, 0)
	hi, _ := bits.Sub64(uint64(x.Hi), uint64(y.Hi), borrow)
	difference = Int128{Hi: int64(hi), Lo: lo}
	return difference, (x.Hi^y.Hi) >= 0 || (x.Hi^difference.Hi) >= 0
}

// Mul is x · y and whether it fits; if not, the product means nothing.
func (x Int128) Mul(y Int128) (product Int128, ok bool) {
	negative := (x.Hi ^ y.Hi) < 0
	a, b := x.magnitude(), y.magnitude()
	if a.hi != 0 && b.hi != 0 {
		return Int128{}, false
	}
	hi, lo := bits.Mul64(a.lo, b.lo)
	crossHi, cross := bits.Mul64(a.hi, b.lo)
	if a.hi == 0 {
		crossHi, cross = bits.Mul64(a.lo, b.hi)
	}
	hi, carry := bits.Add64(hi, cross, 0)
	if crossHi != 0 || carry != 0 {
		return Int128{}, false
	}
	return magnitude{hi, lo}.signed(negative)
}

// QuoRem divides towards zero; the remainder has the sign of x. y must not be
// zero. MinInt128 / -1 wraps.
func (x Int128) QuoRem(y Int128) (quotient, remainder Int128) {
	if x.IsInt64() && y.IsInt64() && x.Int64() != math.MinInt64 {
		a, b := x.Int64(), y.Int64()
		return Int128Of(a / b), Int128Of(a % b)
	}
	q, r := x.magnitude().quoRem(y.magnitude())
	quotient, _ = q.signed((x.Hi ^ y.Hi) < 0)
	remainder, _ = r.signed(x.Hi < 0)
	return quotient, remainder
}

// Fits reports whether x has at most precision decimal digits.
func (x Int128) Fits(precision int) bool {
	limit := powersOf10[precision]
	if x.Hi < 0 {
		return x.Cmp(limit.Neg()) > 0
	}
	return x.Cmp(limit) < 0
}

// Big copies x into a new big.Int.
func (x Int128) Big() *big.Int {
	b := big.NewInt(x.Hi)
	b.Lsh(b, 64)
	return b.Add(b, new(big.Int).SetUint64(x.Lo))
}

// Int128OfBig is b and whether it fits.
func Int128OfBig(b *big.Int) (Int128, bool) {
	if b.BitLen() > 128 {
		return Int128{}, false
	}
	var word, low big.Int
	abs := word.Abs(b)
	lo := low.And(abs, mask64).Uint64()
	hi := abs.Rsh(abs, 64).Uint64()
	return magnitude{hi, lo}.signed(b.Sign() < 0)
}

var mask64 = new(big.Int).SetUint64(math.MaxUint64)

// Float64 is the nearest float.
func (x Int128) Float64() float64 {
	if x.IsInt64() {
		return float64(x.Int64())
	}
	f, _ := new(big.Float).SetInt(x.Big()).Float64()
	return f
}

// AppendDecimal appends x · 10^-scale in plain notation with scale digits after
// the point.
func (x Int128) AppendDecimal(dst []byte, scale int) []byte {
	var digits [40]byte
	at := len(digits)
	rest := x.magnitude()
	for rest.hi != 0 {
		var chunk uint64
		rest, chunk = rest.quoRem64(1e19)
		for range 19 {
			at--
			digits[at] = byte('0' + chunk%10)
			chunk /= 10
		}
	}
	for rest.lo != 0 {
		at--
		digits[at] = byte('0' + rest.lo%10)
		rest.lo /= 10
	}
	for len(digits)-at <= scale {
		at--
		digits[at] = '0'
	}
	if x.Hi < 0 {
		dst = append(dst, '-')
	}
	point := len(digits) - scale
	dst = append(dst, digits[at:point]...)
	if scale > 0 {
		dst = append(dst, '.')
		dst = append(dst, digits[point:]...)
	}
	return dst
}

// String prints x in decimal.
func (x Int128) String() string { return string(x.AppendDecimal(nil, 0)) }

// magnitude is an unsigned 128-bit integer.
type magnitude struct{ hi, lo uint64 }

func (x Int128) magnitude() magnitude {
	if x.Hi < 0 {
		x = x.Neg()
	}
	return magnitude{uint64(x.Hi), x.Lo}
}

// signed gives the magnitude a sign and reports whether it fits.
func (m magnitude) signed(negative bool) (Int128, bool) {
	x := Int128{Hi: int64(m.hi), Lo: m.lo}
	if negative {
		x = x.Neg()
		return x, x.Hi < 0 || m == magnitude{}
	}
	return x, x.Hi >= 0
}

func (m magnitude) less(o magnitude) bool { return m.hi < o.hi || m.hi == o.hi && m.lo < o.lo }

func (m magnitude) minus(o magnitude) magnitude {
	lo, borrow := bits.Sub64(m.lo, o.lo, 0)
	hi, _ := bits.Sub64(m.hi, o.hi, borrow)
	return magnitude{hi, lo}
}

func (m magnitude) shiftLeft(n uint) magnitude {
	if n >= 64 {
		return magnitude{m.lo << (n - 64), 0}
	}
	return magnitude{m.hi<<n | m.lo>>(64-n), m.lo << n}
}

func (m magnitude) quoRem64(d uint64) (magnitude, uint64) {
	hi, rest := bits.Div64(0, m.hi, d)
	lo, rest := bits.Div64(rest, m.lo, d)
	return magnitude{hi, lo}, rest
}

// quoRem divides by d, which is not zero. With a divisor above 64 bits the
// quotient is one word: it is estimated from the divisor's top 64 bits, which
// gives the quotient or one more (the classic normalized-estimate argument),
// and put right by one comparison.
func (m magnitude) quoRem(d magnitude) (magnitude, magnitude) {
	if d.hi == 0 {
		q, r := m.quoRem64(d.lo)
		return q, magnitude{0, r}
	}
	shift := uint(bits.LeadingZeros64(d.hi))
	top := d.shiftLeft(shift).hi
	half := magnitude{m.hi >> 1, m.hi<<63 | m.lo>>1} // halved so that the division below cannot overflow
	estimate, _ := bits.Div64(half.hi, half.lo, top)
	estimate >>= 63 - shift
	if estimate != 0 {
		estimate--
	}
	rest := m.minus(d.times(estimate))
	if !rest.less(d) {
		estimate++
		rest = rest.minus(d)
	}
	return magnitude{0, estimate}, rest
}

// times is m · f, which the caller knows to fit.
func (m magnitude) times(f uint64) magnitude {
	hi, lo := bits.Mul64(m.lo, f)
	return magnitude{hi + m.hi*f, lo}
}
