package function

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tidemark/base/value"
)

// reader reads the typed constants of testdata: a type and a value, as in
//
//	INT 5, STRING 'it''s', DECIMAL(10, 2) -1.50, BYTES x'00ff', DOUBLE NULL,
//	TIMESTAMP(3) '2024-03-01 10:00:00', INTERVAL DAY 1500 (milliseconds),
//	INTERVAL MONTH 14, ARRAY<INT> [1, NULL], MAP<STRING, INT> {'a': 1},
//	ROW<a INT, b STRING> (1, 'x'), BOOLEAN NOT NULL TRUE
//
// A NULL without a type is NULL. A ? before the type makes the argument no
// constant for Resolve.
type reader struct {
	text string
	at   int
}

func (r *reader) fail(format string, args ...any) {
	panic(fmt.Errorf("%s at %q of %q", fmt.Sprintf(format, args...), r.text[r.at:], r.text))
}

func (r *reader) blanks() {
	for r.at < len(r.text) && r.text[r.at] == ' ' {
		r.at++
	}
}

func (r *reader) accept(s string) bool {
	r.blanks()
	if strings.HasPrefix(r.text[r.at:], s) {
		r.at += len(s)
		return true
	}
	return false
}

func (r *reader) expect(s string) {
	if !r.accept(s) {
		r.fail("expected %q", s)
	}
}

// word reads letters, digits and underscores.
func (r *reader) word() string {
	r.blanks()
	start := r.at
	for r.at < len(r.text) && (r.text[r.at] == '_' || r.text[r.at]|0x20 >= 'a' && r.text[r.at]|0x20 <= 'z' || r.text[r.at] >= '0' && r.text[r.at] <= '9') {
		r.at++
	}
	return r.text[start:r.at]
}

func (r *reader) numbers() []int {
	if !r.accept("(") {
		return nil
	}
	var numbers []int
	for !r.accept(")") {
		n, err := strconv.Atoi(r.word())
		if err != nil {
			r.fail("expected a number")
		}
		numbers = append(numbers, n)
		r.accept(",")
	}
	return numbers
}

func (r *reader) readType() value.Type {
	t := r.bareType()
	if r.accept("NOT NULL") {
		t = t.Required()
	}
	return t
}

func (r *reader) bareType() value.Type {
	name := r.word()
	simple := map[string]value.Type{
		"NULL": value.NullType, "BOOLEAN": value.BooleanType, "TINYINT": value.TinyIntType, "SMALLINT": value.SmallIntType,
		"INT": value.IntType, "BIGINT": value.BigIntType, "FLOAT": value.FloatType, "DOUBLE": value.DoubleType,
		"STRING": value.StringType, "BYTES": value.BytesType, "DATE": value.DateType, "VARIANT": value.VariantType,
	}
	if t, ok := simple[name]; ok {
		return t
	}
	switch name {
	case "ARRAY":
		r.expect("<")
		elem := r.readType()
		r.expect(">")
		return value.ArrayOf(elem)
	case "MAP":
		r.expect("<")
		key := r.readType()
		r.expect(",")
		elem := r.readType()
		r.expect(">")
		return value.MapOf(key, elem)
	case "ROW":
		r.expect("<")
		var fields []value.Field
		for !r.accept(">") {
			fields = append(fields, value.Field{Name: r.word(), Type: r.readType()})
			r.accept(",")
		}
		return value.RowOf(fields...)
	case "INTERVAL":
		unit := r.word()
		if unit == "YEAR" || unit == "MONTH" {
			return value.Type{Kind: value.IntervalYearMonth, Unit: value.Month}
		}
		for u := value.Day; u <= value.Second; u++ {
			if u.String() == unit {
				return value.Type{Kind: value.IntervalDayTime, Unit: u}
			}
		}
		r.fail("unknown unit %s", unit)
	}
	n := append(r.numbers(), 0, 0)
	switch name {
	case "DECIMAL":
		return value.DecimalOf(n[0], n[1])
	case "CHAR":
		return value.CharOf(n[0])
	case "VARCHAR":
		return value.VarcharOf(n[0])
	case "BINARY":
		return value.Type{Kind: value.Binary, Precision: n[0]}
	case "TIME":
		return value.TimeOf(n[0])
	case "TIMESTAMP":
		return value.TimestampOf(n[0])
	case "TIMESTAMP_LTZ":
		return value.TimestampLTZOf(n[0])
	}
	r.fail("unknown type %s", name)
	return value.Type{}
}

func (r *reader) readConstant() value.Value {
	if r.text[r.at:] == "NULL" || strings.HasPrefix(r.text[r.at:], "NULL,") || strings.HasPrefix(r.text[r.at:], "NULL)") {
		r.expect("NULL")
		return value.NullOf(value.NullType)
	}
	return r.readValue(r.readType())
}

func (r *reader) readValue(t value.Type) value.Value {
	if r.accept("NULL") {
		return value.NullOf(t)
	}
	v := value.Value{Type: t}
	switch t.Kind {
	case value.Boolean:
		v.Bool = r.accept("TRUE")
		if !v.Bool {
			r.expect("FALSE")
		}
	case value.Float, value.Double:
		f, err := strconv.ParseFloat(r.number(), 64)
		if err != nil {
			r.fail("%v", err)
		}
		if t.Kind == value.Float {
			f = float64(float32(f))
		}
		v.Float = f
	case value.Decimal:
		v.Wide, _, _ = value.ParseDecimal(r.number(), t)
	case value.Char, value.Varchar, value.Variant:
		v.Text = r.quoted()
	case value.Binary, value.Varbinary:
		r.expect("x")
		b, err := hex.DecodeString(r.quoted())
		if err != nil {
			r.fail("%v", err)
		}
		v.Text = string(b)
	case value.Date:
		v.Int = r.moment("2006-01-02").Unix() / value.SecondsPerDay
	case value.Time:
		m := r.moment("15:04:05.999")
		v.Int = int64(m.Hour()*3600+m.Minute()*60+m.Second())*1000 + int64(m.Nanosecond()/nanosPerMilli)
	case value.Timestamp, value.TimestampLTZ:
		m := r.moment("2006-01-02 15:04:05.999999999")
		v = value.Instant{Seconds: m.Unix(), Nanos: int32(m.Nanosecond())}.Value(t)
	case value.Array:
		r.expect("[")
		for !r.accept("]") {
			v.Items = append(v.Items, r.readValue(*t.Elem))
			r.accept(",")
		}
	case value.Map:
		r.expect("{")
		for !r.accept("}") {
			v.Items = append(v.Items, r.readValue(*t.Key))
			r.expect(":")
			v.Items = append(v.Items, r.readValue(*t.Elem))
			r.accept(",")
		}
	case value.Row:
		r.expect("(")
		for _, f := range t.Fields {
			v.Items = append(v.Items, r.readValue(f.Type))
			r.accept(",")
		}
		r.expect(")")
	default:
		n, err := strconv.ParseInt(r.number(), 10, 64)
		if err != nil {
			r.fail("%v", err)
		}
		v.Int = n
	}
	return v
}

// number reads up to the next thing that cannot be part of one.
func (r *reader) number() string {
	r.blanks()
	start := r.at
	for r.at < len(r.text) && !strings.ContainsRune(",)]}: ", rune(r.text[r.at])) {
		r.at++
	}
	return r.text[start:r.at]
}

func (r *reader) quoted() string {
	r.expect("'")
	var b strings.Builder
	for {
		if r.at >= len(r.text) {
			r.fail("unclosed quote")
		}
		c := r.text[r.at]
		r.at++
		switch {
		case c != '\'' && c != '\\':
			b.WriteByte(c)
		case c == '\\' && strings.HasPrefix(r.text[r.at:], "n"):
			r.at++
			b.WriteByte('\n')
		case c == '\\' && strings.HasPrefix(r.text[r.at:], "t"):
			r.at++
			b.WriteByte('\t')
		case c == '\\':
			b.WriteByte(c)
		case strings.HasPrefix(r.text[r.at:], "'"):
			r.at++
			b.WriteByte('\'')
		default:
			return b.String()
		}
	}
}

func (r *reader) moment(layout string) time.Time {
	text := r.quoted()
	m, err := time.Parse(layout, text)
	if err != nil {
		r.fail("%v", err)
	}
	return m
}
