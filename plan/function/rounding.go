package function

import (
	"math"
	"strconv"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// rounding is what becomes of the digits that are cut off.
type rounding uint8

const (
	halfUp      rounding = iota // away from zero from a half on
	towardsZero                 // nothing
)

// roundFunction is ROUND or TRUNCATE.
func roundFunction(name, duckDB string, mode rounding, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "math",
		Signatures: []string{name + "(number [, digits]) → the number's type, DECIMAL with fewer digits"},
		Doc:        doc,
		DuckDB:     duckDB, Flink: name + "($*)",
	},
		form{params: []parameter{integer, integer}, optional: 1, result: like(0), eval: func(c *call) plan.Kernel {
			return roundKernel(func(args []*batch.Column, i, digits int, out *batch.Column) {
				out.Ints[i] = value.WrapInteger(roundInteger(args[0].Ints[i], digits, mode), c.Result.Kind)
			})
		}},
		form{params: []parameter{approximate, integer}, optional: 1, result: like(0), eval: func(c *call) plan.Kernel {
			bits := 64
			if c.Result.Kind == value.Float {
				bits = 32
			}
			return roundKernel(func(args []*batch.Column, i, digits int, out *batch.Column) {
				out.Floats[i] = roundFloat(args[0].Floats[i], digits, mode, bits)
			})
		}},
		form{
			params: []parameter{decimal, integer}, optional: 1, resultOf: roundedType,
			eval: func(c *call) plan.Kernel {
				from, to := c.Params[0].Scale, c.Result
				return roundKernel(func(args []*batch.Column, i, digits int, out *batch.Column) {
					x, ok := value.RescaleTo(roundWide(args[0].Wides[i], from, digits, mode), from, to)
					setWideOrNull(out, i, x, ok)
				})
			},
		})
}

// roundedType is the DECIMAL that a DECIMAL rounded to a constant number of
// digits has: one more digit before the point. A number of digits that is no
// constant leaves the type as it is.
func roundedType(c *call) value.Type {
	t, digits := c.Params[0], 0
	if len(c.Params) > 1 {
		if c.Args[1].Literal == nil || c.Args[1].Literal.Null {
			return t.WithNullability(required(c.Params))
		}
		digits = int(max(-digitsMax, min(digitsMax, c.Args[1].Literal.Int)))
	}
	if digits < t.Scale {
		digits = max(digits, 0)
		t.Precision = min(value.MaxDecimalPrecision, t.Precision-t.Scale+1+digits)
		t.Scale = digits
	}
	return t.WithNullability(required(c.Params))
}

// roundKernel calls set for every row with its number of digits.
func roundKernel(set func(args []*batch.Column, i, digits int, out *batch.Column)) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			digits := 0
			if len(args) > 1 {
				digits = int(max(-digitsMax, min(digitsMax, args[1].Ints[i])))
			}
			set(args, i, digits, out)
			return nil
		})
	}
}

// digitsMax is more digits than any number has.
const digitsMax = 1000

func roundInteger(n int64, digits int, mode rounding) int64 {
	return roundWide(value.Int128Of(n), 0, digits, mode).Int64()
}

// roundWide rounds x, which has the given scale, and keeps the scale.
func roundWide(x value.Int128, scale, digits int, mode rounding) value.Int128 {
	cut := scale - digits
	switch {
	case cut <= 0:
		return x
	case cut > value.MaxDecimalPrecision:
		return value.Int128{}
	case mode == towardsZero:
		_, rest := x.QuoRem(value.Pow10(cut))
		x, _ = x.Sub(rest)
		return x
	}
	whole, _ := value.Rescale(x, cut, 0)
	whole, _ = whole.Mul(value.Pow10(cut))
	return whole
}

// roundFloat rounds the shortest decimal text that means f, as Flink does:
// 2.675 to two digits is 2.68, though the float is a little less. There is no
// negative zero.
func roundFloat(f float64, digits int, mode rounding, bits int) float64 {
	if f != f || math.IsInf(f, 0) {
		return f
	}
	var text [32]byte
	shortest := strconv.AppendFloat(text[:0], math.Abs(f), 'e', -1, bits)
	at := len(shortest) - 1
	for shortest[at] != 'e' {
		at--
	}
	exponent, _ := strconv.Atoi(string(shortest[at+1:]))
	mantissa := shortest[:at]
	if len(mantissa) > 1 {
		mantissa = append(mantissa[:1], mantissa[2:]...) // the point
	}
	keep := exponent + 1 + digits
	if keep >= len(mantissa) {
		return f + 0
	}
	up := mode == halfUp && keep >= 0 && mantissa[keep] >= '5'
	mantissa = mantissa[:max(keep, 0)]
	if keep < 0 || len(mantissa) == 0 && !up {
		return 0
	}
	result := append([]byte{'0'}, mantissa...)
	if up {
		i := len(result) - 1
		for result[i] == '9' {
			result[i] = '0'
			i--
		}
		result[i]++
	}
	result = strconv.AppendInt(append(result, 'e'), int64(-digits), 10)
	rounded, _ := strconv.ParseFloat(string(result), bits)
	return math.Copysign(rounded, f) + 0
}

// wholeDecimal is the type of FLOOR and CEIL of a DECIMAL.
func wholeDecimal(params []value.Type) value.Type {
	t := params[0]
	t.Scale = 0
	return t
}

// wholeOfDecimal cuts off the fraction and adds what adjust says for it.
func wholeOfDecimal(adjust func(rest value.Int128) int64) func(*call) plan.Kernel {
	return func(c *call) plan.Kernel {
		one := value.Pow10(c.Params[0].Scale)
		return applyOneOrNull(ofWides, ofWides, func(x value.Int128) (value.Int128, bool) {
			whole, rest := x.QuoRem(one)
			whole, _ = whole.Add(value.Int128Of(adjust(rest)))
			return whole, whole.Fits(c.Result.Precision)
		})(c)
	}
}

func floorRest(rest value.Int128) int64 { return -int64(rank(rest.Sign() < 0)) }

func ceilRest(rest value.Int128) int64 { return int64(rank(rest.Sign() > 0)) }
