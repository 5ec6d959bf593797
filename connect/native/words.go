package native

import (
	"encoding/binary"
	"math/bits"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// A column of texts that repeat is kept in a pack as its words, each once, and
// for each row the number of its word (docs/formats/pack.md):
//
//	words = 16:1  nulls:1  [bitmap]  words:uvarint  length of each:uvarint  their bytes  numbers
//
// The numbers have no bytes for at most one word, one byte each for at most 256,
// and two otherwise. A NULL has number 0.
//
// A reader then makes a heap of some words that stays in the core's cache,
// instead of one of all texts.
const (
	wordsMark   = 16 // where other columns have their class, of which there are less
	wordsMax    = 1024
	wordsSlots  = 2 * wordsMax
	rowsPerWord = 4  // on average, for which numbers pay
	wordProbes  = 32 // of a place in the table; texts chosen to fall together are no words
	wordsPause  = 15 // sections in which a column is not tried that had too many words
)

// wordTable finds the words of a column, section by section.
type wordTable struct {
	slots [wordsSlots]uint16 // a word's number counted from 1, by its hash
	words []batch.View       // in the column's heap
	rows  []uint16           // the number of each row's word
	pause int
}

// find finds the words of the first rows of c, unless they are too many.
func (t *wordTable) find(c *batch.Column, rows int) bool {
	if t.pause > 0 {
		t.pause--
		return false
	}
	clear(t.slots[:])
	t.words, t.rows = t.words[:0], t.rows[:0]
	limit := min(rows/rowsPerWord, wordsMax)
	before := -1 // the row before that is not NULL
	for i, v := range c.Views[:rows] {
		if c.Nulls != nil && c.Nulls.Get(i) {
			t.rows = append(t.rows, 0)
			continue
		}
		text := c.Heap[v.Offset : v.Offset+v.Length]
		if before >= 0 && string(text) == string(c.Bytes(before)) {
			t.rows = append(t.rows, t.rows[before])
			before = i
			continue
		}
		number, ok := t.number(c.Heap, v, limit)
		if !ok {
			t.pause = wordsPause
			return false
		}
		t.rows = append(t.rows, number)
		before = i
	}
	return true
}

// number gives the number of a word, which may be a new one.
func (t *wordTable) number(heap []byte, v batch.View, limit int) (uint16, bool) {
	text := heap[v.Offset : v.Offset+v.Length]
	slot := wordHash(text)
	for range wordProbes {
		at := &t.slots[slot%wordsSlots]
		if *at == 0 {
			if len(t.words) >= limit {
				return 0, false
			}
			t.words = append(t.words, v)
			*at = uint16(len(t.words))
			return *at - 1, true
		}
		if w := t.words[*at-1]; string(heap[w.Offset:w.Offset+w.Length]) == string(text) {
			return *at - 1, true
		}
		slot++
	}
	return 0, false
}

// wordHash looks at the beginning, the middle and the end of a text: it is only
// for texts that repeat.
func wordHash(text []byte) uint64 {
	const first, second, third = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9
	n := len(text)
	var a, b, c uint64
	switch {
	case n >= 8:
		a = binary.LittleEndian.Uint64(text)
		b = binary.LittleEndian.Uint64(text[n/2-4:])
		c = binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		a = uint64(binary.LittleEndian.Uint32(text))
		c = uint64(binary.LittleEndian.Uint32(text[n-4:]))
	case n > 0:
		a, b, c = uint64(text[0]), uint64(text[n/2]), uint64(text[n-1])
	}
	high, low := bits.Mul64(a^first^uint64(n), bits.RotateLeft64(b, 23)^c*third^second)
	return (high ^ low) * first >> 40
}

// append appends what find has found.
func (t *wordTable) append(to []byte, c *batch.Column, rows int) []byte {
	to = append(to, wordsMark)
	to = batch.AppendNulls(to, c.Nulls, rows)
	to = binary.AppendUvarint(to, uint64(len(t.words)))
	for _, w := range t.words {
		to = binary.AppendUvarint(to, uint64(w.Length))
	}
	for _, w := range t.words {
		to = append(to, c.Heap[w.Offset:w.Offset+w.Length]...)
	}
	switch {
	case len(t.words) <= 1:
	case len(t.words) <= 256:
		for _, n := range t.rows {
			to = append(to, byte(n))
		}
	default:
		for _, n := range t.rows {
			to = binary.LittleEndian.AppendUint16(to, n)
		}
	}
	return to
}

// readWords reads a column of words of type t and shares no memory with data.
func readWords(data []byte, t value.Type, rows int) (*batch.Column, error) {
	d := packDecoder{rest: data}
	if d.byte() != wordsMark || t.Class() != value.Strings {
		return nil, errPack
	}
	nulls, rest, err := batch.ReadNulls(d.rest, rows)
	if err != nil {
		return nil, err
	}
	d.rest = rest
	count := d.uvarint()
	if d.failed || count > wordsMax {
		return nil, errPack
	}
	words, heapBytes := make([]batch.View, max(count, 1)), 0
	for i := range count {
		length := d.uvarint()
		words[i] = batch.View{Offset: uint32(heapBytes), Length: uint32(length)}
		if heapBytes += length; heapBytes > len(data) {
			return nil, errPack
		}
	}
	c := &batch.Column{Type: t, Nulls: nulls, Views: make([]batch.View, rows)}
	c.Heap = append([]byte(nil), d.take(heapBytes)...)
	if d.failed || !putWords(c.Views, words, d.rest, count) {
		return nil, errPack
	}
	return c, nil
}

// putWords gives each row its word, and reports whether the numbers are those of
// as many words and rows.
func putWords(rows, words []batch.View, numbers []byte, count int) bool {
	switch {
	case count <= 1:
		for i := range rows {
			rows[i] = words[0]
		}
		return len(numbers) == 0
	case count <= 256:
		if len(numbers) != len(rows) {
			return false
		}
		var all [256]batch.View // so that no number needs a check
		copy(all[:], words)
		greatest := byte(0)
		for i, n := range numbers {
			rows[i] = all[n]
			greatest = max(greatest, n)
		}
		return int(greatest) < count
	}
	if len(numbers) != 2*len(rows) {
		return false
	}
	for i := range rows {
		n := int(binary.LittleEndian.Uint16(numbers[2*i:]))
		if n >= count {
			return false
		}
		rows[i] = words[n]
	}
	return true
}
