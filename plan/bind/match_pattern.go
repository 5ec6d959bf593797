package bind

import (
	"fmt"
	"slices"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
)

// Limits of patterns. The automaton has a state for each row that a pattern asks
// for by counting. With a shape, each state can lead to every other.
const (
	matchRowsMax   = 4096
	shapeRowsMax   = 1024
	permutationMax = 5
)

// pattern binds PATTERN. What Flink has too is one part after the other and
// follows its rules; everything else has a shape.
func (b *binder) pattern(p sql.Pattern) ([]plan.PatternPart, plan.PatternShape) {
	before := len(b.found)
	b.refusePattern(p)
	if len(b.found) > before {
		return nil, nil
	}
	if isSequence(p) {
		if b.refuseReluctantOptional(p); len(b.found) > before {
			return nil, nil
		}
		var parts []plan.PatternPart
		if !b.sequence(p, &parts) {
			return nil, nil
		}
		if isFlinkPattern(parts) {
			return parts, nil
		}
	}
	if rows := countedRows(p); rows > shapeRowsMax {
		b.patternTooLarge(p, shapeRowsMax)
		return nil, nil
	}
	s := &shaping{}
	shape := s.shape(p, false)
	if len(s.parts) > plan.PatternPartsMax {
		b.patternTooLarge(p, shapeRowsMax)
		return nil, nil
	}
	required := requiredParts(shape)
	for i := range s.parts {
		if required.Has(i) {
			s.parts[i].Min = 1
		}
	}
	return s.parts, shape
}

// refuseReluctantOptional reports each X?? of a pattern that Flink could have: it
// refuses them there, so that none of its rules says what they would be.
func (b *binder) refuseReluctantOptional(p sql.Pattern) {
	sql.Inspect(p, func(n sql.Node) bool {
		if q, ok := n.(*sql.PatternQuantified); ok && q.Min == 0 && q.Max == 1 && q.Reluctant {
			b.wrong(q.Pos(), problem.Unsupported, "write ?, or both cases as alternatives: (A C | A B C)", "a reluctant optional variable (??) is not supported here, as in Flink")
		}
		return true
	})
}

func (b *binder) patternTooLarge(p sql.Pattern, rowsMax int) {
	b.wrong(p.Pos(), problem.TooLarge, "use {n,} and compare COUNT in a filter around the match", "the pattern counts more than %d rows or has more than %d variables", rowsMax, plan.PatternPartsMax)
}

// refusePattern reports what is not built or has no meaning.
func (b *binder) refusePattern(p sql.Pattern) {
	before := len(b.found)
	sql.Inspect(p, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.PatternAnchor:
			b.unsupported(n.Pos(), "an anchor (^ or $)", "a stream has no end, and its beginning is forgotten")
		case *sql.PatternEmpty:
			b.wrong(n.Pos(), problem.InvalidQuery, "name a variable", "() matches no row")
		case *sql.PatternPermute:
			if len(n.Parts) > permutationMax {
				b.wrong(n.Pos(), problem.TooLarge, "repeat one variable whose condition allows all of them, and compare counts in a filter around the match", "PERMUTE has more than %d elements", permutationMax)
			}
		case *sql.PatternQuantified:
			if n.Max == sql.Unbounded && !takesRow(n.Pattern) {
				b.wrong(n.Pos(), problem.Unsupported, needsRow, "a group that is repeated any number of times and can match no row is not supported")
			}
		}
		return true
	})
	if len(b.found) == before && !takesRow(p) {
		b.wrong(p.Pos(), problem.Unsupported, needsRow, "a pattern that can match no row at all is not supported")
	}
}

const needsRow = "let one variable match at least one row: +, {1,} or no quantifier"

// takesRow reports whether every match of p has a row.
func takesRow(p sql.Pattern) bool {
	switch p := p.(type) {
	case *sql.PatternVariable:
		return true
	case *sql.PatternConcat:
		return slices.ContainsFunc(p.Parts, takesRow)
	case *sql.PatternPermute:
		return slices.ContainsFunc(p.Parts, takesRow)
	case *sql.PatternAlternation:
		return !slices.ContainsFunc(p.Alternatives, func(a sql.Pattern) bool { return !takesRow(a) })
	case *sql.PatternQuantified:
		return p.Min > 0 && takesRow(p.Pattern)
	case *sql.PatternExclusion:
		return takesRow(p.Pattern)
	case *sql.PatternAnchor, *sql.PatternEmpty:
	}
	return false
}

// countedRows is how many rows a pattern names when all that it counts is written
// out, as far as that is not absurdly many.
func countedRows(p sql.Pattern) int {
	sum := func(parts []sql.Pattern) int {
		rows := 0
		for _, part := range parts {
			rows += countedRows(part)
		}
		return rows
	}
	rows := 0
	switch p := p.(type) {
	case *sql.PatternVariable:
		rows = 1
	case *sql.PatternConcat:
		rows = sum(p.Parts)
	case *sql.PatternAlternation:
		rows = sum(p.Alternatives)
	case *sql.PatternPermute:
		rows = sum(p.Parts)
		for n := range len(p.Parts) {
			rows *= n + 1
		}
	case *sql.PatternQuantified:
		rows = countedRows(p.Pattern) * min(max(p.Min, p.Max, 1), countMax)
	case *sql.PatternExclusion:
		rows = countedRows(p.Pattern)
	case *sql.PatternAnchor, *sql.PatternEmpty:
	}
	return min(rows, countMax)
}

// countMax keeps products of counts in bounds.
const countMax = 1 << 20

// isSequence reports whether p is variables with quantifiers one after the other,
// and groups of such a fixed number of times.
func isSequence(p sql.Pattern) bool {
	switch p := p.(type) {
	case *sql.PatternVariable:
		return true
	case *sql.PatternConcat:
		return !slices.ContainsFunc(p.Parts, func(part sql.Pattern) bool { return !isSequence(part) })
	case *sql.PatternQuantified:
		_, single := p.Pattern.(*sql.PatternVariable)
		return single || p.Min == p.Max && isSequence(p.Pattern)
	case *sql.PatternAlternation, *sql.PatternPermute, *sql.PatternExclusion, *sql.PatternAnchor, *sql.PatternEmpty:
	}
	return false
}

// sequence adds the parts of p. A variable may stand in several places, and a
// group that is repeated a fixed number of times is written out; Flink has
// neither. It is false when there are too many parts to go on.
func (b *binder) sequence(p sql.Pattern, parts *[]plan.PatternPart) bool {
	switch p := p.(type) {
	case *sql.PatternVariable:
		return b.patternPart(p, plan.PatternPart{Min: 1, Max: 1}, parts)
	case *sql.PatternConcat:
		for _, part := range p.Parts {
			if !b.sequence(part, parts) {
				return false
			}
		}
	case *sql.PatternQuantified:
		if v, single := p.Pattern.(*sql.PatternVariable); single {
			return b.patternPart(v, plan.PatternPart{Min: p.Min, Max: p.Max, Reluctant: p.Reluctant}, parts)
		}
		for range p.Min {
			if !b.sequence(p.Pattern, parts) {
				return false
			}
		}
	default:
		panic(fmt.Sprintf("bind: pattern %T is no sequence", p))
	}
	return true
}

func (b *binder) patternPart(v *sql.PatternVariable, part plan.PatternPart, parts *[]plan.PatternPart) bool {
	part.Variable = v.Name.Text
	rows := max(part.Min, part.Max)
	for _, other := range *parts {
		rows += max(other.Min, other.Max)
	}
	if rows > matchRowsMax || len(*parts) == plan.PatternPartsMax {
		b.patternTooLarge(v, matchRowsMax)
		return false
	}
	*parts = append(*parts, part)
	return true
}

// isFlinkPattern reports whether Flink's rules have a meaning for the parts: it
// must be known which row a match ends with, and to which of two parts that may
// both be left out a row belongs.
func isFlinkPattern(parts []plan.PatternPart) bool {
	for i, p := range parts {
		optional := p.Min == 0 && (p.Max == 1 || p.Max == plan.Unbounded)
		if optional && i > 0 && parts[i-1].Greedy() {
			return false
		}
	}
	return !parts[len(parts)-1].Greedy()
}

// shaping makes the shape of a pattern, with one part for a variable in all its
// places, and another one where it is excluded.
type shaping struct{ parts []plan.PatternPart }

func (s *shaping) shape(p sql.Pattern, excluded bool) plan.PatternShape {
	all := func(parts []sql.Pattern) []plan.PatternShape {
		shapes := make([]plan.PatternShape, len(parts))
		for i, part := range parts {
			shapes[i] = s.shape(part, excluded)
		}
		return shapes
	}
	switch p := p.(type) {
	case *sql.PatternVariable:
		return s.part(p.Name.Text, excluded)
	case *sql.PatternConcat:
		return plan.ShapeSequence{Items: all(p.Parts)}
	case *sql.PatternAlternation:
		return plan.ShapeChoice{Items: all(p.Alternatives)}
	case *sql.PatternQuantified:
		return plan.ShapeRepeat{Item: s.shape(p.Pattern, excluded), Min: p.Min, Max: p.Max, Reluctant: p.Reluctant}
	case *sql.PatternExclusion:
		return s.shape(p.Pattern, true)
	case *sql.PatternPermute:
		items := all(p.Parts)
		orders := permutations(len(items))
		choice := plan.ShapeChoice{Items: make([]plan.PatternShape, len(orders))}
		for i, order := range orders {
			sequence := plan.ShapeSequence{}
			for _, at := range order {
				sequence.Items = append(sequence.Items, items[at])
			}
			choice.Items[i] = sequence
		}
		return choice
	case *sql.PatternAnchor, *sql.PatternEmpty:
	}
	panic(fmt.Sprintf("bind: pattern %T has no shape", p))
}

func (s *shaping) part(variable string, excluded bool) plan.PatternShape {
	at := slices.IndexFunc(s.parts, func(p plan.PatternPart) bool { return p.Variable == variable && p.Excluded == excluded })
	if at < 0 {
		at = len(s.parts)
		s.parts = append(s.parts, plan.PatternPart{Variable: variable, Max: 1, Excluded: excluded})
	}
	return plan.ShapePart{Part: at}
}

// permutations are the orders of n things, in the order of the alphabet: as the
// standard prefers them.
func permutations(n int) [][]int {
	orders := [][]int{nil}
	for range n {
		var longer [][]int
		for _, order := range orders {
			for at := range n {
				if !slices.Contains(order, at) {
					longer = append(longer, append(slices.Clone(order), at))
				}
			}
		}
		orders = longer
	}
	return orders
}

// requiredParts are the parts that every match has a row for.
func requiredParts(shape plan.PatternShape) plan.VariableSet {
	switch shape := shape.(type) {
	case plan.ShapePart:
		return 1 << shape.Part
	case plan.ShapeSequence:
		var set plan.VariableSet
		for _, item := range shape.Items {
			set |= requiredParts(item)
		}
		return set
	case plan.ShapeChoice:
		set := requiredParts(shape.Items[0])
		for _, item := range shape.Items[1:] {
			set &= requiredParts(item)
		}
		return set
	case plan.ShapeRepeat:
		if shape.Min > 0 {
			return requiredParts(shape.Item)
		}
	}
	return 0
}
