package format

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// convert takes a token, which is not null, into row of the field's column.
func (d *JSONDecoder) convert(f *fieldShape, t token, row int) fault {
	c := f.column
	switch f.typ.Kind {
	case value.Char, value.Varchar:
		d.setText(c, row, t)
		return noFault
	case value.Variant:
		if t.kind == textToken { // with its quotes
			t.start, t.end, t.escaped = t.start-1, t.end+1, false
		}
		d.setText(c, row, t)
		return noFault
	case value.Array, value.Map, value.Row:
		return wrongType
	}
	if t.kind == objectToken || t.kind == arrayToken || d.options.Strict && !strictKind(f.typ, t) {
		return wrongType
	}
	text := d.block[t.start:t.end]
	if t.escaped {
		text = appendUnescaped(nil, text)
	}
	var why fault
	switch f.typ.Kind {
	case value.Boolean:
		c.Bools[row] = t.kind == trueToken || t.kind == textToken && bytes.EqualFold(trimmed(text), []byte("true"))
	case value.TinyInt, value.SmallInt:
		c.Ints[row], why = readInteger(text, f.typ.Kind)
	case value.Int, value.BigInt, value.IntervalYearMonth, value.IntervalDayTime:
		if t.kind == numberToken && !t.whole {
			c.Ints[row], why = readFractional(text, f.typ.Kind, d.options.Strict)
		} else {
			c.Ints[row], why = readInteger(text, f.typ.Kind)
		}
	case value.Float, value.Double:
		c.Floats[row], why = readFloat(text, f.typ.Kind)
	case value.Decimal:
		var fits bool
		c.Wides[row], fits, why = readDecimal(trimmed(text), f.typ)
		switch {
		case why != noFault && d.options.Strict:
			return wrongType
		case why == noFault && !fits && d.options.Strict:
			return unreadable
		case why == noFault && !fits:
			c.SetNull(row)
		}
	case value.Binary, value.Varbinary:
		if t.kind != textToken {
			return wrongType
		}
		why = d.base64(c, row, text)
	case value.Date, value.Time, value.Timestamp, value.TimestampLTZ:
		if t.kind != textToken {
			return wrongType
		}
		why = d.moment(c, row, text)
	default:
		return wrongType
	}
	return why
}

// strictKind reports whether a token is of the JSON kind that a column's type
// demands. A DECIMAL may be text, so that it can keep all its digits.
func strictKind(typ value.Type, t token) bool {
	switch {
	case typ.Kind == value.Boolean:
		return t.kind == trueToken || t.kind == falseToken
	case typ.Kind == value.Decimal:
		return t.kind == numberToken || t.kind == textToken
	case typ.IsInteger() || typ.IsInterval():
		return t.kind == numberToken && t.whole
	case typ.IsApproximate():
		return t.kind == numberToken
	}
	return t.kind == textToken
}

// setText makes the token as text that of a row. Numbers and words keep their
// spelling, objects and arrays lose the blanks between their parts.
func (d *JSONDecoder) setText(c *batch.Column, row int, t token) {
	if t.kind == objectToken || t.kind == arrayToken {
		d.texts.setMade(d.whole, c, row, func(made []byte) []byte { return appendCompact(made, d.block[t.start:t.end]) })
		return
	}
	length := uint32(t.end - t.start)
	if t.escaped {
		length |= escapedMark
	}
	c.Views[row] = batch.View{Offset: uint32(t.start), Length: length}
}

// appendCompact appends checked JSON without the blanks outside its texts.
func appendCompact(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case ' ', '\n', '\t', '\r':
			i++
		case '"':
			end, _, _ := scanText(text, i+1)
			dst = append(dst, text[i:end+1]...)
			i = end + 1
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

func (d *JSONDecoder) base64(c *batch.Column, row int, text []byte) fault {
	decoded, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return unreadable
	}
	d.texts.setMade(d.whole, c, row, func(made []byte) []byte { return append(made, decoded...) })
	return noFault
}

func (d *JSONDecoder) moment(c *batch.Column, row int, text []byte) fault {
	form := value.SQLForm
	if d.options.ISO {
		form = value.ISOForm
	}
	if d.options.Strict {
		return setMoment(c, row, text, anyForm(text), true)
	}
	return setMoment(c, row, text, form, false)
}

// anyForm is the form that a text of unknown standard seems to follow.
func anyForm(text []byte) value.TimestampForm {
	if len(text) > 10 && text[10] == 'T' {
		return value.ISOForm
	}
	return value.SQLForm
}

// setMoment reads a DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ. The last ends in Z;
// with offsets it may end in +02:00 instead.
func setMoment(c *batch.Column, row int, text []byte, form value.TimestampForm, offsets bool) fault {
	var err error
	switch c.Type.Kind {
	case value.Date:
		c.Ints[row], err = value.ParseISODate(text)
	case value.Time:
		c.Ints[row], err = value.ParseClock(text, false)
	default:
		var t value.Instant
		ahead := int64(0)
		if c.Type.Kind == value.TimestampLTZ {
			form = form.WithZone()
			if offsets {
				text, ahead = cutOffset(text)
			}
		}
		t, err = value.ParseTimestamp(text, form)
		t = t.Truncate(c.Type.Precision)
		t.Seconds -= ahead
		if c.Type.Class() == value.Wides {
			c.Wides[row] = t.Wide()
		} else {
			c.Ints[row] = t.Micros()
		}
	}
	if err != nil {
		return unreadable
	}
	return noFault
}

// cutOffset replaces a final +hh:mm by Z and returns it in seconds.
func cutOffset(text []byte) ([]byte, int64) {
	n := len(text) - 6
	if n < 0 || text[n] != '+' && text[n] != '-' || text[n+3] != ':' {
		return text, 0
	}
	hour, errHour := strconv.Atoi(string(text[n+1 : n+3]))
	minute, errMinute := strconv.Atoi(string(text[n+4:]))
	if errHour != nil || errMinute != nil || hour > 18 || minute > 59 {
		return text, 0
	}
	seconds := int64(hour*3600 + minute*60)
	if text[n] == '-' {
		seconds = -seconds
	}
	return append(append([]byte(nil), text[:n]...), 'Z'), seconds
}

// trimmed cuts control characters and blanks off both ends.
func trimmed(text []byte) []byte {
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1] <= ' ' {
		text = text[:len(text)-1]
	}
	return text
}

// readInteger reads digits with an optional sign, and blanks around them.
func readInteger(text []byte, kind value.Kind) (int64, fault) {
	text = trimmed(text)
	digits := text
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		digits = text[1:]
	}
	if len(digits) == 0 {
		return 0, unreadable
	}
	n, ok := value.ParseDigits(digits)
	switch {
	case ok && text[0] == '-':
		n = -n
	case ok:
	case len(digits) <= shortDigits:
		return 0, unreadable
	default:
		var err error
		if n, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			return 0, unreadable
		}
	}
	if kind != value.IntervalDayTime && kind != value.IntervalYearMonth && value.WrapInteger(n, kind) != n {
		return 0, unreadable
	}
	return n, noFault
}

// digitsOf is the number of eight digits, the first in the lowest byte.
func digitsOf(w uint64) int64 {
	w = w*10 + w>>8
	const pairs = 0x000000ff_000000ff
	return int64(((w&pairs)*(100+1_000_000<<32) + (w>>16&pairs)*(1+10_000<<32)) >> 32)
}

// readFractional reads a number with a fraction or an exponent as an integer:
// the fraction is cut off, which a strict reader refuses.
func readFractional(text []byte, kind value.Kind, strict bool) (int64, fault) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || strict {
		return 0, unreadable
	}
	lowest, highest := float64(math.MinInt64), float64(math.MaxInt64)
	if kind == value.Int {
		lowest, highest = math.MinInt32-1, math.MaxInt32+1
		if f <= lowest || f >= highest {
			return 0, unreadable
		}
	} else if f < lowest || f >= highest {
		return 0, unreadable
	}
	return int64(f), noFault
}

func readFloat(text []byte, kind value.Kind) (float64, fault) {
	f, ok := value.ParseFloat(string(text), value.Double)
	if !ok {
		return 0, unreadable
	}
	if kind == value.Float {
		f = float64(float32(f))
	}
	return f, noFault
}

func readDecimal(text []byte, to value.Type) (x value.Int128, fits bool, why fault) {
	x, fits, bad := value.ParseDecimal(text, to)
	if bad {
		return x, false, unreadable
	}
	return x, fits, noFault
}
