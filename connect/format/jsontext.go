package format

import (
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// texts is what becomes of the texts of a batch. While its records are read, the
// views of its columns say where texts stand in the block, and behind the end of
// the block where they stand in made. In the end all of them are copied, a column
// at a time, to heaps of their own; or block and made together are the heap of
// them all.
type texts struct {
	made []byte       // what is not in the block as it is: compacted documents, bytes
	some []batch.View // of a column, while they are copied
}

// escapedMark is set in the length of a view whose text has escapes.
const escapedMark = 1 << 31

// setMade makes what is appended to made the text of a row.
func (t *texts) setMade(block []byte, c *batch.Column, row int, appendTo func(made []byte) []byte) {
	start := len(t.made)
	t.made = appendTo(t.made)
	c.Views[row] = batch.View{Offset: uint32(len(block) + start), Length: uint32(len(t.made) - start)}
}

// raw is a text, escapes and all.
func (t *texts) raw(block []byte, v batch.View) []byte {
	from, length := int(v.Offset), int(v.Length&^escapedMark)
	if from >= len(block) {
		from, block = from-len(block), t.made
	}
	return block[from : from+length]
}

// copyAll copies the texts of a column, and of those below it: of the given rows, nil
// for all.
func (t *texts) copyAll(c *batch.Column, block []byte, rows []uint16) {
	switch c.Type.Class() {
	case value.Strings:
		if rows == nil {
			t.copy(c, block, c.Views)
			return
		}
		t.some = t.some[:0]
		for _, row := range rows {
			t.some = append(t.some, c.Views[row])
		}
		t.copy(c, block, t.some)
		clear(c.Views)
		for i, row := range rows {
			c.Views[row] = t.some[i]
		}
	case value.Lists:
		for _, child := range c.Children {
			t.copyAll(child, block, nil) // their rows are elements
		}
	default:
		for _, child := range c.Children {
			t.copyAll(child, block, rows)
		}
	}
}

// copy makes a heap of a column's texts, which are views, and has them show into it. It
// is made long enough first: short texts are copied by the word, also beyond their end,
// over which the next one is copied.
func (t *texts) copy(c *batch.Column, block []byte, views []batch.View) {
	const atLeast, byWords = 2 * wordBytes, 6 * wordBytes
	total := atLeast + wordBytes
	for _, v := range views {
		total += int(v.Length &^ escapedMark)
	}
	heap := c.Heap[:0]
	if cap(heap) < total {
		heap = make([]byte, 0, total+total/8) // the next batch seldom has exactly as much
	}
	heap = heap[:cap(heap)]
	n := 0
	for i, v := range views {
		from, length := int(v.Offset), int(v.Length)
		switch {
		case from+length+atLeast > len(block):
			raw := t.raw(block, v)
			switch {
			case v.Length&escapedMark == 0:
				length = copy(heap[n:], raw)
			case from+len(raw)+wordBytes <= len(block):
				length = unescape(heap[n:], block[from:], len(raw))
			default:
				length = len(appendUnescaped(heap[n:n], raw))
			}
		case length <= byWords:
			storeWord(heap, n, loadWord(block, from))
			storeWord(heap, n+wordBytes, loadWord(block, from+wordBytes))
			for k := atLeast; k < length; k += wordBytes {
				storeWord(heap, n+k, loadWord(block, from+k))
			}
		default:
			copy(heap[n:], block[from:from+length])
		}
		views[i] = batch.View{Offset: uint32(n), Length: uint32(length)}
		n += length
	}
	c.Heap = heap[:n]
}

// share makes block and made the heap of the texts of columns, and of those below
// them.
func (t *texts) share(columns []*batch.Column, block []byte) {
	t.unescape(columns, block)
	heap := append(block[:len(block):len(block)], t.made...)
	shareHeap(columns, heap[:len(heap):len(heap)])
}

// unescape adds the texts that have escapes to made.
func (t *texts) unescape(columns []*batch.Column, block []byte) {
	for _, c := range columns {
		for row, v := range c.Views {
			if v.Length&escapedMark != 0 {
				inside := t.raw(block, v)
				t.setMade(block, c, row, func(made []byte) []byte { return appendUnescaped(made, inside) })
			}
		}
		t.unescape(c.Children, block)
	}
}

func shareHeap(columns []*batch.Column, heap []byte) {
	for _, c := range columns {
		if c.Type.Class() == value.Strings {
			c.Heap = heap
		}
		shareHeap(c.Children, heap)
	}
}

// escapes is what a letter behind a backslash stands for; 0 for those that stand
// for nothing, and for u.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape writes the meaning of a checked JSON string's inside, the first bytes of
// text, and returns its length. There is a word more in text, and in to beyond as
// much as the inside is long.
func unescape(to, text []byte, length int) int {
	n := 0
	for i := 0; i < length; {
		w := loadWord(text, i)
		storeWord(to, n, w)
		// A zero byte x is the lowest for which x-1 borrows into the high bit.
		w ^= eachLow * '\\'
		if found := (w - eachLow) &^ w & eachHigh; found == 0 {
			more := min(wordBytes, length-i)
			i += more
			n += more
			continue
		} else if more := bits.TrailingZeros64(found) >> 3; i+more >= length {
			return n + length - i
		} else {
			i += more
			n += more
		}
		if c := escapes[text[i+1]]; c != 0 {
			to[n] = c
			n++
			i += 2
			continue
		}
		r, size := unicodeEscape(text[i:])
		n += utf8.EncodeRune(to[n:], r)
		i += size
	}
	return n
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
		if c := escapes[inside[i+1]]; c != 0 {
			dst = append(dst, c)
			i += 2
			continue
		}
		r, size := unicodeEscape(inside[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}

// unicodeEscape reads the escape of six bytes, or twelve, that b begins with.
func unicodeEscape(b []byte) (rune, int) {
	r, _ := hex4(b)
	if !utf16.IsSurrogate(r) {
		return r, len(`\u00e9`)
	}
	second, _ := hex4(b[len(`\u00e9`):])
	return utf16.DecodeRune(r, second), 2 * len(`\u00e9`)
}
