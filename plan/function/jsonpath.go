package function

import (
	"errors"
	"math"
	"slices"
	"strconv"
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
		var fits bool
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
