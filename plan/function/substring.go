package function

import "tidemark/base/batch"

// substringFrom finds SUBSTRING(text FROM start), where start counts from 1,
// from the end when negative, and 0 counts as 1.
func substringFrom(text []byte, start int64) (from, to int) {
	switch {
	case start > int64(len(text)) || start < -int64(len(text)):
		return len(text), len(text)
	case start > 0:
		return offsetOf(text, int(start-1)), len(text)
	case start == 0:
		return 0, len(text)
	}
	if !isASCII(text) && start < -int64(countRunes(text)) {
		return len(text), len(text)
	}
	return offsetFromEnd(text, int(-start)), len(text)
}

// substring finds SUBSTRING(text FROM start FOR count); a negative count has no
// result.
func substring(text []byte, start, count int64) (from, to int, ok bool) {
	if count < 0 {
		return 0, 0, false
	}
	from, to = substringFrom(text, start)
	if count >= int64(to-from) {
		return from, to, true
	}
	return from, from + offsetOf(text[from:to], int(count)), true
}

func substringPiece(args []*batch.Column, i int) (int, int, bool) {
	if len(args) == 2 {
		from, to := substringFrom(args[0].Bytes(i), args[1].Ints[i])
		return from, to, true
	}
	return substring(args[0].Bytes(i), args[1].Ints[i], args[2].Ints[i])
}

func leftPiece(args []*batch.Column, i int) (int, int, bool) {
	text := args[0].Bytes(i)
	return 0, offsetOf(text, clampCount(args[1].Ints[i], text)), true
}

func rightPiece(args []*batch.Column, i int) (int, int, bool) {
	text := args[0].Bytes(i)
	return offsetFromEnd(text, clampCount(args[1].Ints[i], text)), len(text), true
}

// clampCount is a number of characters of text, between none and all.
func clampCount(n int64, text []byte) int { return int(min(max(n, 0), int64(len(text)))) }
