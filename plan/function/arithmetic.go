package function

import (
	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// numericForm is op on two numbers, with Flink's result types. Integers stay as
// they are, whatever their width; with a DECIMAL they become one; with a FLOAT
// or DOUBLE both take the type of the result.
func numericForm(op value.Operator) form {
	return form{
		params: []parameter{numeric, numeric},
		unify: func(params []value.Type) bool {
			result, ok := value.ArithmeticType(op, params[0], params[1])
			if !ok || op == value.Modulo && result.IsApproximate() {
				return false
			}
			for i, t := range params {
				switch {
				case result.IsApproximate():
					params[i] = result.WithNullability(t.NotNull)
				case result.Kind == value.Decimal && t.IsInteger():
					params[i] = value.DecimalOfInteger(t)
				}
			}
			return true
		},
		result: func(params []value.Type) value.Type {
			result, _ := value.ArithmeticType(op, params[0], params[1])
			return result
		},
		eval: func(c *call) plan.Kernel {
			switch c.Result.Class() {
			case value.Floats:
				return floatArithmetic(op, c.Result)
			case value.Wides:
				return decimalArithmetic(op, c.Params[0].Scale, c.Params[1].Scale, c.Result)
			default:
				return intArithmetic(op, c.Result.Kind)
			}
		},
	}
}

// intArithmetic computes in 64 bits and then wraps to the result's width. Rows
// that are NULL are computed too where that cannot fail.
func intArithmetic(op value.Operator, kind value.Kind) plan.Kernel {
	switch op {
	case value.Divide:
		return wrapping(kind, divideInts)
	case value.Modulo:
		return wrapping(kind, remainderInts)
	}
	return wrapping(kind, func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		to := out.Ints
		a, b := args[0].Ints[:len(to)], args[1].Ints[:len(to)]
		switch op {
		case value.Plus:
			for i := range to {
				to[i] = a[i] + b[i]
			}
		case value.Minus:
			for i := range to {
				to[i] = a[i] - b[i]
			}
		case value.Times:
			for i := range to {
				to[i] = a[i] * b[i]
			}
		}
		return nil
	})
}

// wrapping cuts what k computes to the width of an integer kind.
func wrapping(kind value.Kind, k plan.Kernel) plan.Kernel {
	if kind == value.BigInt {
		return k
	}
	return func(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
		err := k(ctx, args, out)
		wrapInts(kind, out.Ints)
		return err
	}
}

func wrapInts(kind value.Kind, ints []int64) {
	switch kind {
	case value.TinyInt:
		for i, v := range ints {
			ints[i] = int64(int8(v))
		}
	case value.SmallInt:
		for i, v := range ints {
			ints[i] = int64(int16(v))
		}
	case value.Int:
		for i, v := range ints {
			ints[i] = int64(int32(v))
		}
	}
}

func divideInts(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	a, b := args[0].Ints, args[1].Ints
	return eachRow(out, func(i int) error {
		if b[i] == 0 {
			return divisionByZero()
		}
		out.Ints[i] = a[i] / b[i]
		return nil
	})
}

func remainderInts(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	a, b := args[0].Ints, args[1].Ints
	return eachRow(out, func(i int) error {
		if b[i] == 0 {
			return divisionByZero()
		}
		out.Ints[i] = a[i] % b[i]
		return nil
	})
}

// floatArithmetic computes in 64 bits. Rounding that once more to FLOAT gives
// what 32-bit arithmetic would have given: 53 bits are more than twice 24.
func floatArithmetic(op value.Operator, result value.Type) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		to := out.Floats
		a, b := args[0].Floats[:len(to)], args[1].Floats[:len(to)]
		switch op {
		case value.Plus:
			for i := range to {
				to[i] = a[i] + b[i]
			}
		case value.Minus:
			for i := range to {
				to[i] = a[i] - b[i]
			}
		case value.Times:
			for i := range to {
				to[i] = a[i] * b[i]
			}
		case value.Divide:
			for i := range to {
				to[i] = a[i] / b[i]
			}
		}
		if result.Kind == value.Float {
			for i, f := range to {
				to[i] = float64(float32(f))
			}
		}
		return nil
	}
}

// decimalArithmetic works on unscaled integers of the given scales.
func decimalArithmetic(op value.Operator, left, right int, result value.Type) plan.Kernel {
	if result.Precision < value.MaxDecimalPrecision {
		// The type was not cut to 38 digits, so every result fits and none of
		// these is rounded.
		switch op {
		case value.Plus:
			return addDecimals(left, right, value.Int128.Add)
		case value.Minus:
			return addDecimals(left, right, value.Int128.Sub)
		case value.Times:
			return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
				a, b := args[0].Wides, args[1].Wides
				for i := range out.Wides {
					out.Wides[i], _ = a[i].Mul(b[i])
				}
				return nil
			}
		}
	}
	compute := map[value.Operator]func(value.Int128, int, value.Int128, int, value.Type) (value.Int128, bool){
		value.Plus: value.AddDecimal, value.Minus: value.SubDecimal, value.Times: value.MulDecimal,
		value.Divide: value.DivDecimal, value.Modulo: value.ModDecimal,
	}[op]
	divides := op == value.Divide || op == value.Modulo
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		a, b := args[0].Wides, args[1].Wides
		return eachRow(out, func(i int) error {
			if divides && b[i] == (value.Int128{}) {
				return divisionByZero()
			}
			v, ok := compute(a[i], left, b[i], right, result)
			if !ok {
				out.SetNull(i)
				return nil
			}
			out.Wides[i] = v
			return nil
		})
	}
}

// addDecimals adds or subtracts where the result is known to fit.
func addDecimals(left, right int, add func(a, b value.Int128) (value.Int128, bool)) plan.Kernel {
	scale := max(left, right)
	toLeft, toRight := value.Pow10(scale-left), value.Pow10(scale-right)
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		a, b := args[0].Wides, args[1].Wides
		for i := range out.Wides {
			x, y := a[i], b[i]
			if left < scale {
				x, _ = x.Mul(toLeft)
			} else if right < scale {
				y, _ = y.Mul(toRight)
			}
			out.Wides[i], _ = add(x, y)
		}
		return nil
	}
}

// identity is the kernel that gives its argument.
func identity(*call) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		out.Heap = args[0].Heap
		switch out.Type.Class() {
		case value.Ints:
			copy(out.Ints, args[0].Ints)
		case value.Floats:
			copy(out.Floats, args[0].Floats)
		case value.Wides:
			copy(out.Wides, args[0].Wides)
		case value.Bools:
			copy(out.Bools, args[0].Bools)
		case value.Strings:
			copy(out.Views, args[0].Views)
		case value.Lists:
			copy(out.Spans, args[0].Spans)
			out.Children = args[0].Children
		case value.Structs:
			out.Children = args[0].Children
		case value.NoData:
		}
		return nil
	}
}

// negate changes the sign of a number or interval.
func negate(c *call) plan.Kernel {
	switch c.Result.Class() {
	case value.Floats:
		return applyOne(ofFloats, ofFloats, func(f float64) float64 { return -f })(c)
	case value.Wides:
		return applyOne(ofWides, ofWides, value.Int128.Neg)(c)
	}
	return wrapping(c.Result.Kind, applyOne(ofInts, ofInts, func(n int64) int64 { return -n })(c))
}

func divisionByZero() error {
	return problem.New(problem.InvalidValue, "division by zero").WithHint("guard the divisor: x / NULLIF(y, 0)")
}

// datetimeForm is a date or time plus (sign 1) or minus (sign -1) an interval.
func datetimeForm(sign int64) form {
	return form{
		params: []parameter{datetime, interval},
		unify:  func(params []value.Type) bool { return datetimeParams(params, 0, 1) },
		result: func(params []value.Type) value.Type { return params[0].WithNullability(required(params)) },
		eval:   func(c *call) plan.Kernel { return addInterval(c, 0, 1, sign) },
	}
}

// datetimeFormReversed is an interval plus a date or time.
func datetimeFormReversed() form {
	return form{
		params: []parameter{interval, datetime},
		unify:  func(params []value.Type) bool { return datetimeParams(params, 1, 0) },
		result: func(params []value.Type) value.Type { return params[1].WithNullability(required(params)) },
		eval:   func(c *call) plan.Kernel { return addInterval(c, 1, 0, 1) },
	}
}

var datetime = parameter{name: "a date or time", accepts: func(t value.Type) bool {
	return t.Kind == value.Date || t.Kind == value.Time || t.IsTimestamp()
}, null: value.TimestampOf(3)}

// datetimeParams makes the date a TIMESTAMP where the interval has hours or
// less, and refuses months on a TIME.
func datetimeParams(params []value.Type, at, span int) bool {
	switch {
	case params[at].Kind == value.Date && params[span].Kind == value.IntervalDayTime && params[span].Unit != value.Day:
		params[at] = value.TimestampOf(6).WithNullability(params[at].NotNull)
	case params[at].Kind == value.Time:
		return params[span].Kind == value.IntervalDayTime
	}
	return true
}

// addInterval moves the date or time in argument at by the interval in
// argument span. TIMESTAMP_LTZ moves by the UTC calendar, as in Flink.
func addInterval(c *call, at, span int, sign int64) plan.Kernel {
	months := c.Params[span].Kind == value.IntervalYearMonth
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		from, by := args[at], args[span].Ints
		if out.Type.IsTimestamp() && out.Type.Class() == value.Ints && !months {
			// Of all rows, since what a NULL row has means nothing.
			for i, micros := range from.Ints[:len(out.Ints)] {
				out.Ints[i] = micros + sign*by[i]*microsPerMilli
			}
			return nil
		}
		return eachRow(out, func(i int) error {
			moved(out, i, from, sign*by[i], months)
			return nil
		})
	}
}

// moved sets row i of out to row i of from, a date or time of the same class,
// moved by months or milliseconds.
func moved(out *batch.Column, i int, from *batch.Column, by int64, months bool) {
	switch kind := out.Type.Kind; {
	case kind == value.Date && months:
		out.Ints[i] = value.AddMonths(from.Ints[i], by)
	case kind == value.Date:
		out.Ints[i] = int64(int32(from.Ints[i] + by/value.MillisPerDay))
	case kind == value.Time:
		out.Ints[i] = value.FloorMod(from.Ints[i]+by, value.MillisPerDay)
	case out.Type.Class() == value.Wides:
		out.Wides[i] = movedInstant(value.InstantOfNanos(from.Wides[i]), by, months).Wide()
	case months:
		out.Ints[i] = movedInstant(value.InstantOfMicros(from.Ints[i]), by, true).Micros()
	default:
		out.Ints[i] = from.Ints[i] + by*1000
	}
}

func movedInstant(t value.Instant, by int64, months bool) value.Instant {
	if months {
		days := value.FloorDiv(t.Seconds, value.SecondsPerDay)
		t.Seconds += (value.AddMonths(days, by) - days) * value.SecondsPerDay
		return t
	}
	t.Seconds += value.FloorDiv(by, value.MillisPerSecond)
	t.Nanos += int32(value.FloorMod(by, value.MillisPerSecond)) * nanosPerMilli
	if t.Nanos >= nanosPerSecond {
		t.Seconds, t.Nanos = t.Seconds+1, t.Nanos-nanosPerSecond
	}
	return t
}

const (
	microsPerMilli = 1000
	nanosPerMilli  = 1_000_000
	nanosPerSecond = 1_000_000_000
)

// intervalForm is the sum (sign 1) or difference (sign -1) of two intervals of
// one kind.
func intervalForm(sign int64) form {
	return form{
		params: []parameter{interval, interval},
		unify: func(params []value.Type) bool {
			t, ok := value.LeastRestrictive(params...)
			if ok {
				params[0], params[1] = t.WithNullability(params[0].NotNull), t.WithNullability(params[1].NotNull)
			}
			return ok
		},
		result: like(0),
		eval:   applyTwo(ofInts, ofInts, ofInts, func(a, b int64) int64 { return a + sign*b }),
	}
}
