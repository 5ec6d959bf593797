// Package pattern is the automaton behind MATCH_RECOGNIZE: it follows all
// beginnings of matches through the rows of a partition at once.
//
// It knows neither columns nor expressions: whoever runs it says which row is
// next and whether it meets a variable's condition (Host), and keeps the rows
// that matches are made of. A pattern that is one variable after the other is not
// a regular expression: a greedy variable gives no row back, and a match is chosen
// when it is complete, not when all longer ones have failed. These are the rules
// of Flink. Patterns with a shape (plan.PatternShape), which Flink does not have,
// follow the SQL standard.
//
// Flow: Compile makes an Automaton of a pattern. A Machine runs it: Step takes
// the next row of a partition's Run, Expire gives up what has taken too long;
// both tell the host what they found. Encode and Decode store a Run.
//
// Invariants:
//  1. Rows of a Run come in order; the number of a row is greater than those
//     before it.
//  2. What matches have in common is stored once: each row of a beginning is a
//     node that points to the node before it.
//  3. The same rows give the same matches in the same order, wherever a Run was
//     stored and read again in between.
package pattern

import (
	"math"

	"tidemark/base/problem"
	"tidemark/plan"
)

// beginningsMax is how many beginnings of matches one partition may have. Each
// row is held against all of them.
const beginningsMax = 100_000

// Automaton is a compiled pattern. It is not changed and can be shared.
type Automaton struct {
	parts  []plan.PatternPart
	states []state
	start  int
	tracks []track
	// prefers says that the pattern has a shape; exact that beginnings in the same
	// state with the same tracked rows have the same future.
	prefers, exact bool
	within         int64 // milliseconds; 0 for no limit
	skip           plan.MatchSkip
}

// state is a place in the pattern. The final state has no transitions.
type state struct {
	transitions []transition
	asks        plan.VariableSet // conditions that transitions test, also those without a row
	accepts     bool             // of a pattern with a shape: a match may end here
}

// final is the number of the final state.
const final = 0

// transition leads on if the row in question meets all its tests: by taking the
// row, or without it.
type transition struct {
	to    int
	part  int // that the row is taken for; -1 for none
	tests []test
}

// test is the condition of a part, or its opposite.
type test struct {
	part     int
	opposite bool
}

// Compile makes the automaton of a pattern that plan/bind has checked.
func Compile(n *plan.Match) *Automaton {
	a := &Automaton{parts: n.Pattern, within: n.Within.Milliseconds(), skip: n.Skip, states: make([]state, 1)}
	if a.tracks, a.exact = tracksOf(n); n.Shape != nil {
		a.prefers = true
		a.compileShape(n.Shape)
	} else {
		a.start = final
		for part := len(n.Pattern) - 1; part >= 0; part-- {
			a.start = a.compile(part, a.start)
		}
	}
	for s := range a.states {
		a.states[s].asks = a.asks(s)
	}
	return a
}

// compile adds the states of a part before the state next and gives the first.
func (a *Automaton) compile(part, next int) int {
	p := a.parts[part]
	after, optional := next, p.Min == 0
	least := max(p.Min, 1)
	if p.Greedy() {
		a.yield(next, part)
	}
	switch {
	case p.Max == plan.Unbounded:
		loop := a.add(transition{to: next, part: -1})
		a.extend(loop, a.taking(part, loop))
		after = loop
	default:
		for range p.Max - least {
			after = a.add(a.taking(part, after), transition{to: next, part: -1})
		}
	}
	for range least - 1 {
		after = a.add(a.taking(part, after))
	}
	if optional {
		return a.add(a.taking(part, after), transition{to: next, part: -1})
	}
	return a.add(a.taking(part, after))
}

// yield lets a state go on only with rows that the greedy part before it does
// not take.
func (a *Automaton) yield(s, part int) {
	for i := range a.states[s].transitions {
		t := &a.states[s].transitions[i]
		t.tests = append(t.tests, test{part: part, opposite: true})
	}
}

func (a *Automaton) taking(part, to int) transition {
	t := transition{to: to, part: part}
	if a.parts[part].Condition != nil {
		t.tests = append(t.tests, test{part: part})
	}
	return t
}

func (a *Automaton) add(transitions ...transition) int {
	a.states = append(a.states, state{transitions: transitions})
	return len(a.states) - 1
}

func (a *Automaton) extend(s int, t transition) {
	a.states[s].transitions = append(a.states[s].transitions, t)
}

// beginning is a match as far as it has come.
type beginning struct {
	state int32
	last  Node   // of its rows; none at the start
	first uint64 // number of its first row; unstarted for none
	time  int64  // of its first row
}

const unstarted = math.MaxUint64

func (b beginning) started() bool { return b.first != unstarted }

// Run is what one partition remembers. Its zero value is the beginning.
type Run struct {
	open     queue // beginnings, with one that has not started
	complete queue // matches that wait for an earlier beginning to end
}

// IsEmpty reports whether the run remembers nothing: it is as good as a new one.
func (r *Run) IsEmpty() bool {
	return len(r.complete) == 0 && (len(r.open) == 0 || len(r.open) == 1 && !r.open[0].started())
}

// limited refuses a run with too many beginnings.
func (r *Run) limited() error {
	if len(r.open) <= beginningsMax {
		return nil
	}
	return problem.New(problem.TooLarge, "more than %d matches of one partition have begun and not ended", beginningsMax).
		WithHint("add WITHIN, or conditions that fewer rows meet; a variable without a condition takes every row")
}

// Deadline is when the oldest beginning has taken too long; ok is false when
// there is none.
func (m *Machine) Deadline(r *Run) (at int64, ok bool) {
	if m.automaton.within == 0 || len(r.open) == 0 || !r.open[0].started() {
		return 0, false
	}
	return r.open[0].time + m.automaton.within, true
}
