package function

import (
	"bytes"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// onePassStatesMax is how many states a pattern may have to be matched in one
// pass; each takes some 300 bytes.
const onePassStatesMax = 100

// onePass finds the first match of a pattern of which every next character says
// how to go on, such as (&|^)id=([^&]*): there is one state at a time and never a
// way back, so that a character costs a look into a table.
//
// It is made from the program of regexp/syntax and finds what package regexp
// finds. A state is what the program can do before the next character, in the
// order in which it prefers it. Where two of its ways begin with the same
// character, or one place is reached in two ways, the pattern is not for one pass.
// Ways behind the one that ends the match count no more; those before it are
// preferred, so the match is noted and holds if they come to nothing.
type onePass struct {
	states []passState
	begin  int    // state at the text's begin
	later  int    // state at any other start
	slots  int    // offsets of a match and its groups
	prefix []byte // that a match begins with, unless it is at the text's begin
}

// passState has the ways from a place in the pattern.
type passState struct {
	next  [256]uint8 // by first byte of the next character: number of the way, from 1; 0 for none
	ways  []passWay
	ends  *passWay // the match may end here; nil when it may not
	final *passWay // the same at the end of the text
}

// passWay is what happens on the way to a state: places are noted as offsets.
type passWay struct {
	slots []int
	to    int
}

// newOnePass prepares a pattern in the syntax of package regexp; nil when it
// cannot be matched in one pass.
func newOnePass(pattern string) *onePass {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	slots := 2 * (tree.MaxCap() + 1)
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	b := &passBuilder{program: program, known: map[passPlace]int{}, possible: true}
	o := &onePass{slots: slots}
	o.begin = b.state(passPlace{uint32(program.Start), true})
	o.later = b.state(passPlace{uint32(program.Start), false})
	if o.states = b.states; !b.possible {
		return nil
	}
	for at := o.later; len(o.prefix) < len(o.states); {
		s := &o.states[at]
		only := s.onlyByte()
		if only < 0 {
			break
		}
		o.prefix = append(o.prefix, byte(only))
		at = s.ways[0].to
	}
	return o
}

// onlyByte is the byte that must come next, -1 when there is more than one or
// the match may end.
func (s *passState) onlyByte() int {
	only := -1
	for c, way := range s.next {
		if way == 0 {
			continue
		}
		if only >= 0 {
			return -1
		}
		only = c
	}
	if s.ends != nil || s.final != nil {
		return -1
	}
	return only
}

// passPlace is a place in the program; at the text's begin or not.
type passPlace struct {
	at    uint32
	begin bool
}

// passBuilder makes states of places.
type passBuilder struct {
	program  *syntax.Prog
	states   []passState
	known    map[passPlace]int
	possible bool
}

// state gives the number of the state at a place.
func (b *passBuilder) state(p passPlace) int {
	if n, ok := b.known[p]; ok {
		return n
	}
	n := len(b.states)
	if n == onePassStatesMax {
		b.possible = false
	}
	if !b.possible {
		return 0
	}
	b.states = append(b.states, passState{})
	b.known[p] = n
	before := passWalk{builder: b, begin: p.begin, seen: make([]bool, len(b.program.Inst))}
	before.from(p.at, nil)
	end := passWalk{builder: b, begin: p.begin, end: true, seen: make([]bool, len(b.program.Inst))}
	end.from(p.at, nil)
	s := passState{ends: before.ends, final: end.ends}
	for i, in := range before.runes {
		if i == 255 || !s.add(in, uint8(i+1)) {
			b.possible = false
			return 0
		}
		s.ways = append(s.ways, passWay{before.slots[i], b.state(passPlace{at: in.Out})})
	}
	b.states[n] = s
	return n
}

// add lets the characters that an instruction matches go a way, and reports
// whether no other goes there and their first bytes tell them from all others.
func (s *passState) add(in *syntax.Inst, way uint8) bool {
	others, all := aboveASCII(in)
	if others && !all {
		return false
	}
	for c := range s.next {
		if c < utf8.RuneSelf && !in.MatchRune(rune(c)) || c >= utf8.RuneSelf && !all {
			continue
		}
		if s.next[c] != 0 {
			return false
		}
		s.next[c] = way
	}
	return true
}

// aboveASCII reports whether an instruction matches any character that is not
// ASCII, and whether it matches all of them.
func aboveASCII(in *syntax.Inst) (some, all bool) {
	switch in.Op {
	case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true, true
	default:
	}
	if len(in.Rune) == 1 {
		first := in.Rune[0]
		some = first >= utf8.RuneSelf
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
				some = some || r >= utf8.RuneSelf
			}
		}
		return some, false
	}
	for i := 0; i+1 < len(in.Rune); i += 2 {
		low, high := in.Rune[i], in.Rune[i+1]
		some = some || high >= utf8.RuneSelf
		all = all || low <= utf8.RuneSelf && high == unicode.MaxRune
	}
	return some, all
}

// passWalk goes from a place everywhere that needs no character.
type passWalk struct {
	builder    *passBuilder
	begin, end bool // of the text
	seen       []bool
	runes      []*syntax.Inst // that need one, in the order of preference
	slots      [][]int        // noted on the way to each
	ends       *passWay       // nil unless the match may end
}

func (w *passWalk) from(at uint32, slots []int) {
	if w.ends != nil {
		return // what comes behind is not preferred to that end
	}
	if w.seen[at] {
		w.builder.possible = false
		return
	}
	w.seen[at] = true
	switch in := &w.builder.program.Inst[at]; in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		w.from(in.Out, slots)
		w.from(in.Arg, slots)
	case syntax.InstCapture:
		w.from(in.Out, append(slots[:len(slots):len(slots)], int(in.Arg)))
	case syntax.InstNop:
		w.from(in.Out, slots)
	case syntax.InstEmptyWidth:
		switch syntax.EmptyOp(in.Arg) {
		case syntax.EmptyBeginText:
			if w.begin {
				w.from(in.Out, slots)
			}
		case syntax.EmptyEndText:
			if w.end {
				w.from(in.Out, slots)
			}
		default:
			w.builder.possible = false
		}
	case syntax.InstMatch:
		w.ends = &passWay{slots: slots}
	case syntax.InstFail:
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		if !w.end {
			w.runes, w.slots = append(w.runes, in), append(w.slots, slots)
		}
	}
}

// find gives the first match as regexp.FindSubmatchIndex does, in groups if they
// have room.
func (o *onePass) find(groups []int, text []byte) []int {
	if cap(groups) < 2*o.slots {
		groups = make([]int, 2*o.slots)
	}
	groups = groups[:2*o.slots]
	// Behind the groups of the match those of the way that is tried.
	found, under := groups[:o.slots], groups[o.slots:2*o.slots]
	if o.starts(text, 0, o.begin) && o.from(found, under, text, 0, o.begin) {
		return found
	}
	for at := 1; at <= len(text); {
		if len(o.prefix) > 0 {
			skip := bytes.Index(text[at:], o.prefix)
			if skip < 0 {
				return nil
			}
			at += skip
		}
		if o.starts(text, at, o.later) && onCharacter(text, at) && o.from(found, under, text, at, o.later) {
			return found
		}
		at++
	}
	return nil
}

// starts reports whether a match can start at a byte from a state.
func (o *onePass) starts(text []byte, at, state int) bool {
	s := &o.states[state]
	if at == len(text) {
		return s.final != nil
	}
	return s.ends != nil || s.next[text[at]] != 0
}

// onCharacter reports whether a character starts at a byte: package regexp looks
// for matches nowhere else.
func onCharacter(text []byte, at int) bool {
	if at == len(text) || utf8.RuneStart(text[at]) {
		return true
	}
	// A byte that goes on with a character, unless there is none in front of it.
	for back := 1; back < utf8.UTFMax && back <= at; back++ {
		if utf8.RuneStart(text[at-back]) {
			_, size := utf8.DecodeRune(text[at-back:])
			return size <= back
		}
	}
	return true
}

// from matches at a start and notes the groups in found. under is as long as found.
func (o *onePass) from(found, under []int, text []byte, start, state int) bool {
	for k := range under {
		under[k] = -1
	}
	matched := false
	for i := start; ; {
		s := &o.states[state]
		ends := s.ends
		if i == len(text) {
			ends = s.final
		}
		if ends != nil {
			matched = true
			copy(found, under)
			for _, slot := range ends.slots {
				found[slot] = i
			}
			found[0], found[1] = start, i
		}
		if i == len(text) {
			return matched
		}
		way := s.next[text[i]]
		if way == 0 {
			return matched
		}
		taken := &s.ways[way-1]
		for _, slot := range taken.slots {
			under[slot] = i
		}
		if taken.to == state && len(taken.slots) == 0 {
			i = s.loop(text, i, way)
			continue
		}
		state = taken.to
		i += characterLength(text, i)
	}
}

// loop passes all characters that go the same way, which leads back to the state.
// Only where it stops matters: an end there replaces those before it.
func (s *passState) loop(text []byte, i int, way uint8) int {
	for i < len(text) && s.next[text[i]] == way {
		i += characterLength(text, i)
	}
	return i
}

func characterLength(text []byte, i int) int {
	if text[i] < utf8.RuneSelf {
		return 1
	}
	_, size := utf8.DecodeRune(text[i:])
	return size
}
