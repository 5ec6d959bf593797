package function

import (
	"slices"
	"strings"
	"unicode"
)

// runeRange is the code points from lo to hi.
type runeRange struct{ lo, hi rune }

// runeSet is a set of code points: ranges in order that neither overlap nor
// touch. Sets are never changed.
type runeSet []runeRange

func setOf(ranges ...runeRange) runeSet { return normalized(ranges) }

// setOfString is the set of the characters of s.
func setOfString(s string) runeSet {
	var ranges []runeRange
	for _, r := range s {
		ranges = append(ranges, runeRange{r, r})
	}
	return normalized(ranges)
}

// setOfTables is the union of tables of package unicode.
func setOfTables(tables ...*unicode.RangeTable) runeSet {
	var ranges []runeRange
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			ranges = append(ranges, runeRange{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			ranges = append(ranges, runeRange{r, r})
		}
	}
	for _, t := range tables {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return normalized(ranges)
}

func normalized(ranges []runeRange) runeSet {
	slices.SortFunc(ranges, func(a, b runeRange) int { return int(a.lo - b.lo) })
	var set runeSet
	for _, r := range ranges {
		if last := len(set) - 1; last >= 0 && r.lo <= set[last].hi+1 {
			set[last].hi = max(set[last].hi, r.hi)
		} else {
			set = append(set, r)
		}
	}
	return set
}

func (s runeSet) union(o runeSet) runeSet { return normalized(slices.Concat(s, o)) }

// complement is every code point not in s.
func (s runeSet) complement() runeSet {
	var rest runeSet
	next := rune(0)
	for _, r := range s {
		if r.lo > next {
			rest = append(rest, runeRange{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		rest = append(rest, runeRange{next, unicode.MaxRune})
	}
	return rest
}

func (s runeSet) intersection(o runeSet) runeSet {
	return s.complement().union(o.complement()).complement()
}

func (s runeSet) contains(r rune) bool {
	_, found := slices.BinarySearchFunc(s, r, func(have runeRange, r rune) int {
		switch {
		case have.hi < r:
			return -1
		case have.lo > r:
			return 1
		}
		return 0
	})
	return found
}

// foldASCII adds the other case of every ASCII letter in s.
func (s runeSet) foldASCII() runeSet {
	const distance = 'a' - 'A'
	upper := s.intersection(setOf(runeRange{'A', 'Z'}))
	lower := s.intersection(setOf(runeRange{'a', 'z'}))
	folded := slices.Clone([]runeRange(s))
	for _, r := range upper {
		folded = append(folded, runeRange{r.lo + distance, r.hi + distance})
	}
	for _, r := range lower {
		folded = append(folded, runeRange{r.lo - distance, r.hi - distance})
	}
	return normalized(folded)
}

// foldUnicode adds the other cases of every letter in s.
func (s runeSet) foldUnicode() runeSet {
	folded := slices.Clone([]runeRange(s))
	cased := setOfTables(unicode.L, unicode.M, unicode.Nl, unicode.So)
	for _, r := range s.intersection(cased) {
		for x := r.lo; x <= r.hi; x++ {
			for y := unicode.SimpleFold(x); y != x; y = unicode.SimpleFold(y) {
				folded = append(folded, runeRange{y, y})
			}
		}
	}
	return normalized(folded)
}

// class spells the set so that both regular expression engines read it: a
// single character, or a class of literal characters.
func (s runeSet) class() string {
	switch {
	case len(s) == 0:
		return `[^\x00-\x{10FFFF}]`
	case len(s) == 1 && s[0].lo == s[0].hi:
		return quoteRune(s[0].lo)
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, r := range s {
		b.WriteString(quoteRune(r.lo))
		if r.hi > r.lo {
			if r.hi > r.lo+1 {
				b.WriteByte('-')
			}
			b.WriteString(quoteRune(r.hi))
		}
	}
	b.WriteByte(']')
	return b.String()
}

// quoteRune spells one character, inside or outside of a class.
func quoteRune(r rune) string {
	switch {
	case r < 0x20 || r == 0x7F || r == '#' || r == ' ':
		const digits = "0123456789abcdef"
		return `\x` + string(digits[r>>4]) + string(digits[r&15])
	case r < 0x80 && !isWordASCII(r):
		return `\` + string(r)
	case r >= 0x80 && !unicode.IsGraphic(r) || r >= 0xD800 && r <= 0xDFFF:
		return hexRune(r)
	}
	return string(r)
}

func hexRune(r rune) string {
	const digits = "0123456789ABCDEF"
	text := ""
	for r > 0 {
		text = string(digits[r&15]) + text
		r >>= 4
	}
	return `\x{` + text + `}`
}

func isWordASCII(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}
