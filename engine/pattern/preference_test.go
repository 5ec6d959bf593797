package pattern

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/base/problem"
	"tidemark/plan"
)

// preferred finds the matches of a pattern with a shape as the standard defines
// them: from each row the first that is found by trying everything in the order of
// preference, then on from where the skip leads. ok is false when a skip leads
// nowhere.
func (r *reference) preferred() (matches [][]taken, ok bool) {
	for start := 0; start < len(r.times); {
		var match []taken
		if !r.try(r.shape, nil, start, func(rows []taken) bool {
			match = slices.Clone(rows)
			return true
		}) {
			start++
			continue
		}
		matches = append(matches, match)
		to, inclusive, ok := r.skipTo(match)
		if !ok {
			return matches, false
		}
		start = to
		if inclusive {
			start++
		}
	}
	return matches, true
}

// skipTo is skipUntil, but knows skips to no row and to the first one.
func (r *reference) skipTo(match []taken) (row int, inclusive, ok bool) {
	toPart := r.skip.Kind == plan.SkipToFirst || r.skip.Kind == plan.SkipToLast
	if toPart && !slices.ContainsFunc(match, func(t taken) bool { return r.skip.Set.Has(t.part) }) {
		return 0, false, false
	}
	row, inclusive = r.skipUntil(match)
	return row, inclusive, !toPart || row != match[0].row
}

// try matches a shape behind rows, and then asks whether the rest goes well.
func (r *reference) try(shape plan.PatternShape, rows []taken, start int, rest func([]taken) bool) bool {
	switch shape := shape.(type) {
	case plan.ShapePart:
		row := start + len(rows)
		if row >= len(r.times) || r.within > 0 && r.times[row]-r.times[start] >= r.within || !r.meets(shape.Part, rows, row) {
			return false
		}
		return rest(append(slices.Clone(rows), taken{row, shape.Part}))
	case plan.ShapeSequence:
		if len(shape.Items) == 0 {
			return rest(rows)
		}
		return r.try(shape.Items[0], rows, start, func(rows []taken) bool {
			return r.try(plan.ShapeSequence{Items: shape.Items[1:]}, rows, start, rest)
		})
	case plan.ShapeChoice:
		for _, item := range shape.Items {
			if r.try(item, rows, start, rest) {
				return true
			}
		}
		return false
	case plan.ShapeRepeat:
		return r.repeat(shape, 0, rows, start, rest)
	}
	panic("unknown shape")
}

func (r *reference) repeat(shape plan.ShapeRepeat, count int, rows []taken, start int, rest func([]taken) bool) bool {
	more := func() bool {
		return count != shape.Max && r.try(shape.Item, rows, start, func(rows []taken) bool {
			return r.repeat(shape, count+1, rows, start, rest)
		})
	}
	enough := func() bool { return count >= shape.Min && rest(rows) }
	if shape.Reluctant {
		return enough() || more()
	}
	return more() || enough()
}

// drawShape gives a shape of the parts, and whether it always takes a row.
func drawShape(t *rapid.T, parts, depth int) (shape plan.PatternShape, takes bool) {
	kind := 0
	if depth > 0 {
		kind = rapid.IntRange(0, 4).Draw(t, "kind")
	}
	switch kind {
	case 1, 2:
		var items []plan.PatternShape
		all := true
		for range rapid.IntRange(2, 3).Draw(t, "items") {
			item, itemTakes := drawShape(t, parts, depth-1)
			items = append(items, item)
			takes, all = takes || itemTakes, all && itemTakes
		}
		if kind == 1 {
			return plan.ShapeSequence{Items: items}, takes
		}
		return plan.ShapeChoice{Items: items}, all
	case 3, 4:
		item, takes := drawShape(t, parts, depth-1)
		least := rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "min")
		most := rapid.SampledFrom([]int{max(least, 1), least + 1, least + 2, plan.Unbounded}).Draw(t, "max")
		if most == plan.Unbounded && !takes {
			most = least + 1
		}
		return plan.ShapeRepeat{Item: item, Min: least, Max: most, Reluctant: rapid.Bool().Draw(t, "reluctant")}, takes && least > 0
	}
	return plan.ShapePart{Part: rapid.IntRange(0, parts-1).Draw(t, "part")}, true
}

// drawReads gives what all conditions look up, and makes them look at no more: at
// the row in question, at one row of the beginning, or at all of it, by which no
// two beginnings are alike.
func drawReads(t *rapid.T, parts, rows int, meets func(int, []taken, int) bool) ([]plan.MatchRead, func(int, []taken, int) bool) {
	all := plan.VariableSet(1)<<parts - 1
	switch rapid.IntRange(0, 3).Draw(t, "conditions look at") {
	case 0:
		return unlike(parts), meets
	case 1:
		return []plan.MatchRead{{Kind: plan.Navigate, Set: all}}, func(part int, _ []taken, row int) bool { return meets(part, nil, row) }
	}
	r := plan.MatchRead{Kind: plan.Navigate, Set: plan.VariableSet(rapid.Uint64Range(1, uint64(all)).Draw(t, "set")), First: rapid.Bool().Draw(t, "first")}
	if !r.First {
		r.Offset = rapid.IntRange(0, 2).Draw(t, "offset")
	}
	return []plan.MatchRead{r}, func(part int, before []taken, row int) bool {
		at := row
		for _, b := range lookedUp(r, append(slices.Clone(before), taken{row, part})) {
			at += 3 * (b.row + 1)
		}
		return meets(part, nil, at%rows)
	}
}

// lookedUp is the row that a read finds, if there is one.
func lookedUp(r plan.MatchRead, rows []taken) []taken {
	rows = slices.DeleteFunc(rows, func(t taken) bool { return !r.Set.Has(t.part) })
	switch {
	case len(rows) <= r.Offset:
		return nil
	case r.First:
		return rows[:1]
	}
	at := len(rows) - 1 - r.Offset
	return rows[at : at+1]
}

// unlike is a read of the whole beginning.
func unlike(parts int) []plan.MatchRead {
	return []plan.MatchRead{{Kind: plan.Summarize, Set: 1<<parts - 1}}
}

// TestShapesAgreeWithReference runs random patterns with shapes over random rows,
// and stores and reads the run in between. A wrong merge shows in few of them.
func TestShapesAgreeWithReference(t *testing.T) {
	const each = 30
	matches, compared := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range each {
			found, alike := agreesWithReference(t)
			matches, compared = matches+found, compared+alike
		}
	})
	if matches < 10 || compared < 10 {
		t.Errorf("only %d matches were checked, and %d beginnings compared", matches, compared)
	}
}

// agreesWithReference checks one pattern; it gives how many matches there were, and
// how many beginnings were compared to be merged.
func agreesWithReference(t *rapid.T) (matches, compared int) {
	parts := make([]plan.PatternPart, rapid.IntRange(1, 4).Draw(t, "parts"))
	for i := range parts {
		parts[i] = plan.PatternPart{Variable: string(rune('A' + i)), Max: 1}
		if rapid.IntRange(0, 5).Draw(t, "undefined") > 0 {
			parts[i].Condition = &plan.Column{}
		}
	}
	shape, takes := drawShape(t, len(parts), 3)
	if rapid.Bool().Draw(t, "begins with rows that can be several parts") {
		last := plan.ShapePart{Part: len(parts) - 1}
		either := plan.ShapeChoice{Items: []plan.PatternShape{plan.ShapePart{}, last}}
		shape = plan.ShapeSequence{Items: []plan.PatternShape{plan.ShapeRepeat{Item: either, Min: 1, Max: plan.Unbounded, Reluctant: rapid.Bool().Draw(t, "reluctant")}, shape, last}}
	} else if !takes {
		shape = plan.ShapeSequence{Items: []plan.PatternShape{plan.ShapePart{}, shape}}
	}
	n := &plan.Match{Pattern: parts, Shape: shape}
	n.Within = time.Duration(rapid.SampledFrom([]int{0, 0, 3, 8}).Draw(t, "within")) * time.Millisecond
	n.Skip.Kind = plan.MatchSkipKind(rapid.IntRange(0, 3).Draw(t, "skip"))
	n.Skip.Set = 1 << rapid.IntRange(0, len(parts)-1).Draw(t, "skip to")
	times, meets := drawRows(t, parts)
	times = times[:min(len(times), 10)] // what the reference tries grows fast
	n.Reads, meets = drawReads(t, len(parts), max(len(times), 1), meets)
	r := &reference{parts: parts, shape: shape, within: n.Within.Milliseconds(), skip: n.Skip, meets: meets, times: times}
	want, ok := r.preferred()

	automaton := Compile(n)
	h := &host{meets: meets, uses: map[uint32]int{}}
	h.machine = NewMachine(automaton, h)
	run := &Run{}
	err := error(nil)
	for row, at := range times {
		h.row = row
		if _, err = h.machine.Expire(run, at); err == nil {
			err = h.machine.Step(run, uint32(row), at)
		}
		if err != nil {
			break
		}
		compared += len(h.machine.alike)
		if rapid.IntRange(0, 4).Draw(t, "store") == 0 {
			found := h.found
			h, run = restored(t, automaton, h, run)
			h.found = found
		}
	}
	if err == nil {
		err = h.machine.Finish(run)
	}
	if !ok {
		if !problem.Is(err, problem.InvalidQuery) {
			t.Fatalf("a skip that leads nowhere gives %v", err)
		}
		return 0, compared
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(h.found) || !slices.EqualFunc(want, h.found, equal) {
		t.Fatalf("%v over %v gives %v, want %v", shape, times, h.found, want)
	}
	h.machine.Forget(run)
	if len(h.uses) > 0 {
		t.Fatalf("rows are kept without a run: %v", h.uses)
	}
	return len(want), compared
}

// TestAlikeBeginningsAreMerged: alternatives that all rows meet would double the
// beginnings with every row.
func TestAlikeBeginningsAreMerged(t *testing.T) {
	for name, reads := range map[string][]plan.MatchRead{
		"the row alone":   {{Kind: plan.Navigate, Set: 0b11}},
		"the first row A": {{Kind: plan.Navigate, Set: 0b01, First: true}},
		"two rows before": {{Kind: plan.Navigate, Set: 0b11, Offset: 2}},
	} {
		parts := []plan.PatternPart{{Variable: "A", Condition: &plan.Column{}}, {Variable: "B", Condition: &plan.Column{}}, {Variable: "C", Condition: condition}}
		either := plan.ShapeChoice{Items: []plan.PatternShape{plan.ShapePart{Part: 0}, plan.ShapePart{Part: 1}}}
		shape := plan.ShapeSequence{Items: []plan.PatternShape{plan.ShapeRepeat{Item: either, Min: 1, Max: plan.Unbounded}, plan.ShapePart{Part: 2}}}
		h := &host{uses: map[uint32]int{}, meets: func(part int, _ []taken, _ int) bool { return part < 2 }}
		h.machine = NewMachine(Compile(&plan.Match{Pattern: parts, Shape: shape, Reads: reads}), h)
		run := &Run{}
		const rows = 60
		for row := range rows {
			h.row = row
			if err := h.machine.Step(run, uint32(row), 0); err != nil {
				t.Fatal(name, err)
			}
		}
		if len(run.open) > 2*rows*rows {
			t.Errorf("%s: %d beginnings after %d rows", name, len(run.open), rows)
		}
	}
}

// TestUnlikeBeginningsHaveALimit: where a condition counts rows no beginning
// stands for another, and their number doubles with every row.
func TestUnlikeBeginningsHaveALimit(t *testing.T) {
	parts := []plan.PatternPart{{Variable: "A", Condition: &plan.Column{}}, {Variable: "B", Condition: condition}, {Variable: "C", Condition: condition}}
	either := plan.ShapeChoice{Items: []plan.PatternShape{plan.ShapePart{Part: 0}, plan.ShapePart{Part: 1}}}
	shape := plan.ShapeSequence{Items: []plan.PatternShape{plan.ShapeRepeat{Item: either, Min: 1, Max: plan.Unbounded}, plan.ShapePart{Part: 2}}}
	h := &host{uses: map[uint32]int{}, meets: func(part int, _ []taken, _ int) bool { return part < 2 }}
	h.machine = NewMachine(Compile(&plan.Match{Pattern: parts, Shape: shape, Reads: unlike(len(parts))}), h)
	run := &Run{}
	for row := range 20 {
		h.row = row
		if err := h.machine.Step(run, uint32(row), 0); err != nil {
			if !problem.Is(err, problem.TooLarge) {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("%d beginnings are no problem", len(run.open))
}
