package function

import (
	"slices"
	"unicode/utf8"

	"tidemark/base/batch"
)

// nextCharacter is the first code point of text and its length in bytes.
func nextCharacter(text []byte) (rune, int) { return utf8.DecodeRune(text) }

// appendTranslated appends text with every character of from replaced by the
// one at the same place in to, and left out where to is shorter.
func appendTranslated(dst, text []byte, from, to []rune) []byte {
	for len(text) > 0 {
		r, size := nextCharacter(text)
		switch at := slices.Index(from, r); {
		case at < 0:
			dst = append(dst, text[:size]...)
		case at < len(to):
			dst = utf8.AppendRune(dst, to[at])
		}
		text = text[size:]
	}
	return dst
}

// translate is lenient: a missing list counts as an empty one.
func translate(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	if args[0].IsNull(i) {
		return dst, false, nil
	}
	var lists [2][]rune
	for k := range lists {
		if !args[k+1].IsNull(i) {
			lists[k] = []rune(string(args[k+1].Bytes(i)))
		}
	}
	return appendTranslated(dst, args[0].Bytes(i), lists[0], lists[1]), true, nil
}

// appendReversed appends the code points of text from last to first.
func appendReversed(dst, text []byte) ([]byte, bool) {
	for len(text) > 0 {
		_, size := utf8.DecodeLastRune(text)
		dst = append(dst, text[len(text)-size:]...)
		text = text[:len(text)-size]
	}
	return dst, true
}
