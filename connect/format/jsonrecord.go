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
// It is compared as three words, which overlap in short seams, and what long ones
// have more as a text.
type seam struct {
	first, middle, last  uint64
	firstOnes, lastOnes  uint64 // of the bytes that are compared: all but in seams below eight bytes
	middleFrom, lastFrom int
	length               int
	more                 string // of a long seam, behind the words
	kind                 seamKind
	depth                int         // of the objects around the value
	field                *fieldShape // of the value; nil when it is not read
	end                  *recordEnd
	next                 []*seam // those met behind the value, the commonest first
	hits                 int     // how often it was found other than as the first
}

// seamKind says what is behind a seam.
type seamKind uint8

const (
	recordEnds   seamKind = iota
	textBehind            // a text, of a text column or not read
	momentBehind          // a text of a timestamp column
	wholeBehind           // a number of an INT or BIGINT column
	numberBehind          // a number that is not read
	anythingElse
)

// recordEnd is what holds for all records that have ended with one seam.
type recordEnd struct {
	nulls   []*fieldShape // fields that are NULL or missing
	unknown bool          // some values are not read
}

// seamWords is how many bytes the words of a seam hold.
const seamWords = 3 * wordBytes

// newSeam makes a seam of its text.
func newSeam(text string) *seam {
	const all = ^uint64(0)
	g := &seam{length: len(text), firstOnes: all, lastOnes: all}
	padded := []byte(text + "\x00\x00\x00\x00\x00\x00\x00")
	if len(text) < wordBytes {
		g.firstOnes = 1<<(8*len(text)) - 1
		g.lastOnes = g.firstOnes
	} else {
		g.lastFrom = min(len(text), seamWords) - wordBytes
		g.middleFrom = min(wordBytes, g.lastFrom)
		g.more = text[min(len(text), seamWords):]
	}
	g.first = loadWord(padded, 0) & g.firstOnes
	g.middle = loadWord(padded, g.middleFrom) & g.lastOnes
	g.last = loadWord(padded, g.lastFrom) & g.lastOnes
	return g
}

// goesOn reports whether what the seam has more than its words is there for a seam at
// b[i].
func (g *seam) goesOn(b []byte, i int) bool {
	return len(b)-i >= g.length && string(b[i+seamWords:i+g.length]) == g.more
}

// standsAt reports whether the words of the seam are at b[i], from where words may be
// read.
func (g *seam) standsAt(b []byte, i int) bool {
	differs := (loadWord(b, i)&g.firstOnes ^ g.first) |
		(loadWord(b, i+g.middleFrom)&g.lastOnes ^ g.middle) |
		(loadWord(b, i+g.lastFrom)&g.lastOnes ^ g.last)
	return differs == 0
}

// another finds a seam behind g that is not the first, for b[i:]; nil when there is
// none.
func (g *seam) another(b []byte, i int) *seam {
	for k, next := range g.next {
		if !next.standsAt(b, i) || next.more != "" && !next.goesOn(b, i) {
			continue
		}
		if k > 0 {
			if next.hits++; next.hits > g.next[k-1].hits {
				g.next[k-1], g.next[k] = next, g.next[k-1]
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
		if i > s.limit && !s.look(b, i) {
			return -1
		}
		if len(at.next) == 0 {
			return -1
		}
		g := at.next[0]
		if !g.standsAt(b, i) || g.more != "" && !g.goesOn(b, i) {
			if g = at.another(b, i); g == nil {
				return -1
			}
		}
		at = g
		i += g.length
		if g.more != "" && i > s.limit && !s.look(b, i) {
			return -1
		}
		switch g.kind {
		case textBehind:
			// As next, without a call in the usual case.
			var found uint64
			if vector {
				found = s.near(i)
			}
			end, mark := i+bits.TrailingZeros64(found), uint32(0)
			if found == 0 {
				end = s.further(b, i)
			}
			if end > s.limit || b[end] != '"' {
				if end, mark = d.longText(i); end < 0 {
					return -1
				}
			}
			if g.field != nil {
				g.field.views[row] = batch.View{Offset: uint32(i), Length: uint32(end-i) | mark}
			}
			i = end
		case wholeBehind:
			n, next := shortInteger(b, i)
			if next == 0 || n > math.MaxInt32 && g.field.typ.Kind == value.Int {
				if i = d.within(g, i, row); i < 0 {
					return -1
				}
				continue
			}
			g.field.ints[row] = n
			i = next
		case momentBehind:
			f := g.field
			if micros, ok := f.day.read(b, i); ok {
				f.ints[row] = micros
				i += clockEnd
				continue
			}
			if i = d.momentText(f, i, row); i < 0 {
				return -1
			}
		case numberBehind:
			next, _ := scanNumber(b, i)
			if next < 0 {
				if next = d.within(g, i, row); next < 0 {
					return -1
				}
			}
			i = next
		case anythingElse:
			if i = d.within(g, i, row); i < 0 {
				return -1
			}
		case recordEnds:
			for _, f := range g.end.nulls {
				f.column.SetNull(row)
			}
			d.unknown = d.unknown || g.end.unknown
			return i
		}
	}
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
