package format

import "bytes"

// lesson is a record whose seams are being learned. It was read the thorough way
// and is all right.
type lesson struct {
	decoder *JSONDecoder
	record  []byte
	start   int // of the seam under way
	at      *seam
	depth   int
	end     recordEnd
	failed  bool // the record is not to be learned
}

// learn remembers the seams of the record that was just read, block[start:end].
func (d *JSONDecoder) learn(start, end int) {
	if d.thorough || d.shapes.seams >= seamsMax || d.lines && bytes.IndexByte(d.block[start:end], '\n') >= 0 {
		return
	}
	l := lesson{decoder: d, record: d.block[:end], start: start, at: &d.shapes.root}
	l.object(d.top, start)
	if !l.failed {
		l.seam(end, &seam{kind: recordEnds, end: &l.end})
	}
}

// seam goes on behind a seam that ends before record[end], a new one unless it is
// known.
func (l *lesson) seam(end int, like *seam) {
	if l.failed {
		return
	}
	text := string(l.record[l.start:end])
	for _, known := range l.at.next {
		if known.is(text) {
			l.at = known
			return
		}
	}
	shapes := &l.decoder.shapes
	if l.failed = shapes.seams >= seamsMax || len(l.at.next) >= alternatives || len(text) > seamBytesMax; l.failed {
		return
	}
	g := newSeam(text)
	g.kind, g.steady, g.field, g.end, g.depth = like.kind, like.steady, like.field, like.end, max(l.depth-1, 0)
	l.at.goOn(g)
	shapes.seams++
	l.at = g
}

// is reports whether the seam has the text.
func (g *seam) is(text string) bool {
	padded := append([]byte(text), make([]byte, seamWords)...)
	return g.length == len(text) && g.standsAt(padded, 0) && g.goesOn(padded, 0)
}

// object learns the object at i, whose fields are those of the shape, or not read
// when there is none, and returns the index behind it.
func (l *lesson) object(o *objectShape, i int) int {
	if l.depth++; l.depth > learnedDepth {
		l.failed = true
	}
	var had map[*fieldShape]bool
	if o != nil {
		had = map[*fieldShape]bool{}
	}
	b := l.record
	for i = skipBlanks(b, i+1); b[i] != '}' && !l.failed; i = skipBlanks(b, i) {
		if b[i] == ',' {
			i = skipBlanks(b, i+1)
		}
		key := i + 1
		i, _ = skipKey(b, i)
		var f *fieldShape
		if o != nil {
			end, escaped, _ := scanText(b, key)
			f = o.named(b[key:end], escaped)
		}
		if f != nil {
			l.failed = l.failed || had[f] // which of them counts is for the thorough way
			had[f] = true
		}
		i = l.value(f, i)
	}
	if o != nil {
		for _, f := range o.fields {
			if !had[f] {
				l.null(f, l.decoder.options.FailOnMissing)
			}
		}
	}
	l.depth--
	return i + 1
}

// null learns that a field is NULL.
func (l *lesson) null(f *fieldShape, wrong bool) {
	l.end.nulls = append(l.end.nulls, f)
	l.failed = l.failed || wrong || l.decoder.options.Strict && f.typ.NotNull
}

// value learns the value at i and returns the index from which on the next seam goes
// on.
func (l *lesson) value(f *fieldShape, i int) int {
	b := l.record
	l.end.unknown = l.end.unknown || f == nil
	if b[i] == '{' && (f == nil || f.row != nil) {
		var o *objectShape
		if f != nil {
			o = f.row
		}
		return l.object(o, i)
	}
	t, next, _ := scanValue(b, i, 0)
	if t.kind == nullToken {
		if f != nil {
			l.null(f, false)
		}
		return next
	}
	if t.kind == textToken && (f == nil || f.plain || f.moment) {
		// The quotes are part of the seams.
		like := &seam{kind: textBehind, field: f}
		switch {
		case f != nil && f.moment:
			like.kind = momentBehind
		case vector && like.steady.change(t.end-t.start):
			like.kind = steadyText
		}
		l.seam(i+1, like)
		l.start = next - 1
		return next
	}
	like := &seam{kind: anythingElse, field: f}
	switch {
	case f == nil:
		like.kind = numberBehind
	case f.whole:
		like.kind = wholeBehind
	}
	l.seam(i, like)
	l.start = next
	return next
}
