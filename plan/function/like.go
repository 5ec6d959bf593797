package function

import (
	"bytes"
	"sync"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// likes is LIKE and SIMILAR TO; the binder puts NOT around them. The escape
// character is the third argument, if any. They have no spelling of their own
// in DuckDB, whose underscore stands for line ends as well.
var likes = []*plan.Function{
	likeFunction("LIKE", "Whether the whole text fits the pattern: % stands for any characters, _ for one that ends no line. A constant empty pattern fits every text.",
		likeSource),
	likeFunction("SIMILAR TO", "Whether the whole text fits the regular expression of the SQL standard.",
		similarSource),
}

// matcher tells whether a whole text fits a pattern.
type matcher func(text []byte) (bool, error)

// matcherSource gives the matcher of a row.
type matcherSource func(args []*batch.Column, i int) (matcher, error)

func likeFunction(name, doc string, source func(c *call) (matcherSource, error)) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "string",
		Signatures: []string{"text " + name + " pattern [ESCAPE character]"},
		Doc:        doc,
		Flink:      "($1 " + name + " $2)",
	}, form{
		params: []parameter{anyText, anyText, anyText}, optional: 1,
		result: returns(value.BooleanType),
		check: func(c *call) error {
			_, err := source(c)
			return err
		},
		eval: func(c *call) plan.Kernel {
			matchers, _ := source(c) // checked when the call was resolved
			return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
				return eachRow(out, func(i int) error {
					match, err := matchers(args, i)
					if err != nil {
						return err
					}
					out.Bools[i], err = match(args[0].Bytes(i))
					return err
				})
			}
		},
	})
}

// noEscape is the escape character of a pattern without one.
const noEscape rune = -1

// escapeOf reads an ESCAPE argument: one character, or nothing for none.
func escapeOf(text []byte) (rune, error) {
	if len(text) == 0 {
		return noEscape, nil
	}
	r, size := utf8.DecodeRune(text)
	if size < len(text) {
		return 0, invalid("the escape %q is not one character", text)
	}
	return r, nil
}

// compiled makes a matcherSource of a compiler of patterns: run once when
// pattern and escape are constant, else for every change of either.
func compiled(c *call, compile func(pattern string, escape rune) (matcher, error)) (matcherSource, error) {
	text, constant := c.literalText(1)
	escape := ""
	if len(c.Args) == 3 {
		literal, ok := c.literalText(2)
		escape, constant = literal, constant && ok
	}
	if constant {
		character, err := escapeOf([]byte(escape))
		if err != nil {
			return nil, err
		}
		fixed, err := compile(text, character)
		return func([]*batch.Column, int) (matcher, error) { return fixed, err }, err
	}
	// Columns of patterns tend to repeat the one of the row before.
	var mu sync.Mutex
	var last struct {
		pattern, escape string
		match           matcher
	}
	return func(args []*batch.Column, i int) (matcher, error) {
		pattern, escape := args[1].Bytes(i), []byte(nil)
		if len(args) == 3 {
			escape = args[2].Bytes(i)
		}
		mu.Lock()
		defer mu.Unlock()
		if last.match != nil && last.pattern == string(pattern) && last.escape == string(escape) {
			return last.match, nil
		}
		character, err := escapeOf(escape)
		if err != nil {
			return nil, err
		}
		match, err := compile(string(pattern), character)
		if err == nil {
			last.pattern, last.escape, last.match = string(pattern), string(escape), match
		}
		return match, err
	}, nil
}

func likeSource(c *call) (matcherSource, error) {
	if text, ok := c.literalText(1); ok && text == "" {
		// Flink folds this to TRUE; from a column the empty pattern fits the
		// empty text only.
		always := func([]byte) (bool, error) { return true, nil }
		return func([]*batch.Column, int) (matcher, error) { return always, nil }, nil
	}
	return compiled(c, func(text string, escape rune) (matcher, error) {
		p, err := parseLike(text, escape)
		if err != nil {
			return nil, err
		}
		return func(text []byte) (bool, error) { return p.fits(text), nil }, nil
	})
}

// likePattern is a pattern cut at its percent signs.
type likePattern struct {
	segments []likeSegment // at least one; between each pair stands a %
}

// likeSegment is literals and underscores in turn: it fits texts that start
// with the first literal, then have skip[0] characters, then the second …
type likeSegment struct {
	literals [][]byte
	skips    []int // one less than literals
}

// parseLike reads a pattern. An escape must stand before %, _ or itself.
func parseLike(pattern string, escape rune) (*likePattern, error) {
	p := &likePattern{}
	segment := likeSegment{}
	var literal []byte
	endLiteral := func() {
		segment.literals = append(segment.literals, literal)
		literal = nil
	}
	escaped, underscore := false, false
	for _, r := range pattern {
		plain := escaped
		switch {
		case escaped && r != '%' && r != '_' && r != escape:
			return nil, badEscape(pattern, escape)
		case escaped:
			escaped = false
		case r == escape:
			escaped = true
			continue
		}
		switch {
		case r == '%' && !plain:
			endLiteral()
			p.segments = append(p.segments, segment)
			segment, underscore = likeSegment{}, false
		case r == '_' && !plain:
			if underscore && len(literal) == 0 {
				segment.skips[len(segment.skips)-1]++
				continue
			}
			endLiteral()
			segment.skips = append(segment.skips, 1)
			underscore = true
		default:
			literal = utf8.AppendRune(literal, r)
		}
	}
	if escaped {
		return nil, badEscape(pattern, escape)
	}
	endLiteral()
	p.segments = append(p.segments, segment)
	return p, nil
}

func badEscape(pattern string, escape rune) error {
	return problem.New(problem.InvalidValue, "the escape character %q in the pattern %q stands before nothing that needs it", escape, pattern).
		WithHint("write it only before %%, _ or itself")
}

// fits reports whether the whole text fits the pattern.
func (p *likePattern) fits(text []byte) bool {
	end, ok := p.segments[0].prefix(text)
	if !ok {
		return false
	}
	if len(p.segments) == 1 {
		return end == len(text)
	}
	text = text[end:]
	middle := p.segments[1 : len(p.segments)-1]
	for i := range middle {
		// The leftmost place is as good as any: it leaves the most text.
		end, ok := middle[i].find(text)
		if !ok {
			return false
		}
		text = text[end:]
	}
	return p.segments[len(p.segments)-1].suffix(text)
}

// endOfLine reports the characters that an underscore does not stand for.
func endOfLine(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// prefix reports whether text starts with the segment, and where that ends.
func (s *likeSegment) prefix(text []byte) (end int, ok bool) {
	for k, literal := range s.literals {
		if k > 0 {
			for range s.skips[k-1] {
				r, size := utf8.DecodeRune(text[end:])
				if size == 0 || endOfLine(r) {
					return 0, false
				}
				end += size
			}
		}
		if !bytes.HasPrefix(text[end:], literal) {
			return 0, false
		}
		end += len(literal)
	}
	return end, true
}

// find is the end of the first place in text where the segment stands.
func (s *likeSegment) find(text []byte) (end int, ok bool) {
	first := s.literals[0]
	for at := 0; ; {
		found := bytes.Index(text[at:], first)
		if found < 0 {
			return 0, false
		}
		at += found
		if end, ok := s.prefix(text[at:]); ok {
			return at + end, true
		}
		if at == len(text) {
			return 0, false
		}
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
}

// suffix reports whether text ends with the segment.
func (s *likeSegment) suffix(text []byte) bool {
	for k := len(s.literals) - 1; k >= 0; k-- {
		if !bytes.HasSuffix(text, s.literals[k]) {
			return false
		}
		text = text[:len(text)-len(s.literals[k])]
		if k == 0 {
			break
		}
		for range s.skips[k-1] {
			r, size := utf8.DecodeLastRune(text)
			if size == 0 || endOfLine(r) {
				return false
			}
			text = text[:len(text)-size]
		}
	}
	return true
}
