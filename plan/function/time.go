package function

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// times is the temporal part of the table.
var times = []*plan.Function{
	define(plan.Function{
		Name: "EXTRACT", Category: "time",
		Signatures: []string{"EXTRACT(unit FROM date, time or INTERVAL) → BIGINT"},
		Doc:        "A part of a date or time: its YEAR, WEEK (ISO), DOW (1 is Sunday), EPOCH (seconds since 1970) and so on.",
		DuckDB:     "", Flink: "EXTRACT($1 FROM $2)",
	}, extractForm),
	partFunction("YEAR", "YEAR", "year($1)", "The year."),
	partFunction("QUARTER", "QUARTER", "quarter($1)", "The quarter of the year, 1 to 4."),
	partFunction("MONTH", "MONTH", "month($1)", "The month of the year, 1 to 12."),
	partFunction("WEEK", "WEEK", "week($1)", "The ISO week of the year, 1 to 53."),
	partFunction("DAYOFYEAR", "DOY", "dayofyear($1)", "The day of the year, 1 to 366."),
	partFunction("DAYOFMONTH", "DAY", "dayofmonth($1)", "The day of the month, 1 to 31."),
	partFunction("DAYOFWEEK", "DOW", "(dayofweek($1) + 1)", "The day of the week, from 1 for Sunday to 7 for Saturday."),
	partFunction("HOUR", "HOUR", "hour($1)", "The hour of the day, 0 to 23."),
	partFunction("MINUTE", "MINUTE", "minute($1)", "The minute of the hour, 0 to 59."),
	partFunction("SECOND", "SECOND", "second($1)", "The second of the minute, 0 to 59."),
	define(plan.Function{
		Name: "TIMESTAMPADD", Category: "time",
		Signatures: []string{"TIMESTAMPADD(unit, integer, date or time) → the same type"},
		Doc:        "Moves a date or time by a number of units. A DATE moved by hours or less becomes a TIMESTAMP; months stop at the last day of a shorter month.",
		DuckDB:     "", Flink: "TIMESTAMPADD($1, $2, $3)",
	}, form{
		params:   []parameter{unit, integer, datetime},
		check:    checkTimestampAdd,
		resultOf: func(c *call) value.Type { return c.Params[2].WithNullability(required(c.Params[1:])) },
		eval:     timestampAdd,
	}),
	define(plan.Function{
		Name: "TIMESTAMPDIFF", Category: "time",
		Signatures: []string{"TIMESTAMPDIFF(unit, from, to) → INT"},
		Doc:        "How many whole units lie between two dates or timestamps. INT wraps.",
		DuckDB:     "", Flink: "TIMESTAMPDIFF($1, $2, $3)",
	}, form{
		params: []parameter{unit, dateOrTimestamp, dateOrTimestamp},
		unify:  func(params []value.Type) bool { return sameClock(params[1:]) },
		check: checkUnit(0, "TIMESTAMPDIFF", func(u timeUnit, _ *call) bool {
			return calendarMonths[u] != 0 || clockMillis[u] != 0 || u == "MICROSECOND"
		}),
		result: func(params []value.Type) value.Type { return value.IntType.WithNullability(required(params[1:])) },
		eval:   timestampDiff,
	}),
	define(plan.Function{
		Name: "DATE_FORMAT", Category: "time",
		Signatures: []string{"DATE_FORMAT(timestamp, pattern) → STRING", "DATE_FORMAT(text, pattern) → STRING"},
		Doc:        "Prints a timestamp by a pattern like yyyy-MM-dd HH:mm:ss. A text is read as yyyy-MM-dd HH:mm:ss first; NULL when it is not.",
		DuckDB:     "", Flink: "DATE_FORMAT($1, $2)",
	},
		form{params: []parameter{dateOrTimestamp, anyText}, check: checkPattern(1, false), result: maybe(value.StringType), eval: kernel(formatTimestamp)},
		form{params: []parameter{anyText, anyText}, check: checkPattern(1, true), result: maybe(value.StringType), eval: kernel(formatText)}),
	define(plan.Function{
		Name: "TO_DATE", Category: "time",
		Signatures: []string{"TO_DATE(text [, pattern]) → DATE"},
		Doc:        "Reads a date; NULL when the text is none. With a pattern, parts out of range carry over.",
		DuckDB:     "", Flink: "TO_DATE($*)",
	},
		form{params: []parameter{anyText}, result: maybe(value.DateType), eval: applyOneOrNull(ofString, ofInts, func(text string) (int64, bool) {
			days, err := value.ParseDate(text)
			return days, err == nil
		})},
		form{params: []parameter{anyText, anyText}, check: checkPattern(1, true), result: maybe(value.DateType), eval: kernel(toDate)}),
	define(plan.Function{
		Name: "TO_TIMESTAMP", Category: "time",
		Signatures: []string{"TO_TIMESTAMP(text [, pattern]) → TIMESTAMP(3)"},
		Doc:        "Reads a timestamp, of the pattern yyyy-MM-dd HH:mm:ss unless another is given; NULL when the text is none.",
		DuckDB:     "", Flink: "TO_TIMESTAMP($*)",
	}, form{params: []parameter{anyText, anyText}, optional: 1, check: checkPattern(1, false), result: maybe(value.TimestampOf(3)), eval: kernel(toTimestamp)}),
	define(plan.Function{
		Name: "TO_TIMESTAMP_LTZ", Category: "time",
		Signatures: []string{"TO_TIMESTAMP_LTZ(number [, precision]) → TIMESTAMP_LTZ(3)", "TO_TIMESTAMP_LTZ(text [, pattern [, zone]]) → TIMESTAMP_LTZ(3)"},
		Doc:        "The instant that a number of seconds (precision 0) or milliseconds (3, also without precision) since 1970 means, or that a text spells in UTC or a zone.",
		DuckDB:     "", Flink: "TO_TIMESTAMP_LTZ($*)",
	},
		form{params: []parameter{epochNumber, integer}, optional: 1, result: maybe(value.TimestampLTZOf(3)), eval: epochToTimestamp},
		form{params: []parameter{anyText, anyText, anyText}, optional: 2, check: checkPattern(1, false), result: maybe(value.TimestampLTZOf(3)), eval: kernel(textToTimestampLTZ)}),
	define(plan.Function{
		Name: "FROM_UNIXTIME", Category: "time",
		Signatures: []string{"FROM_UNIXTIME(seconds [, pattern]) → STRING"},
		Doc:        "Prints seconds since 1970 in the session's time zone, by the pattern yyyy-MM-dd HH:mm:ss unless another is given.",
		DuckDB:     "", Flink: "FROM_UNIXTIME($*)",
	}, form{params: []parameter{integer, anyText}, optional: 1, check: checkPattern(1, true), result: maybe(value.StringType), eval: kernel(fromUnixTime)}),
	define(plan.Function{
		Name: "UNIX_TIMESTAMP", Category: "time", Volatile: true,
		Signatures: []string{"UNIX_TIMESTAMP() → BIGINT", "UNIX_TIMESTAMP(text [, pattern]) → BIGINT"},
		Doc:        "Seconds since 1970: now, or of a text in the session's time zone; the lowest BIGINT when it is no time.",
		DuckDB:     "", Flink: "UNIX_TIMESTAMP($*)",
	},
		form{result: always(value.BigIntType), eval: nowAs(func(ctx *plan.Context) int64 { return ctx.Now.Unix() })},
		form{params: []parameter{anyText, anyText}, optional: 1, check: checkPattern(1, true), result: returns(value.BigIntType), eval: kernel(unixTimestamp)}),
	define(plan.Function{
		Name: "CONVERT_TZ", Category: "time",
		Signatures: []string{"CONVERT_TZ(text, zone, zone) → STRING"},
		Doc:        "Turns the time yyyy-MM-dd HH:mm:ss of one zone into that of another. An unknown zone counts as UTC.",
		DuckDB:     "strftime(CAST($1 AS TIMESTAMP) AT TIME ZONE $2 AT TIME ZONE $3, '%Y-%m-%d %H:%M:%S')", Flink: "CONVERT_TZ($1, $2, $3)",
	}, form{params: []parameter{anyText, anyText, anyText}, result: maybe(value.StringType), eval: kernel(convertZone)}),
	clockFunction("CURRENT_DATE", nil, "current_date", "CURRENT_DATE", value.DateType, func(ctx *plan.Context) int64 {
		return value.FloorDiv(wallNow(ctx).Seconds, value.SecondsPerDay)
	}, "Today's date in the session's time zone."),
	clockFunction("CURRENT_TIME", []string{"LOCALTIME"}, "CAST(CAST(now() AS TIMESTAMP) AS TIME)", "CURRENT_TIME", value.TimeOf(0), func(ctx *plan.Context) int64 {
		return value.FloorMod(wallNow(ctx).Seconds, value.SecondsPerDay) * value.MillisPerSecond
	}, "The time of day in the session's time zone."),
	clockFunction("LOCALTIMESTAMP", nil, "CAST(now() AS TIMESTAMP)", "LOCALTIMESTAMP", value.TimestampOf(3), func(ctx *plan.Context) int64 {
		return wallNow(ctx).Truncate(3).Micros()
	}, "The date and time in the session's time zone."),
	clockFunction("CURRENT_TIMESTAMP", []string{"NOW"}, "now()", "CURRENT_TIMESTAMP", value.TimestampLTZOf(3), instantNow,
		"The current instant: of the query in batch mode, of the row in streaming mode."),
	clockFunction("CURRENT_ROW_TIMESTAMP", nil, "now()", "CURRENT_ROW_TIMESTAMP()", value.TimestampLTZOf(3), instantNow, "The instant at which the row is evaluated."),
	clockFunction("PROCTIME", nil, "now()", "PROCTIME()", value.TimestampLTZOf(3), instantNow, "The instant at which the row is processed, as a time attribute."),
	define(plan.Function{
		Name: "CURRENT_WATERMARK", Category: "time", Volatile: true,
		Signatures: []string{"CURRENT_WATERMARK(rowtime) → the rowtime's type"},
		Doc:        "The watermark before this row; NULL while there is none.",
		DuckDB:     "", Flink: "CURRENT_WATERMARK($1)",
	}, form{params: []parameter{anyTimestamp}, lenient: true, result: func(params []value.Type) value.Type { return params[0].Optional() }, eval: kernel(currentWatermark)}),
	define(plan.Function{
		Name: "SOURCE_WATERMARK", Category: "time", Volatile: true,
		Signatures: []string{"WATERMARK FOR rowtime AS SOURCE_WATERMARK()"},
		Doc:        "Says in a table definition that the source itself provides the watermark.",
		DuckDB:     "", Flink: "SOURCE_WATERMARK()",
	}, form{result: maybe(value.TimestampLTZOf(3)), eval: kernel(func(*plan.Context, []*batch.Column, *batch.Column) error {
		return problem.New(problem.Unsupported, "SOURCE_WATERMARK() has no value").WithHint("it stands only in WATERMARK FOR … AS SOURCE_WATERMARK()")
	})}),
	periodFunction("OVERLAPS", "Whether two periods have an instant in common; ends count.", func(a, b [2]value.Int128) bool {
		return a[0].Cmp(b[1]) <= 0 && b[0].Cmp(a[1]) <= 0
	}),
	periodFunction("CONTAINS", "Whether the second period lies within the first.", func(a, b [2]value.Int128) bool {
		return a[0].Cmp(b[0]) <= 0 && b[1].Cmp(a[1]) <= 0
	}),
	periodFunction("EQUALS", "Whether two periods start and end together.", func(a, b [2]value.Int128) bool { return a == b }),
	periodFunction("PRECEDES", "Whether the first period has ended when the second starts.", func(a, b [2]value.Int128) bool { return a[1].Cmp(b[0]) <= 0 }),
	periodFunction("SUCCEEDS", "Whether the second period has ended when the first starts.", func(a, b [2]value.Int128) bool { return a[0].Cmp(b[1]) >= 0 }),
	periodFunction("IMMEDIATELY PRECEDES", "Whether the second period starts where the first ends.", func(a, b [2]value.Int128) bool { return a[1] == b[0] }),
	periodFunction("IMMEDIATELY SUCCEEDS", "Whether the first period starts where the second ends.", func(a, b [2]value.Int128) bool { return a[0] == b[1] }),
}

var dateOrTimestamp = parameter{name: "a date or timestamp", accepts: func(t value.Type) bool {
	return t.Kind == value.Date || t.IsTimestamp()
}, null: value.TimestampOf(3)}

// epochNumber is a number since 1970; DECIMAL is cut to BIGINT.
var epochNumber = parameter{name: "a number", accepts: value.Type.IsNumeric, to: func(t value.Type) value.Type {
	if t.Kind == value.Decimal {
		return value.BigIntType.WithNullability(t.NotNull)
	}
	return t
}, null: value.BigIntType}

var extractForm = form{
	params: []parameter{unit, {name: "a date, time or INTERVAL", accepts: func(t value.Type) bool {
		return datetime.accepts(t) || t.IsInterval()
	}, null: value.TimestampOf(3)}},
	check:  checkUnit(0, "EXTRACT", func(timeUnit, *call) bool { return true }),
	result: func(params []value.Type) value.Type { return value.BigIntType.WithNullability(params[1].NotNull) },
	eval: func(c *call) plan.Kernel {
		u, _ := unitOf(c, 0)
		return extractKernel(u, c.Params[1])
	},
}

// partFunction is EXTRACT with a fixed unit, as a function.
func partFunction(name string, u timeUnit, duckDB, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "time",
		Signatures: []string{name + "(date or time) → BIGINT"},
		Doc:        doc,
		DuckDB:     duckDB, Flink: name + "($1)",
	}, form{params: []parameter{datetime}, result: returns(value.BigIntType), eval: func(c *call) plan.Kernel {
		return extractKernel(u, c.Params[0])
	}})
}

// sameClock casts two dates or timestamps to the type they have in common.
func sameClock(params []value.Type) bool {
	common, ok := value.LeastRestrictive(params...)
	if !ok {
		return false
	}
	for i, t := range params {
		if t.Kind != common.Kind || t.Class() != common.Class() {
			params[i] = common.WithNullability(t.NotNull)
		}
	}
	return true
}

// checkTimestampAdd also makes a DATE or TIMESTAMP fine enough for the unit.
func checkTimestampAdd(c *call) error {
	u, ok := unitOf(c, 0)
	t := &c.Params[2]
	clock := ok && (clockMillis[u] != 0 && clockMillis[u] < value.MillisPerDay || u == "MICROSECOND")
	if !ok || calendarMonths[u] == 0 && clockMillis[u] == 0 && u != "MICROSECOND" || t.Kind == value.Time && (!clock || u == "MICROSECOND") {
		return checkUnit(0, "TIMESTAMPADD of "+t.Kind.String(), func(timeUnit, *call) bool { return false })(c)
	}
	switch {
	case t.Kind == value.Date && clock:
		*t = value.TimestampOf(6).WithNullability(t.NotNull)
	case t.IsTimestamp() && u == "MILLISECOND":
		t.Precision = max(t.Precision, 3)
	case t.IsTimestamp() && u == "MICROSECOND":
		t.Precision = max(t.Precision, 6)
	}
	return nil
}

func timestampAdd(c *call) plan.Kernel {
	u, _ := unitOf(c, 0)
	length, months := calendarMonths[u], true
	if length == 0 {
		length, months = clockMillis[u], false
	}
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			if u == "MICROSECOND" {
				t, _ := rawInstant(args[2], i).Wide().Add(value.Int128Of(args[1].Ints[i] * 1000))
				setInstant(out, i, value.InstantOfNanos(t))
				return nil
			}
			moved(out, i, args[2], args[1].Ints[i]*length, months)
			return nil
		})
	}
}

// timestampDiff counts units as Flink does: MILLISECOND in whole seconds,
// DECADE like YEAR.
func timestampDiff(c *call) plan.Kernel {
	u, _ := unitOf(c, 0)
	length := calendarMonths[u]
	if u == "DECADE" {
		length = calendarMonths["YEAR"]
	}
	at := func(c *batch.Column, i int) value.Instant {
		if c.Type.Kind == value.Date {
			return value.Instant{Seconds: c.Ints[i] * value.SecondsPerDay}
		}
		return rawInstant(c, i)
	}
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			from, to := at(args[1], i), at(args[2], i)
			var n int64
			switch {
			case length != 0:
				n = monthsBetween(from, to) / length
			case u == "MICROSECOND":
				n = to.Micros() - from.Micros()
			case u == "MILLISECOND":
				n = (to.Millis() - from.Millis()) / value.MillisPerSecond * value.MillisPerSecond
			default:
				n = (to.Millis() - from.Millis()) / clockMillis[u]
			}
			out.Ints[i] = int64(int32(n))
			return nil
		})
	}
}

// The patterns that stand for a missing one.
const defaultPattern = "yyyy-MM-dd HH:mm:ss"

// checkPattern refuses a constant pattern in argument i that is none.
func checkPattern(i int, lenient bool) func(c *call) error {
	return func(c *call) error {
		text, ok := c.literalText(i)
		if !ok {
			return nil
		}
		_, err := parsePattern(text, lenient)
		return err
	}
}

// patternAt is the pattern in row i of argument n, or the default.
func patternAt(args []*batch.Column, n, i int, lenient bool) (*datePattern, error) {
	if n >= len(args) {
		return parsePattern(defaultPattern, lenient)
	}
	return parsePattern(string(args[n].Bytes(i)), lenient)
}

// printClock appends c by the pattern as row i of out.
func printClock(out *batch.Column, i int, p *datePattern, c *clock) error {
	start := len(out.Heap)
	heap, err := p.format(out.Heap, c)
	if err != nil {
		return err
	}
	out.Heap = heap
	out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(heap) - start)}
	return nil
}

// formatTimestamp spells times. One that comes in the same unit of the pattern as the
// row before, the same day for 'yyyy-MM-dd', shares its text: times of events mostly do.
func formatTimestamp(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
	zoned := args[0].Type.Kind == value.TimestampLTZ
	var pattern []byte // of the row that was spelled last, as are the rest
	var p *datePattern
	var unit, number int64
	spelled := -1
	return eachRow(out, func(i int) error {
		if text := args[1].Bytes(i); p == nil || !bytes.Equal(text, pattern) {
			read, err := parsePattern(string(text), false)
			if err != nil {
				return err
			}
			pattern, p, unit, spelled = text, read, read.unit(), -1
		}
		t := instantAt(args[0], i, ctx.Zone)
		if unit > 0 {
			if now := value.FloorDiv(t.Seconds, unit); spelled < 0 || now != number {
				number = now
			} else {
				out.Views[i] = out.Views[spelled]
				return nil
			}
		}
		spelled = i
		c := clockOf(t)
		if zoned {
			c.zone, c.instant = ctx.Zone, rawInstant(args[0], i).Seconds
		}
		return printClock(out, i, p, &c)
	})
}

func formatText(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	read, err := parsePattern(defaultPattern, true)
	if err != nil {
		return err
	}
	return eachRow(out, func(i int) error {
		parsed, ok := read.parse(string(args[0].Bytes(i)))
		if !ok {
			out.SetNull(i)
			return nil
		}
		p, err := patternAt(args, 1, i, true)
		if err != nil {
			return err
		}
		c := clockOf(parsed.lenientInstant())
		c.zone, c.instant = time.UTC, parsed.lenientInstant().Seconds
		return printClock(out, i, p, &c)
	})
}

func toDate(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		p, err := patternAt(args, 1, i, true)
		if err != nil {
			return err
		}
		parsed, ok := p.parse(string(args[0].Bytes(i)))
		if !ok {
			out.SetNull(i)
			return nil
		}
		out.Ints[i] = value.FloorDiv(parsed.lenientInstant().Seconds-int64(parsed.offset), value.SecondsPerDay)
		return nil
	})
}

// readTimestamp reads a text as CAST does, or by the modern pattern in row i of
// argument n where there is one, and in the usual SQL form when that does not
// match.
func readTimestamp(args []*batch.Column, n, i int) (t value.Instant, ok bool, err error) {
	if n >= len(args) {
		t, err := value.ParseTimestamp(args[0].Bytes(i), value.CastForm)
		return t.Truncate(3), err == nil, nil
	}
	p, err := patternAt(args, n, i, false)
	if err != nil {
		return value.Instant{}, false, err
	}
	text := string(args[0].Bytes(i))
	if parsed, matches := p.parse(text); matches {
		if t, ok = parsed.smartInstant(); ok {
			return t.Truncate(3), true, nil
		}
	}
	t, ok = sqlTimestamp(text)
	return t.Truncate(3), ok, nil
}

func toTimestamp(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		t, ok, err := readTimestamp(args, 1, i)
		if ok {
			out.Ints[i] = t.Micros()
		} else {
			out.SetNull(i)
		}
		return err
	})
}

func textToTimestampLTZ(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		t, ok, err := readTimestamp(args, 1, i)
		if !ok {
			out.SetNull(i)
			return err
		}
		if len(args) > 2 {
			zone, known := zoneNamed(string(args[2].Bytes(i)))
			if !known {
				out.SetNull(i)
				return nil
			}
			t = t.FromWall(zone)
		}
		out.Ints[i] = t.Micros()
		return nil
	})
}

// The years 0001 to 9999 as milliseconds since 1970.
const (
	millisMin = -62_135_596_800_000
	millisMax = 253_402_300_799_999
)

// epochToTimestamp turns seconds or milliseconds into an instant; only DOUBLE
// seconds keep a fraction, and numbers outside the calendar are NULL.
func epochToTimestamp(c *call) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		if !c.Params[0].IsApproximate() && wholeMillis(args, out) {
			return nil
		}
		return eachRow(out, func(i int) error {
			precision := int64(3)
			if len(args) > 1 {
				precision = args[1].Ints[i]
			}
			if precision != 0 && precision != 3 {
				return problem.New(problem.InvalidValue, "TO_TIMESTAMP_LTZ has no precision %d", precision).WithHint("use 0 for seconds or 3 for milliseconds")
			}
			var millis float64 // for the range; exact below 2^53, which is far outside it
			exact := int64(0)
			if c.Params[0].IsApproximate() {
				millis = args[0].Floats[i]
				if precision == 0 {
					millis *= value.MillisPerSecond
				}
				millis = math.Trunc(millis)
				exact = int64(millis)
			} else {
				exact = args[0].Ints[i]
				millis = float64(exact)
				if precision == 0 {
					exact *= value.MillisPerSecond
					millis *= value.MillisPerSecond
				}
			}
			if !(millis >= millisMin && millis <= millisMax) {
				out.SetNull(i)
				return nil
			}
			out.Ints[i] = exact * 1000
			return nil
		})
	}
}

// wholeMillis is epochToTimestamp of whole milliseconds; it reports whether that is
// what the arguments are.
func wholeMillis(args []*batch.Column, out *batch.Column) bool {
	if len(args) > 1 {
		for i, precision := range args[1].Ints[:len(out.Ints)] {
			if precision != 3 && !out.Nulls.Get(i) {
				return false
			}
		}
	}
	for i, millis := range args[0].Ints[:len(out.Ints)] {
		if millis < millisMin || millis > millisMax {
			out.SetNull(i)
			continue
		}
		out.Ints[i] = millis * microsPerMilli
	}
	return true
}

func fromUnixTime(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		p, err := patternAt(args, 1, i, true)
		if err != nil {
			return err
		}
		seconds := args[0].Ints[i]
		c := clockOf(value.Instant{Seconds: value.WallOfInstant(seconds, ctx.Zone)})
		c.zone, c.instant = ctx.Zone, seconds
		if c.zone == nil {
			c.zone = time.UTC
		}
		return printClock(out, i, p, &c)
	})
}

func unixTimestamp(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		p, err := patternAt(args, 1, i, true)
		if err != nil {
			return err
		}
		parsed, ok := p.parse(string(args[0].Bytes(i)))
		if !ok {
			out.Ints[i] = math.MinInt64
			return nil
		}
		wall := parsed.lenientInstant()
		if parsed.hasOffset {
			out.Ints[i] = wall.Seconds - int64(parsed.offset)
		} else {
			out.Ints[i] = laterInstantOfWall(wall.Seconds, ctx.Zone)
		}
		if out.Ints[i] < 0 && wall.Nanos > 0 {
			out.Ints[i]++ // before 1970 too, the fraction is cut towards 1970
		}
		return nil
	})
}

// laterInstantOfWall is value.InstantOfWall, but of two instants at which the
// clocks show the same it is the later: so java.util.Calendar chooses.
func laterInstantOfWall(wall int64, zone *time.Location) int64 {
	instant := value.InstantOfWall(wall, zone)
	before, after := value.ZoneOffset(instant, zone), value.ZoneOffset(instant+value.SecondsPerDay, zone)
	if later := wall - after; before > after && value.ZoneOffset(later, zone) == after {
		return later
	}
	return instant
}

func convertZone(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	p, err := parsePattern(defaultPattern, true)
	if err != nil {
		return err
	}
	return eachRow(out, func(i int) error {
		parsed, ok := p.parse(string(args[0].Bytes(i)))
		if !ok {
			out.SetNull(i)
			return nil
		}
		from, _ := zoneNamed(string(args[1].Bytes(i)))
		to, _ := zoneNamed(string(args[2].Bytes(i)))
		instant := laterInstantOfWall(parsed.lenientInstant().Seconds, from)
		c := clockOf(value.Instant{Seconds: value.WallOfInstant(instant, to)})
		return printClock(out, i, p, &c)
	})
}

// zones keeps the zones that were asked for by name; nil for unknown ones.
var zones struct {
	sync.Map // string → *time.Location
	size     atomic.Int64
}

// zonesMax bounds how many names are kept: there are some 600 zones, the rest
// come from data.
const zonesMax = 2000

// zoneNamed finds a time zone by name (Europe/Berlin) or offset (GMT+05:30,
// UTC-3, +01:00). An unknown one is UTC and not known.
func zoneNamed(name string) (zone *time.Location, known bool) {
	if z, ok := zones.Load(name); ok {
		zone = z.(*time.Location)
	} else {
		zone = loadZone(name)
		if zones.size.Load() < zonesMax {
			zones.size.Add(1)
			zones.Store(strings.Clone(name), zone)
		}
	}
	if zone == nil {
		return time.UTC, false
	}
	return zone, true
}

func loadZone(name string) *time.Location {
	offset := name
	for _, prefix := range []string{"GMT", "UTC", "UT"} {
		offset = strings.TrimPrefix(offset, prefix)
	}
	if offset == "" || offset == "Z" {
		if name == "" {
			return nil
		}
		return time.UTC
	}
	if offset[0] == '+' || offset[0] == '-' {
		r := patternReader{text: offset, at: 1, pattern: &datePattern{}}
		hours, ok := r.digits(1, 2)
		minutes := 0
		if r.at < len(offset) {
			if offset[r.at] == ':' {
				r.at++
			}
			var okMinutes bool
			minutes, okMinutes = r.digits(2, 2)
			ok = ok && okMinutes
		}
		if !ok || r.at != len(offset) || hours > 18 || minutes > 59 {
			return nil
		}
		seconds := hours*3600 + minutes*60
		if offset[0] == '-' {
			seconds = -seconds
		}
		return time.FixedZone(name, seconds)
	}
	if name == "Local" {
		return nil // Go's word for the machine's zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// nowAs is a kernel that gives the same number for every row of a batch.
func nowAs(f func(*plan.Context) int64) func(*call) plan.Kernel {
	return kernel(func(ctx *plan.Context, _ []*batch.Column, out *batch.Column) error {
		n := f(ctx)
		for i := range out.Ints {
			out.Ints[i] = n
		}
		return nil
	})
}

func wallNow(ctx *plan.Context) value.Instant {
	return value.Instant{Seconds: ctx.Now.Unix(), Nanos: int32(ctx.Now.Nanosecond())}.Wall(ctx.Zone)
}

func instantNow(ctx *plan.Context) int64 { return ctx.Now.UnixMilli() * 1000 }

// clockFunction is a function without arguments that reads the clock.
func clockFunction(name string, aliases []string, duckDB, flink string, t value.Type, f func(*plan.Context) int64, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Aliases: aliases, Category: "time", Volatile: true,
		Signatures: []string{flink + " → " + t.String()},
		Doc:        doc,
		DuckDB:     duckDB, Flink: flink,
	}, form{result: always(t), eval: nowAs(f)})
}

func currentWatermark(ctx *plan.Context, _ []*batch.Column, out *batch.Column) error {
	for i := range out.Len() {
		if ctx.Marks == nil || ctx.Marks[i] == batch.NoMark || ctx.Marks[i] == batch.Final {
			out.SetNull(i)
		} else {
			setInstant(out, i, value.InstantOfMicros(ctx.Marks[i]*1000))
		}
	}
	return nil
}

// periodFunction compares two periods, each given by its start and its end or
// length; one that ends before it starts is turned round.
func periodFunction(name, doc string, holds func(a, b [2]value.Int128) bool) *plan.Function {
	endOrLength := parameter{name: "an end or INTERVAL", accepts: func(t value.Type) bool {
		return datetime.accepts(t) || t.IsInterval()
	}, null: value.TimestampOf(3)}
	return define(plan.Function{
		Name: name, Category: "time",
		Signatures: []string{"(start, end or INTERVAL) " + name + " (start, end or INTERVAL)"},
		Doc:        doc,
		DuckDB:     "", Flink: "($1, $2) " + name + " ($3, $4)",
	}, form{
		params: []parameter{datetime, endOrLength, datetime, endOrLength},
		unify:  unifyPeriods,
		result: returns(value.BooleanType),
		eval: kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			return eachRow(out, func(i int) error {
				out.Bools[i] = holds(period(args[0], args[1], i), period(args[2], args[3], i))
				return nil
			})
		}),
	})
}

// unifyPeriods brings all points of time to one type.
func unifyPeriods(params []value.Type) bool {
	common := params[0]
	for _, t := range params[1:] {
		if t.IsInterval() {
			continue
		}
		var ok bool
		if common, ok = value.LeastRestrictive(common, t); !ok {
			return false
		}
	}
	for i, t := range params {
		if t.IsInterval() {
			if common.Kind == value.Time && t.Kind == value.IntervalYearMonth {
				return false
			}
		} else {
			params[i] = common.WithNullability(t.NotNull)
		}
	}
	return true
}

// period is row i's start and end, the earlier first, in nanoseconds.
func period(start, end *batch.Column, i int) [2]value.Int128 {
	at := func(c *batch.Column) value.Instant {
		switch c.Type.Kind {
		case value.Date:
			return value.Instant{Seconds: c.Ints[i] * value.SecondsPerDay}
		case value.Time:
			return value.InstantOfMicros(c.Ints[i] * 1000)
		}
		return rawInstant(c, i)
	}
	from := at(start)
	to := from
	if end.Type.IsInterval() {
		to = movedInstant(from, end.Ints[i], end.Type.Kind == value.IntervalYearMonth)
	} else {
		to = at(end)
	}
	p := [2]value.Int128{from.Wide(), to.Wide()}
	if p[1].Cmp(p[0]) < 0 {
		p[0], p[1] = p[1], p[0]
	}
	return p
}
