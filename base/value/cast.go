package value

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tidemark/base/problem"
)

// CanCast reports whether SQL allows CAST from one type to another at all.
// Whether a given value can be converted is another question.
func CanCast(from, to Type) bool {
	switch {
	case from.Kind == Raw || to.Kind == Raw:
		return from.Kind == to.Kind
	case from.Kind == Null:
		return true
	case to.IsText():
		return true
	case from.IsText():
		return castableFromText(to)
	}
	switch from.Kind {
	case Boolean:
		return to.Kind == Boolean || to.IsNumeric()
	case TinyInt, SmallInt, Int, BigInt:
		return to.IsNumeric() || to.Kind == Boolean || to.IsInterval() && unitLength(to) != 0
	case Decimal, Float, Double:
		return to.IsNumeric() || to.Kind == Boolean
	case Binary, Varbinary:
		return to.IsBytes()
	case Date:
		return to.Kind == Date || to.IsTimestamp()
	case Time:
		return to.Kind == Time || to.IsTimestamp()
	case Timestamp, TimestampLTZ:
		return to.Kind == Date || to.Kind == Time || to.IsTimestamp()
	case IntervalYearMonth, IntervalDayTime:
		return to.Kind == from.Kind || to.IsInteger() && unitLength(from) != 0
	case Array:
		return to.Kind == Array && CanCast(*from.Elem, *to.Elem)
	case Map:
		return to.Kind == Map && CanCast(*from.Key, *to.Key) && CanCast(*from.Elem, *to.Elem)
	case Row:
		return to.Kind == Row && canCastFields(from.Fields, to.Fields)
	}
	return from.Kind == to.Kind
}

func castableFromText(to Type) bool {
	switch to.Kind {
	case Boolean, Date, Time, Timestamp, TimestampLTZ:
		return true
	}
	return to.IsNumeric() || to.IsBytes()
}

func canCastFields(from, to []Field) bool {
	if len(from) != len(to) {
		return false
	}
	for i := range from {
		if !CanCast(from[i].Type, to[i].Type) {
			return false
		}
	}
	return true
}

// Cast converts v to another type by the rules of Flink's CAST; zone is the
// session's, for TIMESTAMP_LTZ. NULL stays NULL. Numbers never fail: integers
// wrap, FLOAT and DOUBLE saturate, a DECIMAL that has no room for the digits is
// NULL. Text that does not spell a value of the type is a problem.InvalidValue,
// which TRY_CAST shows as NULL; types that CanCast denies are a
// problem.TypeMismatch.
func Cast(v Value, to Type, zone *time.Location) (Value, error) {
	if v.Null {
		return NullOf(to), nil
	}
	if !CanCast(v.Type, to) {
		return Value{}, problem.New(problem.TypeMismatch, "cannot cast %s to %s", v.Type.bare(), to.bare())
	}
	if v.Type.Optional().Equal(to.Optional()) {
		v.Type = to
		return v, nil
	}
	switch {
	case to.IsText():
		return castToText(v, to, zone), nil
	case v.Type.IsText():
		return castText(v.Text, to, zone)
	}
	switch to.Kind {
	case Boolean:
		return Value{Type: to, Bool: truth(v)}, nil
	case TinyInt, SmallInt, Int, BigInt:
		return Value{Type: to, Int: castToInteger(v, to)}, nil
	case Float, Double:
		return Value{Type: to, Float: castToFloat(v, to)}, nil
	case Decimal:
		return castToDecimal(v, to), nil
	case Binary, Varbinary:
		return Value{Type: to, Text: fitBytes(v.Text, to)}, nil
	case Date, Time, Timestamp, TimestampLTZ:
		return castTemporal(v, to, zone), nil
	case IntervalYearMonth, IntervalDayTime:
		if v.Type.IsInteger() {
			v.Int *= unitLength(to)
		}
		return Value{Type: to, Int: v.Int}, nil
	case Array, Map, Row:
		return castItems(v, to, zone)
	}
	return Value{}, problem.New(problem.TypeMismatch, "cannot cast %s to %s", v.Type.bare(), to.bare())
}

func truth(v Value) bool {
	switch v.Type.Class() {
	case Ints:
		return v.Int != 0
	case Floats:
		return v.Float != 0
	case Wides:
		return v.Wide.Sign() != 0
	}
	return v.Bool
}

func castToInteger(v Value, to Type) int64 {
	switch v.Type.Kind {
	case Boolean:
		if v.Bool {
			return 1
		}
		return 0
	case Float, Double:
		return WrapInteger(floatToInteger(v.Float, to.Kind), to.Kind)
	case Decimal:
		whole, _ := v.Wide.QuoRem(powersOf10[v.Type.Scale])
		return WrapInteger(whole.Int64(), to.Kind)
	case IntervalYearMonth, IntervalDayTime:
		return WrapInteger(v.Int/unitLength(v.Type), to.Kind)
	}
	return WrapInteger(v.Int, to.Kind)
}

// WrapInteger keeps the low bits of i that an integer kind has room for.
func WrapInteger(i int64, kind Kind) int64 {
	switch kind {
	case TinyInt:
		return int64(int8(i))
	case SmallInt:
		return int64(int16(i))
	case Int:
		return int64(int32(i))
	}
	return i
}

// floatToInteger cuts the fraction off; it saturates at BIGINT for BIGINT and
// at INT for the others, and NaN is 0.
func floatToInteger(f float64, kind Kind) int64 {
	lowest, highest := int64(math.MinInt32), int64(math.MaxInt32)
	if kind == BigInt {
		lowest, highest = math.MinInt64, math.MaxInt64
	}
	switch {
	case f != f:
		return 0
	case f >= float64(highest):
		return highest
	case f <= float64(lowest):
		return lowest
	}
	return int64(f)
}

func castToFloat(v Value, to Type) float64 {
	f := v.Float
	switch v.Type.Class() {
	case Bools:
		f = float64(castToInteger(v, BigIntType))
	case Ints:
		if to.Kind == Float {
			return float64(float32(v.Int)) // by way of float64 would round twice
		}
		return float64(v.Int)
	case Wides:
		f = DecimalToFloat(v.Wide, v.Type.Scale)
	}
	if to.Kind == Float {
		return float64(float32(f))
	}
	return f
}

func castToDecimal(v Value, to Type) Value {
	var x Int128
	var ok bool
	switch v.Type.Class() {
	case Floats:
		x, ok = DecimalOfFloat(v.Float, to)
	case Wides:
		x, ok = RescaleTo(v.Wide, v.Type.Scale, to)
	default:
		x, ok = RescaleTo(Int128Of(castToInteger(v, BigIntType)), 0, to)
	}
	if !ok {
		return NullOf(to)
	}
	return Value{Type: to, Wide: x}
}

func castTemporal(v Value, to Type, zone *time.Location) Value {
	var wall Instant // what the clock on the wall shows
	switch v.Type.Kind {
	case Date:
		wall.Seconds = v.Int * SecondsPerDay
	case Time:
		if to.Kind == Time {
			return Value{Type: to, Int: v.Int}
		}
		wall = InstantOfMicros(v.Int * 1000)
	case Timestamp:
		wall = instantOf(v)
	case TimestampLTZ:
		if to.Kind == TimestampLTZ {
			return instantOf(v).roundTowards1970(to.Precision).Value(to)
		}
		wall = instantOf(v).Wall(zone)
	}
	switch to.Kind {
	case Date:
		if v.Type.Kind == Timestamp {
			return Value{Type: to, Int: wall.Millis() / MillisPerDay} // towards 1970, as Flink
		}
		return Value{Type: to, Int: floorDiv(wall.Seconds, SecondsPerDay)}
	case Time:
		return Value{Type: to, Int: floorMod(wall.Millis(), MillisPerDay)}
	case TimestampLTZ:
		return wall.FromWall(zone).roundTowards1970(to.Precision).Value(to)
	}
	return wall.roundTowards1970(to.Precision).Value(to)
}

// unitLength is how many months or milliseconds one of an interval type's unit
// has; 0 when the type spans several units.
func unitLength(t Type) int64 {
	switch t.Unit {
	case Year:
		return 12
	case Month:
		return 1
	case Day:
		return MillisPerDay
	case Hour:
		return MillisPerHour
	case Minute:
		return MillisPerMinute
	case Second:
		return MillisPerSecond
	}
	return 0
}

func castItems(v Value, to Type, zone *time.Location) (Value, error) {
	items := make([]Value, len(v.Items))
	for i, item := range v.Items {
		var err error
		if items[i], err = Cast(item, itemType(to, i), zone); err != nil {
			return Value{}, err
		}
	}
	if to.Kind == Map {
		items = lastOfEachKey(items)
	}
	return Value{Type: to, Items: items}, nil
}

// itemType is the type of the i-th item of a collection's value.
func itemType(t Type, i int) Type {
	switch {
	case t.Kind == Row:
		return t.Fields[i].Type
	case t.Kind == Map && i%2 == 0:
		return *t.Key
	}
	return *t.Elem
}

// lastOfEachKey drops the earlier entries of keys that a cast made equal.
func lastOfEachKey(items []Value) []Value {
	kept := items[:0:0]
	for i := 0; i < len(items); i += 2 {
		again := false
		for k := i + 2; k < len(items) && !again; k += 2 {
			again = Equal(items[i], items[k])
		}
		if !again {
			kept = append(kept, items[i], items[i+1])
		}
	}
	return kept
}

func castToText(v Value, to Type, zone *time.Location) Value {
	text := v.Text
	if !v.Type.IsText() {
		text = string(v.AppendCast(nil, zone))
	}
	return Value{Type: to, Text: FitText(text, to)}
}

// FitText cuts text to the length of a CHAR or VARCHAR type, and pads it with
// blanks to that of CHAR. Lengths count code points.
func FitText(text string, to Type) string {
	if to.Precision == MaxLength {
		return text
	}
	n := 0
	for i := range text {
		if n == to.Precision {
			return text[:i]
		}
		n++
	}
	if to.Kind == Char {
		text += strings.Repeat(" ", to.Precision-n)
	}
	return text
}

// fitBytes is FitText for bytes: zeros pad BINARY.
func fitBytes(b string, to Type) string {
	if len(b) > to.Precision {
		return b[:to.Precision]
	}
	if to.Kind == Binary {
		b += strings.Repeat("\x00", to.Precision-len(b))
	}
	return b
}

func castText(text string, to Type, zone *time.Location) (Value, error) {
	switch to.Kind {
	case Boolean:
		if b, ok := ParseBoolean(text); ok {
			return Value{Type: to, Bool: b}, nil
		}
	case TinyInt, SmallInt, Int, BigInt:
		if i, ok := ParseInteger(text, to.Kind); ok {
			return Value{Type: to, Int: i}, nil
		}
	case Float, Double:
		if f, ok := ParseFloat(text, to.Kind); ok {
			return Value{Type: to, Float: f}, nil
		}
	case Decimal:
		number := withoutSuffix(strings.Trim(text, " "))
		x, fits, bad := ParseDecimal(number, to)
		if !bad && (!fits || zerosOverflow(number, to)) {
			return NullOf(to), nil
		}
		if !bad {
			return Value{Type: to, Wide: x}, nil
		}
	case Binary, Varbinary:
		return Value{Type: to, Text: fitBytes(text, to)}, nil
	case Date:
		days, err := ParseDate(text)
		return Value{Type: to, Int: days}, unreadable(text, to, err)
	case Time:
		millis, err := ParseTime(text)
		return Value{Type: to, Int: millis}, unreadable(text, to, err)
	case Timestamp, TimestampLTZ:
		t, err := ParseTimestamp(text, CastForm)
		t = t.Truncate(to.Precision)
		if to.Kind == TimestampLTZ {
			t = t.FromWall(zone)
		}
		return t.Value(to), unreadable(text, to, err)
	}
	return Value{}, unreadableText(text, to)
}

// withoutSuffix cuts the letter off that makes a number a float or a double in
// Java, 1f or 1d, which Flink accepts in texts.
func withoutSuffix(number string) string {
	if number == "" {
		return number
	}
	switch number[len(number)-1] | 0x20 {
	case 'f', 'd':
		return number[:len(number)-1]
	}
	return number
}

// zerosOverflow reports whether a short number has more digits before the point
// than the type when its leading zeros are counted, a lone 0 excepted: for
// DECIMALs of up to 18 digits Flink does count them, so that CAST('0012' AS
// DECIMAL(3, 1)) is NULL.
func zerosOverflow(number string, to Type) bool {
	if to.Precision > 18 || len(number) > 18 {
		return false
	}
	whole := strings.TrimLeft(number, "+-")
	if end := strings.IndexAny(whole, ".eE"); end >= 0 {
		whole = whole[:end]
	}
	return len(whole) > 1 && len(whole) > to.Precision-to.Scale && whole[0] == '0'
}

func unreadable(text string, to Type, err error) error {
	if err == nil {
		return nil
	}
	return unreadableText(text, to).WithHint("%s; TRY_CAST gives NULL instead", err)
}

// quotedTextMax bounds how much of a user's text a message repeats.
const quotedTextMax = 60

func unreadableText(text string, to Type) *problem.Problem {
	if len(text) > quotedTextMax {
		cut := quotedTextMax
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return problem.New(problem.InvalidValue, "cannot cast %s to %s", strconv.Quote(text), to.bare()).WithHint("TRY_CAST gives NULL instead")
}

// ParseBoolean reads what CAST takes for a BOOLEAN: t, true, y, yes, 1 and f,
// false, n, no, 0 in any case.
func ParseBoolean(text string) (b, ok bool) {
	switch strings.ToLower(text) {
	case "t", "true", "y", "yes", "1":
		return true, true
	case "f", "false", "n", "no", "0":
		return false, true
	}
	return false, false
}

// ParseInteger reads what CAST takes for an integer of the kind: blanks around
// it are cut off and so is a fraction ("3.9" is 3, "." is 0); exponents are
// refused, and so are numbers out of range.
func ParseInteger(text string, kind Kind) (int64, bool) {
	if n, ok := ParseDigits(text); ok {
		return n, WrapInteger(n, kind) == n
	}
	text = strings.Trim(text, " ")
	digits := strings.TrimPrefix(text, "-")
	negative := len(digits) < len(text)
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	if digits == "" {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	for i := range len(fraction) {
		if fraction[i]-'0' > 9 {
			return 0, false
		}
	}
	n := int64(0) // negated, since the range has one more negative number
	for i := range len(whole) {
		digit := int64(whole[i] - '0')
		if digit > 9 || n < (math.MinInt64+digit)/10 {
			return 0, false
		}
		n = n*10 - digit
	}
	if !negative {
		if n == math.MinInt64 {
			return 0, false
		}
		n = -n
	}
	return n, WrapInteger(n, kind) == n
}

// ParseFloat reads what CAST takes for FLOAT or DOUBLE, which is what Java
// takes: blanks around, a suffix f or d, hexadecimal with an exponent, NaN and
// Infinity in this spelling. Too large is Infinity, too small 0.
func ParseFloat(text string, kind Kind) (float64, bool) {
	text = trimBlanks(text)
	unsigned := strings.TrimLeft(text, "+-")
	if len(text)-len(unsigned) > 1 || unsigned == "" {
		return 0, false
	}
	switch unsigned {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		if text[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	if first := unsigned[0]; first != '.' && first-'0' > 9 {
		return 0, false // inf, nan and infinity, which strconv knows too
	}
	hex := len(unsigned) > 1 && unsigned[1]|0x20 == 'x'
	if hex && !strings.ContainsAny(text, "pP") || strings.Contains(text, "_") {
		return 0, false
	}
	text = withoutSuffix(text)
	bits := 64
	if kind == Float {
		bits = 32
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
