package value

import "time"

// Lengths of time in the units that values count.
const (
	MillisPerSecond = 1_000
	MillisPerMinute = 60 * MillisPerSecond
	MillisPerHour   = 60 * MillisPerMinute
	MillisPerDay    = 24 * MillisPerHour
	MicrosPerSecond = 1_000_000
	MicrosPerDay    = 1_000 * MillisPerDay
	SecondsPerDay   = 86_400
	nanosPerSecond  = 1_000_000_000
	daysPer400Years = 146_097
	daysToEpoch     = 719_468 // from 0000-03-01 to 1970-01-01
)

// DaysOfDate is the number of days from 1970-01-01 to a date of the proleptic
// Gregorian calendar. Month and day may be out of range by carrying over.
func DaysOfDate(year, month, day int) int64 {
	year += floorDiv(month-1, 12)
	month = floorMod(month-1, 12) + 1
	// Years begin in March, so that the leap day is the last of its year.
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3) + 2) / 5
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int64(era)*daysPer400Years + int64(dayOfEra) - daysToEpoch + int64(day) - 1
}

// DateOfDays is the inverse of DaysOfDate.
func DateOfDays(days int64) (year, month, day int) {
	days += daysToEpoch
	era := floorDiv(days, daysPer400Years)
	dayOfEra := int(days - era*daysPer400Years)
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	monthFromMarch := (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*monthFromMarch+2)/5 + 1
	year = yearOfEra + int(era)*400
	month = monthFromMarch + 3
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// DaysInMonth is the length of a month, 1 to 12.
func DaysInMonth(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// AddMonths moves a date by months, pulled back to the last day of a shorter
// month, as SQL does.
func AddMonths(days, months int64) int64 {
	year, month, day := DateOfDays(days)
	total := int64(year)*12 + int64(month-1) + months
	year, month = int(floorDiv(total, 12)), int(floorMod(total, 12))+1
	return DaysOfDate(year, month, min(day, DaysInMonth(year, month)))
}

func floorDiv[T int | int64](a, b T) T {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod[T int | int64](a, b T) T { return a - floorDiv(a, b)*b }

// FloorDiv is a / b rounded towards -∞; b is positive.
func FloorDiv(a, b int64) int64 { return floorDiv(a, b) }

// FloorMod is a - FloorDiv(a, b)·b, which is never negative; b is positive.
func FloorMod(a, b int64) int64 { return floorMod(a, b) }

// ZoneOffset is how many seconds the zone's wall clocks are ahead of UTC at an
// instant, in seconds since 1970.
func ZoneOffset(instant int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return 0
	}
	_, offset := time.Unix(instant, 0).In(zone).Zone()
	return int64(offset)
}

// WallOfInstant is what the zone's wall clocks show at an instant; both count
// seconds since their 1970-01-01 00:00:00. A nil zone is UTC.
func WallOfInstant(instant int64, zone *time.Location) int64 {
	return instant + ZoneOffset(instant, zone)
}

// InstantOfWall is the instant at which the zone's wall clocks show wall. A
// time that they show twice means the first; a time that they skip is moved
// forward by the length of the gap, as in java.time.
func InstantOfWall(wall int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return wall
	}
	// A day to either side is past any one change of clocks, whatever the offset.
	before, after := ZoneOffset(wall-SecondsPerDay, zone), ZoneOffset(wall+SecondsPerDay, zone)
	if before == after || ZoneOffset(wall-before, zone) == before {
		return wall - before
	}
	if ZoneOffset(wall-after, zone) == after {
		return wall - after
	}
	return wall - before
}
