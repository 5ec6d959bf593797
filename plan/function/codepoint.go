package function

import (
	"encoding/binary"
	"unicode/utf8"
)

// SQL counts text in code points, columns hold it in UTF-8. A few functions of
// Flink count in UTF-16 units instead, which its text is made of.

// isASCII reports whether every byte is a character of its own.
func isASCII(text []byte) bool {
	for len(text) >= 8 {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
		text = text[8:]
	}
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// offsetOf is where code point n starts, counted from 0: len(text) when there
// are not so many.
func offsetOf(text []byte, n int) int {
	if n >= len(text) {
		return len(text)
	}
	if isASCII(text[:n]) {
		return n
	}
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// offsetFromEnd is where the last n code points start: 0 when there are not so
// many.
func offsetFromEnd(text []byte, n int) int {
	if n >= len(text) {
		return 0
	}
	if isASCII(text[len(text)-n:]) {
		return len(text) - n
	}
	at := len(text)
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRune(text[:at])
		at -= size
	}
	return at
}

// unitsOf is the length of text in UTF-16 units.
func unitsOf(text []byte) int {
	if isASCII(text) {
		return len(text)
	}
	units := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		units += unitsOfRune(r)
	}
	return units
}

func unitsOfRune(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// offsetOfUnit is where UTF-16 unit n starts. split is true when it is the
// second half of a code point: the offset is then where that code point starts.
func offsetOfUnit(text []byte, n int) (offset int, split bool) {
	if isASCII(text) {
		return min(n, len(text)), false
	}
	for n > 0 && offset < len(text) {
		r, size := utf8.DecodeRune(text[offset:])
		if units := unitsOfRune(r); units > n {
			return offset, true
		} else {
			n -= units
		}
		offset += size
	}
	return offset, false
}

// half stands for half of a code point, as it does when Java writes UTF-8.
const half = '?'

// appendUnits appends UTF-16 units from to to of text; a code point cut in the
// middle leaves a half.
func appendUnits(dst, text []byte, from, to int) []byte {
	start, cutStart := offsetOfUnit(text, from)
	end, cutEnd := offsetOfUnit(text, to)
	if cutStart {
		_, size := utf8.DecodeRune(text[start:])
		start += size
		dst = append(dst, half)
		if start > end {
			return dst
		}
	}
	dst = append(dst, text[start:end]...)
	if cutEnd {
		dst = append(dst, half)
	}
	return dst
}
