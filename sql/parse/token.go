package parse

import (
	"fmt"
	"strings"

	"tidemark/base/problem"
)

// kind is the sort of a token.
type kind uint8

const (
	endOfText  kind = iota
	word            // unquoted: a keyword or a name
	quotedName      // `name` or "name"
	text            // 'text', N'text' and U&'text'
	bytesText       // x'0aff'
	integer         // 12
	decimal         // 1.5
	double          // 1e5
	symbol          // operators and punctuation, also /*+ and, after it, */
	broken          // not a token at all: fault says why
)

// token is a word of the text. value is what it means: the name without
// quotes, the text with its escapes resolved, otherwise the characters.
type token struct {
	kind       kind
	value      string
	upper      string // of a word, in upper case
	start, end int    // byte offsets
	at         problem.Position
	endLine    int
	fault      *problem.Problem // of broken
}

// is reports whether the token is the given symbol.
func (t token) is(s string) bool { return t.kind == symbol && t.value == s }

// isWord reports whether the token is the given keyword.
func (t token) isWord(keyword string) bool { return t.kind == word && t.upper == keyword }

// describe names the token in a message.
func (t token) describe() string {
	switch t.kind {
	case endOfText:
		return "the end of the text"
	case text:
		return "the text " + shorten("'"+strings.ReplaceAll(t.value, "'", "''")+"'")
	case bytesText:
		return "a binary text"
	case quotedName:
		return "the name " + shorten("`"+t.value+"`")
	case integer, decimal, double:
		return "the number " + shorten(t.value)
	}
	return fmt.Sprintf("%q", shorten(t.value))
}

// shorten cuts s to what fits into a message.
func shorten(s string) string {
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) <= quotedMax {
		return string(runes)
	}
	return string(runes[:quotedMax-1]) + "…"
}

// comment is a remark of the source and the index of the token it precedes.
type comment struct {
	text          string
	before        int
	line, endLine int
}
