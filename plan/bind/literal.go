package bind

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// literal binds a constant.
func (b *binder) literal(l *sql.Literal) plan.Expr {
	v, err := literalValue(l, false)
	if err != nil {
		b.report(l.Pos(), err)
		return nil
	}
	return &plan.Literal{At: plan.At{Position: l.Pos()}, Value: v}
}

// literalValue reads a literal; a negative one stands behind a minus, which
// matters for the lowest INT and BIGINT only.
func literalValue(l *sql.Literal, negative bool) (value.Value, error) {
	switch l.Kind {
	case sql.NullLiteral:
		return value.NullOf(value.NullType), nil
	case sql.BooleanLiteral:
		if l.Text == "UNKNOWN" {
			return value.NullOf(value.BooleanType), nil
		}
		return value.OfBool(l.Text == "TRUE"), nil
	case sql.IntegerLiteral:
		return integerLiteral(l.Text, negative)
	case sql.DecimalLiteral:
		return decimalLiteral(l.Text)
	case sql.DoubleLiteral:
		f, err := strconv.ParseFloat(l.Text, 64)
		if err != nil && math.IsInf(f, 0) {
			return value.Value{}, problem.New(problem.InvalidValue, "%s is beyond the range of DOUBLE", l.Text).WithHint("write a smaller number")
		}
		return value.OfDouble(f), nil
	case sql.StringLiteral:
		return value.Value{Type: value.CharOf(utf8.RuneCountInString(l.Text)).Required(), Text: l.Text}, nil
	case sql.BytesLiteral:
		return value.Value{Type: value.Type{Kind: value.Binary, Precision: len(l.Text), NotNull: true}, Text: l.Text}, nil
	case sql.DateLiteral:
		return temporalLiteral(l.Text, value.DateType, "DATE '2024-03-31'")
	case sql.TimeLiteral:
		return temporalLiteral(l.Text, value.TimeOf(fractionDigits(l.Text)), "TIME '23:59:59'")
	case sql.TimestampLiteral:
		return temporalLiteral(l.Text, value.TimestampOf(fractionDigits(l.Text)), "TIMESTAMP '2024-03-31 23:59:59'")
	}
	return value.Value{}, fmt.Errorf("literal of kind %d", l.Kind)
}

func integerLiteral(text string, negative bool) (value.Value, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && negative && strings.TrimLeft(text, "0") == "9223372036854775808":
		return value.OfBigInt(math.MinInt64), nil // its negation is itself
	case err != nil:
		return value.Value{}, problem.New(problem.InvalidValue, "%s is beyond the range of BIGINT", text).
			WithHint("write it with a point, %s.0, to make it a DECIMAL", text)
	case n > math.MaxInt32+1 || n > math.MaxInt32 && !negative:
		return value.OfBigInt(n), nil
	}
	return value.OfInt(int32(n)), nil // the lowest INT wraps: it is its own negation, too
}

// decimalLiteral has as many digits as are written, leading zeros included.
func decimalLiteral(text string) (value.Value, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	t := value.DecimalOf(max(len(whole)+len(fraction), 1), len(fraction))
	if t.Precision > value.MaxDecimalPrecision {
		return value.Value{}, problem.New(problem.InvalidValue, "%s has more than %d digits", text, value.MaxDecimalPrecision).
			WithHint("write it with an exponent, such as 1.5E0, to make it a DOUBLE")
	}
	v, err := value.Cast(value.OfString(text), t.Required(), nil)
	if err != nil {
		return value.Value{}, err
	}
	v.Type = t.Required()
	return v, nil
}

func fractionDigits(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return min(len(fraction), value.MaxTimePrecision)
}

func temporalLiteral(text string, t value.Type, example string) (value.Value, error) {
	v, err := value.Cast(value.OfString(text), t.Required(), nil)
	if err != nil {
		return value.Value{}, problem.New(problem.InvalidValue, "'%s' is no %s", text, t.Kind).WithHint("write it as %s", example)
	}
	v.Type = t.Required()
	return v, nil
}

// interval binds INTERVAL '…' unit.
func (b *binder) interval(i *sql.Interval) plan.Expr {
	v, err := intervalValue(i)
	if err != nil {
		b.report(i.Pos(), err)
		return nil
	}
	return &plan.Literal{At: plan.At{Position: i.Pos()}, Value: v}
}

// intervalField is one field of an interval's text.
type intervalField struct {
	name  string
	each  int64 // in months or milliseconds
	limit int64 // exclusive, when it is not the first field
	after string
}

var (
	yearMonthFields = []intervalField{{"YEAR", 12, 0, ""}, {"MONTH", 1, 12, "-"}}
	dayTimeFields   = []intervalField{
		{"DAY", 86_400_000, 0, ""}, {"HOUR", 3_600_000, 24, " "}, {"MINUTE", 60_000, 60, ":"}, {"SECOND", 1_000, 60, ":"},
	}
	oddUnits = map[string]intervalField{"WEEK": {name: "DAY", each: 7 * 86_400_000}, "QUARTER": {name: "MONTH", each: 3}}
)

// Precisions of intervals that say none: two digits for the first field, six
// for fractions of seconds.
const (
	leadingDigits  = 2
	fractionalDays = 6
)

// intervalValue reads an interval's text by its unit.
func intervalValue(i *sql.Interval) (value.Value, error) {
	fields, kind := intervalFields(string(i.Unit))
	if fields == nil {
		return value.Value{}, problem.New(problem.InvalidValue, "%s is no unit of an INTERVAL", i.Unit).
			WithHint("units are YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE and SECOND")
	}
	misread := func() error {
		return problem.New(problem.InvalidValue, "'%s' is no INTERVAL of %s", i.Text, i.Unit).WithHint("write it as %s", intervalExample(fields))
	}
	t := value.Type{Kind: kind, NotNull: true, Precision: i.Precision, Scale: fractionalDays}
	if i.Fraction >= 0 {
		t.Scale = i.Fraction
	}
	if unit, ok := i.Unit.ValueUnit(); ok {
		t.Unit = unit
	} else if unit, ok := sql.TimeUnit(fields[0].name).ValueUnit(); ok {
		t.Unit = unit
	}
	digits := leadingDigits
	if i.Precision > 0 {
		digits = i.Precision
	}
	text, negative := strings.TrimSpace(i.Text), i.Negative
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		text, negative = rest, !negative
	} else {
		text = strings.TrimPrefix(text, "+")
	}
	total := int64(0)
	for n, f := range fields {
		if n > 0 {
			rest, ok := strings.CutPrefix(text, f.after)
			if !ok {
				return value.Value{}, misread()
			}
			text = rest
		}
		end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(text)
		}
		number, err := strconv.ParseInt(text[:end], 10, 32)
		switch {
		case err != nil:
			return value.Value{}, misread()
		case n == 0 && len(strings.TrimLeft(text[:end], "0")) > digits:
			return value.Value{}, problem.New(problem.InvalidValue, "%s of an INTERVAL has at most %d digits here", f.name, digits).
				WithHint("allow more digits: INTERVAL '%s' %s(%d)", i.Text, f.name, len(text[:end]))
		case n > 0 && number >= f.limit:
			return value.Value{}, problem.New(problem.InvalidValue, "%d is too much for %s of an INTERVAL", number, f.name).
				WithHint("it is below %d here; carry the rest over to the field before", f.limit)
		}
		total += number * f.each
		text = text[end:]
		if f.name == "SECOND" {
			if fraction, ok := strings.CutPrefix(text, "."); ok {
				millis, rest, ok := readMillis(fraction)
				if !ok {
					return value.Value{}, misread()
				}
				total, text = total+millis, rest
			}
		}
	}
	if text != "" {
		return value.Value{}, misread()
	}
	if negative {
		total = -total
	}
	return value.Value{Type: t, Int: total}, nil
}

// readMillis reads fraction digits of a second, of which three count.
func readMillis(text string) (millis int64, rest string, ok bool) {
	scale := int64(100)
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		millis += int64(text[n]-'0') * scale
		scale /= 10
		n++
	}
	return millis, text[n:], n > 0
}

// intervalFields are the fields of DAY TO SECOND, or of one unit.
func intervalFields(unit string) ([]intervalField, value.Kind) {
	first, last, isRange := strings.Cut(unit, " TO ")
	if !isRange {
		last = first
	}
	if odd, ok := oddUnits[unit]; ok {
		if odd.name == "MONTH" {
			return []intervalField{odd}, value.IntervalYearMonth
		}
		return []intervalField{odd}, value.IntervalDayTime
	}
	for _, all := range []struct {
		fields []intervalField
		kind   value.Kind
	}{{yearMonthFields, value.IntervalYearMonth}, {dayTimeFields, value.IntervalDayTime}} {
		from, to := -1, -1
		for i, f := range all.fields {
			if f.name == first {
				from = i
			}
			if f.name == last {
				to = i
			}
		}
		if from >= 0 && to >= from {
			return all.fields[from : to+1], all.kind
		}
	}
	return nil, value.Null
}

func intervalExample(fields []intervalField) string {
	example := ""
	for i, f := range fields {
		if i > 0 {
			example += f.after
		}
		example += "1"
	}
	unit := fields[0].name
	if len(fields) > 1 {
		unit += " TO " + fields[len(fields)-1].name
	}
	return "INTERVAL '" + example + "' " + unit
}
