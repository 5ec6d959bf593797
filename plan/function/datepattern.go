package function

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
)

// datePattern is a pattern of letters that spells dates and times, in one of
// two dialects that Flink has from Java: the modern one of DATE_FORMAT and
// TO_TIMESTAMP, and the lenient one of FROM_UNIXTIME, UNIX_TIMESTAMP, TO_DATE
// and CONVERT_TZ. They differ in some letters (u, S), in how many digits they
// read, and in what becomes of 30 February.
type datePattern struct {
	parts   []patternPart
	lenient bool
}

// patternPart is a literal text (letter 0), a letter written count times, or a
// bracket of an optional section ('[' and ']').
type patternPart struct {
	letter byte
	count  int
	text   string
}

// clock is a date and time of day taken apart.
type clock struct {
	year, month, day     int
	hour, minute, second int
	nanos                int
	days                 int64 // since 1970
	zone                 *time.Location
	instant              int64 // seconds since 1970 UTC, for the zone's offset; only with zone
}

// clockOf takes a wall-clock reading apart.
func clockOf(t value.Instant) clock {
	days := value.FloorDiv(t.Seconds, value.SecondsPerDay)
	second := int(t.Seconds - days*value.SecondsPerDay)
	c := clock{days: days, hour: second / 3600, minute: second / 60 % 60, second: second % 60, nanos: int(t.Nanos)}
	c.year, c.month, c.day = value.DateOfDays(days)
	return c
}

func (c *clock) dayOfYear() int { return int(c.days-value.DaysOfDate(c.year, 1, 1)) + 1 }

// isoWeekday is 1 for Monday to 7 for Sunday.
func isoWeekday(days int64) int { return int(value.FloorMod(days+3, 7)) + 1 }

// unit is a number of seconds within which, counted from 1970, the pattern spells all
// times alike: those of a day, an hour, a minute or a second; 0 when there is none.
func (p *datePattern) unit() int64 {
	unit := int64(value.SecondsPerDay)
	for _, part := range p.parts {
		switch part.letter {
		case 0, '[', ']', 'G', 'y', 'Y', 'u', 'D', 'M', 'L', 'd', 'Q', 'q', 'w', 'E', 'e':
		case 'a', 'h', 'H', 'k', 'K':
			unit = min(unit, 3600)
		case 'm':
			unit = min(unit, 60)
		case 's':
			unit = 1
		default: // parts of a second, and zones
			return 0
		}
	}
	return unit
}

const (
	modernLetters  = "GuyYDMLdQqEeahKkHmsSAnNwXxZz"
	lenientLetters = "GyYMLwDdEuaHkKhmsSzZX"
)

// patternCacheMax bounds how many patterns are kept: more than that come from
// data, where keeping them is of little use.
const patternCacheMax = 1000

var patternCache struct {
	sync.Map // patternKey → *datePattern
	size     atomic.Int64
}

type patternKey struct {
	text    string
	lenient bool
}

// parsePattern reads a pattern. The error is a problem.
func parsePattern(text string, lenient bool) (*datePattern, error) {
	key := patternKey{text, lenient}
	if p, ok := patternCache.Load(key); ok {
		return p.(*datePattern), nil
	}
	p, err := compilePattern(text, lenient)
	if err != nil {
		return nil, err
	}
	if patternCache.size.Load() < patternCacheMax {
		patternCache.size.Add(1)
		patternCache.Store(patternKey{strings.Clone(text), lenient}, p)
	}
	return p, nil
}

func compilePattern(text string, lenient bool) (*datePattern, error) {
	p := &datePattern{lenient: lenient}
	letters := modernLetters
	if lenient {
		letters = lenientLetters
	}
	depth := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\'':
			literal, n := quotedLiteral(text[i:])
			if n == 0 {
				return nil, badPattern(text, "a quote is not closed")
			}
			p.literal(literal)
			i += n
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			if strings.IndexByte(letters, c) < 0 {
				return nil, badPattern(text, "the letter "+string(c)+" means nothing")
			}
			n := 1
			for i+n < len(text) && text[i+n] == c {
				n++
			}
			p.parts = append(p.parts, patternPart{letter: c, count: n})
			i += n
		case !lenient && (c == '[' || c == ']'):
			if c == '[' {
				depth++
			} else if depth--; depth < 0 {
				return nil, badPattern(text, "a ] has no [")
			}
			p.parts = append(p.parts, patternPart{letter: c})
			i++
		case !lenient && (c == '{' || c == '}' || c == '#'):
			return nil, badPattern(text, "the character "+string(c)+" must be quoted")
		default:
			p.literal(text[i : i+1])
			i++
		}
	}
	return p, nil
}

// quotedLiteral reads 'text' or ”, and how many bytes it takes; 0 when the
// quote is not closed.
func quotedLiteral(text string) (literal string, n int) {
	if strings.HasPrefix(text, "''") {
		return "'", 2
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '\'' {
			b.WriteByte(text[i])
			continue
		}
		if !strings.HasPrefix(text[i:], "''") {
			return b.String(), i + 1
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0
}

func (p *datePattern) literal(text string) {
	if n := len(p.parts); n > 0 && p.parts[n-1].letter == 0 {
		p.parts[n-1].text += text
		return
	}
	p.parts = append(p.parts, patternPart{text: text})
}

func badPattern(pattern, why string) error {
	return problem.New(problem.InvalidValue, "%q is no date pattern: %s", pattern, why).WithHint("write a pattern like yyyy-MM-dd HH:mm:ss, with other letters in quotes")
}

// format appends c in the pattern's spelling.
func (p *datePattern) format(dst []byte, c *clock) ([]byte, error) {
	for _, part := range p.parts {
		switch part.letter {
		case 0:
			dst = append(dst, part.text...)
		case '[', ']':
		default:
			var err error
			if dst, err = p.formatLetter(dst, part, c); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

func (p *datePattern) formatLetter(dst []byte, part patternPart, c *clock) ([]byte, error) {
	n := part.count
	switch part.letter {
	case 'G':
		if c.year <= 0 {
			return append(dst, "BC"...), nil
		}
		return append(dst, "AD"...), nil
	case 'y', 'Y', 'u':
		if part.letter == 'u' && p.lenient {
			return appendPadded(dst, isoWeekday(c.days), n), nil
		}
		year := c.year
		if part.letter == 'Y' {
			year, _ = usWeek(c)
		}
		return appendYear(dst, year, n, p.lenient), nil
	case 'D':
		return appendPadded(dst, c.dayOfYear(), n), nil
	case 'M', 'L':
		if n <= 2 {
			return appendPadded(dst, c.month, n), nil
		}
		return appendName(dst, time.Month(c.month).String(), n), nil
	case 'd':
		return appendPadded(dst, c.day, n), nil
	case 'Q', 'q':
		return appendQuarter(dst, (c.month+2)/3, n), nil
	case 'w':
		_, week := usWeek(c)
		return appendPadded(dst, week, n), nil
	case 'E':
		return appendName(dst, time.Weekday(isoWeekday(c.days)%7).String(), max(n, 3)), nil
	case 'e':
		return appendPadded(dst, isoWeekday(c.days)%7+1, n), nil
	case 'a':
		if c.hour < 12 {
			return append(dst, "AM"...), nil
		}
		return append(dst, "PM"...), nil
	case 'h':
		return appendPadded(dst, (c.hour+11)%12+1, n), nil
	case 'K':
		return appendPadded(dst, c.hour%12, n), nil
	case 'k':
		return appendPadded(dst, (c.hour+23)%24+1, n), nil
	case 'H':
		return appendPadded(dst, c.hour, n), nil
	case 'm':
		return appendPadded(dst, c.minute, n), nil
	case 's':
		return appendPadded(dst, c.second, n), nil
	case 'S':
		if p.lenient {
			return appendPadded(dst, c.nanos/nanosPerMilli, n), nil
		}
		digits := strconv.Itoa(nanosPerSecond + c.nanos)[1:]
		return append(dst, (digits + strings.Repeat("0", max(0, n-len(digits))))[:n]...), nil
	case 'n':
		return appendPadded(dst, c.nanos, n), nil
	case 'A':
		return appendPadded(dst, c.secondOfDay()*1000+c.nanos/nanosPerMilli, n), nil
	case 'N':
		return appendPadded(dst, c.secondOfDay()*nanosPerSecond+c.nanos, n), nil
	}
	if c.zone == nil {
		return dst, invalid("a TIMESTAMP has no zone to show for the pattern letter %c", part.letter)
	}
	return c.appendZone(dst, part), nil
}

func (c *clock) secondOfDay() int { return (c.hour*60+c.minute)*60 + c.second }

// appendZone prints the zone's offset (X, x, Z) or short name (z).
func (c *clock) appendZone(dst []byte, part patternPart) []byte {
	name, offset := time.Unix(c.instant, 0).In(c.zone).Zone()
	if part.letter == 'z' {
		return append(dst, name...)
	}
	if offset == 0 && part.letter == 'X' {
		return append(dst, 'Z')
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = appendPadded(append(dst, sign), offset/3600, 2)
	switch {
	case part.letter == 'Z' || part.count == 2:
		return appendPadded(dst, offset/60%60, 2)
	case part.count == 1 && offset/60%60 == 0:
		return dst
	}
	if part.count >= 3 {
		dst = append(dst, ':')
	}
	return appendPadded(dst, offset/60%60, 2)
}

func appendPadded(dst []byte, n, width int) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], int64(n), 10)
	for range width - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

func appendYear(dst []byte, year, n int, lenient bool) []byte {
	if year <= 0 {
		year = 1 - year // of the era before
	}
	if n == 2 {
		return appendPadded(dst, year%100, 2)
	}
	if n >= 4 && year > 9999 && !lenient {
		dst = append(dst, '+')
	}
	return appendPadded(dst, year, n)
}

// appendName prints a month or day: short up to three letters, in full at four,
// the initial at five.
func appendName(dst []byte, name string, n int) []byte {
	switch {
	case n <= 3:
		return append(dst, name[:3]...)
	case n == 5:
		return append(dst, name[0])
	}
	return append(dst, name...)
}

func appendQuarter(dst []byte, quarter, n int) []byte {
	switch n {
	case 1, 2:
		return appendPadded(dst, quarter, n)
	case 3:
		return appendPadded(append(dst, 'Q'), quarter, 1)
	}
	return append(dst, []string{"1st", "2nd", "3rd", "4th"}[quarter-1]+" quarter"...)
}

// usWeek is the year and number of the week: weeks begin on Sunday, and the
// first is that of 1 January.
func usWeek(c *clock) (year, week int) {
	saturday := c.days + int64(6-isoWeekday(c.days)%7)
	year, _, _ = value.DateOfDays(saturday)
	first := value.DaysOfDate(year, 1, 1)
	return year, int(saturday-first)/7 + 1
}
