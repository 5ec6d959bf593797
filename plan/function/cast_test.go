package function

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

var zoneNewYork = func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return zone
}()

// castTypes are types between which casts are tried.
var castTypes = []value.Type{
	value.BooleanType, value.TinyIntType, value.SmallIntType, value.IntType, value.BigIntType, value.FloatType, value.DoubleType,
	value.DecimalOf(10, 2), value.DecimalOf(38, 18), value.DecimalOf(5, 0), value.CharOf(3), value.VarcharOf(5), value.StringType,
	value.BytesType, value.DateType, value.TimeOf(0), value.TimestampOf(0), value.TimestampOf(3), value.TimestampOf(6), value.TimestampOf(9),
	value.TimestampLTZOf(3), value.TimestampLTZOf(9), {Kind: value.IntervalDayTime, Unit: value.Second}, {Kind: value.IntervalYearMonth, Unit: value.Month},
	value.ArrayOf(value.IntType), value.ArrayOf(value.StringType), value.MapOf(value.StringType, value.IntType), value.RowOf(value.Field{Name: "a", Type: value.IntType}),
}

// drawValue makes a value of type t, sometimes NULL.
func drawValue(t *rapid.T, of value.Type) value.Value {
	if rapid.IntRange(0, 7).Draw(t, "null") == 0 {
		return value.NullOf(of)
	}
	v := value.Value{Type: of}
	switch of.Kind {
	case value.Boolean:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case value.TinyInt, value.SmallInt, value.Int, value.BigInt:
		v.Int = value.WrapInteger(drawInteger(t), of.Kind)
	case value.Float:
		v.Float = float64(float32(drawFloat(t)))
	case value.Double:
		v.Float = drawFloat(t)
	case value.Decimal:
		v.Wide, _ = value.RescaleTo(value.Int128Of(drawInteger(t)%1e9), 4, of)
		if !v.Wide.Fits(of.Precision) {
			v.Wide = value.Int128{}
		}
	case value.Char, value.Varchar:
		v.Text = value.FitText(rapid.SampledFrom([]string{"", "1", "-12", "3.9", "1e3", "true", "2024-03-01", "10:20:30", "2024-03-10 02:30:00.5", "é", "text"}).Draw(t, "text"), of)
	case value.Binary, value.Varbinary:
		v.Text = rapid.SampledFrom([]string{"", "a", "\x00\xff", "é"}).Draw(t, "bytes")
	case value.Date:
		v.Int = rapid.Int64Range(-800000, 2900000).Draw(t, "days")
	case value.Time:
		v.Int = rapid.Int64Range(0, value.SecondsPerDay-1).Draw(t, "seconds") * 1000
	case value.Timestamp, value.TimestampLTZ:
		instant := value.Instant{Seconds: rapid.Int64Range(-2e9, 4e9).Draw(t, "seconds"), Nanos: int32(rapid.IntRange(0, nanosPerSecond-1).Draw(t, "nanos"))}
		v = instant.Truncate(of.Precision).Value(of)
	case value.IntervalYearMonth, value.IntervalDayTime:
		v.Int = rapid.Int64Range(-1e6, 1e6).Draw(t, "interval")
	case value.Array:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			v.Items = append(v.Items, drawValue(t, *of.Elem))
		}
	case value.Map:
		for i := range rapid.IntRange(0, 2).Draw(t, "length") {
			key := value.OfString(fmt.Sprint(i))
			key.Type = *of.Key
			v.Items = append(v.Items, key, drawValue(t, *of.Elem))
		}
	case value.Row:
		for _, f := range of.Fields {
			v.Items = append(v.Items, drawValue(t, f.Type))
		}
	}
	return v
}

func drawInteger(t *rapid.T) int64 {
	if rapid.Bool().Draw(t, "extreme") {
		return rapid.SampledFrom([]int64{0, 1, -1, 127, 128, -129, 32768, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64}).Draw(t, "integer")
	}
	return rapid.Int64().Draw(t, "integer")
}

func drawFloat(t *rapid.T) float64 {
	if rapid.Bool().Draw(t, "special") {
		return rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 0.5, -2.5, 1e20, 3e38, 1e-9}).Draw(t, "float")
	}
	return rapid.Float64().Draw(t, "float")
}

// TestCastEqualsReference compares the kernels of all casts with value.Cast.
func TestCastEqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom(castTypes).Draw(t, "from")
		to := rapid.SampledFrom(castTypes).Draw(t, "to")
		if !value.CanCast(from, to) {
			t.Skip("no such cast")
		}
		try := rapid.Bool().Draw(t, "try")
		ctx := &plan.Context{Zone: zoneNewYork}
		var rows []value.Value
		in := batch.NewColumn(from, 8)
		for range rapid.IntRange(0, 8).Draw(t, "rows") {
			v := drawValue(t, from)
			rows = append(rows, v)
			in.AppendValue(v)
		}
		out := batch.NewColumn(to, len(rows))
		out.Resize(len(rows))
		failed := Cast(from, to, try)(ctx, []*batch.Column{in}, out) != nil
		wantFailed := false
		for i, v := range rows {
			want, err := value.Cast(v, to, zoneNewYork)
			if err != nil && try {
				want = value.NullOf(to)
			} else if err != nil {
				wantFailed = true
				break
			}
			if got := out.Value(i); !failed && got.String() != want.String() {
				t.Fatalf("CAST(%s AS %s) from %s is %s instead of %s", v, to, from, got, want)
			}
		}
		if failed != wantFailed {
			t.Fatalf("casting %v to %s failed %v instead of %v", rows, to, failed, wantFailed)
		}
	})
}

// TestComparisonsEqualReference compares the kernels of comparisons with
// value.Compare, whose order differs only for NaN and the zeros.
func TestComparisonsEqualReference(t *testing.T) {
	ops := map[string]func(int) bool{
		"=": func(c int) bool { return c == 0 }, "<>": func(c int) bool { return c != 0 },
		"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
		">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 },
	}
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom(castTypes).Filter(func(t value.Type) bool {
			return comparableValue.accepts(t) && !t.IsApproximate()
		}).Draw(t, "type")
		op := rapid.SampledFrom([]string{"=", "<>", "<", "<=", ">", ">="}).Draw(t, "operator")
		f, _ := Lookup(op)
		overload, err := f.Resolve([]plan.Argument{{Type: of}, {Type: of}})
		if err != nil {
			t.Fatal(err)
		}
		a, b := drawValue(t, of), drawValue(t, of)
		if a.Null || b.Null {
			t.Skip("NULL")
		}
		left, right := batch.NewColumn(of, 1), batch.NewColumn(of, 1)
		left.AppendValue(a)
		right.AppendValue(b)
		out := batch.NewColumn(overload.Result, 1)
		out.Resize(1)
		if err := overload.Eval(&plan.Context{}, []*batch.Column{left, right}, out); err != nil {
			t.Fatal(err)
		}
		if want := ops[op](value.Compare(a, b)); out.Bools[0] != want {
			t.Fatalf("%s %s %s is %v", a, op, b, out.Bools[0])
		}
	})
}
