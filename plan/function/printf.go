package function

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// printf is the kernel of PRINTF, the formats of java.util.Formatter for the
// values that SQL has. A format that does not fit gives NULL; so does any
// number format for a DECIMAL, which is no Java number to Flink.
func printf(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
	row := make([]value.Value, len(args)-1)
	return eachRow(out, func(i int) error {
		if args[0].IsNull(i) {
			out.SetNull(i)
			return nil
		}
		for k, a := range args[1:] {
			row[k] = a.Value(i)
		}
		start := len(out.Heap)
		f := formatter{dst: out.Heap, zone: ctx.Zone, args: row}
		if !f.format(args[0].Bytes(i)) {
			out.SetNull(i)
			return nil
		}
		if len(f.dst)-start > textMax {
			return tooLong()
		}
		out.Heap = f.dst
		out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(f.dst) - start)}
		return nil
	})
}

// formatter appends a format with its arguments put in.
type formatter struct {
	dst  []byte
	zone *time.Location
	args []value.Value
	next int // the argument that a plain conversion takes
	last int // the one taken last
}

// formatItem is one % of a format.
type formatItem struct {
	index     int // 1-based argument; 0 for the next one, -1 for the last one again
	flags     string
	width     int // -1 when not written
	precision int // -1 when not written
	verb      byte
	upper     bool
}

// formatWidthMax keeps '%999999999d' from filling memory.
const formatWidthMax = 1 << 20

func (f *formatter) has(c *formatItem, flag byte) bool { return strings.IndexByte(c.flags, flag) >= 0 }

// format reports whether the format fits the arguments.
func (f *formatter) format(text []byte) bool {
	for {
		plain, rest, found := bytes.Cut(text, []byte{'%'})
		f.dst = append(f.dst, plain...)
		if !found {
			return true
		}
		c, after, ok := parseConversion(rest)
		if !ok || !f.convert(&c) {
			return false
		}
		text = after
	}
}

// parseConversion reads [index$][flags][width][.precision]verb.
func parseConversion(text []byte) (c formatItem, rest []byte, ok bool) {
	c.width, c.precision = -1, -1
	if n, after, ok := leadingNumber(text); ok && len(after) > 0 && after[0] == '$' && text[0] != '0' {
		c.index = n
		text = after[1:]
	}
	for len(text) > 0 && strings.IndexByte("-#+ 0,(<", text[0]) >= 0 {
		if strings.IndexByte(c.flags, text[0]) >= 0 {
			return c, nil, false
		}
		if text[0] == '<' {
			c.index = -1
		} else {
			c.flags += string(text[0])
		}
		text = text[1:]
	}
	if n, after, ok := leadingNumber(text); ok {
		c.width, text = n, after
	}
	if len(text) > 0 && text[0] == '.' {
		n, after, ok := leadingNumber(text[1:])
		if !ok {
			return c, nil, false
		}
		c.precision, text = n, after
	}
	if len(text) == 0 || c.width > formatWidthMax || c.precision > formatWidthMax {
		return c, nil, false
	}
	c.verb = text[0]
	if strings.IndexByte("BHSCXEG", c.verb) >= 0 {
		c.upper = true
		c.verb = lowerASCII(c.verb)
	}
	return c, text[1:], strings.IndexByte("bscdoxefg%n", c.verb) >= 0
}

func leadingNumber(text []byte) (n int, rest []byte, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(text[:end]))
	return n, text[end:], err == nil
}

// convert appends one conversion.
func (f *formatter) convert(c *formatItem) bool {
	switch {
	case (f.has(c, '-') || f.has(c, '0')) && c.width < 0, f.has(c, '-') && f.has(c, '0'), f.has(c, '+') && f.has(c, ' '):
		return false
	case c.verb == 'n':
		f.dst = append(f.dst, '\n')
		return c.width < 0 && c.precision < 0 && c.flags == ""
	case c.verb == '%':
		f.pad(c, []byte{'%'})
		return c.precision < 0 && strings.Trim(c.flags, "-") == ""
	}
	v, ok := f.argument(c)
	if !ok {
		return false
	}
	switch c.verb {
	case 'b', 's':
		return f.general(c, v)
	case 'c':
		return f.character(c, v)
	case 'd', 'o', 'x':
		return f.integer(c, v)
	}
	return f.float(c, v)
}

// argument takes the argument of a conversion.
func (f *formatter) argument(c *formatItem) (*value.Value, bool) {
	at := c.index - 1
	switch c.index {
	case 0:
		at = f.next
		f.next++
	case -1:
		at = f.last
	}
	if at < 0 || at >= len(f.args) {
		return nil, false
	}
	f.last = at
	return &f.args[at], true
}

// general is %b and %s.
func (f *formatter) general(c *formatItem, v *value.Value) bool {
	if strings.Trim(c.flags, "-") != "" {
		return false
	}
	var text []byte
	switch {
	case c.verb == 'b' && v.Type.Kind == value.Boolean && !v.Null:
		text = strconv.AppendBool(nil, v.Bool)
	case c.verb == 'b':
		text = strconv.AppendBool(nil, !v.Null)
	case v.Null:
		text = []byte("null")
	case v.Type.Kind == value.Boolean:
		text = strconv.AppendBool(nil, v.Bool)
	default:
		text = v.AppendCast(nil, f.zone)
	}
	f.cut(c, text)
	return true
}

// cut pads text after cutting it to the precision.
func (f *formatter) cut(c *formatItem, text []byte) {
	if c.precision >= 0 {
		end, _ := offsetOfUnit(text, c.precision)
		text = text[:end]
	}
	if c.upper {
		text = appendUpper(nil, text)
	}
	f.pad(c, text)
}

// pad appends text in the width of the conversion.
func (f *formatter) pad(c *formatItem, text []byte) {
	missing := c.width - unitsOf(text)
	if !f.has(c, '-') {
		for ; missing > 0; missing-- {
			f.dst = append(f.dst, ' ')
		}
	}
	f.dst = append(f.dst, text...)
	for ; missing > 0; missing-- {
		f.dst = append(f.dst, ' ')
	}
}

// character is %c of a code point.
func (f *formatter) character(c *formatItem, v *value.Value) bool {
	switch {
	case c.precision >= 0 || strings.Trim(c.flags, "-") != "":
		return false
	case v.Null:
		f.cut(c, []byte("null"))
		return true
	case !v.Type.IsInteger() || v.Type.Kind == value.BigInt || v.Int < 0 || v.Int > utf8.MaxRune:
		return false
	}
	f.cut(c, utf8.AppendRune(nil, rune(v.Int)))
	return true
}

// integer is %d, %o and %x.
func (f *formatter) integer(c *formatItem, v *value.Value) bool {
	switch {
	case c.precision >= 0, c.verb == 'd' && f.has(c, '#'), c.verb != 'd' && strings.ContainsAny(c.flags, "+ ,("):
		return false
	case v.Null:
		f.pad(c, nullText(c))
		return true
	case !v.Type.IsInteger():
		return false
	case c.verb == 'd':
		f.number(c, v.Int < 0, strings.TrimPrefix(strconv.FormatInt(v.Int, 10), "-"))
		return true
	}
	bits := map[value.Kind]uint{value.TinyInt: 8, value.SmallInt: 16, value.Int: 32, value.BigInt: 64}[v.Type.Kind]
	base, prefix := 16, "0x"
	if c.verb == 'o' {
		base, prefix = 8, "0"
	}
	text := strconv.FormatUint(uint64(v.Int)<<(64-bits)>>(64-bits), base)
	if !f.has(c, '#') {
		prefix = ""
	}
	if f.has(c, '0') {
		text = zeros(c.width-len(text)-len(prefix)) + text
	}
	text = prefix + text
	if c.upper {
		text = strings.ToUpper(text)
	}
	f.pad(c, []byte(text))
	return true
}

func nullText(c *formatItem) []byte {
	if c.upper {
		return []byte("NULL")
	}
	return []byte("null")
}

func zeros(n int) string { return strings.Repeat("0", max(n, 0)) }

// number appends digits with the sign, the grouping and the filling that the
// flags ask for.
func (f *formatter) number(c *formatItem, negative bool, digits string) {
	if f.has(c, ',') {
		digits = grouped(digits)
	}
	before, after := "", ""
	switch {
	case negative && f.has(c, '('):
		before, after = "(", ")"
	case negative:
		before = "-"
	case f.has(c, '+'):
		before = "+"
	case f.has(c, ' '):
		before = " "
	}
	if f.has(c, '0') {
		digits = zeros(c.width-len(before)-len(digits)-len(after)) + digits
	}
	text := before + digits + after
	if c.upper {
		text = strings.ToUpper(text)
	}
	f.pad(c, []byte(text))
}

// grouped puts a comma before every third digit from the point.
func grouped(digits string) string {
	whole, fraction, point := strings.Cut(digits, ".")
	var b strings.Builder
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if point {
		b.WriteString("." + fraction)
	}
	return b.String()
}

// float is %e, %f and %g.
func (f *formatter) float(c *formatItem, v *value.Value) bool {
	if c.verb == 'e' && f.has(c, ',') || c.verb == 'g' && f.has(c, '#') {
		return false
	}
	if v.Null {
		f.cut(c, []byte("null"))
		return true
	}
	if !v.Type.IsApproximate() {
		return false
	}
	if math.IsNaN(v.Float) || math.IsInf(v.Float, 0) {
		f.special(c, v.Float)
		return true
	}
	bits := 64
	if v.Type.Kind == value.Float {
		bits = 32
	}
	precision := c.precision
	if precision < 0 {
		precision = 6
	}
	magnitude := shortestDecimal(math.Abs(v.Float), bits)
	text := ""
	switch c.verb {
	case 'f':
		text = magnitude.fixed(precision)
	case 'e':
		text = magnitude.scientific(precision)
	default:
		// The general form counts significant digits, after rounding to them.
		precision = max(precision, 1)
		rounded := magnitude.rounded(precision)
		switch {
		case len(rounded.digits) == 0:
			text = rounded.fixed(precision - 1)
		case rounded.point > -4 && rounded.point <= precision:
			text = rounded.fixed(precision - rounded.point)
		default:
			text = rounded.scientific(precision - 1)
		}
	}
	f.number(c, math.Signbit(v.Float), text)
	return true
}

// special is NaN and the infinities, which are never filled with zeros.
func (f *formatter) special(c *formatItem, x float64) {
	text := "NaN"
	switch {
	case math.IsInf(x, 1) && f.has(c, '+'):
		text = "+Infinity"
	case math.IsInf(x, 1):
		text = "Infinity"
	case math.IsInf(x, -1) && f.has(c, '('):
		text = "(Infinity)"
	case math.IsInf(x, -1):
		text = "-Infinity"
	}
	if c.upper {
		text = strings.ToUpper(text)
	}
	f.pad(c, []byte(text))
}

// decimalDigits is 0.d1d2d3… · 10^point; no digits is zero.
type decimalDigits struct {
	digits string
	point  int
}

// shortestDecimal is the shortest decimal that reads back as x, which is what
// Java rounds.
func shortestDecimal(x float64, bits int) decimalDigits {
	text := strconv.FormatFloat(x, 'e', -1, bits)
	mantissa, exponent, _ := strings.Cut(text, "e")
	n, _ := strconv.Atoi(exponent)
	digits := strings.TrimRight(strings.Replace(mantissa, ".", "", 1), "0")
	if digits == "" {
		return decimalDigits{}
	}
	return decimalDigits{digits, n + 1}
}

// rounded keeps n digits, rounding halves up.
func (d decimalDigits) rounded(n int) decimalDigits {
	switch {
	case n >= len(d.digits):
		return d
	case n < 0:
		return decimalDigits{}
	}
	up := d.digits[n] >= '5'
	kept := []byte(d.digits[:n])
	for i := n - 1; up && i >= 0; i-- {
		if kept[i]++; kept[i] <= '9' {
			return decimalDigits{strings.TrimRight(string(kept[:i+1]), "0"), d.point}
		}
	}
	if up {
		return decimalDigits{"1", d.point + 1}
	}
	result := decimalDigits{strings.TrimRight(string(kept), "0"), d.point}
	if result.digits == "" {
		result.point = 0
	}
	return result
}

// fixed prints with fraction digits after the point.
func (d decimalDigits) fixed(fraction int) string {
	d = d.rounded(d.point + fraction)
	whole, rest := "0", d.digits
	switch {
	case d.point > 0 && d.point >= len(d.digits):
		whole, rest = d.digits+zeros(d.point-len(d.digits)), ""
	case d.point > 0:
		whole, rest = d.digits[:d.point], d.digits[d.point:]
	case d.digits != "":
		rest = zeros(-d.point) + d.digits
	}
	if fraction == 0 {
		return whole
	}
	return whole + "." + rest + zeros(fraction-len(rest))
}

// scientific prints one digit, fraction digits and the exponent.
func (d decimalDigits) scientific(fraction int) string {
	d = d.rounded(fraction + 1)
	digits, exponent := d.digits, d.point-1
	if digits == "" {
		digits, exponent = "0", 0
	}
	text := digits[:1]
	if fraction > 0 {
		text += "." + digits[1:] + zeros(fraction-len(digits)+1)
	}
	sign := "+"
	if exponent < 0 {
		sign, exponent = "-", -exponent
	}
	return text + "e" + sign + zeros(2-len(strconv.Itoa(exponent))) + strconv.Itoa(exponent)
}
