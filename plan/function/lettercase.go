package function

import (
	"unicode"
	"unicode/utf8"
)

// Case mapping is the full one of Unicode, as in Java: one letter may become
// several, and sigma looks at its neighbours. INITCAP knows ASCII only.

// appendUpper appends text in upper case.
func appendUpper(dst, text []byte) []byte {
	if isASCII(text) {
		start := len(dst)
		dst = append(dst, text...)
		for i, b := range dst[start:] {
			if b >= 'a' && b <= 'z' {
				dst[start+i] = b - 'a' + 'A'
			}
		}
		return dst
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if several := upperOf(r); several != "" {
			dst = append(dst, several...)
		} else {
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		}
	}
	return dst
}

// appendLower appends text in lower case.
func appendLower(dst, text []byte) []byte {
	if isASCII(text) {
		start := len(dst)
		dst = append(dst, text...)
		for i, b := range dst[start:] {
			if b >= 'A' && b <= 'Z' {
				dst[start+i] = b - 'A' + 'a'
			}
		}
		return dst
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		switch {
		case r == 'Σ' && endsWord(text[:at], text[at+size:]):
			dst = append(dst, "ς"...)
		case r == 'İ':
			dst = append(dst, "i\u0307"...)
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		at += size
	}
	return dst
}

// appendCapitalized appends text with the first of each run of ASCII letters
// and digits in upper case and the rest in lower case.
func appendCapitalized(dst, text []byte) []byte {
	inside := false
	for _, b := range text {
		word := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if inside {
			dst = append(dst, lowerASCII(b))
		} else {
			dst = append(dst, upperASCII(b))
		}
		inside = word
	}
	return dst
}

func upperASCII(b byte) byte {
	if b >= 'a' && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
}

func lowerASCII(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b - 'A' + 'a'
	}
	return b
}

// endsWord reports whether a letter between before and after is the last of a
// word that has others.
func endsWord(before, after []byte) bool {
	for {
		r, size := utf8.DecodeLastRune(before)
		before = before[:len(before)-size]
		if size == 0 || !ignoresCase(r) {
			if !hasCase(r) {
				return false
			}
			break
		}
	}
	for {
		r, size := utf8.DecodeRune(after)
		after = after[size:]
		if size == 0 || !ignoresCase(r) {
			return size == 0 || !hasCase(r)
		}
	}
}

func hasCase(r rune) bool {
	return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) ||
		unicode.In(r, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// ignoresCase reports characters that stand inside words without being letters:
// marks, modifiers, apostrophes.
func ignoresCase(r rune) bool {
	switch r {
	case '\'', '.', ':', '·', '\u0387', '\u055F', '\u05F4', '\u2018', '\u2019', '\u2024', '\u2027':
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

// upperOf is the upper case of a letter that becomes several, else "".
func upperOf(r rune) string {
	if r >= 0x1F80 && r <= 0x1FAF {
		// Greek vowels with an iota below, in three blocks of 16: the iota comes
		// to stand beside.
		base := [...]rune{0x1F08, 0x1F28, 0x1F68}[(r-0x1F80)/16]
		return string([]rune{base + (r-0x1F80)%8, 'Ι'})
	}
	return upperSeveral[r]
}

var upperSeveral = map[rune]string{
	'ß': "SS", 'ŉ': "ʼN", 'ǰ': "J\u030C", 'ΐ': "Ι\u0308\u0301", 'ΰ': "Υ\u0308\u0301", 'և': "ԵՒ",
	'ẖ': "H\u0331", 'ẗ': "T\u0308", 'ẘ': "W\u030A", 'ẙ': "Y\u030A", 'ẚ': "Aʾ",
	'ﬀ': "FF", 'ﬁ': "FI", 'ﬂ': "FL", 'ﬃ': "FFI", 'ﬄ': "FFL", 'ﬅ': "ST", 'ﬆ': "ST",
	'ﬓ': "ՄՆ", 'ﬔ': "ՄԵ", 'ﬕ': "ՄԻ", 'ﬖ': "ՎՆ", 'ﬗ': "ՄԽ",
	'ὐ': "Υ\u0313", 'ὒ': "Υ\u0313\u0300", 'ὔ': "Υ\u0313\u0301", 'ὖ': "Υ\u0313\u0342",
	'ᾲ': "ᾺΙ", 'ᾳ': "ΑΙ", 'ᾴ': "ΆΙ", 'ᾶ': "Α\u0342", 'ᾷ': "Α\u0342Ι", 'ᾼ': "ΑΙ",
	'ῂ': "ῊΙ", 'ῃ': "ΗΙ", 'ῄ': "ΉΙ", 'ῆ': "Η\u0342", 'ῇ': "Η\u0342Ι", 'ῌ': "ΗΙ",
	'ῲ': "ῺΙ", 'ῳ': "ΩΙ", 'ῴ': "ΏΙ", 'ῶ': "Ω\u0342", 'ῷ': "Ω\u0342Ι", 'ῼ': "ΩΙ",
	'ῒ': "Ι\u0308\u0300", '\u1FD3': "Ι\u0308\u0301", 'ῖ': "Ι\u0342", 'ῗ': "Ι\u0308\u0342",
	'ῢ': "Υ\u0308\u0300", '\u1FE3': "Υ\u0308\u0301", 'ῤ': "Ρ\u0313", 'ῦ': "Υ\u0342", 'ῧ': "Υ\u0308\u0342",
}
