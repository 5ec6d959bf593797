package function

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A pattern is a regular expression of Java. It is translated into one that
// means the same to both of our engines: every shorthand, class and
// case-insensitive letter becomes an explicit class, names become numbers,
// possessive loops become atomic groups, anchors are spelled out. The
// translation finds out as well what the fast engine cannot do.

// translation is a Java pattern in the common language.
type translation struct {
	text   string // for the backtracking engine
	linear string // for the engine without backtracking
	groups int    // capturing groups, without the whole

	// When the linear engine gives the same answer.
	backtracks bool // never
	ascii      bool // only for texts of ASCII
	unfinished bool // only for texts that do not end with a line terminator
	context    bool // it looks at what is before the place it starts from
	nullable   bool // it may match the empty text
}

// errRegexp is a syntax error in a pattern; %s says what.
func errRegexp(format string, args ...any) error {
	return fmt.Errorf("bad regular expression: "+format, args...)
}

// The sizes that patterns are held to.
const (
	regexpDepthMax  = 200
	regexpGroupsMax = 1000
	regexpRepeatMax = 1000      // what the linear engine allows
	regexpTextMax   = 1 << 16   // of the pattern
	regexpOutputMax = 1 << 20   // of the translation
	unlimited       = 1<<31 - 1 // of a loop
)

type regexpFlags struct{ insensitive, multiline, dotAll, unicodeCase, comments, unixLines, unicodeClass bool }

// Line terminators, as '.', '^' and '$' see them.
var (
	lineTerminators = setOfString("\n\r\u0085\u2028\u2029")
	unixTerminators = setOfString("\n")
)

// wordClass is what \b calls a word in Java 17: any letter or digit.
var wordClass = setOfTables(unicode.L, unicode.Nd).union(setOfString("_")).class()

var (
	boundaryText    = "(?:(?<=" + wordClass + ")(?!" + wordClass + ")|(?<!" + wordClass + ")(?=" + wordClass + "))"
	notBoundaryText = "(?:(?<=" + wordClass + ")(?=" + wordClass + ")|(?<!" + wordClass + ")(?!" + wordClass + "))"
)

// translator reads a pattern from left to right.
type translator struct {
	in    string
	at    int
	out   []byte
	flags regexpFlags
	depth int
	names map[string]int

	groups     int
	slow       bool // only the backtracking engine can do this
	ascii      bool
	unfinished bool
	context    bool
	// Where the two engines need different words: replaced in the linear text.
	linear []wording
}

// wording says that the words of text from start to end are linear in the
// linear engine.
type wording struct {
	start, end int
	linear     string
}

// width is how long the text is that a piece of pattern matches.
type width struct{ min, max int }

func (w width) plus(o width) width { return width{w.min + o.min, addWidth(w.max, o.max)} }

func addWidth(a, b int) int { return min(a+b, unlimited) }

var oneCharacter = width{1, 1}

// translateRegexp translates a Java pattern.
func translateRegexp(pattern string) (translation, error) {
	if len(pattern) > regexpTextMax {
		return translation{}, errRegexp("longer than %d bytes", regexpTextMax)
	}
	if !utf8.ValidString(pattern) {
		return translation{}, errRegexp("not UTF-8")
	}
	t := &translator{in: pattern, names: map[string]int{}}
	w, err := t.alternatives()
	if err == nil && t.at < len(t.in) {
		err = errRegexp("unmatched ')' at %d", t.at)
	}
	if err != nil {
		return translation{}, err
	}
	text := string(t.out)
	return translation{
		text: text, linear: t.linearText(text), groups: t.groups,
		backtracks: t.slow, ascii: t.ascii, unfinished: t.unfinished, context: t.context, nullable: w.min == 0,
	}, nil
}

// linearText replaces the wordings of the backtracking engine.
func (t *translator) linearText(text string) string {
	if len(t.linear) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, w := range t.linear {
		b.WriteString(text[at:w.start])
		b.WriteString(w.linear)
		at = w.end
	}
	b.WriteString(text[at:])
	return b.String()
}

// both writes words that differ between the engines.
func (t *translator) both(backtracking, linear string) {
	start := len(t.out)
	t.write(backtracking)
	t.linear = append(t.linear, wording{start, len(t.out), linear})
}

func (t *translator) write(words string) { t.out = append(t.out, words...) }

func (t *translator) more() bool { return t.at < len(t.in) }

func (t *translator) peek(s string) bool { return strings.HasPrefix(t.in[t.at:], s) }

func (t *translator) skip(s string) bool {
	if !t.peek(s) {
		return false
	}
	t.at += len(s)
	return true
}

// next takes one character.
func (t *translator) next() (rune, error) {
	if !t.more() {
		return 0, errRegexp("ends too early")
	}
	r, size := utf8.DecodeRuneInString(t.in[t.at:])
	t.at += size
	return r, nil
}

// alternatives reads branches up to ')' or the end.
func (t *translator) alternatives() (width, error) {
	if t.depth++; t.depth > regexpDepthMax {
		return width{}, errRegexp("groups nested deeper than %d", regexpDepthMax)
	}
	defer func() { t.depth-- }()
	whole, err := t.sequence()
	for err == nil && t.skip("|") {
		t.write("|")
		var branch width
		if branch, err = t.sequence(); err == nil {
			whole = width{min(whole.min, branch.min), max(whole.max, branch.max)}
		}
	}
	return whole, err
}

// sequence reads atoms with their loops up to '|', ')' or the end.
func (t *translator) sequence() (width, error) {
	var total width
	for {
		t.skipComments()
		if !t.more() || t.peek("|") || t.peek(")") {
			return total, nil
		}
		start := len(t.out)
		atom, err := t.atom()
		if err != nil {
			return total, err
		}
		if len(t.out) > regexpOutputMax {
			return total, errRegexp("too large")
		}
		t.skipComments()
		if atom, err = t.loop(start, atom); err != nil {
			return total, err
		}
		total = total.plus(atom)
	}
}

// skipComments skips what (?x) allows between atoms.
func (t *translator) skipComments() {
	for t.flags.comments && t.more() {
		switch c := t.in[t.at]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			t.at++
		case c == '#':
			for t.more() && t.in[t.at] != '\n' && t.in[t.at] != '\r' {
				t.at++
			}
		default:
			return
		}
	}
}

// loop reads a quantifier behind the atom whose text begins at start.
func (t *translator) loop(start int, atom width) (width, error) {
	low, high := 0, unlimited
	switch {
	case t.skip("*"):
	case t.skip("+"):
		low = 1
	case t.skip("?"):
		high = 1
	case t.skip("{"):
		var err error
		if low, high, err = t.bounds(); err != nil {
			return atom, err
		}
	default:
		return atom, nil
	}
	if low > regexpRepeatMax || high > regexpRepeatMax && high != unlimited || atom.min == 0 {
		t.slow = true // too large for the linear engine; or a body that may be empty, where engines differ
	}
	quantifier := "{" + strconv.Itoa(low) + "," + strconv.Itoa(high) + "}"
	if high == unlimited {
		quantifier = "{" + strconv.Itoa(low) + ",}"
	}
	t.wrap(start, "(?:", ")"+quantifier)
	switch {
	case t.skip("?"):
		t.write("?")
	case t.skip("+"):
		t.wrap(start, "(?>", ")")
		t.slow = true
	}
	most := unlimited
	if atom.max == 0 || high != unlimited && atom.max < unlimited {
		most = min(atom.max*min(high, unlimited/max(atom.max, 1)), unlimited)
	}
	return width{atom.min * min(low, unlimited/max(atom.min, 1)), most}, nil
}

// wrap puts words around what was written since start.
func (t *translator) wrap(start int, before, after string) {
	t.out = slices.Insert(t.out, start, []byte(before)...)
	t.write(after)
	for i := range t.linear {
		if t.linear[i].start >= start {
			t.linear[i].start += len(before)
			t.linear[i].end += len(before)
		}
	}
}

// bounds reads n}, n,} or n,m}.
func (t *translator) bounds() (low, high int, err error) {
	if low, err = t.number(); err != nil {
		return 0, 0, err
	}
	high = low
	if t.skip(",") {
		high = unlimited
		if !t.peek("}") {
			if high, err = t.number(); err != nil {
				return 0, 0, err
			}
		}
	}
	if !t.skip("}") {
		return 0, 0, errRegexp("unclosed counted closure at %d", t.at)
	}
	if high < low {
		return 0, 0, errRegexp("illegal repetition range at %d", t.at)
	}
	return low, high, nil
}

func (t *translator) number() (int, error) {
	start := t.at
	for t.more() && t.in[t.at] >= '0' && t.in[t.at] <= '9' {
		t.at++
	}
	n, err := strconv.ParseInt(t.in[start:t.at], 10, 32)
	if err != nil {
		return 0, errRegexp("illegal repetition at %d", start)
	}
	return int(n), nil
}

// atom reads one thing that a loop can follow.
func (t *translator) atom() (width, error) {
	at := t.at
	r, err := t.next()
	if err != nil {
		return width{}, err
	}
	switch r {
	case '(':
		return t.group()
	case '[':
		set, err := t.class()
		if err != nil {
			return width{}, err
		}
		t.write(t.folded(set).class())
		return oneCharacter, nil
	case '\\':
		return t.escape()
	case '.':
		t.write(t.dot().class())
		return oneCharacter, nil
	case '^':
		t.lineStart()
		return width{}, nil
	case '$':
		t.lineEnd()
		return width{}, nil
	case '*', '+', '?':
		return width{}, errRegexp("dangling %q at %d", r, at)
	case '{':
		return width{}, errRegexp("illegal repetition at %d", at)
	}
	t.literal(r)
	return oneCharacter, nil
}

func (t *translator) literal(r rune) {
	t.write(t.folded(setOf(runeRange{r, r})).class())
}

// folded adds the other cases that the flags ask for.
func (t *translator) folded(set runeSet) runeSet {
	switch {
	case t.flags.insensitive && t.flags.unicodeCase:
		return set.foldUnicode()
	case t.flags.insensitive:
		return set.foldASCII()
	}
	return set
}

func (t *translator) dot() runeSet {
	switch {
	case t.flags.dotAll:
		return setOf(runeRange{0, unicode.MaxRune})
	case t.flags.unixLines:
		return unixTerminators.complement()
	}
	return lineTerminators.complement()
}

func (t *translator) lineStart() {
	t.context = true
	switch {
	case !t.flags.multiline:
		t.write(`\A`)
	case t.flags.unixLines:
		t.slow = true
		t.write(`(?:(?:\A|(?<=\n))(?!\z))`)
	default:
		t.slow = true
		t.write(`(?:(?:\A|(?<=[\n\x{85}\x{2028}\x{2029}])|(?<=\r)(?!\n))(?!\z))`)
	}
}

func (t *translator) lineEnd() {
	switch {
	case t.flags.multiline && t.flags.unixLines:
		t.slow = true
		t.write(`(?:(?=\n)|\z)`)
	case t.flags.multiline:
		t.slow = true
		t.write(`(?:(?<!\r)(?=\n)|(?=[\r\x{85}\x{2028}\x{2029}])|\z)`)
	default:
		t.lastLineEnd()
	}
}

// lastLineEnd writes the end of the text, or in front of its last terminator.
func (t *translator) lastLineEnd() {
	t.unfinished = true
	if t.flags.unixLines {
		t.both(`(?=\n?\z)`, `\z`)
		return
	}
	t.both(`(?:\z|(?=\r\n\z)|(?<!\r)(?=\n\z)|(?=[\r\x{85}\x{2028}\x{2029}]\z))`, `\z`)
}

// group reads what follows '('.
func (t *translator) group() (width, error) {
	outer := t.flags
	if !t.skip("?") {
		return t.capture(outer)
	}
	switch {
	case t.skip(":"):
		return t.enclosed("(?:", outer)
	case t.skip(">"):
		t.slow = true
		return t.enclosed("(?>", outer)
	case t.skip("="), t.skip("!"):
		t.slow = true
		_, err := t.enclosed("(?"+t.in[t.at-1:t.at], outer)
		return width{}, err
	case t.skip("<="), t.skip("<!"):
		t.slow, t.context = true, true
		behind, err := t.enclosed("(?"+t.in[t.at-2:t.at], outer)
		if err == nil && behind.max == unlimited {
			err = errRegexp("look-behind without a greatest length")
		}
		return width{}, err
	case t.skip("<"):
		name, err := t.name('>')
		if err != nil {
			return width{}, err
		}
		if t.names[name] != 0 {
			return width{}, errRegexp("two groups named %s", name)
		}
		t.names[name] = t.groups + 1
		return t.capture(outer)
	}
	if err := t.readFlags(); err != nil {
		return width{}, err
	}
	if t.skip(")") {
		t.write("(?:)") // the flags hold for the rest of the enclosing group
		return width{}, nil
	}
	t.at++ // the colon, see readFlags
	return t.enclosed("(?:", outer)
}

func (t *translator) capture(outer regexpFlags) (width, error) {
	if t.groups++; t.groups > regexpGroupsMax {
		return width{}, errRegexp("more than %d groups", regexpGroupsMax)
	}
	return t.enclosed("(", outer)
}

// enclosed reads up to the closing parenthesis; flags set inside end there.
func (t *translator) enclosed(open string, outer regexpFlags) (width, error) {
	t.write(open)
	w, err := t.alternatives()
	if err != nil {
		return w, err
	}
	if !t.skip(")") {
		return w, errRegexp("unclosed group")
	}
	t.write(")")
	t.flags = outer
	return w, nil
}

// name reads a group name and the character that ends it.
func (t *translator) name(end byte) (string, error) {
	length := strings.IndexByte(t.in[t.at:], end)
	if length < 1 {
		return "", errRegexp("bad group name at %d", t.at)
	}
	name := t.in[t.at : t.at+length]
	for i, r := range name {
		if !isWordASCII(r) || r == '_' || i == 0 && r <= '9' {
			return "", errRegexp("bad group name %q", name)
		}
	}
	t.at += length + 1
	return name, nil
}

// readFlags reads idmsux-idmsux and stops in front of ')' or ':'.
func (t *translator) readFlags() error {
	on := true
	for {
		if t.peek(")") || t.peek(":") {
			return nil
		}
		r, err := t.next()
		if err != nil {
			return err
		}
		switch r {
		case '-':
			if !on {
				return errRegexp("bad flags at %d", t.at)
			}
			on = false
		case 'i':
			t.flags.insensitive = on
		case 'm':
			t.flags.multiline = on
		case 's':
			t.flags.dotAll = on
		case 'u':
			t.flags.unicodeCase = on
		case 'x':
			t.flags.comments = on
		case 'd':
			t.flags.unixLines = on
		case 'U':
			t.flags.unicodeClass, t.flags.unicodeCase = on, on
		default:
			return errRegexp("unknown group or flag %q", r)
		}
	}
}

// escape reads what follows a backslash outside of a class.
func (t *translator) escape() (width, error) {
	if t.skip("Q") {
		return t.quoted()
	}
	start := t.at
	r, err := t.next()
	if err != nil {
		return width{}, err
	}
	switch r {
	case 'A':
		t.context = true
		t.write(`\A`)
		return width{}, nil
	case 'z':
		t.write(`\z`)
		return width{}, nil
	case 'Z':
		t.lastLineEnd()
		return width{}, nil
	case 'G':
		t.slow, t.context = true, true
		t.write(`\G`)
		return width{}, nil
	case 'b', 'B':
		if t.peek("{") {
			return width{}, errRegexp("\\b{…} is not known")
		}
		t.ascii, t.context = true, true
		if r == 'b' {
			t.both(boundaryText, `\b`)
		} else {
			t.both(notBoundaryText, `\B`)
		}
		return width{}, nil
	case 'R':
		t.write(`(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])`)
		return width{1, 2}, nil
	case 'X':
		t.slow = true
		t.write(`(?>\r\n|\P{M}\p{M}*|\p{M}+)`)
		return width{1, unlimited}, nil
	case 'k':
		if !t.skip("<") {
			return width{}, errRegexp("\\k is not followed by '<'")
		}
		name, err := t.name('>')
		if err != nil {
			return width{}, err
		}
		if t.names[name] == 0 {
			return width{}, errRegexp("no group named %s", name)
		}
		return t.reference(t.names[name])
	}
	if r >= '1' && r <= '9' {
		return t.reference(t.referenceNumber(int(r - '0')))
	}
	t.at = start
	set, err := t.escapedSet()
	if err != nil {
		return width{}, err
	}
	t.write(t.folded(set).class())
	return oneCharacter, nil
}

// referenceNumber reads further digits as long as there are so many groups.
func (t *translator) referenceNumber(n int) int {
	for t.more() && t.in[t.at] >= '0' && t.in[t.at] <= '9' {
		longer := n*10 + int(t.in[t.at]-'0')
		if longer > t.groups {
			break
		}
		n = longer
		t.at++
	}
	return n
}

func (t *translator) reference(group int) (width, error) {
	t.slow = true
	switch {
	case group > t.groups:
		t.write("(?!)") // a group that is not there never matches
	case t.flags.insensitive:
		t.write("(?i:\\" + strconv.Itoa(group) + ")")
	default:
		t.write("(?:\\" + strconv.Itoa(group) + ")")
	}
	return width{0, unlimited}, nil
}

// quoted reads \Q…\E. A loop behind it holds for the last character only.
func (t *translator) quoted() (width, error) {
	text, _, closed := strings.Cut(t.in[t.at:], `\E`)
	t.at += len(text)
	if closed {
		t.at += len(`\E`)
	}
	n := utf8.RuneCountInString(text)
	if n == 0 {
		return width{}, nil
	}
	_, last := utf8.DecodeLastRuneInString(text)
	for _, r := range text[:len(text)-last] {
		t.literal(r)
	}
	start := len(t.out)
	r, _ := utf8.DecodeLastRuneInString(text)
	t.literal(r)
	w, err := t.loop(start, oneCharacter)
	return width{n - 1, n - 1}.plus(w), err
}
