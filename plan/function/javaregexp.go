package function

import (
	"container/list"
	"regexp"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"

	"tidemark/base/batch"
	"tidemark/base/problem"
)

// regexpTime is how long one match may take: Java's expressions can need
// exponential time.
const regexpTime = 2 * time.Second

// javaRegexp is a compiled Java regular expression. It can be used by several
// goroutines.
//
// Where the translation shows that it makes no difference, matching is done by
// the engine of package regexp, in linear time, or by what finds the same more
// quickly; else by a backtracking engine.
type javaRegexp struct {
	translation
	linear *regexp.Regexp // nil when the pattern needs to backtrack
	// Both find what linear finds, in short texts; nil where that cannot be done or
	// does not pay.
	onePass *onePass
	starts  *starts
	slow    func() *regexp2.Regexp // compiled when first used
}

// compileJava compiles a Java regular expression.
func compileJava(text string) (*javaRegexp, error) { return compileWrapped(text, "", "") }

// compileWhole compiles a Java regular expression that is to match whole texts.
func compileWhole(text string) (*javaRegexp, error) { return compileWrapped(text, `\A(?:`, `)\z`) }

func compileWrapped(text, before, after string) (*javaRegexp, error) {
	translated, err := translateRegexp(text)
	if err != nil {
		return nil, err
	}
	if before != "" {
		translated.context = true
	}
	p := &javaRegexp{translation: translated}
	if !translated.backtracks {
		// Patterns with too large loops inside of loops are refused here, and
		// left to the other engine.
		p.linear, _ = regexp.Compile(before + translated.linear + after)
	}
	if p.linear != nil && before == "" {
		if p.onePass = newOnePass(translated.linear); p.onePass == nil {
			p.starts = newStarts(translated.linear)
		}
	}
	compileSlow := func() (*regexp2.Regexp, error) {
		re, err := regexp2.Compile(before+translated.text+after, regexp2.None)
		if err == nil {
			re.MatchTimeout = regexpTime
		}
		return re, err
	}
	if p.linear != nil {
		p.slow = sync.OnceValue(func() *regexp2.Regexp {
			re, err := compileSlow()
			if err != nil {
				panic("a pattern of the common language: " + err.Error())
			}
			return re
		})
		return p, nil
	}
	re, err := compileSlow()
	if err != nil {
		return nil, errRegexp("%s", err)
	}
	p.slow = func() *regexp2.Regexp { return re }
	return p, nil
}

// isLinear reports whether the linear engine gives the answer for text; for
// every match, not only the first, when all.
func (p *javaRegexp) isLinear(text []byte, all bool) bool {
	switch {
	case p.linear == nil, all && p.context && p.nullable:
		return false
	case p.unfinished && endsLine(text):
		return false
	}
	return !p.ascii || isASCII(text)
}

// endsLine reports a line terminator at the end of text.
func endsLine(text []byte) bool {
	r, _ := utf8.DecodeLastRune(text)
	return lineTerminators.contains(r)
}

// found reports whether text has a match.
func (p *javaRegexp) found(text []byte) (bool, error) {
	switch short := len(text) <= startsTextMax; {
	case !p.isLinear(text, false):
	case p.onePass != nil && short:
		return p.onePass.find(make([]int, 0, usualSlots), text) != nil, nil
	case p.starts != nil && short:
		return p.starts.match(text), nil
	default:
		return p.linear.Match(text), nil
	}
	ok, err := p.slow().MatchString(string(text))
	return ok, tooSlow(err)
}

// first gives the byte offsets of the first match and its groups, two each, -1
// for groups that took no part; nil when there is no match. They may stand in
// the memory of room.
func (p *javaRegexp) first(room []int, text []byte) (groups []int, err error) {
	switch short := len(text) <= startsTextMax; {
	case !p.isLinear(text, false):
	case p.onePass != nil && short:
		return p.onePass.find(room, text), nil
	case p.starts != nil && short:
		return p.starts.find(text), nil
	default:
		return p.linear.FindSubmatchIndex(text), nil
	}
	err = p.eachSlow(text, func(g []int) bool {
		groups = g
		return false
	})
	return groups, err
}

// each calls f with every match from left to right, in the form of first, until
// it returns false. Matches do not overlap; an empty one may follow right after
// another. The slice is f's only until it returns.
func (p *javaRegexp) each(text []byte, f func(groups []int) bool) error {
	switch {
	case !p.isLinear(text, true):
		return p.eachSlow(text, f)
	case !p.nullable:
		for _, groups := range p.linear.FindAllSubmatchIndex(text, -1) {
			if !f(groups) {
				return nil
			}
		}
		return nil
	}
	for at := 0; at <= len(text); {
		groups := p.linear.FindSubmatchIndex(text[at:])
		if groups == nil {
			return nil
		}
		for k := range groups {
			if groups[k] >= 0 {
				groups[k] += at
			}
		}
		if !f(groups) {
			return nil
		}
		at = groups[1]
		if groups[1] == groups[0] {
			_, size := utf8.DecodeRune(text[at:])
			at += max(size, 1)
		}
	}
	return nil
}

// eachSlow is each with the engine that backtracks. It works on code points.
func (p *javaRegexp) eachSlow(text []byte, f func(groups []int) bool) error {
	runes := []rune(string(text))
	offsets := make([]int, 0, len(runes)+1)
	at := 0
	for at < len(text) {
		offsets = append(offsets, at)
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	offsets = append(offsets, at)
	match, err := p.slow().FindRunesMatch(runes)
	for match != nil && err == nil {
		groups := make([]int, 0, 2*(p.groups+1))
		for k := range p.groups + 1 {
			g := match.GroupByNumber(k)
			if g == nil || len(g.Captures) == 0 {
				groups = append(groups, -1, -1)
				continue
			}
			groups = append(groups, offsets[g.Index], offsets[g.Index+g.Length])
		}
		if !f(groups) {
			return nil
		}
		match, err = p.slow().FindNextMatch(match)
	}
	return tooSlow(err)
}

// tooSlow turns the backtracking engine's only error into a problem.
func tooSlow(err error) error {
	if err == nil {
		return nil
	}
	return problem.New(problem.Timeout, "a regular expression took more than %s on one text", regexpTime).
		WithHint("avoid loops inside of loops, such as (a+)+")
}

// usualSlots is room for the search of patterns with up to three groups.
const usualSlots = 16

// regexpCacheMax is how many patterns that come from a column one call of a
// function remembers.
const regexpCacheMax = 256

// regexpCache remembers the patterns used last, and those that are bad.
type regexpCache struct {
	compile func(string) (*javaRegexp, error)
	mu      sync.Mutex
	byText  map[string]*list.Element // of *cachedRegexp
	recent  *list.List               // most recently used first
}

type cachedRegexp struct {
	text     string
	compiled *javaRegexp
	err      error
}

func newRegexpCache(compile func(string) (*javaRegexp, error)) *regexpCache {
	return &regexpCache{compile: compile, byText: map[string]*list.Element{}, recent: list.New()}
}

// get compiles text unless it is remembered. Compiling under the lock keeps two
// goroutines from doing the same work.
func (c *regexpCache) get(text []byte) (*javaRegexp, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have, ok := c.byText[string(text)]; ok {
		c.recent.MoveToFront(have)
		known := have.Value.(*cachedRegexp)
		return known.compiled, known.err
	}
	entry := &cachedRegexp{text: string(text)}
	entry.compiled, entry.err = c.compile(entry.text)
	c.byText[entry.text] = c.recent.PushFront(entry)
	if c.recent.Len() > regexpCacheMax {
		oldest := c.recent.Remove(c.recent.Back()).(*cachedRegexp)
		delete(c.byText, oldest.text)
	}
	return entry.compiled, entry.err
}

// regexpArgument is where a function gets the pattern of a row from: an argument
// that is constant, was left out, or changes from row to row.
type regexpArgument struct {
	argument int
	constant bool
	fixed    *javaRegexp
	err      error
	cache    *regexpCache
}

// regexpSource makes the patterns of argument i, or of text standard when the
// call has no such argument.
func regexpSource(c *call, i int, standard string) *regexpArgument {
	text, constant := standard, true
	if i < len(c.Args) {
		text, constant = c.literalText(i)
	}
	if !constant {
		return &regexpArgument{argument: i, cache: newRegexpCache(compileJava)}
	}
	p, err := compileJava(text)
	return &regexpArgument{constant: true, fixed: p, err: err}
}

// at is the pattern of row i; nil when it is no regular expression.
func (s *regexpArgument) at(args []*batch.Column, i int) *javaRegexp {
	if s.constant {
		return s.fixed
	}
	p, _ := s.cache.get(args[s.argument].Bytes(i))
	return p
}

// required is the pattern of row i, or what is wrong with it.
func (s *regexpArgument) required(args []*batch.Column, i int) (*javaRegexp, error) {
	if s.constant {
		return s.fixed, badRegexp(s.err)
	}
	p, err := s.cache.get(args[s.argument].Bytes(i))
	return p, badRegexp(err)
}

// badRegexp makes a problem of a syntax error in a pattern.
func badRegexp(err error) error {
	if err == nil {
		return nil
	}
	return invalid("%s", err)
}
