package jdbc

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// cell takes the values of one column from the driver, row after row, and puts
// them at the end of a batch's column. It fulfils sql.Scanner, which hands over
// what the driver has without making another copy.
type cell struct {
	table  *table
	column column
	to     *batch.Column
}

// cells are the targets of all columns of a query.
type cells []*cell

func newCells(t *table, columns []column) cells {
	all := make(cells, len(columns))
	for i, c := range columns {
		all[i] = &cell{table: t, column: c}
	}
	return all
}

// begin makes room for the rows of a new batch.
func (c cells) begin() []*batch.Column {
	columns := make([]*batch.Column, len(c))
	for i, one := range c {
		one.to = batch.NewColumn(one.column.of, 0)
		columns[i] = one.to
	}
	return columns
}

// targets are what a query scans into; something is needed where no column is.
func (c cells) targets() []any {
	if len(c) == 0 {
		return []any{new(any)}
	}
	targets := make([]any, len(c))
	for i, one := range c {
		targets[i] = one
	}
	return targets
}

// Scan takes the value of the next row.
func (c *cell) Scan(source any) error {
	if c.column.family == bitFamily {
		source = numberOfBits(source)
	}
	if source == nil || c.table.nullsZeroDates && isZeroDate(c.column.of, source) {
		c.to.AppendNull()
		return nil
	}
	n := c.to.Len()
	c.to.Resize(n + 1)
	if err := set(c.to, n, source); err != nil {
		return c.unreadable(source, err)
	}
	return nil
}

// unreadable says which column cannot hold what. The value is shown cut.
func (c *cell) unreadable(source any, err error) error {
	shown := textFrom(source)
	if len(shown) > shownMax {
		shown = shown[:shownMax] + "…"
	}
	p := problem.New(problem.InvalidValue, "column %s of %s holds %q, which is no %s: %v", c.column.name, c.table.path, shown, c.column.of.Optional(), err).About(c.column.name)
	if isZeroDate(c.column.of, source) {
		return p.WithHint("add zeroDateTimeBehavior=CONVERT_TO_NULL to the URL to read it as NULL")
	}
	return p.WithHint("declare a type that holds it, or STRING for its text")
}

// shownMax is how much of a value a message shows, in bytes.
const shownMax = 60

// numberOfBits reads BIT: bytes, the highest first.
func numberOfBits(source any) any {
	raw, isBytes := source.([]byte)
	if !isBytes || len(raw) > 8 {
		return source
	}
	var n uint64
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return n
}

// isZeroDate reports whether a text is a date that MySQL has and nobody else: a
// year, month or day of zero.
func isZeroDate(t value.Type, source any) bool {
	if t.Kind != value.Date && !t.IsTimestamp() {
		return false
	}
	text := textFrom(source)
	return len(text) >= len("0000-00-00") && (text[:4] == "0000" || text[5:7] == "00" || text[8:10] == "00")
}

// set puts what the driver has into row n, which exists and is not NULL.
func set(to *batch.Column, n int, source any) error {
	switch t := to.Type; t.Kind {
	case value.Boolean:
		return setBoolean(to, n, source)
	case value.TinyInt, value.SmallInt, value.Int, value.BigInt:
		return setInteger(to, n, source)
	case value.Float, value.Double:
		f, ok := floatFrom(source, t.Kind)
		if !ok {
			return errUnreadable
		}
		to.Floats[n] = f
	case value.Decimal:
		x, fits, bad := value.ParseDecimal(textFrom(source), t)
		if bad || !fits {
			return errOutOfRange
		}
		to.Wides[n] = x
	case value.Date:
		at, err := instantFrom(source)
		to.Ints[n] = value.FloorDiv(at.Seconds, value.SecondsPerDay)
		return err
	case value.Time:
		ms, err := value.ParseClock(textFrom(source), false)
		if err != nil {
			return err
		}
		to.Ints[n] = ms - ms%int64(math.Pow10(max(0, 3-t.Precision)))
	case value.Timestamp, value.TimestampLTZ:
		at, err := instantFrom(source)
		if err != nil {
			return err
		}
		to.SetValue(n, at.Truncate(t.Precision).Value(t))
	case value.Array:
		return setList(to, n, source)
	default:
		setText(to, n, source)
	}
	return nil
}

var (
	errUnreadable = fmt.Errorf("it cannot be read")
	errOutOfRange = fmt.Errorf("it is out of range")
)

func setBoolean(to *batch.Column, n int, source any) error {
	switch s := source.(type) {
	case bool:
		to.Bools[n] = s
	case int64:
		to.Bools[n] = s != 0
	case uint64:
		to.Bools[n] = s != 0
	default:
		b, ok := value.ParseBoolean(textFrom(source))
		if !ok {
			return errUnreadable
		}
		to.Bools[n] = b
	}
	return nil
}

func setInteger(to *batch.Column, n int, source any) error {
	i, isInteger := source.(int64)
	if !isInteger {
		var ok bool
		if i, ok = value.ParseInteger(textFrom(source), value.BigInt); !ok || strings.Contains(textFrom(source), ".") {
			return errOutOfRange
		}
	}
	if value.WrapInteger(i, to.Type.Kind) != i {
		return errOutOfRange
	}
	to.Ints[n] = i
	return nil
}

func floatFrom(source any, kind value.Kind) (float64, bool) {
	f, ok := 0.0, true
	switch s := source.(type) {
	case float64:
		f = s
	case float32:
		f = float64(s)
	case int64:
		f = float64(s)
	default:
		var err error
		f, err = strconv.ParseFloat(textFrom(source), 64)
		ok = err == nil
	}
	if kind == value.Float {
		f = float64(float32(f))
	}
	return f, ok
}

// instantFrom reads a date or a time stamp. Sessions are in UTC, so that a time
// stamp with a zone is an instant, and one without is what the wall shows.
func instantFrom(source any) (value.Instant, error) {
	if at, ok := source.(time.Time); ok {
		if at.Year() < 1 || at.Year() > 9999 {
			return value.Instant{}, errOutOfRange
		}
		return value.Instant{Seconds: at.Unix(), Nanos: int32(at.Nanosecond())}, nil
	}
	text := textFrom(source)
	if isZeroDate(value.DateType, text) {
		return value.Instant{}, fmt.Errorf("there is no such day")
	}
	return value.ParseTimestamp(strings.TrimSuffix(text, "+00"), value.CastForm)
}

func setText(to *batch.Column, n int, source any) {
	switch s := source.(type) {
	case []byte:
		to.SetBytes(n, s)
	default:
		to.SetString(n, textFrom(s))
	}
}

// textFrom spells what a driver has.
func textFrom(source any) string {
	switch s := source.(type) {
	case []byte:
		return string(s)
	case string:
		return s
	case int64:
		return strconv.FormatInt(s, 10)
	case uint64:
		return strconv.FormatUint(s, 10)
	case float64:
		return strconv.FormatFloat(s, 'g', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(s), 'g', -1, 32)
	case bool:
		return strconv.FormatBool(s)
	case time.Time:
		return string(value.AppendTimestamp(nil, value.Instant{Seconds: s.Unix(), Nanos: int32(s.Nanosecond())}, postgresFractionMax))
	}
	return fmt.Sprint(source)
}
