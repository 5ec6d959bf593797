package native

import (
	"encoding/binary"
	"math/bits"
	"slices"

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

	wordsPauseRows = 512 // of a section that is large enough to tell so
)

// wordTable finds the words of one column after the other. Texts that repeat are
// mostly short and in no order, so that what costs is what a core guesses wrong:
// those of up to 8 bytes are compared without a branch that depends on them.
type wordTable struct {
	slots [wordsSlots]uint16 // a word's number counted from 1, by its hash
	words []word
	rows  []uint16 // the number of each row's word
}

// word is a view into the column's heap with its first bytes.
type word struct {
	batch.View
	head uint64
}

// is reports whether a text is the word.
func (w *word) is(heap []byte, v batch.View, head uint64) bool {
	return w.head == head && w.Length == v.Length &&
		(v.Length <= headBytes || string(heap[w.Offset:w.Offset+w.Length]) == string(heap[v.Offset:v.Offset+v.Length]))
}

// find finds the words of the first rows of c, unless they are too many.
func (t *wordTable) find(c *batch.Column, rows int) bool {
	limit := min(rows/rowsPerWord, wordsMax)
	used := min(1<<bits.Len(uint(2*limit)), wordsSlots)
	clear(t.slots[:used])
	t.words = t.words[:0]
	t.rows = slices.Grow(t.rows[:0], rows)[:rows]
	heap, numbers, words := c.Heap, t.rows, t.words
	for i, v := range c.Views[:rows] {
		if c.Nulls != nil && c.Nulls.Get(i) {
			numbers[i] = 0
			continue
		}
		head := wordHead(heap, v)
		hash := wordHash(heap, v, head)
		number := int(t.slots[hash&uint64(used-1)%wordsSlots]) - 1
		if number < 0 || !words[number].is(heap, v, head) {
			var ok bool
			if number, ok = t.number(heap, v, head, hash, used, limit); !ok {
				return false
			}
			words = t.words
		}
		numbers[i] = uint16(number)
	}
	return true
}

// number gives the number of a text, which may be a new word; ok is false when it
// cannot become one.
func (t *wordTable) number(heap []byte, v batch.View, head, hash uint64, used, limit int) (number int, ok bool) {
	for range wordProbes {
		at := &t.slots[hash&uint64(used-1)]
		if *at == 0 {
			if len(t.words) >= limit {
				return 0, false
			}
			t.words = append(t.words, word{v, head})
			*at = uint16(len(t.words))
			return len(t.words) - 1, true
		}
		if number = int(*at) - 1; t.words[number].is(heap, v, head) {
			return number, true
		}
		hash++
	}
	return 0, false
}

// headBytes is how many bytes of a text are looked at as a number.
const headBytes = 8

// wordHead is the first bytes of a text, with zeros for those that it does not have.
func wordHead(heap []byte, v batch.View) uint64 {
	if int(v.Offset)+headBytes > len(heap) {
		var first [headBytes]byte
		copy(first[:], heap[v.Offset:v.Offset+v.Length])
		return binary.LittleEndian.Uint64(first[:])
	}
	unused := 8 * (headBytes - min(uint64(v.Length), headBytes))
	return binary.LittleEndian.Uint64(heap[v.Offset:]) << unused >> unused
}

// wordHash looks at the beginning, the middle and the end of a text: it is only
// for texts that repeat.
func wordHash(heap []byte, v batch.View, head uint64) uint64 {
	h := head ^ uint64(v.Length)<<56
	if v.Length > headBytes {
		text := heap[v.Offset : v.Offset+v.Length]
		n := len(text)
		h ^= bits.RotateLeft64(binary.LittleEndian.Uint64(text[(n-headBytes)/2:]), 21) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(text[n-headBytes:]), 43)
	}
	high, low := bits.Mul64(h^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return high ^ low
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
