package value

import (
	"fmt"
	"math"
)

// TimeTextError says where a text stops being a date or time.
type TimeTextError struct {
	Offset   int    // in bytes from the start of the text
	Expected string // what should stand there
}

// Error prints the offset as a 1-based column.
func (e *TimeTextError) Error() string {
	return fmt.Sprintf("expected %s at character %d", e.Expected, e.Offset+1)
}

// TimestampForm is how a text spells a timestamp.
type TimestampForm struct {
	Separator       byte // between date and time
	ShortParts      bool // months to seconds may have one digit
	DateAlone       bool // the time may be missing and is then midnight
	SecondsOptional bool // seconds may be missing
	Zoned           bool // a final Z is demanded; without Zoned it is refused
}

// The forms that Flink knows.
var (
	CastForm = TimestampForm{Separator: ' ', ShortParts: true, DateAlone: true} // CAST(text AS TIMESTAMP)
	SQLForm  = TimestampForm{Separator: ' '}                                    // formats, 'SQL' standard
	ISOForm  = TimestampForm{Separator: 'T', SecondsOptional: true}             // formats, 'ISO-8601' standard
)

// WithZone is the form with a final Z.
func (f TimestampForm) WithZone() TimestampForm {
	f.Zoned = true
	return f
}

// ParseTimestamp reads a wall-clock time of the years 0001 to 9999 with up to
// nine fraction digits, without blanks around it. A day that the month lacks
// (30 February) means the month's last, and 24:00:00 the next midnight, as in
// java.time's "smart" resolving. The error is a *TimeTextError.
func ParseTimestamp[S ~string | ~[]byte](text S, form TimestampForm) (Instant, error) {
	if at, ok := parseFullTimestamp(text, form); ok {
		return at, nil
	}
	return parseAnyTimestamp(text, form)
}

// parseAnyTimestamp reads every spelling and says what is wrong.
func parseAnyTimestamp[S ~string | ~[]byte](text S, form TimestampForm) (Instant, error) {
	p := timeText[S]{text: text, short: form.ShortParts}
	year := p.digits(4, 4, 1, 9999, "a year of four digits")
	p.literal('-', "-")
	month := p.part(1, 12, "a month from 01 to 12")
	p.literal('-', "-")
	day := p.part(1, 31, "a day from 01 to 31")
	days := DaysOfDate(year, month, min(day, DaysInMonth(year, month)))
	if form.DateAlone && p.err == nil && p.at == len(text) {
		return Instant{Seconds: days * SecondsPerDay}, nil
	}
	p.literal(form.Separator, form.separatorName())
	hour := p.part(0, 24, "an hour from 00 to 24")
	hourEnd := p.at
	p.literal(':', ":")
	minute := p.part(0, 59, "a minute from 00 to 59")
	var second int
	var nanos int32
	if !form.SecondsOptional || p.next(':') {
		p.literal(':', ":")
		second = p.part(0, 59, "a second from 00 to 59")
		if p.next('.') {
			nanos = p.fraction()
		}
	}
	if form.Zoned {
		p.literal('Z', "Z")
	}
	if p.err == nil && p.at != len(text) {
		p.fail("the end of the timestamp")
	}
	if hour == 24 && (minute != 0 || second != 0 || nanos != 0) && p.err == nil {
		p.err = &TimeTextError{Offset: hourEnd - 2, Expected: "an hour from 00 to 23 (24 only as 24:00:00)"}
	}
	if p.err != nil {
		return Instant{}, p.err
	}
	return Instant{days*SecondsPerDay + int64(hour*3600+minute*60+second), nanos}, nil
}

func (f TimestampForm) separatorName() string {
	if f.Separator == 'T' {
		return "T and a time"
	}
	return "a blank and a time"
}

// parseFullTimestamp reads the usual spelling, all parts with all their digits,
// fast. What it does not take may be right all the same.
func parseFullTimestamp[S ~string | ~[]byte](text S, form TimestampForm) (Instant, bool) {
	const length = len("2024-03-01 10:20:30")
	end := len(text)
	if form.Zoned {
		if end == 0 || text[end-1] != 'Z' {
			return Instant{}, false
		}
		end--
	}
	if end < length || text[4] != '-' || text[7] != '-' || text[10] != form.Separator || text[13] != ':' || text[16] != ':' {
		return Instant{}, false
	}
	century, year, month, day := twoDigits(text, 0), twoDigits(text, 2), twoDigits(text, 5), twoDigits(text, 8)
	hour, minute, second := twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17)
	if max(century, year) > 99 || century+year == 0 || month-1 > 11 || day-1 > 30 || hour > 23 || max(minute, second) > 59 {
		return Instant{}, false
	}
	if day > 28 && int(day) > DaysInMonth(int(century*100+year), int(month)) {
		return Instant{}, false
	}
	at := Instant{Seconds: DaysOfDate(int(century*100+year), int(month), int(day))*SecondsPerDay + int64(hour*3600+minute*60+second)}
	if end == length {
		return at, true
	}
	if text[length] != '.' || end > length+10 {
		return Instant{}, false
	}
	unit := int32(nanosPerSecond)
	for i := length + 1; i < end; i++ {
		digit := text[i] - '0'
		if digit > 9 {
			return Instant{}, false
		}
		unit /= 10
		at.Nanos += unit * int32(digit)
	}
	return at, true
}

// twoDigits is the number at text[i:i+2], or above 99 when it is none.
func twoDigits[S ~string | ~[]byte](text S, i int) uint {
	tens, ones := uint(text[i]-'0'), uint(text[i+1]-'0')
	if tens > 9 || ones > 9 {
		return 100
	}
	return tens*10 + ones
}

// ParseISODate reads 2024-03-01, as formats spell a DATE: days since 1970. A
// day that the month lacks means the month's last. The error is a
// *TimeTextError.
func ParseISODate[S ~string | ~[]byte](text S) (int64, error) {
	p := timeText[S]{text: text}
	year := p.digits(4, 4, 0, 9999, "a year of four digits")
	p.literal('-', "-")
	month := p.part(1, 12, "a month from 01 to 12")
	p.literal('-', "-")
	day := p.part(1, 31, "a day from 01 to 31")
	if p.err == nil && p.at != len(text) {
		p.fail("the end of the date")
	}
	if p.err != nil {
		return 0, p.err
	}
	return DaysOfDate(year, month, min(day, DaysInMonth(year, month))), nil
}

// ParseClock reads 10:20:30 with up to nine fraction digits, as formats spell
// a TIME: milliseconds since midnight, finer digits cut off. With
// secondsOptional 10:20 will do. The error is a *TimeTextError.
func ParseClock[S ~string | ~[]byte](text S, secondsOptional bool) (int64, error) {
	p := timeText[S]{text: text}
	hour := p.part(0, 23, "an hour from 00 to 23")
	p.literal(':', ":")
	minute := p.part(0, 59, "a minute from 00 to 59")
	var second int
	var nanos int32
	if !secondsOptional || p.next(':') {
		p.literal(':', ":")
		second = p.part(0, 59, "a second from 00 to 59")
		if p.next('.') {
			nanos = p.fraction()
		}
	}
	if p.err == nil && p.at != len(text) {
		p.fail("the end of the time")
	}
	if p.err != nil {
		return 0, p.err
	}
	return int64(hour*3600+minute*60+second)*MillisPerSecond + int64(nanos/1_000_000), nil
}

// timeText walks along a text; after the first failure it reads nothing more.
type timeText[S ~string | ~[]byte] struct {
	text  S
	at    int
	short bool
	err   error
}

func (p *timeText[S]) fail(expected string) {
	if p.err == nil {
		p.err = &TimeTextError{Offset: p.at, Expected: expected}
	}
}

func (p *timeText[S]) next(c byte) bool {
	return p.err == nil && p.at < len(p.text) && p.text[p.at] == c
}

func (p *timeText[S]) literal(c byte, expected string) {
	if !p.next(c) {
		p.fail(expected)
		return
	}
	p.at++
}

// part reads two digits, or one where the form allows it.
func (p *timeText[S]) part(lowest, highest int, expected string) int {
	if p.short {
		return p.digits(1, 2, lowest, highest, expected)
	}
	return p.digits(2, 2, lowest, highest, expected)
}

// digits reads a number of shortest to longest digits within bounds. What it
// returns after a failure is lowest, which no caller's arithmetic minds.
func (p *timeText[S]) digits(shortest, longest, lowest, highest int, expected string) int {
	if p.err != nil {
		return lowest
	}
	n, i := 0, p.at
	for ; i < len(p.text) && i < p.at+longest && p.text[i]-'0' <= 9; i++ {
		n = n*10 + int(p.text[i]-'0')
	}
	if i-p.at < shortest || n < lowest || n > highest {
		p.fail(expected)
		return lowest
	}
	p.at = i
	return n
}

// fraction reads a point and up to nine digits.
func (p *timeText[S]) fraction() int32 {
	p.at++
	var nanos int32
	unit := int32(nanosPerSecond)
	for ; p.at < len(p.text) && unit > 1 && p.text[p.at]-'0' <= 9; p.at++ {
		unit /= 10
		nanos += unit * int32(p.text[p.at]-'0')
	}
	return nanos
}

// ParseDate reads a text as CAST(text AS DATE) does: days since 1970-01-01.
// It takes 2024-3-1, 2024-03 and 2024 too, allows blanks around each part,
// drops what follows a blank after the first part, and refuses days that the
// month lacks. The error is a *TimeTextError.
func ParseDate[S ~string | ~[]byte](text S) (int64, error) {
	s := string(text)
	for i := 1; i < len(s); i++ {
		if s[i] == ' ' {
			if s[0] != ' ' {
				s = s[:i]
			}
			break
		}
	}
	year, month, day := 0, 1, 1
	rest := splitter{text: s, sign: '-'}
	bad := -1
	year, bad = rest.number(bad)
	if rest.more {
		month, bad = rest.number(bad)
	}
	if rest.more {
		rest.last = true
		day, bad = rest.number(bad)
	}
	switch {
	case bad >= 0:
		return 0, &TimeTextError{Offset: bad, Expected: "a number"}
	case year > 9999:
		return 0, &TimeTextError{Expected: "a year from 0 to 9999"}
	case month < 1 || month > 12:
		return 0, &TimeTextError{Offset: rest.starts[1], Expected: "a month from 1 to 12"}
	case day < 1 || day > DaysInMonth(year, month):
		return 0, &TimeTextError{Offset: rest.starts[2], Expected: fmt.Sprintf("a day from 1 to %d", DaysInMonth(year, month))}
	}
	return DaysOfDate(year, month, day), nil
}

// ParseTime reads a text as CAST(text AS TIME) does: milliseconds since
// midnight. It takes 7:5 and 7, numbers of any size (25:00:00, and 24:00:00
// for what is not midnight of the same day) and an offset at the end that it
// adds (+2) or does not (-2 is subtracted); sums wrap at 32 bits like Flink's.
// The error is a *TimeTextError.
func ParseTime[S ~string | ~[]byte](text S) (int64, error) {
	s := string(text)
	end, zone := len(s), -1
	for _, sign := range []byte{'-', '+'} {
		for i := range len(s) {
			if s[i] == sign && zone < 0 {
				zone = i
			}
		}
	}
	bad := -1
	zoneHour, zoneMinute, direction := 0, 0, 1
	if zone >= 0 {
		end = zone
		if s[zone] == '-' {
			direction = -1
		}
		offset := splitter{text: s[zone+1:], base: zone + 1, sign: ':'}
		zoneHour, bad = offset.number(bad)
		if offset.more {
			offset.last = true
			zoneMinute, bad = offset.number(bad)
		}
	}
	clock := splitter{text: s[:end], sign: ':'}
	var hour, minute, second, milli int
	hour, bad = clock.number(bad)
	if clock.more {
		minute, bad = clock.number(bad)
	}
	if clock.more {
		clock.sign = '.'
		second, bad = clock.number(bad)
		if clock.more {
			milli = roundedMillis(trimBlanks(clock.text))
		}
	}
	if bad >= 0 {
		return 0, &TimeTextError{Offset: bad, Expected: "a number"}
	}
	hour += direction * zoneHour
	minute += direction * zoneMinute
	return int64(int32(hour*MillisPerHour + minute*MillisPerMinute + second*MillisPerSecond + milli)), nil
}

// roundedMillis reads the digits after a second's point, rounding by the
// fourth. Other characters count as 0.
func roundedMillis(s string) int {
	millis, unit := 0, 100
	for i := 0; i < len(s) && i < 4; i++ {
		digit := 0
		if s[i]-'0' <= 9 {
			digit = int(s[i] - '0')
		}
		if i == 3 {
			if digit >= 5 {
				millis++
			}
			break
		}
		millis += digit * unit
		unit /= 10
	}
	return millis
}

// splitter reads whole numbers with blanks around them, parted by a sign.
type splitter struct {
	text   string
	base   int // offset of text in the whole
	sign   byte
	last   bool // do not part any more: the rest must be one number
	more   bool // a sign followed the last number
	starts []int
}

// number reads the next number. bad is the offset of the first failure so far,
// or -1, and is returned updated.
func (s *splitter) number(bad int) (n, firstBad int) {
	part := s.text
	s.more = false
	for i := 0; i < len(part) && !s.last; i++ {
		if part[i] == s.sign {
			part, s.more = part[:i], true
			break
		}
	}
	start := s.base
	s.starts = append(s.starts, start)
	if s.more {
		s.text = s.text[len(part)+1:]
		s.base += len(part) + 1
	}
	digits := trimBlanks(part)
	ok := digits != ""
	for i := range len(digits) {
		if digits[i]-'0' > 9 {
			ok = false
			break
		}
		if n = n*10 + int(digits[i]-'0'); n > math.MaxInt32 {
			ok = false
			break
		}
	}
	if !ok {
		if bad < 0 {
			bad = start
		}
		return 0, bad
	}
	return n, bad
}

// trimBlanks cuts control characters and blanks off both ends, as Java's
// String.trim.
func trimBlanks(s string) string {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	return s
}
