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

// wordTable finds the words of a column, section by section. Texts that repeat are
// mostly short and in no order, so that what costs is what a core guesses wrong:
// those of up to 8 bytes are compared without a branch that depends on them.
type wordTable struct {
	slots [wordsSlots]wordSlot // by the words' hash
	words []batch.View         // in the column's heap
	heads []uint64             // the first bytes of each word
	rows  []uint16             // the number of each row's word
	pause int
}

// wordSlot is a word's number counted from 1 and, above it, some bits of its hash.
type wordSlot uint32

const slotNumber = 1<<16 - 1

// find finds the words of the first rows of c, unless they are too many.
func (t *wordTable) find(c *batch.Column, rows int) bool {
	if t.pause > 0 {
		t.pause--
		return false
	}
	limit := min(rows/rowsPerWord, wordsMax)
	slots := t.slots[:min(1<<bits.Len(uint(2*limit)), wordsSlots)]
	clear(slots)
	t.words, t.heads = t.words[:0], t.heads[:0]
	t.rows = slices.Grow(t.rows[:0], rows)[:rows]
	views, heap := c.Views[:rows], c.Heap
	for i, v := range views {
		if c.Nulls != nil && c.Nulls.Get(i) {
			t.rows[i] = 0
			continue
		}
		head := wordHead(heap, v)
		number, ok := t.number(slots, heap, v, head)
		if !ok {
			if len(t.words) >= limit || number == noWord {
				if rows >= wordsPauseRows {
					t.pause = wordsPause
				}
				return false
			}
			t.words, t.heads = append(t.words, v), append(t.heads, head)
			slots[number] = wordTag(wordHash(heap, v, head)) | wordSlot(len(t.words))
			number = uint16(len(t.words) - 1)
		}
		t.rows[i] = number
	}
	return true
}

// noWord is instead of a number where a text cannot become a word.
const noWord = 1<<16 - 1

// number gives the number of a text that is a word, and otherwise the slot for it.
func (t *wordTable) number(slots []wordSlot, heap []byte, v batch.View, head uint64) (number uint16, ok bool) {
	hash := wordHash(heap, v, head)
	tag := wordTag(hash)
	for range wordProbes {
		at := hash % uint64(len(slots))
		slot := slots[at]
		if slot == 0 {
			return uint16(at), false
		}
		if slot&^slotNumber == tag {
			number = uint16(slot - 1)
			w := t.words[number]
			if w.Length == v.Length && t.heads[number] == head && (v.Length <= headBytes || string(heap[w.Offset:w.Offset+w.Length]) == string(heap[v.Offset:v.Offset+v.Length])) {
				return number, true
			}
		}
		hash++
	}
	return noWord, false
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

func wordTag(hash uint64) wordSlot { return wordSlot(hash>>32) &^ slotNumber }

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
