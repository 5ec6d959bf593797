package function

import (
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// timeUnit is the unit of EXTRACT, FLOOR … TO, TIMESTAMPADD and TIMESTAMPDIFF,
// which the parser passes as a text constant.
type timeUnit string

// calendarMonths and clockMillis are the lengths of the units that have one.
var (
	calendarMonths = map[timeUnit]int64{"MONTH": 1, "QUARTER": 3, "YEAR": 12, "DECADE": 120, "CENTURY": 1200, "MILLENNIUM": 12000}
	clockMillis    = map[timeUnit]int64{
		"MILLISECOND": 1, "SECOND": value.MillisPerSecond, "MINUTE": value.MillisPerMinute, "HOUR": value.MillisPerHour,
		"DAY": value.MillisPerDay, "WEEK": 7 * value.MillisPerDay,
	}
	partUnits = map[timeUnit]bool{"DOW": true, "DOY": true, "ISODOW": true, "ISOYEAR": true, "EPOCH": true, "MICROSECOND": true, "NANOSECOND": true}
)

// unit is a parameter that takes the name of a unit.
var unit = parameter{name: "a unit", accepts: value.Type.IsText, null: value.StringType}

// unitOf is the unit in argument i.
func unitOf(c *call, i int) (timeUnit, bool) {
	text, ok := c.literalText(i)
	u := timeUnit(strings.ToUpper(strings.TrimSpace(text)))
	return u, ok && (calendarMonths[u] != 0 || clockMillis[u] != 0 || partUnits[u])
}

// checkUnit refuses a unit that is no constant or that fits does not take.
func checkUnit(i int, what string, fits func(u timeUnit, c *call) bool) func(c *call) error {
	return func(c *call) error {
		u, ok := unitOf(c, i)
		if ok && fits(u, c) {
			return nil
		}
		text, _ := c.literalText(i)
		return problem.New(problem.TypeMismatch, "%s has no unit %q", what, text).WithHint("use a unit like YEAR, MONTH, DAY, HOUR or SECOND")
	}
}

// instantAt reads row i of a DATE, TIMESTAMP or TIMESTAMP_LTZ column, the last
// one as the clock in zone shows it.
func instantAt(c *batch.Column, i int, zone *time.Location) value.Instant {
	switch {
	case c.Type.Kind == value.Date:
		return value.Instant{Seconds: c.Ints[i] * value.SecondsPerDay}
	case c.Type.Kind == value.TimestampLTZ:
		return rawInstant(c, i).Wall(zone)
	}
	return rawInstant(c, i)
}

// rawInstant reads row i of a TIMESTAMP or TIMESTAMP_LTZ column as it is.
func rawInstant(c *batch.Column, i int) value.Instant {
	if c.Type.Class() == value.Wides {
		return value.InstantOfNanos(c.Wides[i])
	}
	return value.InstantOfMicros(c.Ints[i])
}

// setInstant writes row i of a TIMESTAMP or TIMESTAMP_LTZ column.
func setInstant(c *batch.Column, i int, t value.Instant) {
	if c.Type.Class() == value.Wides {
		c.Wides[i] = t.Wide()
	} else {
		c.Ints[i] = t.Micros()
	}
}

// extractKernel is the part u of dates, times and intervals.
func extractKernel(u timeUnit, of value.Type) plan.Kernel {
	return func(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
		c := args[len(args)-1]
		return eachRow(out, func(i int) error {
			switch of.Kind {
			case value.IntervalYearMonth:
				out.Ints[i] = partOfMonths(u, c.Ints[i])
			case value.IntervalDayTime:
				out.Ints[i] = partOfMillis(u, c.Ints[i])
			case value.Time:
				out.Ints[i] = partOfTimeOfDay(u, c.Ints[i])
			case value.Timestamp:
				out.Ints[i] = partOfTimestamp(u, rawInstant(c, i))
			default:
				t := instantAt(c, i, ctx.Zone)
				if isClockUnit(u) {
					out.Ints[i] = partOfTimestamp(u, t)
					return nil
				}
				days := value.FloorDiv(t.Seconds, value.SecondsPerDay)
				out.Ints[i] = part(u, days, value.Instant{Seconds: t.Seconds - days*value.SecondsPerDay, Nanos: t.Nanos})
			}
			return nil
		})
	}
}

// partOfTimeOfDay is u of a TIME in milliseconds. Texts like 24:00:00 make a TIME
// of a day or more, whose hours start again.
func partOfTimeOfDay(u timeUnit, millis int64) int64 {
	if u != "EPOCH" {
		millis %= value.MillisPerDay
	}
	return partOfClock(u, value.Int128Of(millis*nanosPerMilli))
}

// partOfTimestamp splits a TIMESTAMP towards 1970, as Flink does: before it the
// last fraction of a day counts to the day after, and its time is negative. The
// date of a TIMESTAMP_LTZ is that of its local day, its time is split like this.
func partOfTimestamp(u timeUnit, t value.Instant) int64 {
	days, rest := t.Wide().QuoRem(value.Int128Of(value.SecondsPerDay * nanosPerSecond))
	if u == "EPOCH" {
		seconds, _ := t.Wide().QuoRem(value.Int128Of(nanosPerSecond))
		return seconds.Int64()
	}
	if isClockUnit(u) {
		return partOfClock(u, rest)
	}
	return partOfDate(u, days.Int64())
}

func isClockUnit(u timeUnit) bool {
	switch u {
	case "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND":
		return true
	}
	return false
}

// part is u of a day and the time since its midnight.
func part(u timeUnit, days int64, time value.Instant) int64 {
	switch {
	case u == "EPOCH":
		return days*value.SecondsPerDay + time.Seconds
	case isClockUnit(u):
		return partOfClock(u, time.Wide())
	}
	return partOfDate(u, days)
}

// partOfClock is u of nanoseconds since midnight.
func partOfClock(u timeUnit, nanos value.Int128) int64 {
	n := nanos.Int64()
	switch u {
	case "HOUR":
		return n / (value.MillisPerHour * nanosPerMilli)
	case "MINUTE":
		return n / (value.MillisPerMinute * nanosPerMilli) % 60
	case "SECOND":
		return n / nanosPerSecond % 60
	case "MILLISECOND":
		return n % nanosPerSecond / nanosPerMilli
	case "MICROSECOND":
		return n % nanosPerSecond / 1000
	case "NANOSECOND":
		return n % nanosPerSecond
	case "EPOCH":
		return n / nanosPerSecond
	}
	return 0
}

func partOfDate(u timeUnit, days int64) int64 {
	year, month, day := value.DateOfDays(days)
	y := int64(year)
	switch u {
	case "YEAR":
		return y
	case "QUARTER":
		return int64(month+2) / 3
	case "MONTH":
		return int64(month)
	case "DAY":
		return int64(day)
	case "WEEK":
		return (thursday(days)-firstOfYear(thursday(days)))/7 + 1
	case "ISOYEAR":
		year, _, _ := value.DateOfDays(thursday(days))
		return int64(year)
	case "DOW":
		return int64(isoWeekday(days)%7 + 1)
	case "ISODOW":
		return int64(isoWeekday(days))
	case "DOY":
		return days - firstOfYear(days) + 1
	case "DECADE":
		return value.FloorDiv(y, 10)
	case "CENTURY":
		return value.FloorDiv(y-1, 100) + 1
	case "MILLENNIUM":
		return value.FloorDiv(y-1, 1000) + 1
	}
	return 0
}

// thursday is the Thursday of the ISO week of a day: its year is the week's.
func thursday(days int64) int64 { return days + 4 - int64(isoWeekday(days)) }

func firstOfYear(days int64) int64 {
	year, _, _ := value.DateOfDays(days)
	return value.DaysOfDate(year, 1, 1)
}

func partOfMonths(u timeUnit, months int64) int64 {
	switch u {
	case "MONTH":
		return months % 12
	case "QUARTER":
		return months%12/3 + 1
	}
	if length := calendarMonths[u]; length != 0 {
		return months / length
	}
	return 0
}

func partOfMillis(u timeUnit, millis int64) int64 {
	switch u {
	case "DAY", "WEEK":
		return millis / clockMillis[u]
	case "EPOCH":
		return millis / value.MillisPerSecond
	}
	return partOfClock(u, value.Int128Of(millis%value.MillisPerDay*nanosPerMilli))
}

// edge of a unit: its start, or the start of the next one.
type unitEdge uint8

const (
	floorToUnit unitEdge = iota
	ceilToUnit
)

// unitForm is FLOOR or CEIL of a date or time TO a unit.
func unitForm(to unitEdge) form {
	return form{
		params: []parameter{datetime, unit},
		check: checkUnit(1, "FLOOR or CEIL", func(u timeUnit, c *call) bool {
			switch {
			case c.Params[0].Kind == value.Time:
				return clockMillis[u] != 0 && clockMillis[u] < value.MillisPerDay
			case c.Params[0].Kind == value.Date:
				return calendarMonths[u] != 0 || clockMillis[u] >= value.MillisPerDay
			}
			return calendarMonths[u] != 0 || clockMillis[u] != 0
		}),
		result: func(params []value.Type) value.Type { return params[0] },
		eval: func(c *call) plan.Kernel {
			u, _ := unitOf(c, 1)
			return func(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
				return eachRow(out, func(i int) error {
					switch c.Result.Kind {
					case value.Time:
						out.Ints[i] = edgeOfMillis(args[0].Ints[i], clockMillis[u], to) % value.MillisPerDay
					case value.Date:
						out.Ints[i] = edgeOfDays(args[0].Ints[i], u, to)
					default:
						setInstant(out, i, edgeOfInstant(args[0], i, u, to, ctx.Zone))
					}
					return nil
				})
			}
		},
	}
}

func edgeOfMillis(millis, unit int64, to unitEdge) int64 {
	floor := millis - value.FloorMod(millis, unit)
	if to == ceilToUnit && floor != millis {
		floor += unit
	}
	return floor
}

// edgeOfDays finds the edge of a unit of days or more. Weeks begin on Sunday.
func edgeOfDays(days int64, u timeUnit, to unitEdge) int64 {
	var floor, next int64
	switch length := calendarMonths[u]; {
	case u == "DAY":
		return days
	case u == "WEEK":
		floor = days - int64(isoWeekday(days)%7)
		next = floor + 7
	default:
		year, month, _ := value.DateOfDays(days)
		// Centuries and millennia begin with the year 1 of theirs.
		months := int64(year)*12 + int64(month) - 1
		if length > calendarMonths["DECADE"] {
			months -= 12
		}
		months -= value.FloorMod(months, length)
		if length > calendarMonths["DECADE"] {
			months += 12
		}
		floor = value.DaysOfDate(0, int(months)+1, 1)
		next = value.DaysOfDate(0, int(months+length)+1, 1)
	}
	if to == ceilToUnit && floor != days {
		return next
	}
	return floor
}

// edgeOfInstant finds the edge on the clock that the type shows. For units up
// to hours the offset stays that of the instant, so that both passes of a
// repeated hour stay apart.
func edgeOfInstant(c *batch.Column, i int, u timeUnit, to unitEdge, zone *time.Location) value.Instant {
	t := rawInstant(c, i)
	wall := instantAt(c, i, zone)
	if length := clockMillis[u]; length != 0 && length < value.MillisPerDay {
		millis := value.FloorMod(wall.Millis(), length)
		rest := value.Int128Of(millis*nanosPerMilli + int64(wall.Nanos%nanosPerMilli))
		floor, _ := t.Wide().Sub(rest)
		if to == ceilToUnit && rest.Sign() != 0 {
			floor, _ = floor.Add(value.Int128Of(length * nanosPerMilli))
		}
		return value.InstantOfNanos(floor)
	}
	days := value.FloorDiv(wall.Seconds, value.SecondsPerDay)
	midnight := value.Instant{Seconds: days * value.SecondsPerDay}
	if to == ceilToUnit && wall != midnight {
		days++ // the edge at or after the next midnight
	}
	edge := value.Instant{Seconds: edgeOfDays(days, u, to) * value.SecondsPerDay}
	if c.Type.Kind == value.TimestampLTZ {
		return edge.FromWall(zone)
	}
	return edge
}

// monthsBetween is how many whole months lie from one reading to another. Going
// back it counts as Flink does: a month that has begun counts, and a later time
// of an equal day takes one more.
func monthsBetween(from, to value.Instant) int64 {
	fromDay, toDay := value.FloorDiv(from.Seconds, value.SecondsPerDay), value.FloorDiv(to.Seconds, value.SecondsPerDay)
	var months int64
	if toDay < fromDay {
		months = -daysAsMonths(toDay, fromDay)
	} else {
		months = daysAsMonths(fromDay, toDay)
	}
	fromClock := value.Instant{Seconds: from.Seconds - fromDay*value.SecondsPerDay, Nanos: from.Nanos}
	toClock := value.Instant{Seconds: to.Seconds - toDay*value.SecondsPerDay, Nanos: to.Nanos}
	if value.AddMonths(fromDay, months) == toDay && toClock.Millis() < fromClock.Millis() {
		months--
	}
	return months
}

// daysAsMonths is the greatest number of months that, added to from, does not
// pass to, which is not before from; a month that ends early counts as whole.
func daysAsMonths(from, to int64) int64 {
	months := (to - from) / 31
	for value.AddMonths(from, months) < to && value.AddMonths(from, months+1) <= to {
		months++
	}
	return months
}
