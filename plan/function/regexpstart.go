package function

import (
	"regexp"
	"regexp/syntax"
	"unicode"
)

// startsTextMax is the longest text that is searched start by start: from each
// a match may be tried to the end, which takes quadratic time.
const startsTextMax = 1024

// startBytesMax is with how many different bytes a match may begin for a search
// by them to pay.
const startBytesMax = 64

// starts finds the first match of a pattern by looking only where one can begin.
// Package regexp tries at every byte; where few bytes can start a match, such as
// the & of (&|^)id=, this is several times as fast.
type starts struct {
	first [256]bool // bytes that a match can begin with, behind the text's begin
	begin *regexp.Regexp
	later *regexp.Regexp // at the begin of what is left; the text's begin is not there
}

// newStarts prepares a pattern in the syntax of package regexp; nil when it does
// not pay or cannot be done: the pattern matches the empty text, looks at what
// is in front of it, or can begin with nearly anything.
func newStarts(pattern string) *starts {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || looksBack(tree) {
		return nil
	}
	begin, err := regexp.Compile(`\A(?:` + pattern + `)`)
	if err != nil || begin.MatchString("") {
		return nil
	}
	forgetBegin(tree)
	later, err := regexp.Compile(`\A(?:` + tree.String() + `)`)
	if err != nil {
		return nil
	}
	s := &starts{begin: begin, later: later}
	if !s.firstOf(tree) {
		return nil
	}
	return s
}

// looksBack reports whether the pattern depends on what is in front of a
// position, other than that nothing is.
func looksBack(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpBeginLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	for _, sub := range tree.Sub {
		if looksBack(sub) {
			return true
		}
	}
	return false
}

// forgetBegin lets what asks for the text's begin match nothing.
func forgetBegin(tree *syntax.Regexp) {
	if tree.Op == syntax.OpBeginText {
		tree.Op = syntax.OpNoMatch
	}
	for _, sub := range tree.Sub {
		forgetBegin(sub)
	}
}

// firstOf notes the bytes that a match can begin with, and reports whether they
// are few and a match always begins with one.
func (s *starts) firstOf(tree *syntax.Regexp) bool {
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return false
	}
	seen := make([]bool, len(program.Inst))
	certain := true
	var visit func(at uint32)
	visit = func(at uint32) {
		if seen[at] {
			return
		}
		seen[at] = true
		switch in := &program.Inst[at]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			visit(in.Out)
			visit(in.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			visit(in.Out)
		case syntax.InstRune, syntax.InstRune1:
			s.addRunes(in)
		case syntax.InstRuneAny, syntax.InstRuneAnyNotNL, syntax.InstMatch:
			certain = false
		case syntax.InstFail:
		}
	}
	visit(uint32(program.Start))
	n := 0
	for _, is := range s.first {
		if is {
			n++
		}
	}
	return certain && n <= startBytesMax
}

// addRunes notes the first bytes of the runes that an instruction matches.
func (s *starts) addRunes(in *syntax.Inst) {
	add := func(low, high rune) {
		for r := low; r <= min(high, 0x7F); r++ {
			s.first[r] = true
		}
		if high > 0x7F {
			for b := 0x80; b < 0x100; b++ {
				s.first[b] = true
			}
		}
	}
	if len(in.Rune) == 1 {
		add(in.Rune[0], in.Rune[0])
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
				add(r, r)
			}
		}
		return
	}
	for i := 0; i+1 < len(in.Rune); i += 2 {
		add(in.Rune[i], in.Rune[i+1])
	}
}

// find gives the first match as regexp.FindSubmatchIndex does.
func (s *starts) find(text []byte) []int {
	if groups := s.begin.FindSubmatchIndex(text); groups != nil {
		return groups
	}
	for at := 1; at < len(text); at++ {
		if !s.first[text[at]] {
			continue
		}
		groups := s.later.FindSubmatchIndex(text[at:])
		if groups == nil {
			continue
		}
		for k := range groups {
			if groups[k] >= 0 {
				groups[k] += at
			}
		}
		return groups
	}
	return nil
}

// match reports whether there is a match.
func (s *starts) match(text []byte) bool {
	if s.begin.Match(text) {
		return true
	}
	for at := 1; at < len(text); at++ {
		if s.first[text[at]] && s.later.Match(text[at:]) {
			return true
		}
	}
	return false
}
