package plan

import (
	"fmt"
	"strings"
)

// PatternShape says in which orders rows may stand for the parts of a pattern,
// and which order is preferred where several can be found: the rules of the SQL
// standard, where a part gives rows back that what follows needs. A pattern that
// is one part after the other, as in Flink, has none.
//
//sumtype:decl
type PatternShape interface {
	// print writes the shape as SQL does. Inside another shape it stands in
	// parentheses where it must.
	print(n *Match, inside bool) string
	isPatternShape()
}

// ShapePart is a row for part Part of the Match.
type ShapePart struct{ Part int }

// ShapeSequence is one shape after the other.
type ShapeSequence struct{ Items []PatternShape }

// ShapeChoice is one of several shapes; earlier ones are preferred.
type ShapeChoice struct{ Items []PatternShape }

// ShapeRepeat is a shape Min to Max times; more times are preferred, or fewer if
// it is Reluctant. Where Max is Unbounded the Item takes a row at least.
type ShapeRepeat struct {
	Item      PatternShape
	Min, Max  int
	Reluctant bool
}

func (ShapePart) isPatternShape()     {}
func (ShapeSequence) isPatternShape() {}
func (ShapeChoice) isPatternShape()   {}
func (ShapeRepeat) isPatternShape()   {}

func (s ShapePart) print(n *Match, _ bool) string {
	part := n.Pattern[s.Part]
	if part.Excluded {
		return "{- " + Quote(part.Variable) + " -}"
	}
	return Quote(part.Variable)
}

func (s ShapeSequence) print(n *Match, inside bool) string {
	return printShapes(n, s.Items, " ", inside)
}

func (s ShapeChoice) print(n *Match, inside bool) string {
	return printShapes(n, s.Items, " | ", inside)
}

func (s ShapeRepeat) print(n *Match, _ bool) string {
	return s.Item.print(n, true) + quantifier(s.Min, s.Max, s.Reluctant)
}

func printShapes(n *Match, items []PatternShape, between string, inside bool) string {
	texts := make([]string, len(items))
	for i, item := range items {
		_, sequence := item.(ShapeSequence)
		texts[i] = item.print(n, !sequence || between == " ")
	}
	text := strings.Join(texts, between)
	if inside {
		return "(" + text + ")"
	}
	return text
}

// quantifier prints how often something is repeated.
func quantifier(least, most int, reluctant bool) string {
	text := ""
	switch {
	case least == 1 && most == 1:
		return ""
	case least == 0 && most == Unbounded:
		text = "*"
	case least == 1 && most == Unbounded:
		text = "+"
	case least == 0 && most == 1:
		text = "?"
	case most == Unbounded:
		text = fmt.Sprintf("{%d,}", least)
	case least == most:
		text = fmt.Sprintf("{%d}", least)
	default:
		text = fmt.Sprintf("{%d,%d}", least, most)
	}
	if reluctant {
		text += "?"
	}
	return text
}

// patternText prints the pattern of a match.
func (n *Match) patternText() string {
	if n.Shape != nil {
		return n.Shape.print(n, false)
	}
	names := make([]string, len(n.Pattern))
	for i, p := range n.Pattern {
		names[i] = p.String()
	}
	return strings.Join(names, " ")
}
