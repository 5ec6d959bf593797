package function

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

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
