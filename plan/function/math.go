package function

import (
	"encoding/hex"
	"math"
	"strconv"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// mathematics is the numeric part of the table.
var mathematics = []*plan.Function{
	define(plan.Function{
		Name: "ABS", Category: "math",
		Signatures: []string{"ABS(number) → the number's type"},
		Doc:        "The number without its sign; the least integer of a type stays as it is.",
		DuckDB:     "abs($1)", Flink: "ABS($1)",
	},
		form{params: []parameter{integer}, result: like(0), eval: func(c *call) plan.Kernel {
			return wrapping(c.Result.Kind, applyOne(ofInts, ofInts, func(n int64) int64 { return max(n, -n) })(c))
		}},
		form{params: []parameter{approximate}, result: like(0), eval: applyOne(ofFloats, ofFloats, math.Abs)},
		form{params: []parameter{decimal}, result: like(0), eval: applyOne(ofWides, ofWides, absolute)},
		form{params: []parameter{interval}, result: like(0), eval: applyOne(ofInts, ofInts, func(n int64) int64 { return max(n, -n) })}),
	define(plan.Function{
		Name: "SIGN", Category: "math",
		Signatures: []string{"SIGN(number) → the number's type"},
		Doc:        "-1, 0 or 1 as the number is below, equal to or above zero; NaN of NaN.",
		DuckDB:     "sign($1)", Flink: "SIGN($1)",
	},
		form{params: []parameter{integer}, result: like(0), eval: applyOne(ofInts, ofInts, func(n int64) int64 { return int64(rank(n > 0) - rank(n < 0)) })},
		form{params: []parameter{approximate}, result: like(0), eval: applyOne(ofFloats, ofFloats, func(f float64) float64 {
			if f == 0 || f != f {
				return f
			}
			return math.Copysign(1, f)
		})},
		form{params: []parameter{decimal}, result: like(0), eval: func(c *call) plan.Kernel {
			one := value.Pow10(c.Params[0].Scale)
			return applyOneOrNull(ofWides, ofWides, func(x value.Int128) (value.Int128, bool) {
				v, _ := one.Mul(value.Int128Of(int64(x.Sign())))
				return v, v.Fits(c.Result.Precision)
			})(c)
		}}),
	roundFunction("ROUND", "round($*)", halfUp, "Rounds to a number of digits after the point, 0 unless given, halves away from zero. Negative digits round before the point; integers may wrap then."),
	roundFunction("TRUNCATE", "trunc($*)", towardsZero, "Cuts off after a number of digits after the point, 0 unless given. Negative digits cut before the point."),
	define(plan.Function{
		Name: "FLOOR", Category: "math",
		Signatures: []string{"FLOOR(number) → the number's type", "FLOOR(date or time TO unit) → the same type"},
		Doc:        "The greatest whole number not above the number; or the start of the year, month, day … that a date or time falls in.",
		DuckDB:     "", Flink: "FLOOR($1)",
	},
		form{params: []parameter{integer}, result: like(0), eval: identity},
		form{params: []parameter{approximate}, result: like(0), eval: applyOne(ofFloats, ofFloats, math.Floor)},
		form{params: []parameter{decimal}, result: wholeDecimal, eval: wholeOfDecimal(floorRest)},
		unitForm(floorToUnit)),
	define(plan.Function{
		Name: "CEIL", Aliases: []string{"CEILING"}, Category: "math",
		Signatures: []string{"CEIL(number) → the number's type", "CEIL(date or time TO unit) → the same type"},
		Doc:        "The least whole number not below the number; or the start of the next year, month, day … unless a date or time is one.",
		DuckDB:     "", Flink: "CEIL($1)",
	},
		form{params: []parameter{integer}, result: like(0), eval: identity},
		form{params: []parameter{approximate}, result: like(0), eval: applyOne(ofFloats, ofFloats, math.Ceil)},
		form{params: []parameter{decimal}, result: wholeDecimal, eval: wholeOfDecimal(ceilRest)},
		unitForm(ceilToUnit)),

	floatFunction2("POWER", "pow($1, $2)", power, "POWER(base, exponent)", "The base raised to the exponent."),
	floatFunction("SQRT", "CASE WHEN $1 < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt($1) END", func(f float64) float64 { return math.Sqrt(f) + 0 }, "The square root, 0 also of -0; NaN of a number below zero."),
	floatFunction("EXP", "exp($1)", math.Exp, "e raised to the number."),
	floatFunction("LN", "CASE WHEN $1 > 0 THEN ln($1) WHEN $1 = 0 THEN CAST('-infinity' AS DOUBLE) WHEN $1 < 0 THEN CAST('nan' AS DOUBLE) END", math.Log, "The natural logarithm; -Infinity of zero, NaN below it."),
	floatFunction("LOG10", "CASE WHEN $1 > 0 THEN log10($1) WHEN $1 = 0 THEN CAST('-infinity' AS DOUBLE) WHEN $1 < 0 THEN CAST('nan' AS DOUBLE) END", log10, "The logarithm to base 10."),
	floatFunction("LOG2", "CASE WHEN $1 > 0 THEN log2($1) WHEN $1 = 0 THEN CAST('-infinity' AS DOUBLE) WHEN $1 < 0 THEN CAST('nan' AS DOUBLE) END", func(f float64) float64 { return math.Log(f) / math.Ln2 }, "The logarithm to base 2."),
	define(plan.Function{
		Name: "LOG", Category: "math",
		Signatures: []string{"LOG(number) → DOUBLE", "LOG(base, number) → DOUBLE"},
		Doc:        "The natural logarithm, or that to a base.",
		DuckDB:     "", Flink: "LOG($*)",
	},
		form{params: []parameter{asDouble}, result: returns(value.DoubleType), eval: applyOne(ofFloats, ofFloats, math.Log)},
		form{params: []parameter{asDouble, asDouble}, result: returns(value.DoubleType), eval: applyTwo(ofFloats, ofFloats, ofFloats, func(base, f float64) float64 { return math.Log(f) / math.Log(base) })}),
	floatFunction("SIN", "sin($1)", math.Sin, "The sine of an angle in radians."),
	floatFunction("COS", "cos($1)", math.Cos, "The cosine of an angle in radians."),
	floatFunction("TAN", "tan($1)", math.Tan, "The tangent of an angle in radians."),
	floatFunction("COT", "(1.0 / tan($1))", func(f float64) float64 { return 1 / math.Tan(f) }, "The cotangent of an angle in radians."),
	floatFunction("SINH", "sinh($1)", math.Sinh, "The hyperbolic sine."),
	floatFunction("COSH", "cosh($1)", math.Cosh, "The hyperbolic cosine."),
	floatFunction("TANH", "tanh($1)", math.Tanh, "The hyperbolic tangent."),
	floatFunction("ASIN", "CASE WHEN $1 < -1 OR $1 > 1 THEN CAST('nan' AS DOUBLE) ELSE asin($1) END", math.Asin, "The angle in radians that has this sine; NaN outside -1 to 1."),
	floatFunction("ACOS", "CASE WHEN $1 < -1 OR $1 > 1 THEN CAST('nan' AS DOUBLE) ELSE acos($1) END", math.Acos, "The angle in radians that has this cosine; NaN outside -1 to 1."),
	floatFunction("ATAN", "atan($1)", math.Atan, "The angle in radians that has this tangent."),
	floatFunction2("ATAN2", "atan2($1, $2)", math.Atan2, "ATAN2(y, x)", "The angle in radians of the point (x, y) seen from the origin."),
	floatFunction("DEGREES", "degrees($1)", func(f float64) float64 { return f * (180 / math.Pi) }, "An angle in radians turned into degrees."),
	floatFunction("RADIANS", "radians($1)", func(f float64) float64 { return f * (math.Pi / 180) }, "An angle in degrees turned into radians."),
	constantFunction("PI", "pi()", math.Pi, "The number π."),
	constantFunction("E", "exp(1)", math.E, "The number e, the base of natural logarithms."),

	extremeFunction("GREATEST", "CASE WHEN list_count([$*]) = len([$*]) THEN greatest($*) END", 1, "The greatest of the values; NULL when one is NULL."),
	extremeFunction("LEAST", "CASE WHEN list_count([$*]) = len([$*]) THEN least($*) END", -1, "The least of the values; NULL when one is NULL."),
	define(plan.Function{
		Name: "BIN", Category: "math",
		Signatures: []string{"BIN(integer) → STRING"},
		Doc:        "The integer in binary digits; of a negative one all 64 bits.",
		DuckDB:     "bin($1)", Flink: "BIN($1)",
	}, form{params: []parameter{integer}, result: returns(value.StringType), eval: appending(ofInts, func(dst []byte, n int64) ([]byte, bool) {
		return strconv.AppendUint(dst, uint64(n), 2), true
	})}),
	define(plan.Function{
		Name: "HEX", Category: "math",
		Signatures: []string{"HEX(integer) → STRING", "HEX(text) → STRING"},
		Doc:        "The integer, or the bytes of the text, in upper-case hexadecimal digits; of a negative integer all 64 bits.",
		DuckDB:     "hex($1)", Flink: "HEX($1)",
	},
		form{params: []parameter{integer}, result: returns(value.StringType), eval: appending(ofInts, func(dst []byte, n int64) ([]byte, bool) {
			start := len(dst)
			dst = strconv.AppendUint(dst, uint64(n), 16)
			upperHex(dst[start:])
			return dst, true
		})},
		form{params: []parameter{textOrBytes}, result: returns(value.StringType), eval: appending(ofBytes, func(dst, text []byte) ([]byte, bool) {
			start := len(dst)
			dst = hex.AppendEncode(dst, text)
			upperHex(dst[start:])
			return dst, true
		})}),
	define(plan.Function{
		Name: "UNHEX", Category: "math",
		Signatures: []string{"UNHEX(text) → BYTES"},
		Doc:        "The bytes that hexadecimal digits spell; NULL when they are none. Of an odd number of digits the first counts as 0, as in Flink.",
		DuckDB:     "TRY(unhex($1))", Flink: "UNHEX($1)",
	}, form{params: []parameter{anyText}, result: maybe(value.BytesType), eval: appending(ofBytes, unhex)}),
	randomFunction, randomIntegerFunction, uuidFunction,
}

func absolute(x value.Int128) value.Int128 {
	if x.Sign() < 0 {
		return x.Neg()
	}
	return x
}

// floatFunction is a function of one DOUBLE.
func floatFunction(name, duckDB string, f func(float64) float64, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "math",
		Signatures: []string{name + "(number) → DOUBLE"},
		Doc:        doc,
		DuckDB:     duckDB, Flink: name + "($1)",
	}, form{params: []parameter{asDouble}, result: returns(value.DoubleType), eval: applyOne(ofFloats, ofFloats, f)})
}

// floatFunction2 is a function of two DOUBLEs.
func floatFunction2(name, duckDB string, f func(a, b float64) float64, signature, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "math",
		Signatures: []string{signature + " → DOUBLE"},
		Doc:        doc,
		DuckDB:     duckDB, Flink: name + "($1, $2)",
	}, form{params: []parameter{asDouble, asDouble}, result: returns(value.DoubleType), eval: applyTwo(ofFloats, ofFloats, ofFloats, f)})
}

// constantFunction is a number with a name.
func constantFunction(name, duckDB string, constant float64, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "math",
		Signatures: []string{name + "() → DOUBLE"},
		Doc:        doc,
		DuckDB:     duckDB, Flink: name + "()",
	}, form{result: always(value.DoubleType), eval: kernel(func(_ *plan.Context, _ []*batch.Column, out *batch.Column) error {
		for i := range out.Floats {
			out.Floats[i] = constant
		}
		return nil
	})})
}

// power is Java's: unlike IEEE, 1 to the power of an infinity or NaN is NaN.
func power(base, exponent float64) float64 {
	if exponent != exponent || math.Abs(base) == 1 && math.IsInf(exponent, 0) {
		return math.NaN()
	}
	return math.Pow(base, exponent)
}

// log10 is exact for powers of ten, which math.Log10 is not.
func log10(f float64) float64 {
	l := math.Log10(f)
	if n := math.Round(l); math.Abs(l-n) < 1e-9 && math.Pow10(int(n)) == f {
		return n
	}
	return l
}

func upperHex(digits []byte) {
	for i, c := range digits {
		if c >= 'a' {
			digits[i] = c - 'a' + 'A'
		}
	}
}

func unhex(dst, digits []byte) ([]byte, bool) {
	if len(digits)%2 == 1 {
		if _, err := hex.Decode(make([]byte, 1), []byte{'0', digits[0]}); err != nil {
			return dst, false
		}
		dst, digits = append(dst, 0), digits[1:]
	}
	dst, err := hex.AppendDecode(dst, digits)
	return dst, err == nil
}

// extremeFunction is GREATEST (sign 1) or LEAST (sign -1).
func extremeFunction(name, duckDB string, sign int, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "math",
		Signatures: []string{name + "(value, …) → the common type"},
		Doc:        doc + " NaN is above all numbers and -0.0 below 0.0.",
		DuckDB:     duckDB, Flink: name + "($*)",
	}, form{
		params: []parameter{anything},
		rest:   &anything,
		unify: func(params []value.Type) bool {
			common, ok := value.LeastRestrictive(params...)
			if !ok || common.Kind != value.Null && !comparableValue.accepts(common) {
				return false
			}
			for i, t := range params {
				if !t.IsText() && !t.IsBytes() && !t.IsInteger() || t.Class() != common.Class() {
					params[i] = common.WithNullability(t.NotNull)
				}
			}
			return true
		},
		result: func(params []value.Type) value.Type {
			common, _ := value.LeastRestrictive(params...)
			return common.WithNullability(required(params))
		},
		eval: kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			if out.Type.Class() == value.NoData {
				return nil
			}
			return eachRow(out, func(i int) error {
				best := args[0]
				for _, a := range args[1:] {
					if order(a, best, i)*sign > 0 {
						best = a
					}
				}
				out.Set(i, best, i)
				return nil
			})
		}),
	})
}

// order compares row i of two columns of one type as ORDER BY does.
func order(a, b *batch.Column, i int) int {
	switch a.Type.Class() {
	case value.Ints:
		return rank(a.Ints[i] > b.Ints[i]) - rank(a.Ints[i] < b.Ints[i])
	case value.Floats:
		return value.CompareFloats(a.Floats[i], b.Floats[i])
	}
	return value.Compare(a.Value(i), b.Value(i))
}
