package pattern

import (
	"slices"

	"tidemark/plan"
)

// shapeStates makes states of a shape: one for each place in it where a row can be
// taken, which stands behind that row. Its transitions are in the order of
// preference, and those that are less preferred than to end here are left out.
type shapeStates struct {
	automaton *Automaton
	places    []place
	states    map[int]int // by place
}

// place is a step on the way through a shape: taking a row for part, or choosing
// between the places next. Place 0 is the end.
type place struct {
	part int
	next []int
}

// choosing is the part of a place where no row is taken.
const choosing = -1

// compileShape makes the states of a pattern with a shape.
func (a *Automaton) compileShape(shape plan.PatternShape) {
	c := &shapeStates{automaton: a, places: make([]place, 1), states: map[int]int{}}
	entry := c.build(shape, 0)
	for at := 1; at < len(c.places); at++ {
		if c.places[at].part != choosing {
			c.states[at] = a.add()
		}
	}
	a.start = a.add()
	c.connect(a.start, entry)
	for at, s := range c.states {
		c.connect(s, c.places[at].next[0])
	}
}

func (c *shapeStates) add(p place) int {
	c.places = append(c.places, p)
	return len(c.places) - 1
}

// build adds the places of a shape before the place next and gives the first.
func (c *shapeStates) build(shape plan.PatternShape, next int) int {
	switch shape := shape.(type) {
	case plan.ShapePart:
		return c.add(place{part: shape.Part, next: []int{next}})
	case plan.ShapeSequence:
		for _, item := range slices.Backward(shape.Items) {
			next = c.build(item, next)
		}
		return next
	case plan.ShapeChoice:
		choice := place{part: choosing}
		for _, item := range shape.Items {
			choice.next = append(choice.next, c.build(item, next))
		}
		return c.add(choice)
	case plan.ShapeRepeat:
		return c.repeat(shape, next)
	}
	panic("pattern: a shape that is not compiled")
}

func (c *shapeStates) repeat(shape plan.ShapeRepeat, next int) int {
	least, entry := shape.Min, next
	if shape.Max == plan.Unbounded {
		loop := c.add(place{part: choosing})
		body := c.build(shape.Item, loop)
		c.places[loop].next = either(body, next, shape.Reluctant)
		if entry = loop; least > 0 {
			entry, least = body, least-1
		}
	} else {
		for range shape.Max - least {
			entry = c.add(place{part: choosing, next: either(c.build(shape.Item, entry), next, shape.Reluctant)})
		}
	}
	for range least {
		entry = c.build(shape.Item, entry)
	}
	return entry
}

func either(more, enough int, reluctant bool) []int {
	if reluctant {
		return []int{enough, more}
	}
	return []int{more, enough}
}

// connect gives a state the transitions that lead on from a place.
func (c *shapeStates) connect(s, from int) {
	a, seen := c.automaton, map[int]bool{}
	var visit func(at int)
	visit = func(at int) {
		switch {
		case a.states[s].accepts || seen[at]:
		case at == 0:
			a.states[s].accepts = true
		case c.places[at].part != choosing:
			a.extend(s, a.taking(c.places[at].part, c.states[at]))
		default:
			for _, next := range c.places[at].next {
				visit(next)
			}
		}
		seen[at] = true
	}
	visit(from)
}
