package function

import (
	"bytes"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// appendPad appends text cut or padded to size UTF-16 units, as LPAD (left) or
// RPAD. A negative size and an empty pad have no result.
func appendPad(dst, text []byte, size int64, pad []byte, left bool) ([]byte, bool, error) {
	if size < 0 || len(pad) == 0 {
		return dst, false, nil
	}
	if size > textMax {
		return dst, false, tooLong()
	}
	have := unitsOf(text)
	missing := int(size) - have
	if missing <= 0 {
		return appendUnits(dst, text, 0, int(size)), true, nil
	}
	if !left {
		dst = append(dst, text...)
	}
	padUnits := unitsOf(pad)
	for ; missing >= padUnits; missing -= padUnits {
		dst = append(dst, pad...)
	}
	dst = appendUnits(dst, pad, 0, missing)
	if left {
		dst = append(dst, text...)
	}
	return dst, true, nil
}

func pad(left bool) func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	return func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
		return appendPad(dst, args[0].Bytes(i), args[1].Ints[i], args[2].Bytes(i), left)
	}
}

// padType is STRING, NOT NULL only when constants show that there is a result:
// Flink says NOT NULL also where it gives NULL.
func padType(c *call) value.Type {
	size, pad := c.Args[1].Literal, c.Args[2].Literal
	certain := required(c.Params) && size != nil && size.Int >= 0 && pad != nil && pad.Text != ""
	return value.StringType.WithNullability(certain)
}

// appendRepeated appends text n times.
func appendRepeated(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	text, n := args[0].Bytes(i), args[1].Ints[i]
	if n <= 0 || len(text) == 0 {
		return dst, true, nil
	}
	if n > textMax/int64(len(text)) {
		return dst, false, tooLong()
	}
	for range n {
		dst = append(dst, text...)
	}
	return dst, true, nil
}

// appendOverlay appends text with count UTF-16 units from start on replaced. A
// start outside of text leaves it as it is; a count below one, or beyond the
// end, replaces all the rest.
func appendOverlay(dst, text, replacement []byte, start, count int64) []byte {
	length := int64(unitsOf(text))
	if start < 1 || start > length {
		return append(dst, text...)
	}
	dst = appendUnits(dst, text, 0, int(start-1))
	dst = append(dst, replacement...)
	if count < 1 || count > length-(start-1) {
		return dst
	}
	return appendUnits(dst, text, int(start-1+count), int(length))
}

func overlay(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	text, replacement := args[0].Bytes(i), args[1].Bytes(i)
	count := int64(unitsOf(replacement))
	if len(args) == 4 {
		count = args[3].Ints[i]
	}
	return appendOverlay(dst, text, replacement, args[2].Ints[i], count), true, nil
}

// appendReplaced appends text with every occurrence of old replaced. The empty
// text occurs before every character and at the end.
func appendReplaced(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	text, old, replacement := args[0].Bytes(i), args[1].Bytes(i), args[2].Bytes(i)
	if growth := int64(bytes.Count(text, old)) * int64(len(replacement)-len(old)); growth > textMax {
		return dst, false, tooLong()
	}
	for {
		at := bytes.Index(text, old)
		if len(old) == 0 && len(text) > 0 {
			_, at = nextCharacter(text)
			dst = append(dst, replacement...)
			dst = append(dst, text[:at]...)
			text = text[at:]
			continue
		}
		if len(old) == 0 {
			return append(dst, replacement...), true, nil
		}
		if at < 0 {
			return append(dst, text...), true, nil
		}
		dst = append(dst, text[:at]...)
		dst = append(dst, replacement...)
		text = text[at+len(old):]
	}
}
