package function

import (
	"bytes"
	"errors"
	"strconv"
	"unicode"
)

// isAlpha reports a text of letters only. Letters outside of the basic plane
// are none: Flink looks at UTF-16 units.
func isAlpha(text []byte) bool {
	return len(text) > 0 && !bytes.ContainsFunc(text, func(r rune) bool { return r > 0xFFFF || !unicode.IsLetter(r) })
}

// isDigits reports a text of decimal digits of any script only.
func isDigits(text []byte) bool {
	return len(text) > 0 && !bytes.ContainsFunc(text, func(r rune) bool { return r > 0xFFFF || !unicode.IsDigit(r) })
}

// isJavaNumber reports what Java reads as a double, and texts of digits.
func isJavaNumber(text []byte) bool {
	if isDigits(text) {
		return true
	}
	text = bytes.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	unsigned := bytes.TrimPrefix(text, []byte{'-'})
	if len(unsigned) == len(text) {
		unsigned = bytes.TrimPrefix(text, []byte{'+'})
	}
	if string(unsigned) == "NaN" || string(unsigned) == "Infinity" {
		return true
	}
	if n := len(unsigned); n > 0 && bytes.IndexByte([]byte("dDfF"), unsigned[n-1]) >= 0 {
		unsigned = unsigned[:n-1]
	}
	if len(unsigned) == 0 || unsigned[0] != '.' && (unsigned[0] < '0' || unsigned[0] > '9') || bytes.IndexByte(unsigned, '_') >= 0 {
		return false
	}
	_, err := strconv.ParseFloat(string(unsigned), 64)
	return err == nil || isRange(err)
}

// isRange reports a number that is one but too large.
func isRange(err error) bool {
	return errors.Is(err, strconv.ErrRange)
}
