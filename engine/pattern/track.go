package pattern

import (
	"slices"

	"tidemark/plan"
)

// track is a question that conditions ask of a beginning: which of its rows is
// the first, or the last, of some parts. The answer is kept with each node, so
// that it costs nothing however long the beginning is.
type track struct {
	set   plan.VariableSet
	first bool
	back  int // of a last row: how many more before it conditions look at
}

// backMax is how many rows back beginnings are compared: what looks farther back
// makes no two alike.
const backMax = 8

func (t track) is(set plan.VariableSet, first bool) bool { return t.set == set && t.first == first }

// tracksOf finds what the conditions of a pattern ask. Whether the answers, and
// the place in the pattern, are all that decides what becomes of a beginning is
// what exact says: so it is unless a condition aggregates or counts far.
func tracksOf(n *plan.Match) (tracks []track, exact bool) {
	exact = true
	for part, p := range n.Pattern {
		if p.Condition == nil {
			continue
		}
		used := make([]bool, len(n.Reads))
		plan.MarkUsed(used, p.Condition)
		for i, r := range n.Reads {
			if !used[i] {
				continue
			}
			if r.Kind != plan.Navigate {
				exact = false
				continue
			}
			back := r.Offset
			if !r.First && r.Set.Has(part) {
				back-- // the row in question is the last one
			}
			if back < 0 {
				continue
			}
			exact = exact && back <= backMax && !(r.First && r.Offset > 0)
			at := slices.IndexFunc(tracks, func(t track) bool { return t.is(r.Set, r.First) })
			if at < 0 {
				at = len(tracks)
				tracks = append(tracks, track{set: r.Set, first: r.First})
			}
			tracks[at].back = max(tracks[at].back, back)
		}
	}
	return tracks, exact
}

// Track is the number of the track of the first or the last row of a set, -1 if
// it is not kept.
func (m *Machine) Track(set plan.VariableSet, first bool) int {
	return slices.IndexFunc(m.automaton.tracks, func(t track) bool { return t.is(set, first) })
}

// Tracked is the node that a track leads to from a node, None if the rows up to
// there have none.
func (m *Machine) Tracked(number int, n Node) Node {
	if n == None {
		return None
	}
	return m.tracked[int(n)*len(m.automaton.tracks)+number]
}

// track answers the questions for a new node.
func (m *Machine) track(n Node) {
	made := m.nodes[n]
	for i, t := range m.automaton.tracks {
		to := m.Tracked(i, made.prev)
		if t.set.Has(int(made.part)) && (to == None || !t.first) {
			to = n
		}
		if at := int(n)*len(m.automaton.tracks) + i; at < len(m.tracked) {
			m.tracked[at] = to
		} else {
			m.tracked = append(m.tracked, to)
		}
	}
}
