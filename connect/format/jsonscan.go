package format

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// zeros is a word of eight times the digit 0.
const zeros = '0' * eachLow

// fewDigits reads the digits that a word begins with, its lowest byte first, and tells
// how many they are, from 0 to 7; 0 also when all eight bytes are digits.
func fewDigits(w uint64) (n int64, length int) {
	// Less '0' a digit is at most 9: adding what lacks to 128 makes a high bit of the
	// first byte that is none, and of some behind it.
	const most = (0x7f - 9) * eachLow
	w ^= zeros
	other := (w | (w + most)) & eachHigh
	length = bits.TrailingZeros64(other) >> 3 & 7
	return digitsOf(w << (8 * (wordBytes - length))), length
}

// shortInteger reads the digits at b[i], of which there are few enough for any
// sum of them to fit, up to what ends a JSON number without fraction. It returns
// 0 for the index behind them when they are anything else.
func shortInteger(b []byte, i int) (n int64, next int) {
	first := i
	if len(b)-i >= wordBytes {
		w := binary.LittleEndian.Uint64(b[i:])
		if few, length := fewDigits(w); length > 0 {
			n, i = few, i+length
		} else if b[i]-'0' <= 9 {
			n, i = digitsOf(w^zeros), i+wordBytes
		}
	}
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	length := i - first
	if length == 0 || length > shortDigits || length > 1 && b[first] == '0' || i == len(b) || b[i] != ',' && b[i] != '}' {
		return 0, 0
	}
	return n, i
}

// shortDigits is how many digits always fit into 64 bits.
const shortDigits = 18

// scanText checks the JSON string whose first byte after the quote is b[i] and
// returns the index of the closing quote, or -1 with the place of the error.
func scanText(b []byte, i int) (end int, escaped bool, bad int) {
	for {
		i = plainEnd(b, i)
		if i == len(b) {
			return -1, false, i
		}
		switch c := b[i]; {
		case c == '"':
			return i, escaped, 0
		case c == '\\':
			escaped = true
			length := escapeLength(b[i:])
			if length == 0 {
				return -1, false, i
			}
			i += length
		case c < 0x20:
			return -1, false, i
		default:
			size := runeLength(b[i:])
			if size == 0 {
				return -1, false, i
			}
			i += size
		}
	}
}

// runeLength is the length of the character that b begins with; 0 when it is not
// UTF-8.
func runeLength(b []byte) int {
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size <= 1 {
		return 0
	}
	return size
}

// escapeLength is the length of the escape that b begins with: 2, 6, or 12 for
// a surrogate pair; 0 when it is none.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		first, ok := hex4(b)
		if !ok {
			return 0
		}
		if !utf16.IsSurrogate(first) {
			return 6
		}
		if second, ok := hex4(b[6:]); ok && utf16.DecodeRune(first, second) != utf8.RuneError {
			return 12
		}
	}
	return 0
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// scanNumber checks the JSON number at b[i] and returns its end, or -1; whole
// tells that it has neither fraction nor exponent.
func scanNumber(b []byte, i int) (end int, whole bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	first := i
	i = skipDigits(b, i)
	if i == first || b[first] == '0' && i > first+1 {
		return -1, false
	}
	whole = true
	if i < len(b) && b[i] == '.' {
		whole = false
		fraction := i + 1
		if i = skipDigits(b, fraction); i == fraction {
			return -1, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		whole = false
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := i
		if i = skipDigits(b, exponent); i == exponent {
			return -1, false
		}
	}
	return i, whole
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// tokenKind says what a JSON value is.
type tokenKind uint8

const (
	textToken tokenKind = iota
	numberToken
	trueToken
	falseToken
	nullToken
	objectToken
	arrayToken
)

// token is a JSON value: b[start:end] is the inside of a text, and the whole of
// everything else.
type token struct {
	kind       tokenKind
	escaped    bool // text with escapes
	whole      bool // number without fraction and exponent
	start, end int
}

// scanValue checks the JSON value at b[i], which is no blank, and returns it
// and the index behind it, or -1 with the place of the error.
func scanValue(b []byte, i, depth int) (t token, next, bad int) {
	if i >= len(b) {
		return t, -1, i
	}
	switch c := b[i]; c {
	case '"':
		end, escaped, bad := scanText(b, i+1)
		if end < 0 {
			return t, -1, bad
		}
		return token{kind: textToken, start: i + 1, end: end, escaped: escaped}, end + 1, 0
	case '{', '[':
		end, bad := skipNested(b, i, depth)
		kind := objectToken
		if c == '[' {
			kind = arrayToken
		}
		return token{kind: kind, start: i, end: end}, end, bad
	case 't':
		return scanWord(b, i, "true", trueToken)
	case 'f':
		return scanWord(b, i, "false", falseToken)
	case 'n':
		return scanWord(b, i, "null", nullToken)
	}
	end, whole := scanNumber(b, i)
	if end < 0 {
		return t, -1, i
	}
	return token{kind: numberToken, start: i, end: end, whole: whole}, end, 0
}

func scanWord(b []byte, i int, word string, kind tokenKind) (token, int, int) {
	end := i + len(word)
	if end > len(b) || string(b[i:end]) != word {
		return token{}, -1, i
	}
	return token{kind: kind, start: i, end: end}, end, 0
}

// skipNested checks the object or array at b[i] and returns the index behind
// it, or -1 with the place of the error.
func skipNested(b []byte, i, depth int) (next, bad int) {
	if depth == depthMax {
		return -1, i
	}
	closing := byte('}')
	if b[i] == '[' {
		closing = ']'
	}
	i = skipBlanks(b, i+1)
	if i < len(b) && b[i] == closing {
		return i + 1, 0
	}
	for {
		if closing == '}' {
			if i, bad = skipKey(b, i); i < 0 {
				return -1, bad
			}
		}
		_, after, bad := scanValue(b, i, depth+1)
		if after < 0 {
			return -1, bad
		}
		i = skipBlanks(b, after)
		switch {
		case i == len(b):
			return -1, i
		case b[i] == closing:
			return i + 1, 0
		case b[i] != ',':
			return -1, i
		}
		i = skipBlanks(b, i+1)
	}
}

// skipKey checks a key, its colon and the blanks around it.
func skipKey(b []byte, i int) (next, bad int) {
	if i == len(b) || b[i] != '"' {
		return -1, i
	}
	end, _, bad := scanText(b, i+1)
	if end < 0 {
		return -1, bad
	}
	i = skipBlanks(b, end+1)
	if i == len(b) || b[i] != ':' {
		return -1, i
	}
	return skipBlanks(b, i+1), 0
}
