package function

import (
	"strings"
	"unicode/utf8"

	"tidemark/base/problem"
)

func similarSource(c *call) (matcherSource, error) {
	return compiled(c, func(text string, escape rune) (matcher, error) {
		java, err := translateSimilar(text, escape)
		if err != nil {
			return nil, err
		}
		p, err := compileWhole(java)
		if err != nil {
			return nil, badSimilar(text, err.Error())
		}
		return p.found, nil
	})
}

// similarSpecials are the characters that an escape may stand before.
const similarSpecials = "[]()|^-+*_%?{}"

// similarClasses are the names in [[:NAME:]], in upper or lower case.
var similarClasses = map[string]string{
	"ALPHA": `\p{Alpha}`, "UPPER": `\p{Upper}`, "LOWER": `\p{Lower}`, "DIGIT": `\d`,
	"SPACE": ` `, "WHITESPACE": `\s`, "ALNUM": `\p{Alnum}`,
}

// translateSimilar turns a pattern of SIMILAR TO into a Java regular
// expression, as Flink does: what it does not know goes through as it is, so a
// dot is a wildcard, and ^ an anchor.
func translateSimilar(pattern string, escape rune) (string, error) {
	t := similarTranslator{in: pattern, escape: escape}
	for t.at < len(t.in) {
		r := t.next()
		switch {
		case r == escape:
			if err := t.escaped(); err != nil {
				return "", err
			}
		case r == '_':
			t.out.WriteByte('.')
		case r == '%':
			t.out.WriteString("(?s:.*)")
		case r == '[':
			if err := t.class(); err != nil {
				return "", err
			}
		case r == ']':
			return "", badSimilar(pattern, "there is a ] without a [")
		case r == '\\', r == '$':
			t.out.WriteByte('\\')
			t.out.WriteRune(r)
		default:
			t.out.WriteRune(r)
		}
	}
	return t.out.String(), nil
}

type similarTranslator struct {
	in     string
	at     int
	out    strings.Builder
	escape rune
}

func (t *similarTranslator) next() rune {
	r, size := utf8.DecodeRuneInString(t.in[t.at:])
	t.at += size
	return r
}

// escaped reads the character after an escape.
func (t *similarTranslator) escaped() error {
	if t.at == len(t.in) {
		return badEscape(t.in, t.escape)
	}
	r := t.next()
	if r != t.escape && !strings.ContainsRune(similarSpecials, r) {
		return badEscape(t.in, t.escape)
	}
	if r < utf8.RuneSelf && !isWordASCII(r) {
		t.out.WriteByte('\\')
	}
	t.out.WriteRune(r)
	return nil
}

// class reads a list of characters behind its [.
func (t *similarTranslator) class() error {
	t.out.WriteByte('[')
	for t.at < len(t.in) {
		if rest, ok := strings.CutPrefix(t.in[t.at:], "[:"); ok {
			name, _, closed := strings.Cut(rest, ":]")
			java, known := similarClasses[strings.ToUpper(name)]
			if !closed || !known || name != strings.ToUpper(name) && name != strings.ToLower(name) {
				return badSimilar(t.in, "[: is not followed by the name of a class")
			}
			t.out.WriteString(java)
			t.at += len("[:") + len(name) + len(":]")
			continue
		}
		switch r := t.next(); {
		case r == ']':
			t.out.WriteByte(']')
			return nil
		case r == t.escape:
			if err := t.escaped(); err != nil {
				return err
			}
		case r == '-' || r == '^':
			t.out.WriteRune(r)
		case strings.ContainsRune(similarSpecials, r):
			return badSimilar(t.in, "a list of characters has a sign in it that must be escaped")
		case r == '\\' || r == '&':
			t.out.WriteByte('\\')
			t.out.WriteRune(r)
		default:
			t.out.WriteRune(r)
		}
	}
	return badSimilar(t.in, "there is a [ without a ]")
}

func badSimilar(pattern, why string) error {
	return problem.New(problem.InvalidValue, "%q is no pattern of SIMILAR TO: %s", pattern, why)
}
