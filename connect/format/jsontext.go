package format

import (
	"encoding/binary"
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
	made []byte // what is not in the block as it is: compacted documents, bytes
}

// escapedMark is set in the length of a view whose text has escapes.
const escapedMark = 1 << 31

// setMade makes what is appended to made the text of a row.
func (t *texts) setMade(block []byte, c *batch.Column, row int, appendTo func(made []byte) []byte) {
	start := len(t.made)
	t.made = appendTo(t.made)
	c.Views[row] = batch.View{Offset: uint32(len(block) + start), Length: uint32(len(t.made) - start)}
}

// raw is the text in a row, escapes and all.
func (t *texts) raw(block []byte, c *batch.Column, row int) []byte {
	v := c.Views[row]
	from, length := int(v.Offset), int(v.Length&^escapedMark)
	if from >= len(block) {
		from, block = from-len(block), t.made
	}
	return block[from : from+length]
}

// copyAll copies the texts of columns, and of those below them.
func (t *texts) copyAll(columns []*batch.Column, block []byte) {
	for _, c := range columns {
		if c.Type.Class() == value.Strings {
			t.copy(c, block)
		}
		t.copyAll(c.Children, block)
	}
}

// copy makes a heap of the texts of a column. It is made long enough first: short
// texts are copied by the word, also beyond their end, over which the next one is
// copied.
func (t *texts) copy(c *batch.Column, block []byte) {
	const atLeast, byWords = 2 * wordBytes, 6 * wordBytes
	total := atLeast + wordBytes
	for _, v := range c.Views {
		total += int(v.Length &^ escapedMark)
	}
	heap := c.Heap[:0]
	if cap(heap) < total {
		heap = make([]byte, 0, total+total/8) // the next batch seldom has exactly as much
	}
	heap = heap[:cap(heap)]
	n := 0
	for row, v := range c.Views {
		from, length := int(v.Offset), int(v.Length)
		switch {
		case from+length+atLeast > len(block):
			length = t.copyRaw(heap[n:], t.raw(block, c, row), v.Length&escapedMark != 0)
		case length <= byWords:
			storeWord(heap, n, loadWord(block, from))
			storeWord(heap, n+wordBytes, loadWord(block, from+wordBytes))
			for k := atLeast; k < length; k += wordBytes {
				storeWord(heap, n+k, loadWord(block, from+k))
			}
		default:
			copy(heap[n:], block[from:from+length])
		}
		c.Views[row] = batch.View{Offset: uint32(n), Length: uint32(length)}
		n += length
	}
	c.Heap = heap[:n]
}

// copyRaw copies a text without its escapes, and returns its length then.
func (t *texts) copyRaw(to, raw []byte, escaped bool) int {
	if escaped {
		return len(appendUnescaped(to[:0], raw))
	}
	return copy(to, raw)
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
				inside := t.raw(block, c, row)
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

// appendUnescaped appends the meaning of a checked JSON string's inside.
func appendUnescaped(dst, inside []byte) []byte {
	for i := 0; i < len(inside); {
		if end := nextEscape(inside, i); end > i {
			dst = append(dst, inside[i:end]...)
			i = end
			continue
		}
		if c := escapes[inside[i+1]]; c != 0 {
			dst = append(dst, c)
			i += 2
			continue
		}
		r, _ := hex4(inside[i:])
		i += 6
		if utf16.IsSurrogate(r) {
			second, _ := hex4(inside[i:])
			r = utf16.DecodeRune(r, second)
			i += 6
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// nextEscape is the index, from i on, of the next backslash; len(b) when there is
// none.
func nextEscape(b []byte, i int) int {
	for ; i+wordBytes <= len(b); i += wordBytes {
		// A zero byte x is the lowest for which x-1 borrows into the high bit.
		w := binary.LittleEndian.Uint64(b[i:]) ^ eachLow*'\\'
		if found := (w - eachLow) &^ w & eachHigh; found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for i < len(b) && b[i] != '\\' {
		i++
	}
	return i
}
