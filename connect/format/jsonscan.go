package format

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"tidemark/base/batch"
)

// Every byte of a word set to 0x01 and 0x80.
const (
	eachLow  = 0x0101010101010101
	eachHigh = 0x8080808080808080
)

// wordBytes is how many bytes are looked at together.
const wordBytes = 8

// copyText makes the text whose first byte after the quote is b[i] that of a row,
// in the column's own heap, and returns the index behind its closing quote. It
// returns 0, and has done nothing, when the text is malformed: it is copied while
// that is looked for.
//
// The heap is only made longer or shorter in place, unless it must grow: a slice
// that is set anew is something the garbage collector wants to know of.
func copyText(c *batch.Column, row int, b []byte, i int) int {
	start := len(c.Heap)
	n, room := start, c.Heap[:cap(c.Heap)]
	for {
		for i+wordBytes <= len(b) && n+wordBytes <= len(room) {
			w := binary.LittleEndian.Uint64(b[i:])
			binary.LittleEndian.PutUint64(room[n:], w)
			found := special(w)
			if found == 0 {
				i += wordBytes
				n += wordBytes
				continue
			}
			more := bits.TrailingZeros64(found) >> 3
			i += more
			n += more
			break
		}
		if i == len(b) {
			c.Heap = c.Heap[:start]
			return 0
		}
		x := b[i]
		if x == '"' {
			c.Heap = c.Heap[:n]
			c.Views[row] = batch.View{Offset: uint32(start), Length: uint32(n - start)}
			c.Nulls.Clear(row)
			return i + 1
		}
		if x == '\\' && i+1 < len(b) && n < len(room) && escaped[b[i+1]] != 0 {
			room[n] = escaped[b[i+1]]
			n++
			i += 2
			continue
		}
		c.Heap = c.Heap[:n]
		if i = appendSpecial(c, b, i); i == 0 {
			c.Heap = c.Heap[:start]
			return 0
		}
		n, room = len(c.Heap), c.Heap[:cap(c.Heap)]
	}
}

// appendSpecial adds to a heap what copyText does not copy by the word: any escape,
// a character that is not ASCII, or what comes where the heap or the block ends.
// It returns the index behind it, 0 when it is malformed.
func appendSpecial(c *batch.Column, b []byte, i int) int {
	switch x := b[i]; {
	case x == '\\':
		length := escapeLength(b[i:])
		if length == 0 {
			return 0
		}
		c.Heap = appendUnescaped(c.Heap, b[i:i+length])
		return i + length
	case x < 0x20:
		return 0
	case x < 0x80:
		end := plainEnd(b, i)
		c.Heap = append(c.Heap, b[i:end]...)
		return end
	}
	_, size := utf8.DecodeRune(b[i:])
	if size == 1 {
		return 0
	}
	c.Heap = append(c.Heap, b[i:i+size]...)
	return i + size
}

// escaped is what a letter behind a backslash stands for; 0 for those that stand
// for nothing, and for u.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// shortInteger reads the digits at b[i], of which there are few enough for any
// sum of them to fit, up to what ends a JSON number without fraction. It returns
// 0 for the index behind them when they are anything else.
func shortInteger(b []byte, i int) (n int64, next int) {
	first := i
	if len(b)-i >= wordBytes {
		// Less '0' a digit is at most 9: adding what lacks to 128 makes a high bit of
		// the first byte that is none, and of some behind it.
		const zeros, most = '0' * eachLow, (0x7f - 9) * eachLow
		w := binary.LittleEndian.Uint64(b[i:]) ^ zeros
		if other := (w | (w + most)) & eachHigh; other == 0 {
			n, i = digitsOf(w), i+wordBytes
		} else if length := bits.TrailingZeros64(other) >> 3; length > 0 {
			n, i = digitsOf(w<<(8*(wordBytes-length))), i+length
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

// special has the high bit set of the first byte of a word that is a quote, a
// backslash, a control character or not ASCII, and no bits below; 0 says that
// there is none. In an ASCII byte x, x-1 borrows into the high bit where x is
// zero, and x-0x20 where x is a control character; a borrow can mislead only
// bytes behind one that is found.
func special(w uint64) uint64 {
	quote, escape := w^(eachLow*'"'), w^(eachLow*'\\')
	return ((quote - eachLow) | (escape - eachLow) | (w - eachLow*0x20) | w) & eachHigh
}

// plainEnd is the index, from i on, of the first byte of b that is a quote, a
// backslash, a control character or not ASCII; len(b) when there is none.
func plainEnd(b []byte, i int) int {
	for ; i+wordBytes <= len(b); i += wordBytes {
		if found := special(binary.LittleEndian.Uint64(b[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 || c >= 0x80 {
			return i
		}
	}
	return len(b)
}

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
			_, size := utf8.DecodeRune(b[i:])
			if size == 1 {
				return -1, false, i
			}
			i += size
		}
	}
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

// appendUnescaped appends the meaning of a checked JSON string's inside.
func appendUnescaped(dst, inside []byte) []byte {
	for i := 0; i < len(inside); {
		c := inside[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch c = inside[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(inside[i:])
			if utf16.IsSurrogate(r) {
				second, _ := hex4(inside[i+6:])
				r = utf16.DecodeRune(r, second)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
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
