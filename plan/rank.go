package plan

import (
	"math"
	"strings"

	"tidemark/base/value"
)

// RankOf is a Rank for a filter that keeps the rows with the first numbers:
// "number <= 3" over ROW_NUMBER, RANK or DENSE_RANK. Projections may stand
// between the filter and the numbers. Conditions on other columns stay above.
// It is nil when the filter is none of that kind.
func RankOf(f *Filter) Node {
	above, over := numbered(f.Input)
	if over == nil {
		return nil
	}
	function, ok := rankFunctions[strings.ToUpper(over.Calls[0].Function.Name)]
	if !ok {
		return nil
	}
	number := len(over.Input.Schema())
	bounds := rankBounds{from: 1, to: math.MaxInt64}
	var rest []Expr
	for _, c := range Conjuncts(f.Condition) {
		if !bounds.take(c, above, number) {
			rest = append(rest, c)
		}
	}
	if bounds.to == math.MaxInt64 {
		return nil
	}
	r := &Rank{
		Input: over.Input, Function: function, Partition: over.Partition, Order: over.Order,
		From: bounds.from, To: max(bounds.to, 0), Number: true, Name: over.Names[0], WindowEnd: windowEndOf(over), TTL: over.TTL,
	}
	r.LatestFirst = r.keepsOne() && r.Order[0].Descending && isEventTime(over.Input, r.Order[0].Expr)
	var n Node = r
	for i := len(above) - 1; i >= 0; i-- {
		n = projectedAgain(above[i], n)
	}
	for i := len(rest) - 1; i >= 0; i-- {
		n = &Filter{Input: n, Condition: rest[i]}
	}
	return n
}

var rankFunctions = map[string]RankFunction{"ROW_NUMBER": RowNumber, "RANK": PlainRank, "DENSE_RANK": DenseRank}

// numbered is the Over with a single call below n, and the projections on the
// way there; nil when something else is between.
func numbered(n Node) (above []*Project, over *Over) {
	for {
		switch x := n.(type) {
		case *Project:
			above, n = append(above, x), x.Input
		case *Over:
			if len(x.Calls) == 1 {
				return above, x
			}
			return nil, nil
		default:
			return nil, nil
		}
	}
}

// projectedAgain is a projection over another input with the same columns, whose
// time attributes may differ.
func projectedAgain(p *Project, input Node) Node {
	c := *p
	c.Input = input
	c.Times = append([]TimeAttribute(nil), p.Times...)
	s := input.Schema()
	for i, e := range p.Exprs {
		if column, ok := e.(*Column); ok {
			c.Times[i] = s[column.Index].Time
		}
	}
	return &c
}

// rankBounds are the numbers that conditions leave.
type rankBounds struct{ from, to int64 }

// take narrows the bounds by a comparison of the number with a constant; false
// when the condition is no such thing.
func (b *rankBounds) take(condition Expr, above []*Project, number int) bool {
	c, ok := condition.(*Call)
	if !ok || len(c.Args) != 2 {
		return false
	}
	operator, left, right := c.Function.Name, c.Args[0], c.Args[1]
	if isNumber(right, above, number) {
		operator, left, right = turned[operator], right, left
	}
	n, ok := wholeNumber(right)
	if !ok || !isNumber(left, above, number) || n == math.MinInt64 || n == math.MaxInt64 {
		return false
	}
	switch operator {
	case "=":
		b.from, b.to = max(b.from, n), min(b.to, n)
	case "<=":
		b.to = min(b.to, n)
	case "<":
		b.to = min(b.to, n-1)
	case ">=":
		b.from = max(b.from, n)
	case ">":
		b.from = max(b.from, n+1)
	default:
		return false
	}
	return true
}

// turned is each comparison with its sides changed over.
var turned = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// isNumber reports whether e, over the topmost of the projections, is the number
// itself, or the number in another integer type.
func isNumber(e Expr, above []*Project, number int) bool {
	for {
		cast, ok := e.(*Cast)
		if !ok || cast.Try || !cast.To.IsInteger() && cast.To.Kind != value.Decimal {
			break
		}
		e = cast.Input
	}
	c, ok := e.(*Column)
	if !ok {
		return false
	}
	if len(above) == 0 {
		return c.Index == number
	}
	return isNumber(above[0].Exprs[c.Index], above[1:], number)
}

func wholeNumber(e Expr) (int64, bool) {
	l, ok := e.(*Literal)
	if !ok || l.Value.Null || !l.Value.Type.IsInteger() {
		return 0, false
	}
	return l.Value.Int, true
}

// windowEndOf is the window_end column of the partition when each partition is
// within one window, -1 otherwise.
func windowEndOf(n *Over) int {
	origins := WindowOrigins(n.Input)
	var source Node
	start, end := false, -1
	for _, c := range n.Partition {
		o := origins[c]
		if o.Source == nil || source != nil && o.Source != source {
			continue
		}
		source = o.Source
		switch o.Kind {
		case WindowStart:
			start = true
		case WindowEnd:
			end = c
		case WindowTime:
		}
	}
	if !start {
		return -1
	}
	return end
}

// isEventTime reports whether e is the event time of the rows: a column that has
// a watermark, or had one where it was read. Batch mode knows event time by this
// only, as it has no watermarks.
func isEventTime(n Node, e Expr) bool {
	c, ok := e.(*Column)
	if !ok {
		return false
	}
	if n.Schema()[c.Index].Time != NoTime {
		return true
	}
	switch n := n.(type) {
	case *Scan:
		w := n.Table.Watermark
		return w != nil && n.Columns[c.Index] == w.Column
	case *Filter, *Watermark:
		return isEventTime(n.Inputs()[0], e)
	case *Project:
		return isEventTime(n.Input, n.Exprs[c.Index])
	case *Window:
		return c.Index < len(n.Input.Schema()) && isEventTime(n.Input, e) || c.Index == len(n.Schema())-1
	case *Union:
		for _, input := range n.All {
			if !isEventTime(input, e) {
				return false
			}
		}
		return true
	}
	return false
}
