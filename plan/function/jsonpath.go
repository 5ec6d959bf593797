package function

import (
	"cmp"
	"errors"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tidemark/base/problem"
)

// jsonPath is a compiled path of the dialect that Flink's JSON functions read:
// $.name, ['name'], [0], [-1], [0,2], [1:3], [*], .*, ..name, [?(@.price > 10)],
// and functions at the end, such as .length().
//
// A path is strict unless it starts with "lax". Walking a strict path into
// something that is not there is an error; a lax one leads to nothing.
type jsonPath struct {
	lax      bool
	steps    []pathStep
	definite bool // all steps are: locate can be used
}

// pathStep is one step of a path.
type pathStep struct {
	kind    stepKind
	names   []string      // of stepNames
	indexes []int         // of stepIndexes
	from    *int          // of stepSlice; nil when left out
	to      *int          //
	filter  pathCondition // of stepFilter
	name    string        // of stepFunction
	number  int           // its argument
}

type stepKind uint8

const (
	stepNames stepKind = iota
	stepIndexes
	stepSlice
	stepWildcard
	stepDescent // to the value itself and everything below it
	stepFilter
	stepFunction
)

// definite reports a step that leads to one place.
func (s *pathStep) definite() bool {
	switch s.kind {
	case stepNames:
		return len(s.names) == 1
	case stepIndexes:
		return len(s.indexes) == 1
	}
	return false
}

// errNoValue is what a strict path gives where there is nothing.
var errNoValue = errors.New("no value at the path")

// nothing is what the path gives where there is nothing: an error when strict.
func (p *jsonPath) nothing() error {
	if p.lax {
		return nil
	}
	return errNoValue
}

// walkDocument parses a document and walks the path in it.
func (p *jsonPath) walkDocument(document []byte) (*jsonValue, error) {
	root, err := parseJSON(document)
	if err != nil {
		return nil, err
	}
	return p.find(root)
}

// find walks the path. A path that can lead to several places gives an array of
// what it found. Nothing is nil in lax mode, and errNoValue in strict mode.
func (p *jsonPath) find(root *jsonValue) (*jsonValue, error) {
	if root.kind == jsonNull {
		return nil, errNoValue // also in lax mode
	}
	found := []*jsonValue{root}
	definite := true
	for i := range p.steps {
		step := &p.steps[i]
		if step.kind == stepFunction {
			v, err := p.apply(step, found, definite)
			if v == nil || err != nil {
				return nil, err
			}
			found, definite = []*jsonValue{v}, true
			continue
		}
		next, err := p.walk(step, found, definite)
		if err != nil {
			return nil, err
		}
		// A list of names at the end makes one object of the members.
		definite = definite && (step.definite() || step.kind == stepNames && i == len(p.steps)-1)
		found = next
	}
	switch {
	case !definite:
		return &jsonValue{kind: jsonArray, items: found}, nil
	case len(found) == 1 && found[0].kind != jsonNull:
		return found[0], nil
	}
	return nil, p.nothing()
}

// apply computes a function of what was found: of one array, or of all that an
// indefinite path found.
func (p *jsonPath) apply(step *pathStep, found []*jsonValue, definite bool) (*jsonValue, error) {
	var of *jsonValue
	switch {
	case !definite:
		of = &jsonValue{kind: jsonArray, items: found}
	case len(found) == 1:
		of = found[0]
	}
	if of != nil {
		if v := pathFunctions[step.name](of, step.number); v != nil {
			return v, nil
		}
	}
	return nil, p.nothing()
}

// walk takes one step from every value found so far. definite tells whether
// they were reached by definite steps only: then a strict path must go on.
func (p *jsonPath) walk(step *pathStep, found []*jsonValue, definite bool) ([]*jsonValue, error) {
	must := definite && !p.lax
	var next []*jsonValue
	for _, v := range found {
		before := len(next)
		fits := true
		next, fits = step.lead(next, v)
		if must && (!fits || len(next) == before && step.definite()) {
			return nil, errNoValue
		}
	}
	return next, nil
}

// lead appends what the step leads to from v; fits is false when v is not the
// kind of value that has such places.
func (s *pathStep) lead(next []*jsonValue, v *jsonValue) (_ []*jsonValue, fits bool) {
	switch s.kind {
	case stepNames:
		return s.members(next, v), v.kind == jsonObject
	case stepIndexes:
		for _, i := range s.indexes {
			if i < 0 {
				i += len(v.items)
			}
			if i >= 0 && i < len(v.items) {
				next = append(next, v.items[i])
			}
		}
		return next, v.kind == jsonArray
	case stepSlice:
		from, to := s.bounds(len(v.items))
		if from < to {
			next = append(next, v.items[from:to]...)
		}
		return next, v.kind == jsonArray
	case stepWildcard:
		return appendChildren(next, v), true
	case stepDescent:
		return appendDescendants(next, v), true
	case stepFilter:
		if v.kind == jsonObject {
			if s.filter.holds(v) {
				next = append(next, v)
			}
			return next, true
		}
		for _, item := range v.items {
			if s.filter.holds(item) {
				next = append(next, item)
			}
		}
		return next, v.kind == jsonArray
	}
	return next, true
}

// members appends the member of one name, or an object of several.
func (s *pathStep) members(next []*jsonValue, v *jsonValue) []*jsonValue {
	if len(s.names) == 1 {
		if m := v.member(s.names[0]); m != nil {
			next = append(next, m)
		}
		return next
	}
	if v.kind != jsonObject {
		return next
	}
	object := &jsonValue{kind: jsonObject}
	for _, name := range s.names {
		if m := v.member(name); m != nil {
			object.members = append(object.members, jsonMember{name, m})
		}
	}
	order := jsonParser{duplicates: true}
	_ = order.order(object) // duplicates are allowed: there is no error
	return append(next, object)
}

// bounds are the first and the end index of a slice of n items.
func (s *pathStep) bounds(n int) (from, to int) {
	to = n
	if s.from != nil {
		from = *s.from
		if from < 0 {
			from = max(from+n, 0)
		}
	}
	if s.to != nil {
		to = *s.to
		if to < 0 {
			to += n
		}
	}
	return from, min(to, n)
}

func appendChildren(next []*jsonValue, v *jsonValue) []*jsonValue {
	next = append(next, v.items...)
	for _, m := range v.members {
		next = append(next, m.value)
	}
	return next
}

func appendDescendants(next []*jsonValue, v *jsonValue) []*jsonValue {
	next = append(next, v)
	for _, item := range v.items {
		next = appendDescendants(next, item)
	}
	for _, m := range v.members {
		next = appendDescendants(next, m.value)
	}
	return next
}

// pathFunctions are the functions that a path can end with. They give nil where
// they do not apply.
var pathFunctions = map[string]func(v *jsonValue, argument int) *jsonValue{
	"length": pathLength,
	"size":   pathLength,
	"keys": func(v *jsonValue, _ int) *jsonValue {
		if v.kind != jsonObject {
			return nil
		}
		keys := &jsonValue{kind: jsonArray}
		for _, m := range v.members {
			keys.items = append(keys.items, &jsonValue{kind: jsonString, text: m.name})
		}
		return keys
	},
	"first": func(v *jsonValue, _ int) *jsonValue { return itemAt(v, 0) },
	"last":  func(v *jsonValue, _ int) *jsonValue { return itemAt(v, -1) },
	"index": itemAt,
	"min":   func(v *jsonValue, _ int) *jsonValue { return ofNumbers(v, slices.Min) },
	"max":   func(v *jsonValue, _ int) *jsonValue { return ofNumbers(v, slices.Max) },
	"sum":   func(v *jsonValue, _ int) *jsonValue { return ofNumbers(v, sum) },
	"avg":   func(v *jsonValue, _ int) *jsonValue { return ofNumbers(v, mean) },
	"stddev": func(v *jsonValue, _ int) *jsonValue {
		return ofNumbers(v, func(numbers []float64) float64 {
			middle, squares := mean(numbers), 0.0
			for _, n := range numbers {
				squares += (n - middle) * (n - middle)
			}
			return math.Sqrt(squares / float64(len(numbers)))
		})
	},
}

func pathLength(v *jsonValue, _ int) *jsonValue {
	if v.scalar() {
		return nil
	}
	return &jsonValue{kind: jsonNumber, text: strconv.Itoa(len(v.items) + len(v.members))}
}

func itemAt(v *jsonValue, i int) *jsonValue {
	if i < 0 {
		i += len(v.items)
	}
	if i < 0 || i >= len(v.items) {
		return nil
	}
	return v.items[i]
}

func numbersOf(v *jsonValue) []float64 {
	var numbers []float64
	for _, item := range v.items {
		if item.kind == jsonNumber {
			f, _ := strconv.ParseFloat(item.text, 64) // out of range is an infinity
			numbers = append(numbers, f)
		}
	}
	return numbers
}

// ofNumbers computes a function of the numbers in an array, if there are any.
func ofNumbers(v *jsonValue, f func(numbers []float64) float64) *jsonValue {
	numbers := numbersOf(v)
	if len(numbers) == 0 {
		return nil
	}
	return &jsonValue{kind: jsonNumber, text: javaDouble(f(numbers))}
}

func sum(numbers []float64) float64 {
	total := 0.0
	for _, n := range numbers {
		total += n
	}
	return total
}

func mean(numbers []float64) float64 { return sum(numbers) / float64(len(numbers)) }

// pathCondition is what a filter asks of a value.
type pathCondition interface{ holds(v *jsonValue) bool }

type (
	pathAnd     []pathCondition
	pathOr      []pathCondition
	pathNot     struct{ of pathCondition }
	pathPresent struct{ of pathOperand }
	pathCompare struct {
		op          string
		left, right pathOperand
	}
	pathMatch struct {
		of      pathOperand
		pattern *javaRegexp
	}
)

// pathOperand is a constant, or a path from the value that is filtered.
type pathOperand struct {
	constant *jsonValue
	steps    []pathStep
}

func (o *pathOperand) of(v *jsonValue) *jsonValue {
	if o.constant != nil {
		return o.constant
	}
	p := jsonPath{lax: true, steps: o.steps}
	if v.kind == jsonNull {
		if len(o.steps) == 0 {
			return v
		}
		return nil
	}
	if len(o.steps) > 0 && allDefinite(o.steps) {
		// A null that is there counts as a value here.
		found := []*jsonValue{v}
		for i := range o.steps {
			found, _ = p.walk(&o.steps[i], found, true)
		}
		if len(found) == 0 {
			return nil
		}
		return found[0]
	}
	result, _ := p.find(v) // a lax path has no error below the root
	return result
}

func allDefinite(steps []pathStep) bool {
	for i := range steps {
		if !steps[i].definite() {
			return false
		}
	}
	return true
}

func (c pathAnd) holds(v *jsonValue) bool {
	for _, part := range c {
		if !part.holds(v) {
			return false
		}
	}
	return true
}

func (c pathOr) holds(v *jsonValue) bool {
	for _, part := range c {
		if part.holds(v) {
			return true
		}
	}
	return false
}

func (c pathNot) holds(v *jsonValue) bool     { return !c.of.holds(v) }
func (c pathPresent) holds(v *jsonValue) bool { return c.of.of(v) != nil }

func (c pathMatch) holds(v *jsonValue) bool {
	text := c.of.of(v)
	if text == nil || text.kind != jsonString && text.kind != jsonNumber {
		return false
	}
	found, err := c.pattern.found([]byte(text.text))
	return found && err == nil
}

func (c pathCompare) holds(v *jsonValue) bool {
	left, right := c.left.of(v), c.right.of(v)
	if left == nil || right == nil {
		return c.op == "!="
	}
	order, comparable := compareJSON(left, right)
	if c.op != "==" && c.op != "!=" && left.kind != right.kind {
		return false // only equality looks for a number in a text
	}
	switch c.op {
	case "==":
		return comparable && order == 0
	case "!=":
		return !comparable || order != 0
	case "<":
		return comparable && order < 0
	case "<=":
		return comparable && order <= 0
	case ">":
		return comparable && order > 0
	}
	return comparable && order >= 0
}

// compareJSON orders two numbers or two texts, also a number and a text that is
// one; other values are only the same or not.
func compareJSON(a, b *jsonValue) (order int, comparable bool) {
	if a.kind == jsonNumber || b.kind == jsonNumber {
		x, okX := rational(a)
		y, okY := rational(b)
		if okX && okY {
			return x.Cmp(y), true
		}
		return 0, false
	}
	if a.kind == jsonString && b.kind == jsonString {
		return strings.Compare(a.text, b.text), true
	}
	if a.kind != b.kind {
		return 0, false
	}
	return cmp.Compare(string(appendJSON(nil, a)), string(appendJSON(nil, b))), true
}

// rationalExponentMax keeps 1e999999999 from becoming a number of that many
// digits.
const rationalExponentMax = 5000

func rational(v *jsonValue) (*big.Rat, bool) {
	if v.kind != jsonNumber && v.kind != jsonString {
		return nil, false
	}
	if at := strings.IndexAny(v.text, "eE"); at >= 0 {
		if n, err := strconv.Atoi(v.text[at+1:]); err != nil || n > rationalExponentMax || n < -rationalExponentMax {
			return nil, false
		}
	}
	if strings.ContainsAny(v.text, "/_xXpP") {
		return nil, false
	}
	return new(big.Rat).SetString(v.text)
}

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
