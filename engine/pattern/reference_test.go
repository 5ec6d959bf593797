package pattern

import "tidemark/plan"

// The reference finds matches by following every choice there is, row by row,
// from the definition of a pattern and without an automaton:
//
//   - A part takes Min to Max rows, each of which meets its condition.
//   - The first row that a part takes, and passing over a part that takes none,
//     need a row that the part before it, if that is greedy, would not take.
//   - A match is complete with a row behind which all parts have their rows;
//     parts passed over then are held against this row too.
//   - Of complete matches the one that started first is found first, and not
//     before every earlier beginning has ended. What it skips is given up.
//
// Where matches that started at the same row are complete with the same row, any
// of them may be found: the reference takes the one that was.
type reference struct {
	parts  []plan.PatternPart
	shape  plan.PatternShape
	within int64
	skip   plan.MatchSkip
	meets  func(part int, before []taken, row int) bool
	times  []int64
}

// taken is a row with the part it stands for.
type taken struct{ row, part int }

// progress is a beginning: its rows, and the part that may take the next one.
type progress struct {
	rows        []taken
	part, count int
	done        bool
}

func (p progress) first() int { return p.rows[0].row }

// next is what a beginning becomes with a row, complete ones among them.
func (r *reference) next(p progress, row int) []progress {
	var all []progress
	take := func(part, count int) {
		q := progress{rows: append(append([]taken(nil), p.rows...), taken{row, part}), part: part, count: count}
		full := count == r.parts[part].Max
		if !(full && part == len(r.parts)-1) {
			all = append(all, q)
		}
		if r.isComplete(q, p.rows) {
			q.done = true
			all = append(all, q)
		}
	}
	if part := r.parts[p.part]; p.count > 0 && p.count != part.Max && r.meets(p.part, p.rows, row) {
		take(p.part, p.count+1)
	}
	if p.count > 0 && p.count < r.parts[p.part].Min {
		return all
	}
	at := p.part
	if p.count > 0 {
		at++
	}
	for ; at < len(r.parts); at++ {
		if r.isHeld(at, p.rows, row) {
			break
		}
		if r.meets(at, p.rows, row) {
			take(at, 1)
		}
		if r.parts[at].Min > 0 {
			break
		}
	}
	return all
}

// isHeld reports whether the greedy part before would take the row.
func (r *reference) isHeld(part int, before []taken, row int) bool {
	return part > 0 && r.parts[part-1].Greedy() && r.meets(part-1, before, row)
}

// isComplete reports whether a beginning needs no further row; before are its
// rows without the last one.
func (r *reference) isComplete(p progress, before []taken) bool {
	if p.count < r.parts[p.part].Min {
		return false
	}
	for at := p.part + 1; at < len(r.parts); at++ {
		if r.parts[at].Min > 0 || r.isHeld(at, before, p.rows[len(p.rows)-1].row) {
			return false
		}
	}
	return true
}

// replay runs through the rows. chosen gives the matches that were found with
// each row; replay returns false when another one had to be, or none.
func (r *reference) replay(chosen func(row int) [][]taken) bool {
	var open, complete []progress
	for row := range r.times {
		found := chosen(row)
		open = r.live(open, row)
		if found = r.settle(&open, &complete, found); found == nil {
			return false
		}
		var grown []progress
		for _, p := range append(open, progress{}) {
			for _, q := range r.next(p, row) {
				if q.done {
					complete = append(complete, q)
				} else {
					grown = append(grown, q)
				}
			}
		}
		open = grown
		if found = r.settle(&open, &complete, found); len(found) != 0 || found == nil {
			return false
		}
	}
	return true
}

// live leaves out beginnings that have taken too long.
func (r *reference) live(open []progress, row int) []progress {
	var left []progress
	for _, p := range open {
		if r.within == 0 || r.times[row]-r.times[p.first()] < r.within {
			left = append(left, p)
		}
	}
	return left
}

// settle takes the matches that must be found now off the front of found; nil
// when they are others.
func (r *reference) settle(open, complete *[]progress, found [][]taken) [][]taken {
	for {
		first := -1
		for _, p := range *complete {
			if first < 0 || p.first() < first {
				first = p.first()
			}
		}
		if first < 0 {
			break
		}
		for _, p := range *open {
			if p.first() < first {
				first = -1
				break
			}
		}
		if first < 0 {
			break
		}
		if len(found) == 0 || !contains(*complete, first, found[0]) {
			return nil
		}
		until, inclusive := r.skipUntil(found[0])
		keep := func(all []progress) []progress {
			var left []progress
			for _, p := range all {
				if p.first() > until || p.first() == until && !inclusive {
					left = append(left, p)
				}
			}
			return left
		}
		*open, *complete = keep(*open), keep(*complete)
		found = found[1:]
	}
	if found == nil {
		return [][]taken{}
	}
	return found
}

func contains(complete []progress, first int, match []taken) bool {
	for _, p := range complete {
		if p.first() == first && equal(p.rows, match) {
			return true
		}
	}
	return false
}

func equal(a, b []taken) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (r *reference) skipUntil(match []taken) (row int, inclusive bool) {
	switch r.skip.Kind {
	case plan.SkipToNextRow:
		return match[0].row, true
	case plan.SkipToFirst:
		for _, t := range match {
			if r.skip.Set.Has(t.part) {
				return t.row, false
			}
		}
	case plan.SkipToLast:
		for i := len(match) - 1; i >= 0; i-- {
			if r.skip.Set.Has(match[i].part) {
				return match[i].row, false
			}
		}
	case plan.SkipPastLastRow:
	}
	return match[len(match)-1].row, true
}
