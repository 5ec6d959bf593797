package value

import "time"

// Instant is a point of time, or a reading of a wall clock, in whole seconds
// since 1970-01-01 00:00:00 and 0 to 999,999,999 nanoseconds after them. It is
// what values of TIMESTAMP and TIMESTAMP_LTZ of every precision convert from
// and to.
type Instant struct {
	Seconds int64
	Nanos   int32
}

// instantOf reads a TIMESTAMP or TIMESTAMP_LTZ value.
func instantOf(v Value) Instant {
	if v.Type.Class() == Wides {
		return InstantOfNanos(v.Wide)
	}
	return InstantOfMicros(v.Int)
}

// InstantOfMicros splits microseconds, the form of precisions up to 6.
func InstantOfMicros(micros int64) Instant {
	seconds := floorDiv(micros, MicrosPerSecond)
	return Instant{seconds, int32(micros-seconds*MicrosPerSecond) * 1000}
}

// InstantOfNanos splits nanoseconds, the form of precisions above 6.
func InstantOfNanos(nanos Int128) Instant {
	q, r := nanos.QuoRem(Int128Of(nanosPerSecond))
	seconds, rest := q.Int64(), int32(r.Int64())
	if rest < 0 {
		seconds, rest = seconds-1, rest+nanosPerSecond
	}
	return Instant{seconds, rest}
}

// Micros is the instant in microseconds, finer digits cut off.
func (t Instant) Micros() int64 { return t.Seconds*MicrosPerSecond + int64(t.Nanos/1000) }

// Millis is the instant in milliseconds, finer digits cut off.
func (t Instant) Millis() int64 { return t.Seconds*MillisPerSecond + int64(t.Nanos/1_000_000) }

// Wide is the instant in nanoseconds.
func (t Instant) Wide() Int128 {
	n, _ := Int128Of(t.Seconds).Mul(Int128Of(nanosPerSecond))
	n, _ = n.Add(Int128Of(int64(t.Nanos)))
	return n
}

// Truncate cuts the fraction off after precision digits, towards the past.
func (t Instant) Truncate(precision int) Instant {
	t.Nanos -= t.Nanos % int32(powersOf10[MaxTimePrecision-precision].Lo)
	return t
}

// Wall is what wall clocks in zone show at t.
func (t Instant) Wall(zone *time.Location) Instant {
	return Instant{WallOfInstant(t.Seconds, zone), t.Nanos}
}

// FromWall is the instant at which wall clocks in zone show t; see InstantOfWall.
func (t Instant) FromWall(zone *time.Location) Instant {
	return Instant{InstantOfWall(t.Seconds, zone), t.Nanos}
}

// Value is t as a value of type to, a TIMESTAMP or TIMESTAMP_LTZ of enough
// precision.
func (t Instant) Value(to Type) Value {
	if to.Class() == Wides {
		return Value{Type: to, Wide: t.Wide()}
	}
	return Value{Type: to, Int: t.Micros()}
}

// roundTowards1970 is how Flink casts to a lower precision: to milliseconds
// and finer it cuts towards the past, below that towards 1970, so that instants
// before it move forward.
func (t Instant) roundTowards1970(precision int) Instant {
	if precision >= 3 {
		return t.Truncate(precision)
	}
	step := int64(powersOf10[3-precision].Lo)
	return InstantOfMicros(t.Millis() / step * step * 1000)
}

// appendInstant prints t, a wall-clock reading, with precision digits.
func appendInstant(dst []byte, t Instant, precision int) []byte {
	days := floorDiv(t.Seconds, SecondsPerDay)
	dst = AppendDate(dst, days)
	second := int(t.Seconds - days*SecondsPerDay)
	dst = append(dst, ' ')
	dst = appendClock(dst, second)
	return appendFraction(dst, t.Nanos, precision)
}

// AppendTimestamp prints t, a wall-clock reading, with precision digits after
// the second: 2024-03-01 10:00:00.000.
func AppendTimestamp(dst []byte, t Instant, precision int) []byte {
	return appendInstant(dst, t, precision)
}

// AppendDate prints days since 1970-01-01 as 2024-03-01.
func AppendDate(dst []byte, days int64) []byte {
	year, month, day := DateOfDays(days)
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	}
	if year > 9999 {
		dst = Int128Of(int64(year/10000)).AppendDecimal(dst, 0)
		year %= 10000
	}
	dst = appendTwo(dst, year/100)
	dst = appendTwo(dst, year%100)
	dst = append(dst, '-')
	dst = appendTwo(dst, month)
	dst = append(dst, '-')
	return appendTwo(dst, day)
}

// AppendTime prints milliseconds since midnight with precision digits after
// the second. Like Flink, it shows times past midnight as they are (25:00:00)
// and times before it on the day they fall on.
func AppendTime(dst []byte, millis int64, precision int) []byte {
	if millis < 0 {
		millis = floorMod(millis, MillisPerDay)
	}
	dst = appendClock(dst, int(millis/MillisPerSecond))
	return appendFraction(dst, int32(millis%MillisPerSecond)*1_000_000, precision)
}

func appendClock(dst []byte, second int) []byte {
	dst = appendTwo(dst, second/3600)
	dst = append(dst, ':')
	dst = appendTwo(dst, second/60%60)
	dst = append(dst, ':')
	return appendTwo(dst, second%60)
}

// appendTwo prints the last two digits of n.
func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10%10), byte('0'+n%10)) }

func appendFraction(dst []byte, nanos int32, digits int) []byte {
	if digits == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int32(nanosPerSecond / 10); digits > 0; digits-- {
		dst = append(dst, byte('0'+nanos/unit%10))
		unit = max(unit/10, 1)
	}
	return dst
}
