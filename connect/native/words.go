package native

import (
	"encoding/binary"
	"math"
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
	wordsSlots  = 4 * wordsMax
	soughtRows  = 128 // that are looked for at a time
	rowsPerWord = 4   // on average, for which numbers pay
	wordProbes  = 32  // of a place in the table; texts chosen to fall together are no words
	wordsPause  = 15  // sections in which a column is not tried that had too many words

	wordsPauseRows = 512 // of a section that is large enough to tell so
)

// wordTable finds the words of one column after the other. Texts that repeat are
// mostly short and in no order, so that what costs is what a core guesses wrong
// and what it waits for: texts are looked for some at a time, step by step, so that
// none waits for the one before, and with hardly a branch that depends on them.
type wordTable struct {
	slots  [wordsSlots]uint16 // a word's number counted from 1, by its hash
	words  []word             // by that number; the first is none
	texts  []byte             // of the words, one behind the other
	rows   []uint16           // the number of each row's word, from 0
	sought [soughtRows]soughtText
	missed [soughtRows]uint16 // which of them are not where their hash says
	limit  int                // how many words there may be
	last   uint64             // slot that is used
}

// word is one of the different texts.
type word struct {
	head  uint64 // its first bytes
	start uint32 // in texts
	bytes uint32
}

// noWord is what no text is equal to.
var noWord = word{bytes: math.MaxUint32}

// soughtText is a text that is looked for.
type soughtText struct{ head, hash uint64 }

// find finds the words of the first rows of c, unless they are too many.
func (t *wordTable) find(c *batch.Column, rows int) bool {
	t.limit = min(rows/rowsPerWord, wordsMax)
	t.last = uint64(min(1<<bits.Len(uint(4*t.limit)), wordsSlots) - 1)
	clear(t.slots[:t.last+1])
	t.words, t.texts = append(t.words[:0], noWord), t.texts[:0]
	t.rows = slices.Grow(t.rows[:0], rows)[:rows]
	for from := 0; from < rows; from += soughtRows {
		to := min(from+soughtRows, rows)
		found := false
		if numbers := t.rows[from:to]; c.Nulls == nil {
			found = t.findAll(c.Heap, c.Views[from:to], numbers)
		} else {
			found = t.findPresent(c, from, numbers)
		}
		if !found {
			return false
		}
	}
	return true
}

// findAll finds the words of some texts.
func (t *wordTable) findAll(heap []byte, views []batch.View, numbers []uint16) (ok bool) {
	t.hash(heap, views)
	for _, i := range t.compare(heap, views, numbers) {
		if numbers[i], ok = t.number(heap, views[i], &t.sought[i]); !ok {
			return false
		}
	}
	return true
}

// findPresent is findAll for a column that has NULLs, whose views mean nothing.
func (t *wordTable) findPresent(c *batch.Column, from int, numbers []uint16) (ok bool) {
	clear(numbers)
	var views [soughtRows]batch.View
	var rows [soughtRows]uint16
	n := 0
	for i := range numbers {
		if !c.Nulls.Get(from + i) {
			views[n], rows[n] = c.Views[from+i], uint16(i)
			n++
		}
	}
	var found [soughtRows]uint16
	if !t.findAll(c.Heap, views[:n], found[:n]) {
		return false
	}
	for k, i := range rows[:n] {
		numbers[i] = found[k]
	}
	return true
}

// headBytes is how many bytes of a text are looked at as a number.
const headBytes = 8

// headOnes has ones for the bytes that a head of so many bytes has.
var headOnes = [headBytes + 1]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, 1<<64 - 1}

// hash looks at the first bytes, the middle and the end of some texts: it is only
// for those that repeat. A head has zeros for bytes that a text does not have.
func (t *wordTable) hash(heap []byte, views []batch.View) {
	for i, v := range views {
		start, length := uint(v.Offset), uint(v.Length)
		var head uint64
		if start+max(length, headBytes) <= uint(len(heap)) {
			head = loadWord(heap, start) & headOnes[min(length, headBytes)]
		} else {
			head = lastHead(heap[start:][:length])
		}
		h := head ^ uint64(length)<<56
		if length > headBytes {
			h ^= bits.RotateLeft64(loadWord(heap, start+(length-headBytes)/2), 21) ^ bits.RotateLeft64(loadWord(heap, start+length-headBytes), 43)
		}
		high, low := bits.Mul64(h^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
		t.sought[i%soughtRows] = soughtText{head, high ^ low}
	}
}

// lastHead is the head of a text at the end of its heap.
func lastHead(text []byte) uint64 {
	var first [headBytes]byte
	copy(first[:], text)
	return binary.LittleEndian.Uint64(first[:])
}

// compare gives some texts that were hashed the numbers of the words where their
// hashes say, and returns which of them are others.
func (t *wordTable) compare(heap []byte, views []batch.View, numbers []uint16) []uint16 {
	missed := uint(0)
	words, texts, last := t.words, t.texts, t.last
	numbers = numbers[:len(views)]
	for i, v := range views {
		s := &t.sought[uint(i)%soughtRows]
		n := t.slots[s.hash&last%wordsSlots]
		numbers[i] = n - 1
		w := words[n]
		differs := w.head ^ s.head | uint64(w.bytes^v.Length)
		if v.Length > headBytes && w.bytes == v.Length {
			differs |= otherText(heap, texts, uint(v.Offset), uint(w.start), uint(v.Length))
		}
		t.missed[missed%soughtRows] = uint16(i)
		missed += uint((differs | -differs) >> 63)
	}
	return t.missed[:missed]
}

// otherText is not 0 where two texts of more than headBytes differ behind those.
func otherText(heap, texts []byte, at, other, length uint) (differs uint64) {
	last := length - headBytes
	differs = loadWord(heap, at+last) ^ loadWord(texts, other+last)
	for from := uint(headBytes); from < last; from += headBytes {
		differs |= loadWord(heap, at+from) ^ loadWord(texts, other+from)
	}
	return differs
}

// number gives the number of a text that was hashed, which may be a new word; ok is
// false when it cannot become one.
func (t *wordTable) number(heap []byte, v batch.View, s *soughtText) (number uint16, ok bool) {
	for place := range uint64(wordProbes) {
		at := &t.slots[(s.hash+place)&t.last]
		if *at == 0 {
			if len(t.words) > t.limit {
				return 0, false
			}
			*at = uint16(len(t.words))
			t.words = append(t.words, word{s.head, uint32(len(t.texts)), v.Length})
			t.texts = append(t.texts, heap[v.Offset:v.Offset+v.Length]...)
			return *at - 1, true
		}
		w := &t.words[*at]
		if w.head == s.head && w.bytes == v.Length && (v.Length <= headBytes || otherText(heap, t.texts, uint(v.Offset), uint(w.start), uint(v.Length)) == 0) {
			return *at - 1, true
		}
	}
	return 0, false
}

// forget lets go of memory that few columns need.
func (t *wordTable) forget() {
	if cap(t.texts) > packKeptBytesMax {
		t.texts = nil
	}
}

// append appends what find has found.
func (t *wordTable) append(to []byte, c *batch.Column, rows int) []byte {
	to = append(to, wordsMark)
	to = batch.AppendNulls(to, c.Nulls, rows)
	words := t.words[1:]
	to = binary.AppendUvarint(to, uint64(len(words)))
	for _, w := range words {
		to = binary.AppendUvarint(to, uint64(w.bytes))
	}
	to = append(to, t.texts...)
	switch {
	case len(words) <= 1:
	case len(words) <= 256:
		end := len(to)
		to = slices.Grow(to, rows)[:end+rows]
		for i, n := range t.rows {
			to[end+i] = byte(n)
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
