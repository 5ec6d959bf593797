package function

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The character classes of Java regular expressions, as sets of code points.

// class reads a class after its '[': unions, ranges, nested classes and
// intersections.
func (t *translator) class() (runeSet, error) {
	if t.depth++; t.depth > regexpDepthMax {
		return nil, errRegexp("classes nested deeper than %d", regexpDepthMax)
	}
	defer func() { t.depth-- }()
	negated := t.skip("^")
	var all, part runeSet
	started, intersecting := false, false
	finish := func() {
		if intersecting {
			all = all.intersection(part)
		} else {
			all = part
		}
	}
	for {
		t.skipClassBlanks()
		switch {
		case t.peek("]") && started:
			t.at++
			finish()
			if negated {
				return t.folded(all).complement(), nil
			}
			return all, nil
		case t.skip("&&"):
			for t.skip("&") { // further signs are members of the right side in Java; none is ever meant
			}
			finish()
			part, intersecting, started = nil, true, true
			continue
		case t.skip("["):
			nested, err := t.class()
			if err != nil {
				return nil, err
			}
			part, started = part.union(nested), true
			continue
		}
		member, err := t.classMember()
		if err != nil {
			return nil, err
		}
		part, started = part.union(member), true
	}
}

func (t *translator) skipClassBlanks() {
	for t.flags.comments && t.more() && strings.IndexByte(" \t\n\v\f\r", t.in[t.at]) >= 0 {
		t.at++
	}
}

// classMember reads one character, a range of them, or a shorthand.
func (t *translator) classMember() (runeSet, error) {
	low, set, err := t.classCharacter()
	if err != nil || set != nil {
		return set, err
	}
	if !t.peek("-") || t.peek("-]") || t.peek("-[") || t.peek("-&&") {
		return setOf(runeRange{low, low}), nil
	}
	t.at++
	high, set, err := t.classCharacter()
	if err != nil {
		return nil, err
	}
	if set != nil || high < low {
		return nil, errRegexp("illegal character range at %d", t.at)
	}
	return setOf(runeRange{low, high}), nil
}

// classCharacter reads one character of a class, or a set for a shorthand.
func (t *translator) classCharacter() (rune, runeSet, error) {
	if !t.more() {
		return 0, nil, errRegexp("unclosed character class")
	}
	if !t.skip(`\`) {
		r, err := t.next()
		return r, nil, err
	}
	if t.skip("Q") {
		text, _, closed := strings.Cut(t.in[t.at:], `\E`)
		t.at += len(text)
		if closed {
			t.at += len(`\E`)
		}
		set := setOfString(text)
		if set == nil {
			set = runeSet{}
		}
		return 0, set, nil
	}
	set, err := t.escapedSet()
	if err != nil {
		return 0, nil, err
	}
	if len(set) == 1 && set[0].lo == set[0].hi {
		return set[0].lo, nil, nil
	}
	return 0, set, nil
}

// The shorthands.
var (
	digitSet   = setOf(runeRange{'0', '9'})
	wordSet    = setOf(runeRange{'0', '9'}, runeRange{'A', 'Z'}, runeRange{'a', 'z'}, runeRange{'_', '_'})
	spaceSet   = setOfString(" \t\n\v\f\r")
	horizontal = setOfString(" \t\u00A0\u1680\u180E\u202F\u205F\u3000").union(setOf(runeRange{0x2000, 0x200A}))
	vertical   = setOfString("\n\v\f\r\u0085\u2028\u2029")
)

var errEnd = errors.New("bad regular expression: ends with a backslash")

// escapedSet reads what follows a backslash where a character or a set of them
// may stand.
func (t *translator) escapedSet() (runeSet, error) {
	if !t.more() {
		return nil, errEnd
	}
	r, err := t.next()
	if err != nil {
		return nil, err
	}
	one := func(r rune) (runeSet, error) { return setOf(runeRange{r, r}), nil }
	switch r {
	case 't':
		return one('\t')
	case 'n':
		return one('\n')
	case 'r':
		return one('\r')
	case 'f':
		return one('\f')
	case 'a':
		return one('\a')
	case 'e':
		return one(0x1B)
	case 'c':
		control, err := t.next()
		if err != nil {
			return nil, err
		}
		return one(control ^ 0x40)
	case '0':
		code, err := t.octal()
		if err != nil {
			return nil, err
		}
		return one(code)
	case 'x', 'u':
		code, err := t.hexadecimal(r)
		if err != nil {
			return nil, err
		}
		return one(code)
	case 'p', 'P':
		set, err := t.property()
		if err == nil && r == 'P' {
			set = set.complement()
		}
		return set, err
	}
	if set, ok := t.shorthand(r); ok {
		return set, nil
	}
	if r < utf8.RuneSelf && isWordASCII(r) && r != '_' {
		return nil, errRegexp("unknown escape \\%c", r)
	}
	return one(r)
}

// shorthand is the set of \d and its like.
func (t *translator) shorthand(r rune) (runeSet, bool) {
	digit, word, space := digitSet, wordSet, spaceSet
	if t.flags.unicodeClass {
		digit = setOfTables(unicode.Nd)
		word = setOfTables(unicode.L, unicode.Nl, unicode.M, unicode.Nd, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
		space = setOfTables(unicode.White_Space)
	}
	switch r {
	case 'd':
		return digit, true
	case 'D':
		return digit.complement(), true
	case 'w':
		return word, true
	case 'W':
		return word.complement(), true
	case 's':
		return space, true
	case 'S':
		return space.complement(), true
	case 'h':
		return horizontal, true
	case 'H':
		return horizontal.complement(), true
	case 'v':
		return vertical, true
	case 'V':
		return vertical.complement(), true
	}
	return nil, false
}

// octal reads up to three digits after \0, at most 377.
func (t *translator) octal() (rune, error) {
	code, digits := rune(0), 0
	for digits < 3 && t.more() && t.in[t.at] >= '0' && t.in[t.at] <= '7' {
		longer := code*8 + rune(t.in[t.at]-'0')
		if longer > 0o377 {
			break
		}
		code = longer
		digits++
		t.at++
	}
	if digits == 0 {
		return 0, errRegexp("illegal octal escape")
	}
	return code, nil
}

// hexadecimal reads the code after \x or \u.
func (t *translator) hexadecimal(kind rune) (rune, error) {
	digits := ""
	switch {
	case kind == 'x' && t.skip("{"):
		text, _, closed := strings.Cut(t.in[t.at:], "}")
		if !closed {
			return 0, errRegexp("unclosed hexadecimal escape")
		}
		digits = text
		t.at += len(text) + 1
	default:
		size := 2
		if kind == 'u' {
			size = 4
		}
		if t.at+size > len(t.in) {
			return 0, errRegexp("illegal hexadecimal escape")
		}
		digits = t.in[t.at : t.at+size]
		t.at += size
	}
	code, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || code > unicode.MaxRune {
		return 0, errRegexp("illegal hexadecimal escape %q", digits)
	}
	if kind == 'u' && code >= 0xD800 && code <= 0xDBFF && t.peek(`\u`) && t.at+6 <= len(t.in) {
		low, err := strconv.ParseUint(t.in[t.at+2:t.at+6], 16, 32)
		if err == nil && low >= 0xDC00 && low <= 0xDFFF {
			t.at += 6
			return rune(code-0xD800)<<10 + rune(low-0xDC00) + 0x10000, nil
		}
	}
	return rune(code), nil
}

// property reads the name of \p{name} or \pL and gives its set.
func (t *translator) property() (runeSet, error) {
	name := ""
	if t.skip("{") {
		text, _, closed := strings.Cut(t.in[t.at:], "}")
		if !closed {
			return nil, errRegexp("unclosed character family")
		}
		name = text
		t.at += len(text) + 1
	} else {
		r, err := t.next()
		if err != nil {
			return nil, err
		}
		name = string(r)
	}
	if set, ok := propertySet(name, t.flags.insensitive); ok {
		return set, nil
	}
	return nil, errRegexp("unknown character family %q", name)
}

// posixSets are the families that Java limits to ASCII.
var posixSets = map[string]runeSet{
	"Lower": setOf(runeRange{'a', 'z'}), "Upper": setOf(runeRange{'A', 'Z'}), "ASCII": setOf(runeRange{0, 0x7F}),
	"Alpha": setOf(runeRange{'a', 'z'}, runeRange{'A', 'Z'}), "Digit": digitSet,
	"Alnum": setOf(runeRange{'a', 'z'}, runeRange{'A', 'Z'}, runeRange{'0', '9'}),
	"Punct": setOf(runeRange{'!', '/'}, runeRange{':', '@'}, runeRange{'[', '`'}, runeRange{'{', '~'}),
	"Graph": setOf(runeRange{'!', '~'}), "Print": setOf(runeRange{' ', '~'}), "Blank": setOfString(" \t"),
	"Cntrl": setOf(runeRange{0, 0x1F}, runeRange{0x7F, 0x7F}), "Space": spaceSet,
	"XDigit": setOf(runeRange{'0', '9'}, runeRange{'a', 'f'}, runeRange{'A', 'F'}),
}

// propertySet finds a family by Java's name.
func propertySet(name string, insensitive bool) (runeSet, bool) {
	if insensitive {
		switch name {
		case "Lower", "Upper", "javaLowerCase", "javaUpperCase", "Ll", "Lu", "Lt", "IsLl", "IsLu", "IsLowercase", "IsUppercase":
			return posixSets["Alpha"].union(setOfTables(unicode.Ll, unicode.Lu, unicode.Lt)), true
		}
	}
	if set, ok := posixSets[name]; ok {
		return set, true
	}
	if key, of, ok := strings.Cut(name, "="); ok {
		switch strings.ToLower(key) {
		case "script", "sc":
			return tableSet(unicode.Scripts, of)
		case "general_category", "gc":
			return tableSet(unicode.Categories, of)
		}
		return nil, false
	}
	switch name {
	case "L1":
		return setOf(runeRange{0, 0xFF}), true
	case "all":
		return setOf(runeRange{0, unicode.MaxRune}), true
	case "LC":
		return setOfTables(unicode.Ll, unicode.Lu, unicode.Lt), true
	case "javaLowerCase", "IsLowercase":
		return setOfTables(unicode.Ll, unicode.Other_Lowercase), true
	case "javaUpperCase", "IsUppercase":
		return setOfTables(unicode.Lu, unicode.Other_Uppercase), true
	case "javaLetter":
		return setOfTables(unicode.L), true
	case "javaDigit", "IsDigit":
		return setOfTables(unicode.Nd), true
	case "javaLetterOrDigit":
		return setOfTables(unicode.L, unicode.Nd), true
	case "javaWhitespace":
		return setOfTables(unicode.Z).intersection(setOfString("\u00A0\u2007\u202F").complement()).union(setOf(runeRange{0x9, 0xD}, runeRange{0x1C, 0x1F})), true
	case "IsAlphabetic", "javaAlphabetic":
		return setOfTables(unicode.L, unicode.Nl, unicode.Other_Alphabetic), true
	case "IsIdeographic", "javaIdeographic":
		return setOfTables(unicode.Ideographic), true
	case "IsLetter":
		return setOfTables(unicode.L), true
	case "IsPunctuation":
		return setOfTables(unicode.P), true
	case "IsControl":
		return setOfTables(unicode.Cc), true
	case "IsWhite_Space", "IsWhiteSpace":
		return setOfTables(unicode.White_Space), true
	}
	if short, ok := strings.CutPrefix(name, "Is"); ok {
		if set, ok := tableSet(unicode.Scripts, short); ok {
			return set, true
		}
		name = short
	}
	return tableSet(unicode.Categories, name)
}

// tableSet finds a table by name in any case.
func tableSet(tables map[string]*unicode.RangeTable, name string) (runeSet, bool) {
	if table, ok := tables[name]; ok {
		return setOfTables(table), true
	}
	names := make([]string, 0, len(tables))
	for n := range tables {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if strings.EqualFold(n, name) && len(name) > 2 {
			return setOfTables(tables[n]), true
		}
	}
	return nil, false
}
