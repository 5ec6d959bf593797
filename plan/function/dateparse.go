package function

import (
	"strings"
	"time"

	"tidemark/base/value"
)

// parsedClock is what a pattern found in a text. Fields that it does not name
// are those of 1970-01-01 00:00:00.
type parsedClock struct {
	year, month, day     int
	dayOfYear            int // 0 when not given
	hour, minute, second int
	nanos                int
	half                 int // 0 for AM, 1 for PM, -1 when not given
	short                int // hour of the half day, -1 when not given
	offset               int // seconds ahead of UTC
	hasOffset            bool
}

// parse reads text with the pattern: a modern one must match all of it, a
// lenient one its beginning. It is not ok when it does not match.
func (p *datePattern) parse(text string) (parsedClock, bool) {
	r := patternReader{text: text, pattern: p, found: parsedClock{year: 1970, month: 1, day: 1, half: -1, short: -1}}
	if !r.section(0, len(p.parts)) || !p.lenient && r.at != len(text) {
		return parsedClock{}, false
	}
	if r.found.short >= 0 {
		r.found.hour = r.found.short%12 + 12*max(0, r.found.half)
	}
	return r.found, true
}

// patternReader walks along a text and the parts of a pattern.
type patternReader struct {
	text    string
	at      int
	pattern *datePattern
	found   parsedClock
}

// section reads parts from up to to. What stands in brackets may be missing.
func (r *patternReader) section(from, to int) bool {
	for i := from; i < to; i++ {
		part := r.pattern.parts[i]
		switch part.letter {
		case 0:
			if !strings.HasPrefix(r.text[r.at:], part.text) {
				return false
			}
			r.at += len(part.text)
		case '[':
			end := r.closing(i, to)
			before := *r
			if !r.section(i+1, end) {
				*r = before
			}
			i = end
		case ']':
		default:
			if !r.letter(i, part) {
				return false
			}
		}
	}
	return true
}

// closing is where the section that opens at i ends: at its ] or at the end.
func (r *patternReader) closing(i, to int) int {
	depth := 0
	for ; i < to; i++ {
		switch r.pattern.parts[i].letter {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return to
}

func (r *patternReader) letter(i int, part patternPart) bool {
	if r.pattern.lenient {
		for r.at < len(r.text) && (r.text[r.at] == ' ' || r.text[r.at] == '\t') {
			r.at++
		}
	}
	switch part.letter {
	case 'a':
		return r.choice([]string{"AM", "PM"}, func(n int) { r.found.half = n })
	case 'E':
		return r.names(func(n int) string { return time.Weekday(n).String() }, 7, part.count, func(int) {})
	case 'M', 'L':
		if part.count >= 3 {
			return r.names(func(n int) string { return time.Month(n + 1).String() }, 12, part.count, func(n int) { r.found.month = n + 1 })
		}
	case 'G':
		return r.choice([]string{"BC", "AD"}, func(int) {})
	case 'S':
		if !r.pattern.lenient {
			return r.fraction(part.count)
		}
	case 'X', 'x', 'Z', 'z':
		return r.zone()
	}
	shortest, longest := r.widths(i, part)
	start := r.at
	n, ok := r.digits(shortest, longest)
	return ok && r.assign(part, n, r.at-start)
}

// assign stores a number that was read with the given count of digits.
func (r *patternReader) assign(part patternPart, n, digits int) bool {
	lowest, highest := 0, 0
	switch part.letter {
	case 'y', 'u', 'Y':
		if part.letter == 'u' && r.pattern.lenient {
			return true
		}
		if part.count == 2 && digits == 2 {
			n += 2000
			if r.pattern.lenient && n > time.Now().Year()+20 {
				n -= 100
			}
		}
		r.found.year = n
		return n <= 9999 || r.pattern.lenient
	case 'M', 'L':
		r.found.month, lowest, highest = n, 1, 12
	case 'd':
		r.found.day, lowest, highest = n, 1, 31
	case 'D':
		r.found.dayOfYear, lowest, highest = n, 1, 366
	case 'H':
		r.found.hour, highest = n, 24
	case 'k':
		r.found.hour, lowest, highest = n%24, 1, 24
	case 'h':
		r.found.short, lowest, highest = n, 1, 12
	case 'K':
		r.found.short, highest = n, 11
	case 'm':
		r.found.minute, highest = n, 59
	case 's':
		r.found.second, highest = n, 59
	case 'S':
		r.found.nanos, highest = n*nanosPerMilli, 999
	case 'n':
		r.found.nanos, highest = n, nanosPerSecond-1
	default:
		return true // a field that follows from the others: weeks, quarters
	}
	return r.pattern.lenient || n >= lowest && n <= highest
}

// widths is how few and how many digits the numeric part i has. Numbers that
// stand next to each other have as many as the pattern has letters.
func (r *patternReader) widths(i int, part patternPart) (shortest, longest int) {
	abuts := func(k int) bool {
		if k >= len(r.pattern.parts) {
			return false
		}
		next := r.pattern.parts[k]
		return strings.IndexByte("yuYDdHkhKmsSnAN", next.letter) >= 0 && next.letter != 0 ||
			(next.letter == 'M' || next.letter == 'L') && next.count <= 2
	}
	if r.pattern.lenient {
		if abuts(i + 1) {
			return 1, part.count
		}
		return 1, 9
	}
	year := part.letter == 'y' || part.letter == 'u' || part.letter == 'Y'
	switch {
	case part.count == 1, year && part.count >= 3:
		longest = 9
		if abuts(i + 1) {
			// The rest are of fixed width and take their share from the end.
			digits := 0
			for r.at+digits < len(r.text) && isDigit(r.text[r.at+digits]) {
				digits++
			}
			for k := i + 1; abuts(k); k++ {
				digits -= r.pattern.parts[k].count
			}
			longest = min(longest, digits)
		}
		return min(part.count, 9), longest
	}
	return part.count, part.count
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (r *patternReader) digits(shortest, longest int) (n int, ok bool) {
	start := r.at
	for r.at < len(r.text) && r.at-start < longest && isDigit(r.text[r.at]) {
		n = n*10 + int(r.text[r.at]-'0')
		r.at++
	}
	return n, r.at-start >= max(shortest, 1)
}

// fraction reads exactly count digits after the point, of which nine count.
func (r *patternReader) fraction(count int) bool {
	nanos, unit := 0, nanosPerSecond/10
	for range count {
		if r.at >= len(r.text) || !isDigit(r.text[r.at]) {
			return false
		}
		nanos += int(r.text[r.at]-'0') * unit
		unit /= 10
		r.at++
	}
	r.found.nanos = nanos
	return true
}

// names reads one of n names, short or in full; the lenient dialect does not
// mind which, nor the case.
func (r *patternReader) names(name func(int) string, n, count int, set func(int)) bool {
	full, short := make([]string, n), make([]string, n)
	for i := range n {
		full[i], short[i] = name(i), name(i)[:3]
	}
	if r.pattern.lenient {
		return r.choice(full, set) || r.choice(short, set)
	}
	if count <= 3 {
		return r.choice(short, set)
	}
	return r.choice(full, set)
}

func (r *patternReader) choice(of []string, set func(int)) bool {
	rest := r.text[r.at:]
	for i, s := range of {
		if len(rest) >= len(s) && (rest[:len(s)] == s || r.pattern.lenient && strings.EqualFold(rest[:len(s)], s)) {
			r.at += len(s)
			set(i)
			return true
		}
	}
	return false
}

// zone reads Z, UTC, GMT, or an offset like +01, +0100, +01:00 or GMT+01:00.
func (r *patternReader) zone() bool {
	rest := r.text[r.at:]
	named := false
	for _, name := range []string{"UTC", "GMT", "Z"} {
		if strings.HasPrefix(rest, name) {
			rest, named = rest[len(name):], true
			break
		}
	}
	r.at = len(r.text) - len(rest)
	r.found.hasOffset = true
	if rest == "" || rest[0] != '+' && rest[0] != '-' {
		return named
	}
	negative := rest[0] == '-'
	r.at++
	hours, ok := r.digits(2, 2)
	if !ok {
		return false
	}
	if strings.HasPrefix(r.text[r.at:], ":") {
		r.at++
	}
	minutes, _ := r.digits(0, 2)
	r.found.offset = hours*3600 + minutes*60
	if negative {
		r.found.offset = -r.found.offset
	}
	return true
}

// lenientInstant is the wall-clock reading that the fields add up to: each may
// be out of its range and carries over.
func (c *parsedClock) lenientInstant() value.Instant {
	days := value.DaysOfDate(c.year, c.month, c.day)
	if c.dayOfYear > 0 {
		days = value.DaysOfDate(c.year, 1, c.dayOfYear)
	}
	return value.Instant{Seconds: days*value.SecondsPerDay + int64((c.hour*60+c.minute)*60+c.second), Nanos: int32(c.nanos % nanosPerSecond)}
}

// smartInstant is the wall-clock reading of fields that are in their ranges: a
// day that the month lacks is its last, and 24:00:00 is the next midnight.
func (c *parsedClock) smartInstant() (value.Instant, bool) {
	if c.hour == 24 && (c.minute != 0 || c.second != 0 || c.nanos != 0) {
		return value.Instant{}, false
	}
	smart := *c
	smart.day = min(c.day, value.DaysInMonth(c.year, c.month))
	return smart.lenientInstant(), true
}

// sqlTimestamp reads yyyy-[m]m-[d]d [h]h:[m]m:[s]s[.f…] or a date alone, with
// fields that carry over: what TO_TIMESTAMP falls back on when a text does not
// match its pattern.
func sqlTimestamp(text string) (value.Instant, bool) {
	text = strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	r := patternReader{text: text, pattern: &datePattern{}}
	year, okYear := r.digits(4, 4)
	month, okMonth := r.dashed('-')
	day, okDay := r.dashed('-')
	if !okYear || !okMonth || !okDay || month < 1 || month > 12 || day < 1 || day > 31 {
		return value.Instant{}, false
	}
	c := parsedClock{year: year, month: month, day: day}
	if r.at == len(text) {
		return c.lenientInstant(), true
	}
	var okHour, okMinute, okSecond bool
	c.hour, okHour = r.dashed(' ')
	c.minute, okMinute = r.dashed(':')
	c.second, okSecond = r.dashed(':')
	if !okHour || !okMinute || !okSecond {
		return value.Instant{}, false
	}
	if r.at < len(text) {
		digits := len(text) - r.at - 1
		if text[r.at] != '.' || digits < 1 || digits > value.MaxTimePrecision {
			return value.Instant{}, false
		}
		r.at++
		if !r.fraction(digits) {
			return value.Instant{}, false
		}
		c.nanos = r.found.nanos
	}
	return c.lenientInstant(), true
}

// dashed reads a separator and one or two digits.
func (r *patternReader) dashed(separator byte) (int, bool) {
	if r.at >= len(r.text) || r.text[r.at] != separator {
		return 0, false
	}
	r.at++
	return r.digits(1, 2)
}
