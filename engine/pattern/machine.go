package pattern

import (
	"tidemark/base/problem"
	"tidemark/plan"
)

// Host keeps rows, by slots, and knows conditions. It is called by the
// goroutine that runs the Machine, while it runs.
type Host interface {
	// Holds reports whether the row in question meets the condition of a part,
	// behind the beginning of a match that ends with last.
	Holds(part int, last Node) (bool, error)
	// HoldsBehind is Holds for many beginnings at once; ok is false where they
	// are better asked one by one. The answer is valid until the next call.
	HoldsBehind(part int, lasts []Node) (holds []bool, ok bool)
	// Found is told of a match by its last row. The row is kept during the call;
	// who needs it longer calls Keep.
	Found(last Node) error
	// Kept and Dropped say that one more, or one fewer, node is made of a row.
	Kept(slot uint32)
	Dropped(slot uint32)
	// Gone is told of a node that is no more; its number may be given to another.
	Gone(Node)
	// Number is the number of a row, by which rows are in order.
	Number(slot uint32) uint64
}

// Node is a row in a beginning of a match; those before it are its Path.
type Node int32

// None is the node of a beginning without rows.
const None Node = -1

// node is what a Node stands for. It is used again when nothing points to it.
type node struct {
	slot uint32
	part uint8
	uses int32
	prev Node
}

// Machine runs an automaton for any number of partitions.
type Machine struct {
	automaton *Automaton
	host      Host
	nodes     []node
	tracked   []Node // by node and track
	unused    []Node

	// Scratch of Step.
	stack []int
	edges []transition
	next  queue
	done  queue
	known [2]plan.VariableSet // conditions that are decided for the beginning at hand, and those that hold

	// What foresee found out: for which conditions, and by beginning, which hold.
	foreseen plan.VariableSet
	met      []plan.VariableSet
	asking   []int
	lasts    []Node

	// Of patterns with a shape: beginnings in next by what decides their future.
	alike         map[uint64]int
	future, other []uint64
}

// NewMachine makes a machine.
func NewMachine(a *Automaton, host Host) *Machine {
	return &Machine{automaton: a, host: host, alike: map[uint64]int{}}
}

// Row is a row of a match: its slot, and the part it stands for.
type Row struct {
	Slot uint32
	Part int
}

// Row is the row of a node.
func (m *Machine) Row(n Node) Row { return Row{Slot: m.nodes[n].slot, Part: int(m.nodes[n].part)} }

// Before is the node of the row before, None for the first.
func (m *Machine) Before(n Node) Node { return m.nodes[n].prev }

// Path appends the rows up to last, the latest first.
func (m *Machine) Path(to []Row, last Node) []Row {
	for ; last != None; last = m.nodes[last].prev {
		to = append(to, Row{Slot: m.nodes[last].slot, Part: int(m.nodes[last].part)})
	}
	return to
}

// Keep makes a node stay until Release.
func (m *Machine) Keep(n Node) {
	if n != None {
		m.nodes[n].uses++
	}
}

// Release takes a Keep back. Nodes that nothing points to go, and their rows.
func (m *Machine) Release(n Node) {
	for n != None {
		m.nodes[n].uses--
		if m.nodes[n].uses > 0 {
			return
		}
		gone := m.nodes[n]
		m.unused = append(m.unused, n)
		m.host.Gone(n)
		m.host.Dropped(gone.slot)
		n = gone.prev
	}
}

// take makes a node of a row behind prev.
func (m *Machine) take(slot uint32, part int, prev Node) Node {
	m.Keep(prev)
	m.host.Kept(slot)
	made := node{slot: slot, part: uint8(part), prev: prev}
	n := Node(len(m.nodes))
	if last := len(m.unused) - 1; last >= 0 {
		n = m.unused[last]
		m.unused = m.unused[:last]
		m.nodes[n] = made
	} else {
		m.nodes = append(m.nodes, made)
	}
	m.track(n)
	return n
}

// CanStart reports whether a run that remembers nothing may remember something
// after a row that meets the conditions as holds says.
func (a *Automaton) CanStart(holds func(part int) bool) bool {
	for _, t := range a.states[a.start].transitions {
		meets := true
		for _, c := range t.tests {
			meets = meets && holds(c.part) != c.opposite
		}
		if meets {
			return true
		}
	}
	return false
}

// Step takes the next row of a run, which has the given event time. The host's
// Holds is asked about this row.
func (m *Machine) Step(r *Run, slot uint32, time int64) error {
	if m.automaton.prefers {
		return m.prefer(r, slot, time)
	}
	if len(r.open) == 0 {
		r.open.push(beginning{state: int32(m.automaton.start), last: None, first: unstarted})
	}
	m.next, m.done = m.next[:0], m.done[:0]
	m.foresee(r.open)
	for i, b := range r.open {
		m.recall(i, b)
		if err := m.advance(b, slot, time); err != nil {
			return err
		}
	}
	for _, b := range r.open {
		m.Release(b.last)
	}
	r.open, m.next = m.next, r.open
	if err := r.limited(); err != nil {
		return err
	}
	for _, b := range m.done {
		r.complete.push(b)
	}
	return m.settle(r)
}

// advance finds what a beginning becomes with the row.
func (m *Machine) advance(b beginning, slot uint32, time int64) error {
	if err := m.decide(b); err != nil {
		return err
	}
	for _, t := range m.edges {
		to := b
		if !b.started() {
			to.first, to.time = m.host.Number(slot), time
		}
		to.state, to.last = int32(t.to), m.take(slot, t.part, b.last)
		m.Keep(to.last)
		if t.to == final {
			m.done.push(to)
			continue
		}
		m.next.push(to)
		ends, err := m.canEnd(t.to, b.last)
		if err != nil {
			return err
		}
		if ends {
			to.state = final
			m.Keep(to.last)
			m.done.push(to)
		}
	}
	if !b.started() {
		m.next.push(b)
	}
	return nil
}

// decide finds the transitions by which the row can be taken.
func (m *Machine) decide(b beginning) error {
	m.edges, m.stack = m.edges[:0], append(m.stack[:0], int(b.state))
	for len(m.stack) > 0 {
		s := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		for _, t := range m.automaton.states[s].transitions {
			meets, err := m.meets(t.tests, b.last)
			if err != nil {
				return err
			}
			switch {
			case !meets:
			case t.part < 0:
				m.stack = append(m.stack, t.to)
			default:
				m.edges = append(m.edges, t)
			}
		}
	}
	return nil
}

// canEnd reports whether the final state can be reached without another row.
// Tests on the way see the row that was just taken, as in Flink: behind a greedy
// variable they fail.
func (m *Machine) canEnd(from int, last Node) (bool, error) {
	m.stack = append(m.stack[:0], from)
	for len(m.stack) > 0 {
		s := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		for _, t := range m.automaton.states[s].transitions {
			if t.part >= 0 {
				continue
			}
			meets, err := m.meets(t.tests, last)
			switch {
			case err != nil:
				return false, err
			case meets && t.to == final:
				return true, nil
			case meets:
				m.stack = append(m.stack, t.to)
			}
		}
	}
	return false, nil
}

func (m *Machine) meets(tests []test, last Node) (bool, error) {
	for _, c := range tests {
		holds, err := m.holds(c.part, last)
		if err != nil || holds == c.opposite {
			return false, err
		}
	}
	return true, nil
}

// holds asks the host once for each condition and beginning.
func (m *Machine) holds(part int, last Node) (bool, error) {
	if m.automaton.parts[part].Condition == nil {
		return true, nil
	}
	bit := plan.VariableSet(1) << part
	if m.known[0]&bit != 0 {
		return m.known[1]&bit != 0, nil
	}
	holds, err := m.host.Holds(part, last)
	if err != nil {
		return false, err
	}
	m.known[0] |= bit
	if holds {
		m.known[1] |= bit
	}
	return holds, nil
}

// settle tells the host of matches that no earlier beginning can overtake, and
// gives up what they skip.
func (m *Machine) settle(r *Run) error {
	for m.isSettled(r) {
		match := m.first(&r.complete)
		until, inclusive, err := m.skipUntil(match)
		if err == nil {
			err = m.host.Found(match.last)
		}
		if err != nil {
			return err
		}
		skipped := func(b beginning) bool {
			if !b.started() || b.first > until || b.first == until && !inclusive {
				return false
			}
			m.Release(b.last)
			return true
		}
		m.remove(&r.open, skipped)
		m.remove(&r.complete, skipped)
		m.Release(match.last)
	}
	return nil
}

// first takes the first beginning of a queue.
func (m *Machine) first(q *queue) beginning {
	if !m.automaton.prefers {
		return q.pop()
	}
	b := (*q)[0]
	*q = (*q)[1:]
	return b
}

// remove takes out the beginnings that are skipped. In a queue that is ordered by
// first row these stand in front.
func (m *Machine) remove(q *queue, skipped func(beginning) bool) {
	if !m.automaton.prefers {
		q.remove(skipped)
		return
	}
	for len(*q) > 0 && skipped((*q)[0]) {
		*q = (*q)[1:]
	}
}

// isSettled reports whether the first complete match can be told. In a pattern
// with a shape it also waits for beginnings from the same row: they are preferred.
func (m *Machine) isSettled(r *Run) bool {
	switch {
	case len(r.complete) == 0:
		return false
	case len(r.open) == 0:
		return true
	case m.automaton.prefers:
		return r.complete[0].first < r.open[0].first
	}
	return r.complete[0].first <= r.open[0].first
}

// skipUntil gives the number of the row up to which beginnings are given up
// behind a match.
func (m *Machine) skipUntil(match beginning) (number uint64, inclusive bool, err error) {
	switch m.automaton.skip.Kind {
	case plan.SkipToNextRow:
		return match.first, true, nil
	case plan.SkipToFirst, plan.SkipToLast:
		to := None
		for n := match.last; n != None; n = m.nodes[n].prev {
			if !m.automaton.skip.Set.Has(int(m.nodes[n].part)) {
				continue
			}
			to = n
			if m.automaton.skip.Kind == plan.SkipToLast {
				break
			}
		}
		if to == None {
			return 0, false, problem.New(problem.InvalidQuery, "AFTER MATCH SKIP TO %s: the match has no row for it", m.target()).
				WithHint("skip to a variable that is not optional, or PAST LAST ROW")
		}
		number = m.host.Number(m.nodes[to].slot)
		if number == match.first {
			return 0, false, problem.New(problem.InvalidQuery, "AFTER MATCH SKIP TO %s goes back to the first row of the match, and would find it again for ever", m.target()).
				WithHint("skip to a later variable, TO NEXT ROW or PAST LAST ROW")
		}
		return number, false, nil
	case plan.SkipPastLastRow:
	}
	return m.host.Number(m.nodes[match.last].slot), true, nil
}

// target names the variable that is skipped to.
func (m *Machine) target() string {
	direction := "FIRST "
	if m.automaton.skip.Kind == plan.SkipToLast {
		direction = "LAST "
	}
	for i, p := range m.automaton.parts {
		if m.automaton.skip.Set.Has(i) {
			return direction + p.Variable
		}
	}
	return direction
}

// Expire gives up what has taken too long when the time is now, and tells the
// host of matches that waited for it. It reports whether there was any.
func (m *Machine) Expire(r *Run, now int64) (expired bool, err error) {
	if at, ok := m.Deadline(r); !ok || at > now {
		return false, nil
	}
	m.next = m.next[:0]
	for _, b := range r.open {
		if b.started() && now-b.time >= m.automaton.within {
			m.Release(b.last)
			continue
		}
		m.next.push(b)
	}
	r.open, m.next = m.next, r.open
	return true, m.settle(r)
}

// Forget releases everything that a run remembers.
func (m *Machine) Forget(r *Run) {
	for _, b := range r.open {
		m.Release(b.last)
	}
	for _, b := range r.complete {
		m.Release(b.last)
	}
	*r = Run{}
}
