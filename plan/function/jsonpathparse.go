package function

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"tidemark/base/problem"
)

// pathParser reads paths.
type pathParser struct {
	in    string
	at    int
	depth int
}

// pathDepthMax is how deep conditions may be nested.
const pathDepthMax = 100

func (p *pathParser) fail(why string) error {
	return problem.New(problem.InvalidValue, "%q is no JSON path: %s at character %d", p.in, why, utf8.RuneCountInString(p.in[:p.at])+1).
		WithHint("write a path like 'lax $.user.tags[0]'")
}

// parsePath reads a path with its mode.
func parsePath(text string) (*jsonPath, error) {
	p := &pathParser{in: text}
	path := &jsonPath{}
	p.blanks()
	switch {
	case p.word("lax"):
		path.lax = true
	case p.word("strict"):
	}
	p.blanks()
	if !p.accept("$") {
		// Flink puts the $. in front by itself.
		rest := p.in[p.at:]
		if rest == "" || rest[0] == '@' || rest[0] == '.' {
			return nil, p.fail("$ is missing")
		}
		if rest[0] == '[' {
			p.in = "$" + rest
		} else {
			p.in = "$." + rest
		}
		p.at = 1
	}
	steps, err := p.steps()
	if err != nil {
		return nil, err
	}
	p.blanks()
	if p.at < len(p.in) {
		return nil, p.fail("something unexpected")
	}
	path.steps = steps
	path.definite = allDefinite(steps)
	return path, nil
}

func (p *pathParser) blanks() {
	for p.at < len(p.in) && isJSONBlank(p.in[p.at]) {
		p.at++
	}
}

func (p *pathParser) accept(s string) bool {
	if strings.HasPrefix(p.in[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

// word accepts a mode, in any case, with a blank behind it.
func (p *pathParser) word(w string) bool {
	end := p.at + len(w)
	if end < len(p.in) && strings.EqualFold(p.in[p.at:end], w) && isJSONBlank(p.in[end]) {
		p.at = end
		return true
	}
	return false
}

func (p *pathParser) steps() ([]pathStep, error) {
	var steps []pathStep
	for p.at < len(p.in) {
		switch {
		case p.accept(".."):
			steps = append(steps, pathStep{kind: stepDescent})
			if strings.HasPrefix(p.in[p.at:], "[") {
				continue
			}
			step, err := p.nameOrFunction()
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		case p.accept("."):
			if strings.HasPrefix(p.in[p.at:], "[") {
				continue
			}
			step, err := p.nameOrFunction()
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		case p.accept("["):
			step, err := p.bracket()
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		default:
			return steps, nil
		}
	}
	return steps, nil
}

// nameOrFunction reads what follows a dot.
func (p *pathParser) nameOrFunction() (pathStep, error) {
	if p.accept("*") {
		return pathStep{kind: stepWildcard}, nil
	}
	start := p.at
	for p.at < len(p.in) && strings.IndexByte(".[]() \t\r\n,!<>=~&|", p.in[p.at]) < 0 {
		p.at++
	}
	name := p.in[start:p.at]
	if name == "" {
		return pathStep{}, p.fail("a name is missing")
	}
	if !p.accept("(") {
		return pathStep{kind: stepNames, names: []string{name}}, nil
	}
	switch {
	case name == "concat" || name == "append":
		return pathStep{}, problem.New(problem.Unsupported, "the function %s() in a JSON path", name).
			WithHint("use the SQL functions on what JSON_VALUE and JSON_QUERY give")
	case pathFunctions[name] == nil:
		p.at = start
		return pathStep{}, p.fail("no function " + name)
	}
	step := pathStep{kind: stepFunction, name: name}
	p.blanks()
	if name == "index" {
		n, ok := p.integer()
		if !ok {
			return pathStep{}, p.fail("an index is missing")
		}
		step.number = n
		p.blanks()
	}
	if !p.accept(")") {
		return pathStep{}, p.fail("a ) is missing")
	}
	return step, nil
}

// bracket reads what follows a [.
func (p *pathParser) bracket() (pathStep, error) {
	p.blanks()
	var step pathStep
	var err error
	switch {
	case p.accept("*"):
		step = pathStep{kind: stepWildcard}
	case p.accept("?"):
		step, err = p.filter()
	case strings.HasPrefix(p.in[p.at:], "'"), strings.HasPrefix(p.in[p.at:], `"`):
		step, err = p.quotedNames()
	default:
		step, err = p.indexes()
	}
	if err != nil {
		return step, err
	}
	p.blanks()
	if !p.accept("]") {
		return step, p.fail("a ] is missing")
	}
	return step, nil
}

func (p *pathParser) quotedNames() (pathStep, error) {
	step := pathStep{kind: stepNames}
	for {
		name, err := p.quoted()
		if err != nil {
			return step, err
		}
		step.names = append(step.names, name)
		p.blanks()
		if !p.accept(",") {
			return step, nil
		}
		p.blanks()
	}
}

// quoted reads a text in single or double quotes; a backslash takes away the
// meaning of what follows.
func (p *pathParser) quoted() (string, error) {
	if p.at == len(p.in) || p.in[p.at] != '\'' && p.in[p.at] != '"' {
		return "", p.fail("a quote is missing")
	}
	quote := p.in[p.at]
	p.at++
	var text strings.Builder
	for p.at < len(p.in) {
		b := p.in[p.at]
		p.at++
		switch {
		case b == quote:
			return text.String(), nil
		case b == '\\' && p.at < len(p.in):
			text.WriteByte(p.in[p.at])
			p.at++
		default:
			text.WriteByte(b)
		}
	}
	return "", p.fail("a quote is not closed")
}

// integer reads a number with an optional sign.
func (p *pathParser) integer() (int, bool) {
	start := p.at
	p.accept("-")
	for p.at < len(p.in) && p.in[p.at] >= '0' && p.in[p.at] <= '9' {
		p.at++
	}
	n, err := strconv.ParseInt(p.in[start:p.at], 10, 32)
	if err != nil {
		p.at = start
	}
	return int(n), err == nil
}

// indexes reads 1, or 0,2, or a slice 1:3.
func (p *pathParser) indexes() (pathStep, error) {
	first, ok := p.integer()
	p.blanks()
	if p.accept(":") {
		step := pathStep{kind: stepSlice}
		if ok {
			step.from = &first
		}
		p.blanks()
		if to, ok := p.integer(); ok {
			step.to = &to
		}
		if step.from == nil && step.to == nil {
			return step, p.fail("a slice has no bound")
		}
		return step, nil
	}
	if !ok {
		return pathStep{}, p.fail("an index is missing")
	}
	step := pathStep{kind: stepIndexes, indexes: []int{first}}
	for p.accept(",") {
		p.blanks()
		n, ok := p.integer()
		if !ok {
			return step, p.fail("an index is missing")
		}
		step.indexes = append(step.indexes, n)
		p.blanks()
	}
	return step, nil
}

// filter reads the condition after a ?.
func (p *pathParser) filter() (pathStep, error) {
	p.blanks()
	if !p.accept("(") {
		return pathStep{}, p.fail("a ( is missing")
	}
	condition, err := p.or()
	if err != nil {
		return pathStep{}, err
	}
	p.blanks()
	if !p.accept(")") {
		return pathStep{}, p.fail("a ) is missing")
	}
	return pathStep{kind: stepFilter, filter: condition}, nil
}

func (p *pathParser) or() (pathCondition, error) {
	first, err := p.and()
	all := pathOr{first}
	for p.blanks(); err == nil && p.accept("||"); p.blanks() {
		var next pathCondition
		next, err = p.and()
		all = append(all, next)
	}
	return all, err
}

func (p *pathParser) and() (pathCondition, error) {
	first, err := p.condition()
	all := pathAnd{first}
	for p.blanks(); err == nil && p.accept("&&"); p.blanks() {
		var next pathCondition
		next, err = p.condition()
		all = append(all, next)
	}
	return all, err
}

func (p *pathParser) condition() (pathCondition, error) {
	if p.depth++; p.depth > pathDepthMax {
		return nil, p.fail("too many nested conditions")
	}
	defer func() { p.depth-- }()
	p.blanks()
	switch {
	case strings.HasPrefix(p.in[p.at:], "!") && !strings.HasPrefix(p.in[p.at:], "!="):
		p.at++
		of, err := p.condition()
		return pathNot{of}, err
	case p.accept("("):
		of, err := p.or()
		if err != nil {
			return nil, err
		}
		p.blanks()
		if !p.accept(")") {
			return nil, p.fail("a ) is missing")
		}
		return of, nil
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.blanks()
	if p.accept("=~") {
		return p.match(left)
	}
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.accept(op) {
			p.blanks()
			right, err := p.operand()
			return pathCompare{op, left, right}, err
		}
	}
	if left.constant != nil {
		return nil, p.fail("a comparison is missing")
	}
	return pathPresent{left}, nil
}

// match reads /pattern/ or /pattern/i.
func (p *pathParser) match(of pathOperand) (pathCondition, error) {
	p.blanks()
	if !p.accept("/") {
		return nil, p.fail("a /pattern/ is missing")
	}
	var text strings.Builder
	for {
		if p.at == len(p.in) {
			return nil, p.fail("a pattern is not closed")
		}
		b := p.in[p.at]
		p.at++
		if b == '/' {
			break
		}
		if b == '\\' && p.accept("/") {
			b = '/'
		}
		text.WriteByte(b)
	}
	source := text.String()
	if p.accept("i") {
		source = "(?i)" + source
	}
	compiled, err := compileWhole(source)
	if err != nil {
		return nil, p.fail(err.Error())
	}
	return pathMatch{of, compiled}, nil
}

// operand reads @.path, a text, a number, true, false or null.
func (p *pathParser) operand() (pathOperand, error) {
	switch {
	case p.accept("@"):
		steps, err := p.steps()
		return pathOperand{steps: steps}, err
	case strings.HasPrefix(p.in[p.at:], "'"), strings.HasPrefix(p.in[p.at:], `"`):
		text, err := p.quoted()
		return pathOperand{constant: &jsonValue{kind: jsonString, text: text}}, err
	}
	for word, kind := range map[string]jsonKind{"true": jsonTrue, "false": jsonFalse, "null": jsonNull} {
		if p.accept(word) {
			return pathOperand{constant: &jsonValue{kind: kind}}, nil
		}
	}
	number := jsonParser{in: []byte(p.in), at: p.at, number: canonicalNumber}
	if p.at < len(p.in) && (p.in[p.at] == '-' || p.in[p.at] >= '0' && p.in[p.at] <= '9') {
		v, err := number.numeral()
		if err == nil {
			p.at = number.at
			return pathOperand{constant: v}, nil
		}
	}
	return pathOperand{}, p.fail("a value is missing")
}
