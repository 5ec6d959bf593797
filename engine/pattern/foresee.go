package pattern

import "tidemark/plan"

// foreseeMin is from how many beginnings on it is worth the while to decide a
// condition for all of them at once.
const foreseeMin = 4

// asks finds the conditions that decide what becomes of a beginning in a state.
func (a *Automaton) asks(state int) plan.VariableSet {
	var asked plan.VariableSet
	seen := map[int]bool{}
	var visit func(int)
	visit = func(s int) {
		if seen[s] {
			return
		}
		seen[s] = true
		for _, t := range a.states[s].transitions {
			for _, c := range t.tests {
				if a.parts[c.part].Condition != nil {
					asked |= 1 << c.part
				}
			}
			if t.part < 0 {
				visit(t.to)
			}
		}
	}
	visit(state)
	return asked
}

// foresee lets the host decide conditions for all beginnings of a run together.
// What it cannot decide so is asked when it is needed.
func (m *Machine) foresee(open []beginning) {
	m.foreseen, m.met = 0, m.met[:0]
	if len(open) < foreseeMin {
		return
	}
	for range open {
		m.met = append(m.met, 0)
	}
	var all plan.VariableSet
	for _, b := range open {
		all |= m.automaton.states[b.state].asks
	}
	for part := range m.automaton.parts {
		if !all.Has(part) {
			continue
		}
		m.asking, m.lasts = m.asking[:0], m.lasts[:0]
		for i, b := range open {
			if m.automaton.states[b.state].asks.Has(part) {
				m.asking, m.lasts = append(m.asking, i), append(m.lasts, b.last)
			}
		}
		if len(m.lasts) < foreseeMin {
			continue
		}
		holds, ok := m.host.HoldsBehind(part, m.lasts)
		if !ok {
			continue
		}
		m.foreseen |= 1 << part
		for k, i := range m.asking {
			if holds[k] {
				m.met[i] |= 1 << part
			}
		}
	}
}

// recall begins to decide conditions for the beginning with a number: those
// that were foreseen for its state are known.
func (m *Machine) recall(number int, b beginning) {
	m.known = [2]plan.VariableSet{}
	if m.foreseen != 0 {
		m.known[0] = m.foreseen & m.automaton.states[b.state].asks
		m.known[1] = m.met[number] & m.known[0]
	}
}
