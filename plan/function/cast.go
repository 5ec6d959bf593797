package function

import (
	"strconv"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// Cast is the kernel that converts a column from one type to another, which
// value.CanCast allows, by the rules of value.Cast. It has one argument. A row
// that cannot be converted is an error, or NULL with try. Rows that are NULL in
// the argument become NULL in out.
func Cast(from, to value.Type, try bool) plan.Kernel {
	convert := quickCast(from, to)
	if convert == nil {
		convert = castRows(to)
	}
	return func(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
		for i := range out.Len() {
			if args[0].IsNull(i) {
				out.SetNull(i)
			}
		}
		return convert(ctx, args[0], out, try)
	}
}

// conversion fills the rows of out that are not NULL from in.
type conversion func(ctx *plan.Context, in, out *batch.Column, try bool) error

// castRows converts row by row through single values: all casts can be done
// so, and the frequent ones are quicker in quickCast.
func castRows(to value.Type) conversion {
	return func(ctx *plan.Context, in, out *batch.Column, try bool) error {
		return eachRow(out, func(i int) error {
			v, err := value.Cast(in.Value(i), to, ctx.Zone)
			switch {
			case err == nil:
				out.SetValue(i, v)
			case try:
				out.SetNull(i)
			default:
				return err
			}
			return nil
		})
	}
}

// quickCast is the conversion of a frequent pair of types, nil for all others.
func quickCast(from, to value.Type) conversion {
	switch {
	case keepsBits(from, to):
		return func(_ *plan.Context, in, out *batch.Column, _ bool) error {
			return identity(nil)(nil, []*batch.Column{in}, out)
		}
	case to.Kind == value.Varchar && to.Precision == value.MaxLength:
		return castToString(from)
	case from.IsText() && to.IsInteger():
		return castTextToInteger(to)
	case from.IsInteger():
		return castInteger(to)
	case from.IsApproximate():
		return castFloat(to)
	case from.Kind == value.Decimal:
		return castDecimal(from, to)
	}
	return nil
}

// keepsBits reports whether every value is the same in memory after the cast.
func keepsBits(from, to value.Type) bool {
	if from.Optional().Equal(to.Optional()) {
		return true
	}
	switch {
	case from.IsText() && to.Kind == value.Varchar, from.IsBytes() && to.Kind == value.Varbinary:
		return from.Precision <= to.Precision
	case from.IsInteger() && to.IsInteger():
		return from.Kind <= to.Kind
	case from.IsTimestamp() && from.Kind == to.Kind:
		return from.Class() == to.Class() && from.Precision <= to.Precision
	case from.Kind == value.Float && to.Kind == value.Double:
		return true
	}
	return false
}

func castInteger(to value.Type) conversion {
	switch to.Kind {
	case value.TinyInt, value.SmallInt, value.Int, value.BigInt:
		return func(_ *plan.Context, in, out *batch.Column, _ bool) error {
			copy(out.Ints, in.Ints)
			wrapInts(to.Kind, out.Ints)
			return nil
		}
	case value.Float:
		return func(_ *plan.Context, in, out *batch.Column, _ bool) error {
			for i, n := range in.Ints {
				out.Floats[i] = float64(float32(n))
			}
			return nil
		}
	case value.Double:
		return func(_ *plan.Context, in, out *batch.Column, _ bool) error {
			for i, n := range in.Ints {
				out.Floats[i] = float64(n)
			}
			return nil
		}
	case value.Decimal:
		return castWide(ofInts, func(n int64) (value.Int128, bool) { return value.RescaleTo(value.Int128Of(n), 0, to) })
	}
	return nil
}

func castFloat(to value.Type) conversion {
	switch to.Kind {
	case value.Float:
		return func(_ *plan.Context, in, out *batch.Column, _ bool) error {
			for i, f := range in.Floats {
				out.Floats[i] = float64(float32(f))
			}
			return nil
		}
	case value.Decimal:
		return castWide(ofFloats, func(f float64) (value.Int128, bool) { return value.DecimalOfFloat(f, to) })
	}
	return nil
}

func castDecimal(from, to value.Type) conversion {
	switch to.Kind {
	case value.Decimal:
		return castWide(ofWides, func(x value.Int128) (value.Int128, bool) { return value.RescaleTo(x, from.Scale, to) })
	case value.Double:
		return func(_ *plan.Context, in, out *batch.Column, _ bool) error {
			for i, x := range in.Wides {
				out.Floats[i] = value.DecimalToFloat(x, from.Scale)
			}
			return nil
		}
	}
	return nil
}

// castWide converts to DECIMAL; what does not fit is NULL.
func castWide[T any](a access[T], f func(T) (value.Int128, bool)) conversion {
	convert := applyOneOrNull(a, ofWides, f)(nil)
	return func(ctx *plan.Context, in, out *batch.Column, _ bool) error {
		return convert(ctx, []*batch.Column{in}, out)
	}
}

func castTextToInteger(to value.Type) conversion {
	slow := castRows(to)
	return func(ctx *plan.Context, in, out *batch.Column, try bool) error {
		return eachRow(out, func(i int) error {
			text := in.Bytes(i)
			if n, ok := value.ParseDigits(text); ok && value.WrapInteger(n, to.Kind) == n {
				out.Ints[i] = n
				return nil
			}
			n, ok := value.ParseInteger(string(text), to.Kind)
			switch {
			case ok:
				out.Ints[i] = n
			case try:
				out.SetNull(i)
			default:
				return slow(ctx, in, out, false) // for the message
			}
			return nil
		})
	}
}

// castToString prints straight into the heap of the result.
func castToString(from value.Type) conversion {
	return func(ctx *plan.Context, in, out *batch.Column, _ bool) error {
		return eachRow(out, func(i int) error {
			start := len(out.Heap)
			if from.IsInteger() {
				out.Heap = strconv.AppendInt(out.Heap, in.Ints[i], 10)
			} else {
				out.Heap = in.Value(i).AppendCast(out.Heap, ctx.Zone)
			}
			out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(out.Heap) - start)}
			return nil
		})
	}
}
