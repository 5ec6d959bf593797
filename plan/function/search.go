package function

import (
	"bytes"
	"unicode/utf8"

	"tidemark/base/batch"
)

func countRunes(text []byte) int { return utf8.RuneCount(text) }

// position is where needle first stands in text at or after code point start,
// all counted from 1; 0 when it does not. A start below one counts as one, and
// the empty needle stands at 1.
func position(needle, text []byte, start int64) int64 {
	switch {
	case len(needle) == 0:
		return 1
	case start > int64(len(text)):
		return 0
	}
	from := 0
	if start > 0 {
		from = offsetOf(text, int(start-1))
	}
	at := bytes.Index(text[from:], needle)
	if at < 0 {
		return 0
	}
	return int64(countRunes(text[:from+at])) + 1
}

// occurrence is where the nth occurrence of needle in text stands, searching
// forwards from code point start, or, when start is negative, backwards from
// that far before the end. Occurrences may overlap.
func occurrence(text, needle []byte, start, nth int64) int64 {
	if start < 0 {
		return occurrenceBackwards(text, needle, -start, nth)
	}
	switch {
	case start == 0:
		return 0
	case len(needle) == 0:
		return 1
	}
	at := position(needle, text, start)
	for ; nth > 1 && at > 0; nth-- {
		at = position(needle, text, at+1)
	}
	return at
}

// occurrenceBackwards finds occurrences that end at or before the start-th code
// point from the end.
func occurrenceBackwards(text, needle []byte, start, nth int64) int64 {
	if len(needle) == 0 {
		return int64(countRunes(text)) + 1
	}
	if start > int64(len(text)) {
		return 0
	}
	end := offsetFromEnd(text, int(start-1))
	for {
		at := bytes.LastIndex(text[:end], needle)
		if at < 0 {
			return 0
		}
		if nth--; nth == 0 {
			return int64(countRunes(text[:at])) + 1
		}
		end = at + len(needle)
		_, size := utf8.DecodeLastRune(text[:end])
		end -= size
	}
}

// startOf is the optional argument k, 1 when it is not there.
func startOf(args []*batch.Column, k, i int) int64 {
	if k >= len(args) {
		return 1
	}
	return args[k].Ints[i]
}
