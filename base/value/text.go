package value

import (
	"bytes"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// String prints v as AppendText does, in UTC; NULL is NULL.
func (v Value) String() string { return string(v.AppendText(nil, time.UTC)) }

// AppendText appends v as Flink's SQL client shows it: TRUE, 15.50,
// 2024-03-01 10:00:00.000, [a, b], {k=v}, (1, a), x'0aff', NULL. TIMESTAMP_LTZ
// is shown in zone.
func (v Value) AppendText(dst []byte, zone *time.Location) []byte {
	return v.appendText(dst, zone, true)
}

// AppendCast appends v as CAST(v AS STRING) gives it, which differs from
// AppendText in bytes: they are taken as UTF-8 text, also inside collections.
func (v Value) AppendCast(dst []byte, zone *time.Location) []byte {
	return v.appendText(dst, zone, false)
}

func (v Value) appendText(dst []byte, zone *time.Location, shown bool) []byte {
	if v.Null {
		return append(dst, "NULL"...)
	}
	switch v.Type.Kind {
	case Null, Raw:
		return append(dst, "NULL"...)
	case Boolean:
		if v.Bool {
			return append(dst, "TRUE"...)
		}
		return append(dst, "FALSE"...)
	case TinyInt, SmallInt, Int, BigInt:
		return strconv.AppendInt(dst, v.Int, 10)
	case Float:
		return AppendFloat(dst, v.Float, 32)
	case Double:
		return AppendFloat(dst, v.Float, 64)
	case Decimal:
		return v.Wide.AppendDecimal(dst, v.Type.Scale)
	case Char, Varchar, Variant:
		return append(dst, v.Text...)
	case Binary, Varbinary:
		if shown {
			return appendHex(dst, v.Text)
		}
		return appendValidUTF8(dst, v.Text)
	case Date:
		return AppendDate(dst, v.Int)
	case Time:
		return AppendTime(dst, v.Int, v.Type.Precision)
	case Timestamp:
		return appendInstant(dst, instantOf(v), v.Type.Precision)
	case TimestampLTZ:
		return appendInstant(dst, instantOf(v).Wall(zone), v.Type.Precision)
	case IntervalYearMonth:
		return appendMonths(dst, v.Int)
	case IntervalDayTime:
		return appendDuration(dst, v.Int)
	case Array:
		return v.appendItems(append(dst, '['), ", ", zone, shown, ']')
	case Map:
		return v.appendItems(append(dst, '{'), "=", zone, shown, '}')
	case Row:
		return v.appendItems(append(dst, '('), ", ", zone, shown, ')')
	}
	return dst
}

// appendItems prints elements with odd between each pair (key=value) and a
// comma everywhere else.
func (v Value) appendItems(dst []byte, odd string, zone *time.Location, shown bool, end byte) []byte {
	for i, item := range v.Items {
		switch {
		case i == 0:
		case i%2 == 1:
			dst = append(dst, odd...)
		default:
			dst = append(dst, ", "...)
		}
		dst = item.appendText(dst, zone, shown)
	}
	return append(dst, end)
}

// AppendFloat prints f as Java 17 does: 1.0, 1.0E10, NaN, Infinity. It has a
// point always, an exponent below 10^-3 and from 10^7 on, and as many digits as
// tell f from its neighbours, at least two. bits is 32 for FLOAT and 64 for
// DOUBLE.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if size := math.Abs(f); size == 0 || size >= 1e-3 && size < 1e7 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	var buffer [40]byte
	text, whole := appendWhole(buffer[:0], f, bits)
	if !whole {
		text = strconv.AppendFloat(text, f, 'e', -1, bits)
	}
	mantissa, exponent, _ := bytes.Cut(text, []byte{'e'})
	if bytes.IndexByte(mantissa, '.') < 0 {
		// One digit tells f apart, but Java shows the nearest of two digits if
		// that reads back as f: 4.9E-324.
		var second [40]byte
		two := strconv.AppendFloat(second[:0], f, 'e', 1, bits)
		if back, _ := strconv.ParseFloat(string(two), bits); back == f {
			mantissa, exponent, _ = bytes.Cut(two, []byte{'e'})
		} else {
			mantissa = append(mantissa[:len(mantissa):len(mantissa)], ".0"...)
		}
	}
	dst = append(dst, mantissa...)
	dst = append(dst, 'E')
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, bytes.TrimLeft(exponent, "+-0")...)
}

// appendWhole prints whole numbers between the precision of a float and 2^63.
// There Java 17 is not as short as it could be: it drops only as many digits as
// are surely below half the distance to the next float.
func appendWhole(dst []byte, f float64, bits int) ([]byte, bool) {
	significant := 53
	if bits == 32 {
		significant = 24
	}
	_, exponent := math.Frexp(f)
	doubtful := exponent - 2 - significant // bits that are not known
	if doubtful < 2 || exponent > 63 {
		return dst, false
	}
	unit, zeros := int64(1), 0
	for unit*10 <= 1<<doubtful {
		unit *= 10
		zeros++
	}
	known := divideHalfUp(Int128Of(int64(math.Abs(f))), Int128Of(unit)).Int64()
	if f < 0 {
		dst = append(dst, '-')
	}
	first := len(dst)
	dst = strconv.AppendInt(dst, known, 10)
	exponent10 := len(dst) - first - 1 + zeros
	dst = bytes.TrimRight(dst, "0")
	if len(dst)-first > 1 {
		dst = append(dst, 0)
		copy(dst[first+2:], dst[first+1:])
		dst[first+1] = '.'
	}
	dst = append(dst, 'e')
	return strconv.AppendInt(dst, int64(exponent10), 10), true
}

func appendHex(dst []byte, b string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, "x'"...)
	for i := range len(b) {
		dst = append(dst, digits[b[i]>>4], digits[b[i]&15])
	}
	return append(dst, '\'')
}

// appendValidUTF8 copies b, each byte that is no UTF-8 replaced by U+FFFD.
func appendValidUTF8(dst []byte, b string) []byte {
	if utf8.ValidString(b) {
		return append(dst, b...)
	}
	for _, r := range b {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// appendMonths prints +1-02: years and months.
func appendMonths(dst []byte, months int64) []byte {
	dst, months = appendSign(dst, months)
	dst = strconv.AppendInt(dst, months/12, 10)
	dst = append(dst, '-')
	return appendTwo(dst, int(months%12))
}

// appendDuration prints +1 02:03:04.005: days and a time.
func appendDuration(dst []byte, millis int64) []byte {
	dst, millis = appendSign(dst, millis)
	dst = strconv.AppendInt(dst, millis/MillisPerDay, 10)
	dst = append(dst, ' ')
	return AppendTime(dst, millis%MillisPerDay, 3)
}

func appendSign(dst []byte, n int64) ([]byte, int64) {
	if n < 0 {
		return append(dst, '-'), -n
	}
	return append(dst, '+'), n
}
