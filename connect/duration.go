package connect

import (
	"strconv"
	"strings"
	"time"
)

// Duration reads a duration as options write it, here and in Flink: "500 ms",
// "5s", "1 min"; a number alone is milliseconds.
func Duration(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.ParseInt(text[:digits], 10, 32)
	if err != nil {
		return 0, false
	}
	unit, ok := map[string]time.Duration{
		"": time.Millisecond, "ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
		"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	}[strings.ToLower(strings.TrimSpace(text[digits:]))]
	return time.Duration(n) * unit, ok
}
