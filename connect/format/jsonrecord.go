package format

import (
	"math"
	"math/bits"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// recordShapes is what whole records have looked like so far: a tree of the seams
// between their values, ROWs inside them and all. A record that was read the
// thorough way adds its seams (learn); one that has only seams that are known is
// read in a walk from seam to seam (known), without a look at names, brackets or
// what is missing. All of that follows from the seams.
type recordShapes struct {
	root  seam
	seams int
}

// seam is the constant text before a value of a record, or before its end: from
// the quote that ends the value before on, if that is a text, up to the quote that
// begins this one. NULLs are part of it.
//
// It is compared by the word: two words, which overlap or are the same in short seams,
// and what long ones have more.
type seam struct {
	first, second uint64
	ones          uint64 // of the bytes of these that are compared: all but in seams below eight bytes
	secondFrom    int
	length        int
	more          []uint64 // the words of a long seam from seamWords on; the last one ends with the seam
	kind          seamKind
	steady        steady      // of steadyText
	depth         int         // of the objects around the value
	field         *fieldShape // of the value; nil when it is not read
	end           *recordEnd
	usual         *seam   // the first of next; nil when there is none
	next          []*seam // those met behind the value, the commonest first
	hits          int     // how often it was found other than as the first
}

// seamKind says what is behind a seam.
type seamKind uint8

const (
	recordEnds   seamKind = iota
	textBehind            // a text, of a text column or not read
	steadyText            // the same, always of one length so far
	momentBehind          // a text of a timestamp column
	wholeBehind           // a number of an INT or BIGINT column
	numberBehind          // a number that is not read
	anythingElse
)

// steady is the length that all texts behind a seam have had. Where it is known, the
// walk goes on behind a text while it is still being looked at: what a branch foresees
// need not be waited for.
type steady struct {
	length      int
	upTo, quote uint64 // what is to be in specials.near: of the bits upTo, quote alone
	changes     int
}

// is reports whether a text of the length ends where there are marks.
func (s *steady) is(marks uint64) bool { return marks&s.upTo == s.quote }

// change says that a text had another length, and reports whether that is the one
// to expect now: of texts that have many there is none.
func (s *steady) change(length int) bool {
	s.changes++
	s.length, s.quote = length, 1<<length
	s.upTo = s.quote<<1 - 1
	return length <= nearBytes && s.changes < steadyChangesMax
}

// recordEnd is what holds for all records that have ended with one seam.
type recordEnd struct {
	nulls   []*fieldShape // fields that are NULL or missing
	unknown bool          // some values are not read
}

// seamWords is how many bytes the two words of a seam hold.
const seamWords = 2 * wordBytes

// newSeam makes a seam of its text.
func newSeam(text string) *seam {
	g := &seam{length: len(text), ones: ^uint64(0), secondFrom: max(min(len(text), seamWords)-wordBytes, 0)}
	if len(text) < wordBytes {
		g.ones = 1<<(8*len(text)) - 1
	}
	padded := []byte(text + "\x00\x00\x00\x00\x00\x00\x00")
	g.first, g.second = loadWord(padded, 0)&g.ones, loadWord(padded, g.secondFrom)&g.ones
	for from := seamWords; from < len(text); from += wordBytes {
		g.more = append(g.more, loadWord(padded, min(from, len(text)-wordBytes)))
	}
	return g
}

// standsAt reports whether the two words of the seam are at b[i], from where words may
// be read.
func (g *seam) standsAt(b []byte, i int) bool {
	return (loadWord(b, i)&g.ones^g.first)|(loadWord(b, i+g.secondFrom)&g.ones^g.second) == 0
}

// goesOn reports whether what the seam has more than its words is there for a seam at
// b[i].
func (g *seam) goesOn(b []byte, i int) bool {
	if len(b)-i < g.length {
		return false
	}
	for k, word := range g.more {
		if loadWord(b, i+min(seamWords+k*wordBytes, g.length-wordBytes)) != word {
			return false
		}
	}
	return true
}

// goOn adds a seam to those that are met behind g.
func (g *seam) goOn(next *seam) {
	g.next = append(g.next, next)
	g.usual = g.next[0]
}

// another finds the seam behind g that is at b[i], from where words may be read; nil
// when there is none.
func (g *seam) another(b []byte, i int) *seam {
	for k, next := range g.next {
		if !next.standsAt(b, i) || !next.goesOn(b, i) {
			continue
		}
		if k > 0 {
			if next.hits++; next.hits > g.next[k-1].hits {
				g.next[k-1], g.next[k] = next, g.next[k-1]
				g.usual = g.next[0]
			}
		}
		return next
	}
	return nil
}

// known reads the record at i into row, if all its seams are known and no value is
// wrong, and returns the index behind it; -1 when it must be read the thorough way.
// No seam and no value that is read here has a line feed in it, so that a record of
// these ends in its line.
func (d *JSONDecoder) known(i, row int) int {
	b, s := d.whole, &d.specials
	if (i > s.ahead || i < s.from) && !s.look(b, i) { // records need not stand in their order
		return -1
	}
	at := &d.shapes.root
	for {
		var behind bool
		if at, i, behind = d.follow(at, i, row); !behind {
			if i > s.limit && !s.look(b, i) {
				return -1
			}
			if at = at.another(b, i); at == nil {
				return -1
			}
			i += at.length
		}
		if at.kind == recordEnds {
			for _, f := range at.end.nulls {
				f.column.SetNull(row)
			}
			d.unknown = d.unknown || at.end.unknown
			return i
		}
		if i > s.limit && !s.look(b, i) {
			return -1
		}
		if i = d.behind(at, i, row); i < 0 {
			return -1
		}
	}
}

// follow goes on at i, behind the value of a seam, as long as the usual seams come and
// values that are short and plain. It returns the last seam that came and the index
// behind its value or, with behind, of its value. It calls nothing, so that all it
// needs stays in registers.
func (d *JSONDecoder) follow(at *seam, i, row int) (last *seam, next int, behind bool) {
	b, s := d.whole, &d.specials
	limit := s.limit
	for {
		g := at.usual
		if i > limit || g == nil || !g.standsAt(b, i) {
			return at, i, false
		}
		if g.more != nil {
			if !g.goesOn(b, i) {
				return at, i, false
			}
			if i+g.length > limit {
				return g, i + g.length, true
			}
		}
		i += g.length
		switch g.kind {
		case steadyText:
			end := i + g.steady.length
			if !g.steady.is(s.near(i)) || end > limit || b[end] != '"' {
				return g, i, true
			}
			if g.field != nil {
				g.field.views[row] = batch.View{Offset: uint32(i), Length: uint32(end - i)}
			}
			i = end
		case textBehind:
			if !vector {
				return g, i, true
			}
			found := s.near(i)
			if found == 0 {
				return g, i, true
			}
			end := i + bits.TrailingZeros64(found)
			if end > limit || b[end] != '"' {
				return g, i, true
			}
			if g.field != nil {
				g.field.views[row] = batch.View{Offset: uint32(i), Length: uint32(end - i)}
			}
			i = end
		case wholeBehind:
			n, length := fewDigits(loadWord(b, i))
			if c := b[i+length]; length == 0 || length > 1 && b[i] == '0' || c != ',' && c != '}' {
				return g, i, true
			}
			g.field.ints[row] = n
			i += length
		case numberBehind:
			_, length := fewDigits(loadWord(b, i))
			if c := b[i+length]; length == 0 || length > 1 && b[i] == '0' || c != ',' && c != '}' {
				return g, i, true
			}
			i += length
		default:
			return g, i, true
		}
		at = g
	}
}

// behind reads the value of a seam, which is at i, from where words may be read, and
// returns the index behind it, of a text that of the quote; -1 when the record must be
// read the thorough way.
func (d *JSONDecoder) behind(g *seam, i, row int) int {
	b := d.whole
	switch g.kind {
	case textBehind, steadyText:
		end, mark := d.longText(i)
		if end < 0 {
			return -1
		}
		if g.kind == steadyText && end != i+g.steady.length && !g.steady.change(end-i) {
			g.kind = textBehind
		}
		if g.field != nil {
			g.field.views[row] = batch.View{Offset: uint32(i), Length: uint32(end-i) | mark}
		}
		return end
	case wholeBehind:
		if n, next := shortInteger(b, i); next > 0 && (n <= math.MaxInt32 || g.field.typ.Kind != value.Int) {
			g.field.ints[row] = n
			return next
		}
	case momentBehind:
		if micros, ok := g.field.day.read(b, i); ok {
			g.field.ints[row] = micros
			return i + clockEnd
		}
		return d.momentText(g.field, i, row)
	case numberBehind:
		if next, _ := scanNumber(b, i); next > 0 {
			return next
		}
	case anythingElse, recordEnds:
	}
	return d.within(g, i, row)
}

// longText finds the quote that ends the text at i when that is not the next special
// byte before the limit, -1 for none. The mark is set for a text with escapes.
func (d *JSONDecoder) longText(i int) (end int, mark uint32) {
	b, s := d.whole, &d.specials
	for {
		if i > s.limit && !s.look(b, i) {
			return -1, 0
		}
		if i = s.next(b, i); i >= s.to {
			// All up to there is plain.
			if i = s.to; !s.look(b, i) {
				return -1, 0
			}
			continue
		}
		if i > s.limit {
			return -1, 0
		}
		switch c := b[i]; {
		case c == '"':
			return i, mark
		case c == '\\':
			length := escapeLength(b[i:])
			if length == 0 {
				return -1, 0
			}
			mark = escapedMark
			i += length
		case c < 0x20:
			return -1, 0
		case c >= 0x80:
			size := runeLength(b[i:])
			if size == 0 {
				return -1, 0
			}
			i += size
		}
	}
}

// momentText is known for the text of a timestamp at i; it returns the index of the
// quote behind it.
func (d *JSONDecoder) momentText(f *fieldShape, i, row int) int {
	end, mark := d.longText(i)
	if end < 0 {
		return -1
	}
	t := token{kind: textToken, start: i, end: end, escaped: mark != 0}
	if d.take(f, t, row); d.fault != noFault {
		return -1
	}
	if !f.column.IsNull(row) {
		f.day.note(d.whole[i:end], f.column.Ints[row])
	}
	return end
}

// within is known for a value that is read the thorough way.
func (d *JSONDecoder) within(g *seam, i, row int) int {
	d.depth = g.depth
	if g.field == nil {
		i = d.skip(i)
	} else {
		i = d.valueAt(g.field, i, row)
	}
	d.depth = 0
	if d.fault != noFault {
		return -1
	}
	return i
}
