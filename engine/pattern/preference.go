package pattern

import (
	"cmp"
	"slices"
)

// A pattern with a shape is matched by the rules of the SQL standard. From each
// row there is one match at most: the one that is preferred among all that can be
// found from there. So the beginnings that started at one row stand in the order
// in which they are preferred. One that is complete ends all behind it, and is
// the match of that row unless one before it completes too.
//
// In the Run the open beginnings are ordered by their first row, then by
// preference; complete is ordered by first row and has one match for each.

// prefer is Step for a pattern with a shape.
func (m *Machine) prefer(r *Run, slot uint32, time int64) error {
	started := beginning{state: int32(m.automaton.start), last: None, first: m.host.Number(slot), time: time}
	r.open = append(r.open, started)
	m.next = m.next[:0]
	clear(m.alike)
	m.foresee(r.open)
	ended := uint64(unstarted) // the first row of beginnings that one before them has ended
	for i, b := range r.open {
		if b.first == ended {
			continue
		}
		m.recall(i, b)
		ends, err := m.follow(r, b, slot)
		if err != nil {
			return err
		}
		if ends {
			ended = b.first
		}
	}
	for _, b := range r.open {
		m.Release(b.last)
	}
	r.open, m.next = m.next, r.open
	if err := r.limited(); err != nil {
		return err
	}
	return m.settle(r)
}

// follow adds what a beginning becomes with the row, and reports whether it is
// complete so that less preferred ones end.
func (m *Machine) follow(r *Run, b beginning, slot uint32) (ends bool, err error) {
	for _, t := range m.automaton.states[b.state].transitions {
		meets, err := m.meets(t.tests, b.last)
		if err != nil {
			return false, err
		}
		if !meets {
			continue
		}
		to := b
		to.state, to.last = int32(t.to), m.take(slot, t.part, b.last)
		m.Keep(to.last)
		behind := &m.automaton.states[t.to]
		if len(behind.transitions) > 0 && !m.isAlike(to) {
			m.Keep(to.last)
			m.next = append(m.next, to)
		}
		if behind.accepts {
			m.complete(r, to)
			return true, nil
		}
		m.Release(to.last)
	}
	return false, nil
}

// complete makes b the match of its first row. It takes over the use of its node.
func (m *Machine) complete(r *Run, b beginning) {
	at, found := slices.BinarySearchFunc(r.complete, b.first, func(x beginning, first uint64) int { return cmp.Compare(x.first, first) })
	b.state = final
	if found {
		m.Release(r.complete[at].last)
		r.complete[at] = b
		return
	}
	r.complete = slices.Insert(r.complete, at, b)
}

// isAlike reports whether a beginning that is preferred to b, from the same row,
// is in the same state and has the same rows for everything that conditions look
// at: whatever b can become, that one becomes too. It remembers b.
func (m *Machine) isAlike(b beginning) bool {
	if !m.automaton.exact {
		return false
	}
	m.future = m.futureOf(m.future[:0], b)
	var key uint64
	for _, number := range m.future {
		key = mix(key, number)
	}
	if at, known := m.alike[key]; known {
		if m.other = m.futureOf(m.other[:0], m.next[at]); slices.Equal(m.other, m.future) {
			return true
		}
	}
	m.alike[key] = len(m.next)
	return false
}

// futureOf appends what decides the future of a beginning: where it started, its
// place in the pattern, and the rows that conditions look at.
func (m *Machine) futureOf(to []uint64, b beginning) []uint64 {
	to = append(to, b.first, uint64(b.state))
	for i, t := range m.automaton.tracks {
		n := m.Tracked(i, b.last)
		for back := 0; n != None; back++ {
			to = append(to, uint64(m.nodes[n].slot))
			if t.first || back == t.back {
				break
			}
			n = m.Tracked(i, m.nodes[n].prev)
		}
		to = append(to, unstarted)
	}
	return to
}

// mix is a hash of a hash and a number. Beginnings that meet in it by accident are
// both kept, which costs time only.
func mix(hash, number uint64) uint64 {
	hash = (hash ^ number) * 0x9e3779b97f4a7c15
	return hash ^ hash>>32
}

// Latest is the last row of a run that the end of rows would settle; ok is false
// for a run that it does not change. Patterns without a shape wait for ever, as
// in Flink.
func (m *Machine) Latest(r *Run) (last Node, ok bool) {
	if !m.automaton.prefers || len(r.open) == 0 {
		return None, false
	}
	return r.open[0].last, true
}

// Finish is told that no row comes any more: what is open does not become
// complete, and holds no match back.
func (m *Machine) Finish(r *Run) error {
	for _, b := range r.open {
		m.Release(b.last)
	}
	r.open = r.open[:0]
	return m.settle(r)
}
