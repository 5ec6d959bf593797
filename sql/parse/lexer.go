package parse

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tidemark/base/problem"
)

// lexer cuts a text into tokens and comments. It never stops: what it cannot
// read becomes a broken token.
type lexer struct {
	file     string
	source   string
	offset   int
	line     int
	column   int
	inHint   bool
	tokens   []token
	comments []comment
}

// lex reads the whole text; the last token is endOfText.
func lex(file, source string) ([]token, []comment) {
	l := &lexer{file: file, source: source, line: 1, column: 1}
	if strings.HasPrefix(source, "\ufeff") {
		l.offset = len("\ufeff")
	}
	for l.skipBlanks() {
		l.next()
	}
	l.tokens = append(l.tokens, token{kind: endOfText, start: l.offset, end: l.offset, at: l.here(), endLine: l.line})
	return l.tokens, l.comments
}

func (l *lexer) here() problem.Position {
	return problem.Position{File: l.file, Line: l.line, Column: l.column}
}

func (l *lexer) rest() string { return l.source[l.offset:] }

// peek gives the code point n bytes ahead, 0 past the end.
func (l *lexer) peek(n int) rune {
	if l.offset+n >= len(l.source) {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(l.source[l.offset+n:])
	return r
}

// advance goes n bytes on, counting lines and columns.
func (l *lexer) advance(n int) {
	for _, r := range l.source[l.offset : l.offset+n] {
		if r == '\n' {
			l.line++
			l.column = 1
		} else {
			l.column++
		}
	}
	l.offset += n
}

// skipBlanks goes to the next token, gathering comments; false at the end.
func (l *lexer) skipBlanks() bool {
	for l.offset < len(l.source) {
		rest := l.rest()
		switch {
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.comment(n)
		case strings.HasPrefix(rest, "/*") && !strings.HasPrefix(rest, "/*+"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				l.broken(len(rest), problem.New(problem.Syntax, "this comment is not closed").
					WithHint("end it with */"))
				return false
			}
			l.comment(n + 4)
		default:
			r, size := utf8.DecodeRuneInString(rest)
			if !unicode.IsSpace(r) {
				return true
			}
			l.advance(size)
		}
	}
	return false
}

func (l *lexer) comment(n int) {
	c := comment{text: strings.TrimRight(l.source[l.offset:l.offset+n], " \t\r"), before: len(l.tokens), line: l.line}
	l.advance(n)
	c.endLine = l.line
	l.comments = append(l.comments, c)
}

// take makes a token of the next n bytes.
func (l *lexer) take(k kind, n int, value string) {
	t := token{kind: k, value: value, start: l.offset, end: l.offset + n, at: l.here()}
	if k == word {
		t.upper = strings.ToUpper(value)
	}
	l.advance(n)
	t.endLine = l.line
	l.tokens = append(l.tokens, t)
}

// broken makes a broken token of the next n bytes.
func (l *lexer) broken(n int, fault *problem.Problem) {
	fault.At(l.here())
	l.take(broken, n, l.source[l.offset:l.offset+n])
	l.tokens[len(l.tokens)-1].fault = fault
}

func nameStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func namePart(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
}

// next reads one token at a character that is no blank.
func (l *lexer) next() {
	r := l.peek(0)
	switch {
	case r == utf8.RuneError && !utf8.ValidString(l.source[l.offset:min(l.offset+utf8.UTFMax, len(l.source))]) && l.invalidByte():
		l.broken(1, problem.New(problem.Syntax, "the text is not valid UTF-8 here").
			WithHint("save the file as UTF-8"))
	case nameStart(r):
		l.word()
	case r >= '0' && r <= '9', r == '.' && l.peek(1) >= '0' && l.peek(1) <= '9':
		l.number()
	case r == '\'':
		l.text(0)
	case r == '`':
		l.quotedName('`')
	case r == '"':
		l.quotedName('"')
	default:
		l.symbol(r)
	}
}

// invalidByte reports whether the next byte starts no code point.
func (l *lexer) invalidByte() bool {
	r, size := utf8.DecodeRuneInString(l.rest())
	return r == utf8.RuneError && size == 1
}

// word reads a keyword or name, or the prefix of a text: x”, U&”, N”, _UTF8”.
func (l *lexer) word() {
	n := 0
	for n < len(l.rest()) {
		r, size := utf8.DecodeRuneInString(l.source[l.offset+n:])
		if !namePart(r) {
			break
		}
		n += size
	}
	name := l.rest()[:n]
	upper := strings.ToUpper(name)
	switch {
	case upper == "U" && strings.HasPrefix(l.rest()[n:], "&'"):
		l.unicodeText(n + 1)
	case l.peek(n) != '\'':
		l.take(word, n, name)
	case upper == "X":
		l.bytes(n)
	case upper == "N" || strings.HasPrefix(name, "_"):
		l.text(n)
	case upper == "E":
		l.broken(n, problem.New(problem.Syntax, "texts with a prefix E are not known").
			WithHint(`write '…' without E; a backslash is an ordinary character, and U&'\000A' is a line feed`))
	default:
		l.take(word, n, name)
	}
}

// number reads 1, 1.5, .5, 1., 1e5.
func (l *lexer) number() {
	rest := l.rest()
	digits := func(n int) int {
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		return n
	}
	k, n := integer, digits(0)
	if n < len(rest) && rest[n] == '.' {
		k, n = decimal, digits(n+1)
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		m := n + 1
		if m < len(rest) && (rest[m] == '+' || rest[m] == '-') {
			m++
		}
		if end := digits(m); end > m {
			k, n = double, end
		}
	}
	if r, _ := utf8.DecodeRuneInString(rest[n:]); n < len(rest) && namePart(r) {
		end := n
		for end < len(rest) {
			r, size := utf8.DecodeRuneInString(rest[end:])
			if !namePart(r) {
				break
			}
			end += size
		}
		l.broken(end, problem.New(problem.Syntax, "%q is neither a number nor a name", shorten(rest[:end])).
			WithHint("put a name that starts with a digit in backticks: `%s`", shorten(rest[:end])))
		return
	}
	l.take(k, n, rest[:n])
}

// quoted finds the end of a quoted run that starts at byte from of the rest,
// where a doubled quote stands for one; ok is false when it is not closed.
func (l *lexer) quoted(from int, quote byte) (end int, value string, ok bool) {
	rest := l.rest()
	for n := from + 1; n < len(rest); n++ {
		if rest[n] != quote {
			continue
		}
		if n+1 < len(rest) && rest[n+1] == quote {
			n++
			continue
		}
		q := string(quote)
		return n + 1, strings.ReplaceAll(rest[from+1:n], q+q, q), true
	}
	return len(rest), "", false
}

// text reads '…' after a prefix of the given length.
func (l *lexer) text(prefix int) {
	end, value, ok := l.quoted(prefix, '\'')
	if !ok {
		l.unclosedText(prefix)
		return
	}
	l.take(text, end, value)
}

// unclosedText reports a text without its closing quote. When an earlier text
// runs over several lines, the missing quote may well be there: it swallowed
// the opening quote of the next one.
func (l *lexer) unclosedText(prefix int) {
	fault := problem.New(problem.Syntax, "this text is not closed").
		WithHint("add the closing ', and write a ' inside a text twice: ''")
	for _, t := range l.tokens {
		if t.kind == text && t.endLine > t.at.Line {
			fault.WithHint("add the closing '; or is it missing from the text that starts at %d:%d and runs over several lines?", t.at.Line, t.at.Column)
			break
		}
	}
	n := len(l.rest())
	if end := strings.IndexByte(l.rest()[prefix:], '\n'); end >= 0 {
		n = prefix + end // what follows may be in order: look for more errors there
		if semicolon := strings.LastIndexByte(l.rest()[:n], ';'); semicolon > prefix && strings.TrimSpace(l.rest()[semicolon+1:n]) == "" {
			n = semicolon
		}
	}
	l.broken(n, fault)
}

func (l *lexer) quotedName(quote byte) {
	end, value, ok := l.quoted(0, quote)
	switch {
	case !ok:
		n := len(l.rest())
		if end := strings.IndexByte(l.rest(), '\n'); end >= 0 {
			n = end
		}
		l.broken(n, problem.New(problem.Syntax, "this quoted name is not closed").
			WithHint("add the closing %c", quote))
	case value == "":
		l.broken(end, problem.New(problem.Syntax, "this name is empty").
			WithHint("names have at least one character; texts stand in single quotes: ''"))
	default:
		l.take(quotedName, end, value)
	}
}

// bytes reads x'0aff'.
func (l *lexer) bytes(prefix int) {
	end, value, ok := l.quoted(prefix, '\'')
	if !ok {
		l.unclosedText(prefix)
		return
	}
	decoded, fault := decodeHex(value)
	if fault != nil {
		l.broken(end, fault)
		return
	}
	l.take(bytesText, end, decoded)
}

func decodeHex(digits string) (string, *problem.Problem) {
	if len(digits)%2 != 0 {
		return "", problem.New(problem.Syntax, "a binary text needs an even number of hexadecimal digits, this one has %d", len(digits)).
			WithHint("put a 0 in front: x'0%s'", shorten(digits))
	}
	decoded := make([]byte, len(digits)/2)
	for i := range decoded {
		high, low := hexDigit(digits[2*i]), hexDigit(digits[2*i+1])
		if high < 0 || low < 0 {
			return "", problem.New(problem.Syntax, "a binary text has only hexadecimal digits, not %q", digits[2*i:2*i+2]).
				WithHint("digits are 0 to 9 and a to f")
		}
		decoded[i] = byte(high<<4 | low)
	}
	return string(decoded), nil
}

func hexDigit(b byte) rune {
	switch {
	case b >= '0' && b <= '9':
		return rune(b - '0')
	case b >= 'a' && b <= 'f':
		return rune(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return rune(b-'A') + 10
	}
	return -1
}

// unicodeText reads U&'\00e9' and an UESCAPE 'c' behind it.
func (l *lexer) unicodeText(prefix int) {
	end, value, ok := l.quoted(prefix, '\'')
	if !ok {
		l.unclosedText(prefix)
		return
	}
	escape := '\\'
	if n, r, found := l.userEscape(end); found {
		end, escape = n, r
	}
	decoded, fault := decodeUnicode(value, escape)
	if fault != nil {
		l.broken(end, fault)
		return
	}
	l.take(text, end, decoded)
}

// userEscape looks for UESCAPE 'c' from byte n of the rest.
func (l *lexer) userEscape(n int) (end int, escape rune, found bool) {
	rest := l.rest()
	trimmed := strings.TrimLeftFunc(rest[n:], unicode.IsSpace)
	if len(trimmed) < len("UESCAPE") || !strings.EqualFold(trimmed[:len("UESCAPE")], "UESCAPE") {
		return 0, 0, false
	}
	quoted := strings.TrimLeftFunc(trimmed[len("UESCAPE"):], unicode.IsSpace)
	if !strings.HasPrefix(quoted, "'") {
		return 0, 0, false
	}
	r, size := utf8.DecodeRuneInString(quoted[1:])
	if r == '\'' || !strings.HasPrefix(quoted[1+size:], "'") {
		return 0, 0, false
	}
	return len(rest) - len(quoted) + size + 2, r, true
}

// decodeUnicode resolves escapes of four hexadecimal digits, or six after a +.
func decodeUnicode(value string, escape rune) (string, *problem.Problem) {
	var b strings.Builder
	runes := []rune(value)
	for i := 0; i < len(runes); i++ {
		if runes[i] != escape {
			b.WriteRune(runes[i])
			continue
		}
		if i+1 < len(runes) && runes[i+1] == escape {
			b.WriteRune(escape)
			i++
			continue
		}
		start, count := i+1, 4
		if start < len(runes) && runes[start] == '+' {
			start, count = start+1, 6
		}
		code := rune(0)
		for n := range count {
			digit := rune(-1)
			if start+n < len(runes) && runes[start+n] < utf8.RuneSelf {
				digit = hexDigit(byte(runes[start+n]))
			}
			if digit < 0 {
				return "", problem.New(problem.Syntax, "the escape at character %d of this text needs %d hexadecimal digits", i+1, count).
					WithHint(`é is \00e9; write a plain %c twice`, escape)
			}
			code = code<<4 | digit
		}
		if !utf8.ValidRune(code) {
			return "", problem.New(problem.Syntax, "the escape at character %d of this text is no character", i+1).
				WithHint(`code points end at \+10FFFF and have no surrogates: 😀 is \+01F600`)
		}
		b.WriteRune(code)
		i = start + count - 1
	}
	return b.String(), nil
}

// symbols of several characters, longest first.
var longSymbols = []string{"/*+", "<>", "<=", ">=", "!=", "||", "=>", "->", "::", ":=", "==", "&&"}

// foreign are symbols of other dialects, with what to write instead.
var foreign = map[string]string{
	"::": "write CAST(x AS type) instead of x::type",
	"==": "equality is a single =",
	"&&": "write AND",
	"->": "write JSON_VALUE(x, '$.key') or JSON_QUERY(x, '$.key')",
	":=": "named arguments are written name => value",
}

func (l *lexer) symbol(r rune) {
	rest := l.rest()
	if l.inHint && strings.HasPrefix(rest, "*/") {
		l.inHint = false
		l.take(symbol, 2, "*/")
		return
	}
	for _, s := range longSymbols {
		if !strings.HasPrefix(rest, s) {
			continue
		}
		if hint, ok := foreign[s]; ok {
			l.broken(len(s), problem.New(problem.Syntax, "%q is no operator", s).WithHint("%s", hint))
			return
		}
		l.inHint = l.inHint || s == "/*+"
		if s == "!=" {
			s = "<>"
		}
		l.take(symbol, len(longSymbol(rest)), s)
		return
	}
	switch {
	case strings.HasPrefix(rest, "${"):
		l.variable()
	case r < utf8.RuneSelf && strings.ContainsRune("()[]{},;:.?+-*/%=<>|^$", r):
		l.take(symbol, 1, string(r))
	case r == '；' || r == '，' || r == '（' || r == '）' || r == '‘' || r == '’' || r == '“' || r == '”':
		l.broken(utf8.RuneLen(r), problem.New(problem.Syntax, "%q is not the ASCII character that SQL needs", string(r)).
			WithHint("replace it by the plain one from the keyboard"))
	default:
		l.broken(utf8.RuneLen(r), problem.New(problem.Syntax, "unexpected character %q", string(r)).
			WithHint("%s", strangeCharacter(r)))
	}
}

// longSymbol gives the written form of the long symbol at the start of rest.
func longSymbol(rest string) string {
	for _, s := range longSymbols {
		if strings.HasPrefix(rest, s) {
			return s
		}
	}
	return ""
}

func strangeCharacter(r rune) string {
	switch r {
	case '!':
		return "write NOT, or <> for not equal"
	case '@', '#':
		return "put a name with special characters in backticks"
	case '&':
		return "write AND between conditions"
	}
	if !unicode.IsPrint(r) {
		return fmt.Sprintf("remove the invisible character U+%04X", r)
	}
	return "put a name with special characters in backticks, a text in single quotes"
}

// variable reads ${NAME}, which has had no value.
func (l *lexer) variable() {
	n := strings.IndexByte(l.rest(), '}') + 1
	if n == 0 || strings.ContainsRune(l.rest()[:n], '\n') {
		n = 2
	}
	l.broken(n, problem.New(problem.Syntax, "the variable %s has no value", l.rest()[:n]).
		WithHint("give it one: --var NAME=VALUE"))
}
