package value

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	row := RowOf(Field{"a", IntType}, Field{"b", StringType})
	tokyo := loadZone(t, "Asia/Tokyo")
	for _, c := range []struct {
		v           Value
		shown, cast string // cast "" means the same
	}{
		{NullOf(IntType), "NULL", ""},
		{OfBool(true), "TRUE", ""},
		{Value{Type: DecimalOf(4, 2), Wide: Int128Of(1550)}, "15.50", ""},
		{Value{Type: DecimalOf(4, 4), Wide: Int128Of(-5)}, "-0.0005", ""},
		{OfDouble(1e10), "1.0E10", ""},
		{OfDouble(math.Inf(-1)), "-Infinity", ""},
		{Value{Type: FloatType, Float: float64(float32(0.1))}, "0.1", ""},
		{Value{Type: BytesType, Text: "\x0a\xff"}, "x'0aff'", "\n\ufffd"},
		{Value{Type: TimeOf(0), Int: 36_000_123}, "10:00:00", ""},
		{Value{Type: TimeOf(3), Int: 36_000_123}, "10:00:00.123", ""},
		{Value{Type: TimestampLTZOf(3), Int: 0}, "1970-01-01 09:00:00.000", ""},
		{Value{Type: Type{Kind: IntervalYearMonth}, Int: 14}, "+1-02", ""},
		{Value{Type: Type{Kind: IntervalYearMonth}, Int: -1}, "-0-01", ""},
		{Value{Type: Type{Kind: IntervalDayTime}, Int: 100_000}, "+0 00:01:40.000", ""},
		{Value{Type: Type{Kind: IntervalDayTime}, Int: -14 * MillisPerDay}, "-14 00:00:00.000", ""},
		{Value{Type: ArrayOf(StringType), Items: []Value{OfString("a"), OfString("b"), NullOf(StringType)}}, "[a, b, NULL]", ""},
		{Value{Type: ArrayOf(BytesType), Items: []Value{{Type: BytesType, Text: "ad"}}}, "[x'6164']", "[ad]"},
		{Value{Type: MapOf(StringType, IntType), Items: []Value{OfString("k"), OfInt(1), OfString("n"), NullOf(IntType)}}, "{k=1, n=NULL}", ""},
		{Value{Type: row, Items: []Value{OfInt(1), OfString("a")}}, "(1, a)", ""},
		{Value{Type: ArrayOf(IntType)}, "[]", ""},
	} {
		if got := string(c.v.AppendText(nil, tokyo)); got != c.shown {
			t.Errorf("%s is shown as %s, want %s", c.v.Type, got, c.shown)
		}
		want := c.cast
		if want == "" {
			want = c.shown
		}
		if got := string(c.v.AppendCast(nil, tokyo)); got != want {
			t.Errorf("%s is cast to %q, want %q", c.v.Type, got, want)
		}
	}
}

// TestCastCollections has the answers of the conformance cases
// cast-array-elements and cast-map-and-row.
func TestCastCollections(t *testing.T) {
	ints := func(all ...int32) Value {
		v := Value{Type: ArrayOf(IntType)}
		for _, i := range all {
			v.Items = append(v.Items, OfInt(i))
		}
		return v
	}
	texts := func(all ...string) Value {
		v := Value{Type: ArrayOf(StringType)}
		for _, s := range all {
			v.Items = append(v.Items, OfString(s))
		}
		return v
	}
	counts := Value{Type: MapOf(StringType, IntType), Items: []Value{OfString("abcd"), OfInt(-1), OfString("abce"), OfInt(300)}}
	row := Value{Type: RowOf(Field{"aa", IntType}, Field{"bb", StringType}, Field{"cc", DoubleType}), Items: []Value{OfInt(300), OfString("seven"), OfDouble(-2.5)}}
	for _, c := range []struct {
		v    Value
		to   Type
		want string
	}{
		{ints(1, 0, -1), ArrayOf(StringType), "[1, 0, -1]"},
		{ints(300, 2147483647), ArrayOf(TinyIntType), "[44, -1]"},
		{ints(300, 2147483647), ArrayOf(DecimalOf(4, 1)), "[300.0, NULL]"},
		{ints(1, 0), ArrayOf(CharOf(3)), "[1  , 0  ]"},
		{texts("1", "2.5"), ArrayOf(IntType), "[1, 2]"},
		{texts("1", "x"), ArrayOf(IntType), "error"},
		{texts("2024-03-01"), ArrayOf(DateType), "[2024-03-01]"},
		{counts, MapOf(CharOf(3), TinyIntType), "{abc=44}"},
		{row, RowOf(Field{"x", TinyIntType}, Field{"y", VarcharOf(2)}, Field{"z", IntType}), "(44, se, -2)"},
		{row, StringType, "(300, seven, -2.5)"},
		{row, RowOf(Field{"x", IntType}), "error"},
		{OfInt(5), Type{Kind: IntervalDayTime, Unit: Day}, "+5 00:00:00.000"},
		{Value{Type: Type{Kind: IntervalDayTime, Unit: Day}, Int: 25 * MillisPerDay}, BigIntType, "25"},
		{OfInt(5), TimestampOf(3), "error"},
		{OfString("ab"), Type{Kind: Binary, Precision: 3}, "x'616200'"},
	} {
		got, err := Cast(c.v, c.to, time.UTC)
		text := got.String()
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("%s as %s gives %s, want %s (%v)", c.v, c.to, text, c.want, err)
		}
		if err == nil && !got.Type.Equal(c.to) {
			t.Errorf("%s as %s has type %s", c.v, c.to, got.Type)
		}
	}
}

func TestCastMessage(t *testing.T) {
	_, err := Cast(OfString("2024-13-01 00:00:00"), TimestampOf(3), time.UTC)
	want := `cannot cast "2024-13-01 00:00:00" to TIMESTAMP(3) (expected a month from 01 to 12 at character 6; TRY_CAST gives NULL instead)`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

// TestAppendFloat has forms that Java 17 is known for.
func TestAppendFloat(t *testing.T) {
	for _, c := range []struct {
		f    float64
		bits int
		want string
	}{
		{0, 64, "0.0"}, {math.Copysign(0, -1), 64, "-0.0"}, {1e-3, 64, "0.001"}, {9.765625e-4, 64, "9.765625E-4"},
		{9999999, 64, "9999999.0"}, {1e7, 64, "1.0E7"}, {4.9e-324, 64, "4.9E-324"}, {math.SmallestNonzeroFloat32, 32, "1.4E-45"},
		{1 << 31, 32, "2.14748365E9"}, {-1 << 31, 32, "-2.14748365E9"}, {123456790519087104, 32, "1.23456791E17"},
		{1 << 31, 64, "2.147483648E9"}, {1 << 63, 64, "9.223372036854776E18"}, {1 << 62, 64, "4.6116860184273879E18"},
		{16777220, 32, "1.677722E7"}, {1e21, 64, "1.0E21"}, {math.MaxFloat64, 64, "1.7976931348623157E308"},
	} {
		if got := string(AppendFloat(nil, c.f, c.bits)); got != c.want {
			t.Errorf("%v in %d bits is %s, want %s", c.f, c.bits, got, c.want)
		}
	}
}
