package operator

import (
	"slices"
	"time"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// pane is the rows of one slice that count from the same window on. Nearly all
// rows count in every window of their slice; a row that came after the first
// ones fired is in a pane of its own that begins with the next window.
type pane struct {
	id      uint32 // prefix of the keys of its groups
	slice   int64  // end of the slice
	from    int64  // end of the first window that it counts in
	last    int64  // end of the last one
	codes   []uint32
	touched []uint32 // groups changed since the last Flush; only kept for windows that are amended
}

// panes finds the pane of a row by its time and its mark.
type panes struct {
	windows *assigner
	keep    int64             // ms after its end that a window still takes rows
	bySlice map[int64][]*pane // one, but for late rows
	byID    []*pane           // nil where the id is free
	unused  []uint32

	// The slice found last, with what is needed to see that the next row
	// belongs there too.
	recent      *pane
	recentFires engine.Watermark // when the first window of the slice takes no more rows
}

func newPanes(windows *assigner, late plan.LatePolicy) *panes {
	p := &panes{windows: windows, bySlice: map[int64][]*pane{}}
	if late.Action == plan.LateRevise {
		p.keep = late.Keep.Milliseconds()
	}
	return p
}

// closes is the watermark from which the window takes no more rows.
func (p *panes) closes(end int64) engine.Watermark { return p.windows.fires(end) + p.keep }

// place is where a row goes.
type place uint8

const (
	inPane     place = iota
	inNewPane        // in the pane that was made for it
	inNoWindow       // between two windows: HOP may slide by more than its size
	tooLate          // for all its windows
)

// of finds or makes the pane for a row with time t on the windows' clock that
// came when the watermark was mark.
func (p *panes) of(t int64, mark engine.Watermark) (*pane, place) {
	if r := p.recent; r != nil && t < r.slice && t >= r.slice-p.windows.width && mark < p.recentFires {
		return r, inPane
	}
	slice := p.windows.slice(t)
	first, last := p.windows.firstWindow(slice), p.windows.lastWindow(slice)
	if first > last {
		return nil, inNoWindow
	}
	closes := p.closes(first)
	from := first
	for from <= last && mark >= p.closes(from) {
		from += p.windows.step()
	}
	if from > last {
		return nil, tooLate
	}
	found, isNew := p.get(slice, from)
	if from == first {
		p.recent, p.recentFires = found, closes
	}
	if isNew {
		return found, inNewPane
	}
	return found, inPane
}

// get finds or makes a pane.
func (p *panes) get(slice, from int64) (found *pane, isNew bool) {
	for _, found := range p.bySlice[slice] {
		if found.from == from {
			return found, false
		}
	}
	made := &pane{slice: slice, from: from, last: p.windows.lastWindow(slice)}
	if n := len(p.unused); n > 0 {
		made.id = p.unused[n-1]
		p.unused = p.unused[:n-1]
		p.byID[made.id] = made
	} else {
		made.id = uint32(len(p.byID))
		p.byID = append(p.byID, made)
	}
	p.bySlice[slice] = append(p.bySlice[slice], made)
	return made, true
}

func (p *panes) remove(gone *pane) {
	rest := slices.DeleteFunc(p.bySlice[gone.slice], func(other *pane) bool { return other == gone })
	if len(rest) == 0 {
		delete(p.bySlice, gone.slice)
	} else {
		p.bySlice[gone.slice] = rest
	}
	p.byID[gone.id] = nil
	p.unused = append(p.unused, gone.id)
	if p.recent == gone {
		p.recent = nil
	}
}

func (p *panes) clear() {
	clear(p.bySlice)
	p.byID, p.unused, p.recent = p.byID[:0], p.unused[:0], nil
}

// assignment is where the rows of a batch go.
type assignment struct {
	rows     *batch.Batch // those that go anywhere
	prefixes []uint32     // pane of each
	created  []*pane
	late     []uint16 // rows of the batch given that are too late for everything
}

// assign finds the panes of prepared rows. now is the watermark of the
// operator: windows it has fired are closed even for a row with an older mark,
// which a source that was idle may give.
func (p *panes) assign(in *batch.Batch, timeColumn int, now engine.Watermark) assignment {
	column := in.Columns[timeColumn]
	a := assignment{rows: in, prefixes: make([]uint32, 0, in.Rows)}
	var left []uint16 // rows that go nowhere
	for i := range in.Rows {
		found, where := p.of(p.windows.clock(column, i), max(in.Mark(i), now))
		switch where {
		case inNewPane:
			a.created = append(a.created, found)
		case tooLate:
			a.late = append(a.late, uint16(i))
		case inPane, inNoWindow:
		}
		if found == nil {
			left = append(left, uint16(i))
			continue
		}
		a.prefixes = append(a.prefixes, found.id)
	}
	if len(left) > 0 {
		a.rows = without(in, left)
	}
	return a
}

// without is the rows of in but for those given, in ascending order.
func without(in *batch.Batch, rows []uint16) *batch.Batch {
	sel := make([]uint16, 0, in.Rows-len(rows))
	for i := range in.Rows {
		if len(rows) > 0 && int(rows[0]) == i {
			rows = rows[1:]
			continue
		}
		sel = append(sel, uint16(i))
	}
	rest := *in
	rest.Sel = sel
	return rest.Compact()
}

// reportLate counts prepared rows that were too late, and hands the rows of the
// input that they were made of to whoever wants them. Of the rows that grouping
// sets have multiplied only the first is told.
func (l *Layout) reportLate(env Environment, in *batch.Batch, rows []uint16) error {
	if l.Sets != nil {
		number := in.Columns[len(l.Keys)-1]
		rows = slices.DeleteFunc(rows, func(i uint16) bool { return number.Ints[i] != 0 })
	}
	if len(rows) == 0 {
		return nil
	}
	if env.Dropped != nil {
		env.Dropped(len(rows))
	}
	if env.Late == nil || l.input < 0 {
		return nil
	}
	late := &batch.Batch{Columns: in.Columns[l.input:], Rows: in.Rows, Kinds: in.Kinds, Marks: in.Marks, Sel: rows}
	return env.Late(late.Compact())
}

// latePolicyOf checks what a plan asks to do with late rows.
func latePolicyOf(n *plan.WindowAggregate) error {
	if n.Late.Action == plan.LateRevise && n.Late.Keep < time.Millisecond {
		return unsupported("late-policy 'revise' needs a time to keep windows").WithHint("give at least one millisecond")
	}
	return nil
}
