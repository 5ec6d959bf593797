package pattern

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// condition stands for any: the tests' host decides.
var condition = &plan.Literal{Value: value.OfBool(true)}

// host keeps rows whose slots are their numbers in the order of the test, and
// counts how many nodes are made of each.
type host struct {
	machine *Machine
	meets   func(part int, before []taken, row int) bool
	uses    map[uint32]int
	row     int
	found   [][]taken
}

func (h *host) Holds(part int, last Node) (bool, error) {
	return h.meets(part, h.path(last), h.row), nil
}

// HoldsBehind knows the conditions of every second row together.
func (h *host) HoldsBehind(part int, lasts []Node) ([]bool, bool) {
	var holds []bool
	for _, last := range lasts {
		holds = append(holds, h.meets(part, h.path(last), h.row))
	}
	return holds, h.row%2 == 0
}

func (h *host) path(last Node) []taken {
	rows := h.machine.Path(nil, last)
	path := make([]taken, len(rows))
	for i, r := range rows {
		path[len(rows)-1-i] = taken{int(r.Slot), r.Part}
	}
	return path
}

func (h *host) Found(last Node) error {
	h.found = append(h.found, h.path(last))
	return nil
}

func (h *host) Kept(slot uint32)          { h.uses[slot]++ }
func (h *host) Gone(Node)                 {}
func (h *host) Number(slot uint32) uint64 { return uint64(slot) }
func (h *host) Dropped(slot uint32) {
	if h.uses[slot]--; h.uses[slot] == 0 {
		delete(h.uses, slot)
	}
}

// drawPattern gives a pattern of the kind that plan/bind lets through.
func drawPattern(t *rapid.T) []plan.PatternPart {
	var parts []plan.PatternPart
	n := rapid.IntRange(1, 4).Draw(t, "parts")
	for i := range n {
		p := plan.PatternPart{Variable: string(rune('A' + i)), Condition: condition}
		p.Min = rapid.SampledFrom([]int{1, 1, 0, 2}).Draw(t, "min")
		p.Max = rapid.SampledFrom([]int{max(p.Min, 1), max(p.Min, 1), p.Min + 1, p.Min + 2, plan.Unbounded}).Draw(t, "max")
		p.Reluctant = rapid.Bool().Draw(t, "reluctant") && !(p.Min == 0 && p.Max == 1)
		if rapid.IntRange(0, 5).Draw(t, "undefined") == 0 {
			p.Condition = nil
		}
		if i > 0 && parts[i-1].Greedy() && p.Min == 0 && (p.Max == 1 || p.Max == plan.Unbounded) || i == 0 && n == 1 && p.Min == 0 {
			p.Min, p.Max = 1, 1
		}
		if i == n-1 && p.Greedy() {
			p.Reluctant = true
		}
		parts = append(parts, p)
	}
	needs := false
	for _, p := range parts {
		needs = needs || p.Min > 0
	}
	if !needs {
		parts[0].Min, parts[0].Max = 1, 1
	}
	return parts
}

// drawRows gives the times of rows and which conditions they meet. Some
// conditions also count the rows of their part, or look at the first row of the
// beginning or at the one before.
func drawRows(t *rapid.T, parts []plan.PatternPart) (times []int64, meets func(int, []taken, int) bool) {
	n := rapid.IntRange(0, 16).Draw(t, "rows")
	table := make([][]bool, len(parts))
	limits, relative := make([]int, len(parts)), make([]int, len(parts))
	for i := range parts {
		table[i] = rapid.SliceOfN(rapid.SampledFrom([]bool{true, true, false}), n, n).Draw(t, "meets")
		limits[i] = rapid.SampledFrom([]int{100, 100, 2, 3}).Draw(t, "limit")
		relative[i] = rapid.IntRange(0, 3).Draw(t, "relative")
	}
	at := int64(0)
	for range n {
		at += rapid.SampledFrom([]int64{0, 1, 1, 2, 5}).Draw(t, "step")
		times = append(times, at)
	}
	return times, func(part int, before []taken, row int) bool {
		if parts[part].Condition == nil {
			return true
		}
		count := 1
		for _, b := range before {
			if b.part == part {
				count++
			}
		}
		at := row
		if len(before) > 0 {
			switch relative[part] {
			case 1:
				at = (row + 3*before[0].row) % n
			case 2:
				at = (row + before[len(before)-1].part) % n
			}
		}
		return table[part][at] && count <= limits[part]
	}
}

// TestMachineAgreesWithReference runs random patterns over random rows, and
// stores and reads the run in between.
func TestMachineAgreesWithReference(t *testing.T) {
	matches := 0
	rapid.Check(t, func(t *rapid.T) {
		parts := drawPattern(t)
		n := &plan.Match{Pattern: parts, Within: time.Duration(rapid.SampledFrom([]int{0, 0, 3, 8}).Draw(t, "within")) * time.Millisecond}
		n.Skip.Kind = plan.MatchSkipKind(rapid.IntRange(0, 3).Draw(t, "skip"))
		n.Skip.Set = 1 << rapid.IntRange(0, len(parts)-1).Draw(t, "skip to")
		times, meets := drawRows(t, parts)
		automaton := Compile(n)
		h := &host{meets: meets, uses: map[uint32]int{}}
		h.machine = NewMachine(automaton, h)
		run := &Run{}
		perRow := make([][][]taken, len(times))
		for row, at := range times {
			h.row, h.found = row, nil
			_, err := h.machine.Expire(run, at)
			if err == nil {
				err = h.machine.Step(run, uint32(row), at)
			}
			if problem.Is(err, problem.InvalidQuery) {
				return // a skip that leads nowhere
			}
			if err != nil {
				t.Fatal(err)
			}
			perRow[row] = h.found
			matches += len(h.found)
			if rapid.IntRange(0, 4).Draw(t, "store") == 0 {
				h, run = restored(t, automaton, h, run)
			}
		}
		r := &reference{parts: parts, within: n.Within.Milliseconds(), skip: n.Skip, meets: meets, times: times}
		if !r.replay(func(row int) [][]taken { return perRow[row] }) {
			t.Fatalf("%s over %v gives %v", parts, times, perRow)
		}
		h.machine.Forget(run)
		if len(h.uses) > 0 {
			t.Fatalf("rows are kept without a run: %v", h.uses)
		}
	})
	if matches < 10 {
		t.Errorf("only %d matches were checked", matches)
	}
}

// restored is a machine and a run as they are after a restart.
func restored(t *rapid.T, a *Automaton, old *host, run *Run) (*host, *Run) {
	bytes := old.machine.Encode(nil, run)
	h := &host{meets: old.meets, uses: map[uint32]int{}}
	h.machine = NewMachine(a, h)
	read, err := h.machine.Decode(bytes, func(number uint64) (uint32, bool) { return uint32(number), old.uses[uint32(number)] > 0 })
	if err != nil {
		t.Fatal(err)
	}
	if again := h.machine.Encode(nil, read); string(again) != string(bytes) {
		t.Fatalf("stored form changes: %x, then %x", bytes, again)
	}
	for slot, uses := range old.uses {
		if h.uses[slot] == 0 {
			t.Fatalf("row %d was kept %d times and is lost", slot, uses)
		}
	}
	return h, read
}

// TestDamagedRunsAreRefused cuts and changes a stored run.
func TestDamagedRunsAreRefused(t *testing.T) {
	parts := []plan.PatternPart{{Variable: "A", Min: 1, Max: plan.Unbounded, Reluctant: true}, {Variable: "B", Condition: condition, Min: 1, Max: 1}}
	h := &host{meets: func(part int, _ []taken, _ int) bool { return part == 0 }, uses: map[uint32]int{}}
	automaton := Compile(&plan.Match{Pattern: parts})
	h.machine = NewMachine(automaton, h)
	run := &Run{}
	for row := range 5 {
		h.row = row
		if err := h.machine.Step(run, uint32(row), int64(row)); err != nil {
			t.Fatal(err)
		}
	}
	stored := h.machine.Encode(nil, run)
	decode := func(from []byte) error {
		other := &host{uses: map[uint32]int{}}
		other.machine = NewMachine(automaton, other)
		_, err := other.machine.Decode(from, func(number uint64) (uint32, bool) { return uint32(number), number < 5 })
		return err
	}
	if err := decode(stored); err != nil {
		t.Fatal(err)
	}
	for cut := range stored {
		if decode(stored[:cut]) == nil {
			t.Errorf("%d of %d bytes are read as a run", cut, len(stored))
		}
	}
	if decode(append(stored[:len(stored):len(stored)], 0)) == nil {
		t.Error("a byte too many is not noticed")
	}
}

// TestBeginningsHaveALimit: a pattern that never ends is stopped with a hint.
func TestBeginningsHaveALimit(t *testing.T) {
	parts := []plan.PatternPart{{Variable: "A", Min: 1, Max: plan.Unbounded, Reluctant: true}, {Variable: "B", Condition: condition, Min: 1, Max: 1}}
	h := &host{meets: func(int, []taken, int) bool { return false }, uses: map[uint32]int{}}
	h.machine = NewMachine(Compile(&plan.Match{Pattern: parts}), h)
	run := &Run{open: make(queue, beginningsMax)}
	for i := range run.open {
		run.open[i] = beginning{state: int32(h.machine.automaton.start), last: None, first: unstarted}
	}
	err := h.machine.Step(run, 0, 0)
	if !problem.Is(err, problem.TooLarge) || !strings.Contains(fmt.Sprint(err), "have begun") {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode: no bytes make Decode panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 1, 2, 1, 0, 0, 0})
	automaton := Compile(&plan.Match{Pattern: []plan.PatternPart{{Variable: "A", Min: 1, Max: plan.Unbounded, Reluctant: true}, {Variable: "B", Condition: condition, Min: 1, Max: 1}}})
	f.Fuzz(func(t *testing.T, from []byte) {
		h := &host{uses: map[uint32]int{}, meets: func(int, []taken, int) bool { return true }}
		h.machine = NewMachine(automaton, h)
		run, err := h.machine.Decode(from, func(number uint64) (uint32, bool) { return uint32(number), number < 8 })
		if err != nil {
			return
		}
		h.machine.Forget(run)
	})
}
