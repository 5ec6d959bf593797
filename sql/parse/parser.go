package parse

import (
	"fmt"
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// parser walks over the tokens of one text. A syntax error is a panic with a
// *problem.Problem, which attempt catches; nothing else panics.
type parser struct {
	source   string
	tokens   []token
	comments []comment
	closing  map[int]int // index of "(" → index of its ")"
	pos      int         // index of the current token
	remark   int         // index of the first comment not yet given to a node
	depth    int
	params   int
	inMatch  bool // within MATCH_RECOGNIZE, where FINAL and RUNNING are operators
	problems problem.List

	// tried are the keywords looked for at token triedAt, for hints.
	tried   []string
	triedAt int
}

func newParser(file, source string) *parser {
	tokens, comments := lex(file, source)
	p := &parser{source: source, tokens: tokens, comments: comments, closing: make(map[int]int)}
	var open []int
	for i, t := range tokens {
		switch {
		case t.is("("):
			open = append(open, i)
		case t.is(")") && len(open) > 0:
			p.closing[open[len(open)-1]] = i
			open = open[:len(open)-1]
		case t.is(";"):
			open = open[:0]
		}
	}
	return p
}

// attempt runs f and puts the syntax error that ends it early on the list.
func (p *parser) attempt(f func()) (ok bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *problem.Problem:
			p.report(r)
		default:
			panic(r)
		}
	}()
	f()
	return true
}

func (p *parser) report(fault *problem.Problem) {
	if len(p.problems) < problemsMax {
		p.problems = append(p.problems, fault)
	}
}

// enter goes one level deeper; the returned function comes back.
func (p *parser) enter() func() {
	p.depth++
	if p.depth > depthMax {
		panic(problem.New(problem.TooLarge, "this is nested deeper than %d levels", depthMax).At(p.token().at).
			WithHint("take inner parts out into WITH or views"))
	}
	return func() { p.depth-- }
}

// chain counts the operands of a chain and refuses endless ones.
func (p *parser) chain(count *int) {
	*count++
	if *count > chainMax {
		panic(problem.New(problem.TooLarge, "this chain has more than %d operands", chainMax).At(p.token().at).
			WithHint("write x IN (…) instead of many OR, or put the values into a table"))
	}
}

// Tokens.

func (p *parser) token() token { return p.tokens[p.pos] }

func (p *parser) ahead(n int) token {
	return p.tokens[min(p.pos+n, len(p.tokens)-1)]
}

func (p *parser) previous() token { return p.tokens[max(p.pos-1, 0)] }

// next takes the current token.
func (p *parser) next() token {
	t := p.token()
	if t.kind != endOfText {
		p.pos++
	}
	return t
}

// at reports whether the next tokens are the given keywords.
func (p *parser) at(keywords ...string) bool {
	if p.triedAt != p.pos {
		p.tried, p.triedAt = p.tried[:0], p.pos
	}
	p.tried = append(p.tried, keywords[0])
	for i, k := range keywords {
		if !p.ahead(i).isWord(k) {
			return false
		}
	}
	return true
}

// atAny reports whether the next token is one of the keywords.
func (p *parser) atAny(keywords ...string) bool {
	for _, k := range keywords {
		if p.at(k) {
			return true
		}
	}
	return false
}

// accept takes the given keywords if they are next.
func (p *parser) accept(keywords ...string) bool {
	if !p.at(keywords...) {
		return false
	}
	p.pos += len(keywords)
	return true
}

// acceptAny takes one of the keywords and gives it, "" if none is next.
func (p *parser) acceptAny(keywords ...string) string {
	for _, k := range keywords {
		if p.accept(k) {
			return k
		}
	}
	return ""
}

// expect takes the given keywords, one after the other.
func (p *parser) expect(keywords ...string) {
	for _, k := range keywords {
		if !p.accept(k) {
			p.fail(strings.Join(keywords, " "))
		}
	}
}

func (p *parser) atSymbol(s string) bool { return p.token().is(s) }

func (p *parser) acceptSymbol(s string) bool {
	if !p.atSymbol(s) {
		return false
	}
	p.pos++
	return true
}

func (p *parser) expectSymbol(s string) {
	if !p.acceptSymbol(s) {
		p.fail(fmt.Sprintf("%q", s))
	}
}

// open takes a "(" and gives it to be handed to close.
func (p *parser) open() token {
	t := p.token()
	p.expectSymbol("(")
	return t
}

// close takes the closing partner of open; expected says what else could
// stand there, "" for nothing.
func (p *parser) close(open token, expected string) {
	partner := map[string]string{"(": ")", "[": "]", "{": "}", "<": ">", "/*+": "*/"}[open.value]
	if p.acceptSymbol(partner) {
		return
	}
	if t := p.token(); t.kind == endOfText || t.is(";") {
		panic(problem.New(problem.Syntax, "this %q is not closed", open.value).At(open.at).
			WithHint("add the closing %q", partner))
	}
	if expected != "" {
		expected += " or "
	}
	p.failHint(fmt.Sprintf("%s%q", expected, partner), "%s", p.hintInList(open))
}

// hintInList guesses what is wrong inside a pair of parentheses.
func (p *parser) hintInList(open token) string {
	if startsOperand(p.token()) {
		return fmt.Sprintf("is a comma missing before %s?", p.token().describe())
	}
	return fmt.Sprintf("the %q at %d:%d is still open", open.value, open.at.Line, open.at.Column)
}

// startsOperand reports whether an operand can begin with t, so that a comma
// may be missing in front of it.
func startsOperand(t token) bool {
	switch t.kind {
	case quotedName, text, bytesText, integer, decimal, double:
		return true
	case word:
		return !notCallable[t.upper]
	}
	return false
}

// Errors.

// fail ends the statement: expected says what could have stood at the current
// token.
func (p *parser) fail(expected string) { p.failHint(expected, "") }

// failHint is fail with a hint that is used when the token itself suggests no
// better one.
func (p *parser) failHint(expected, format string, args ...any) {
	t := p.token()
	if t.kind == broken {
		panic(t.fault)
	}
	hint := ""
	if format != "" {
		hint = fmt.Sprintf(format, args...)
	}
	if p.triedAt == p.pos && t.kind == word {
		if near := nearKeyword(t, p.tried); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
	}
	if back := p.previous(); p.pos > 1 && back.kind == word && !reserved(back.upper) && p.triedAt == p.pos {
		// A misspelled keyword was read as a name, typically an alias.
		front := p.tokens[p.pos-2]
		if near := nearKeyword(back, p.tried); near != "" && !front.is(".") && !front.is(",") && !front.isWord("AS") {
			panic(problem.New(problem.Syntax, "expected %s, found %s", expected, back.describe()).At(back.at).
				WithHint("did you mean %s?", near))
		}
	}
	if hint == "" {
		hint = p.generalHint(t)
	}
	fault := problem.New(problem.Syntax, "expected %s, found %s", expected, t.describe()).At(t.at)
	if hint != "" {
		fault.WithHint("%s", hint)
	}
	panic(fault)
}

// nearKeyword gives the keyword that t nearly is.
func nearKeyword(t token, keywords []string) string {
	if len(t.upper) < 3 || reserved(t.upper) {
		return ""
	}
	near := problem.Nearest(t.upper, keywords)
	if near == t.upper || len(near) < 3 {
		return ""
	}
	return near
}

// generalHint is for tokens that are rarely right anywhere.
func (p *parser) generalHint(t token) string {
	back := p.previous()
	switch {
	case back.is(",") && (t.is(")") || t.is(";") || t.kind == endOfText || t.kind == word && reserved(t.upper)):
		return fmt.Sprintf("remove the comma at %d:%d", back.at.Line, back.at.Column)
	case t.kind == endOfText:
		return "the statement is not complete"
	case t.is(")"):
		return "is there one closing parenthesis too many, or something missing before it?"
	case t.is(":"):
		return "parameters are written ?"
	case t.is("/*+"):
		return "a hint stands directly behind SELECT or a table's name; a comment is /* … */ without +"
	case structural[t.upper] && t.kind == word:
		return fmt.Sprintf("is something missing before %s?", t.upper)
	case t.kind == word && reserved(t.upper):
		return fmt.Sprintf("%s is a reserved word; as a name it needs backticks: `%s`", t.upper, t.value)
	case t.kind == text:
		return "texts stand in single quotes, names in backticks"
	}
	return ""
}

// unsupported ends the statement at t.
func (p *parser) unsupported(t token, hint, format string, args ...any) {
	panic(problem.New(problem.Unsupported, format, args...).At(t.at).WithHint("%s", hint))
}

// Spans and comments.

// spanFrom is the place from the token start to the token just taken.
func (p *parser) spanFrom(start token) sql.Span {
	return sql.Span{Position: start.at, Start: start.start, End: max(p.previous().end, start.start)}
}

// spanOver is the place from the start of a node to the token just taken.
func (p *parser) spanOver(first sql.Node) sql.Span {
	start, _ := first.Extent()
	return sql.Span{Position: first.Pos(), Start: start, End: p.previous().end}
}

// remarksBefore takes the comments in front of the current token.
func (p *parser) remarksBefore() []string {
	var texts []string
	for p.remark < len(p.comments) && p.comments[p.remark].before <= p.pos {
		texts = append(texts, p.comments[p.remark].text)
		p.remark++
	}
	return texts
}

// remarksInside takes the comments between tokens that are already taken.
func (p *parser) remarksInside() []string {
	var texts []string
	for p.remark < len(p.comments) && p.comments[p.remark].before < p.pos {
		texts = append(texts, p.comments[p.remark].text)
		p.remark++
	}
	return texts
}

// remarksAfter takes the comments that end the line of the token just taken.
func (p *parser) remarksAfter() []string {
	line, end := p.previous().endLine, p.remark
	for end < len(p.comments) && p.comments[end].before == p.pos && p.comments[end].line == line {
		line = p.comments[end].endLine
		end++
	}
	if next := p.token(); next.kind != endOfText && next.at.Line == line {
		return nil // they stand in front of the next token
	}
	var texts []string
	for ; p.remark < end; p.remark++ {
		texts = append(texts, p.comments[p.remark].text)
	}
	return texts
}

// list reads items separated by commas.
func list[T any](p *parser, item func() T) []T {
	items := []T{item()}
	for p.acceptSymbol(",") {
		items = append(items, item())
	}
	return items
}

// remarkedList reads items that carry comments, separated by commas.
func remarkedList[T any](p *parser, item func() (T, *sql.Comments)) []T {
	var items []T
	for {
		before := p.remarksBefore()
		one, remarks := item()
		remarks.Before = append(before, p.remarksInside()...)
		more := p.acceptSymbol(",")
		remarks.After = p.remarksAfter()
		items = append(items, one)
		if !more {
			return items
		}
	}
}

// Names.

// name takes an identifier; what says what it names.
func (p *parser) name(what string) sql.Name {
	t := p.token()
	switch {
	case t.kind == quotedName:
	case t.kind == word && !reserved(t.upper):
	case t.kind == word:
		p.failHint(what, "%s", p.generalHint(t))
	case t.kind == text:
		p.failHint(what, "a name stands in backticks, not in single quotes: `%s`", shorten(t.value))
	default:
		p.fail(what)
	}
	p.pos++
	return sql.Name{Span: p.spanFrom(t), Text: t.value, Quoted: t.kind == quotedName}
}

// startsName reports whether t can begin a name.
func startsName(t token) bool {
	return t.kind == quotedName || t.kind == word && !reserved(t.upper)
}

// path takes a name with qualifiers.
func (p *parser) path(what string) sql.Path {
	path := sql.Path{p.name(what)}
	for p.atSymbol(".") && !p.ahead(1).is("*") {
		p.pos++
		path = append(path, p.name("a name after the dot"))
	}
	return path
}

// nameList takes (a, b, …).
func (p *parser) nameList(what string) []sql.Name {
	open := p.open()
	names := list(p, func() sql.Name { return p.name(what) })
	p.close(open, "a comma")
	return names
}

// stringValue takes a quoted text; what says what it is.
func (p *parser) stringValue(what string) *sql.StringValue {
	t := p.token()
	if t.kind != text {
		hint := ""
		if t.kind == word || t.kind == quotedName || t.kind == integer || t.kind == decimal {
			hint = fmt.Sprintf("write it in single quotes: '%s'", p.runOfText())
		}
		p.failHint(what, "%s", hint)
	}
	p.pos++
	return &sql.StringValue{Span: p.spanFrom(t), Text: t.value}
}

// runOfText quotes the source from the current token to the next blank, equals
// sign or punctuation: what the user meant as one text.
func (p *parser) runOfText() string {
	start := p.token().start
	end := p.token().end
	for i := p.pos + 1; i < len(p.tokens); i++ {
		t := p.tokens[i]
		if t.start != end || t.is("=") || t.is(",") || t.is(")") || t.is(";") {
			break
		}
		end = t.end
	}
	return shorten(p.source[start:end])
}

// number takes an integer that fits into an int32; what says what it is.
func (p *parser) number(what string) int {
	t := p.token()
	if t.kind != integer {
		p.fail(what)
	}
	n := 0
	for _, digit := range t.value {
		n = n*10 + int(digit-'0')
		if n > 1<<31-1 {
			panic(problem.New(problem.InvalidValue, "%s must be less than 2147483648", t.value).At(t.at))
		}
	}
	p.pos++
	return n
}
