package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine/expr"
	"tidemark/engine/pattern"
	"tidemark/plan"
)

// matchCondition decides the condition of a part of a pattern. The terms of its
// AND that look at the row in question only are computed for all rows at hand at
// once, before they are matched; the others when the automaton asks, for the
// rows that have met the first.
type matchCondition struct {
	match *Match
	part  int
	alone *aloneTerms // nil when every term looks at other rows
	rest  *matchLookups
	whole *matchLookups // everything, where alone could not be computed for all rows
	holdsAlone
}

// holdsAlone is what is known of the rows at hand: which meet the terms that
// look at them alone, nothing when these cannot be computed for some row.
type holdsAlone struct {
	known bool
	meets []bool
}

// aloneTerms computes terms over the columns of the input that they need.
type aloneTerms struct {
	program *expr.Program
	columns []int
}

func newMatchCondition(m *Match, part int) (*matchCondition, error) {
	c := &matchCondition{match: m, part: part}
	isCurrent := func(read int) bool {
		r := m.node.Reads[read]
		return r.Kind == plan.Navigate && !r.First && r.Offset == 0 && r.Set.Has(part)
	}
	var alone, rest []plan.Expr
	for _, term := range plan.Conjuncts(m.node.Pattern[part].Condition) {
		if plan.UsesOnly(term, isCurrent) && plan.Deterministic(term) {
			alone = append(alone, term)
		} else {
			rest = append(rest, term)
		}
	}
	var err error
	if len(alone) > 0 {
		if c.alone, err = newAloneTerms(alone, m.node.Reads); err != nil {
			return nil, err
		}
		if c.whole, err = newMatchLookups(m, part, []plan.Expr{m.node.Pattern[part].Condition}); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		if c.rest, err = newMatchLookups(m, part, rest); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func newAloneTerms(terms []plan.Expr, reads []plan.MatchRead) (*aloneTerms, error) {
	a := &aloneTerms{}
	place := map[int]int{}
	moved := make([]plan.Expr, len(terms))
	for i, term := range terms {
		moved[i] = plan.TransformExpr(term, func(e plan.Expr) plan.Expr {
			c, ok := e.(*plan.Column)
			if !ok {
				return e
			}
			column := reads[c.Index].Column
			at, known := place[column]
			if !known {
				at = len(a.columns)
				place[column] = at
				a.columns = append(a.columns, column)
			}
			return &plan.Column{At: c.At, Index: at, Name: c.Name, Of: c.Of}
		})
	}
	var err error
	a.program, err = expr.Compile(moved)
	return a, err
}

// prepare computes what it can of the rows in the slots.
func (c *matchCondition) prepare(slots []uint32) {
	c.meets = c.meets[:0]
	for range slots {
		c.meets = append(c.meets, true)
	}
	c.known = true
	if c.alone == nil {
		return
	}
	in := &batch.Batch{Rows: len(slots)}
	for _, column := range c.alone.columns {
		in.Columns = append(in.Columns, c.match.rows.gather(column, slots))
	}
	terms, err := c.alone.program.Eval(c.match.env.Context, in)
	if err != nil {
		// A row for which it fails may never be asked about.
		c.known = false
		return
	}
	for _, term := range terms {
		for i, holds := range term.Bools {
			if !holds || term.IsNull(i) {
				c.meets[i] = false
			}
		}
	}
}

// mayHold reports whether a row at hand may meet the condition.
func (c *matchCondition) mayHold(row int) bool { return c.meets[row] }

// holds decides the condition for a row at hand, behind a beginning.
func (c *matchCondition) holds(row int, last pattern.Node) (bool, error) {
	switch {
	case !c.known:
		return c.whole.hold(last)
	case !c.meets[row] || c.rest == nil:
		return c.meets[row], nil
	}
	return c.rest.hold(last)
}

// holdsBehind is holds for many beginnings; nothing where one by one is as well.
func (c *matchCondition) holdsBehind(row int, lasts []pattern.Node) []bool {
	if !c.known || !c.meets[row] || c.rest == nil {
		return nil
	}
	return c.rest.holdBehind(lasts)
}

// matchLookups evaluates conditions over what they look up in a beginning with
// the row in question behind it.
type matchLookups struct {
	match   *Match
	part    int
	terms   []*expr.Filter
	reads   []plan.MatchRead
	tracks  []int // of the row that a read begins at, as the automaton keeps it; -1 for none
	columns []*batch.Column
	sums    []*runningSummary // nil where the read is no aggregate

	// Scratch of holdBehind.
	slots   []uint32
	missing []int
	holds   []bool
}

func newMatchLookups(m *Match, part int, terms []plan.Expr) (*matchLookups, error) {
	l := &matchLookups{match: m, part: part}
	used := make([]bool, len(m.node.Reads))
	plan.MarkUsed(used, terms...)
	place := make([]int, len(used))
	for i, r := range m.node.Reads {
		if !used[i] {
			continue
		}
		place[i] = len(l.reads)
		l.reads = append(l.reads, r)
		l.tracks = append(l.tracks, m.machine.Track(r.Set, r.First))
		l.columns = append(l.columns, batch.NewColumn(r.Of, 1))
		var sum *runningSummary
		if r.Kind == plan.Summarize {
			var err error
			if sum, err = m.summary(i); err != nil {
				return nil, err
			}
		}
		l.sums = append(l.sums, sum)
	}
	for _, term := range terms {
		filter, err := expr.CompileFilter(plan.Renumber(term, place))
		if err != nil {
			return nil, err
		}
		l.terms = append(l.terms, filter)
	}
	return l, nil
}

// hold reports whether all terms are TRUE for the row at hand behind last.
func (l *matchLookups) hold(last pattern.Node) (bool, error) {
	m := l.match
	slot := m.chunk[m.current]
	for i, r := range l.reads {
		l.columns[i] = oneRow(l.columns[i])
		c := l.columns[i]
		if r.Kind == plan.Summarize {
			if err := l.sums[i].with(last, slot, r.Set.Has(l.part), c); err != nil {
				return false, err
			}
			continue
		}
		if at, ok := l.find(i, last, slot); ok {
			c.Set(0, m.rows.columns[r.Column], int(at))
		} else {
			c.SetNull(0)
		}
	}
	row := batch.Batch{Columns: l.columns, Rows: 1}
	for _, term := range l.terms {
		passed, err := term.Select(m.env.Context, &row)
		if err != nil || passed != nil && len(passed) == 0 {
			return false, err
		}
	}
	return true, nil
}

// holdBehind is hold for many beginnings; nothing when it cannot be computed for
// one of them.
func (l *matchLookups) holdBehind(lasts []pattern.Node) []bool {
	l.holds = l.holds[:0]
	for range lasts {
		l.holds = append(l.holds, false)
	}
	for start := 0; start < len(lasts); start += batch.MaxRows {
		stop := min(start+batch.MaxRows, len(lasts))
		if err := l.holdSome(lasts[start:stop], l.holds[start:stop]); err != nil {
			return nil
		}
	}
	return l.holds
}

// holdSome is holdBehind for as many as fit in a batch.
func (l *matchLookups) holdSome(lasts []pattern.Node, holds []bool) error {
	in := batch.Batch{Rows: len(lasts)}
	for i, r := range l.reads {
		var c *batch.Column
		if r.Kind == plan.Summarize {
			var err error
			if c, err = l.summaries(i, lasts); err != nil {
				return err
			}
		} else {
			c = l.rows(i, lasts)
		}
		in.Columns = append(in.Columns, c)
	}
	for _, term := range l.terms {
		passed, err := term.Select(l.match.env.Context, &in)
		if err != nil {
			return err
		}
		if passed != nil {
			in.Sel = passed
		}
		if in.Live() == 0 {
			return nil
		}
	}
	in.Each(func(row int) { holds[row] = true })
	return nil
}

// rows is the column that a Navigate finds behind each beginning.
func (l *matchLookups) rows(read int, lasts []pattern.Node) *batch.Column {
	m, r := l.match, l.reads[read]
	l.slots, l.missing = l.slots[:0], l.missing[:0]
	current := m.chunk[m.current]
	for i, last := range lasts {
		at, ok := l.find(read, last, current)
		if !ok {
			at = current
			l.missing = append(l.missing, i)
		}
		l.slots = append(l.slots, at)
	}
	c := m.rows.gather(r.Column, l.slots)
	c.Type = r.Of
	for _, i := range l.missing {
		c.SetNull(i)
	}
	return c
}

// summaries is the column that a Summarize finds behind each beginning.
func (l *matchLookups) summaries(read int, lasts []pattern.Node) (*batch.Column, error) {
	m, r := l.match, l.reads[read]
	c := batch.NewColumn(r.Of, len(lasts))
	for _, last := range lasts {
		l.columns[read] = oneRow(l.columns[read])
		if err := l.sums[read].with(last, m.chunk[m.current], r.Set.Has(l.part), l.columns[read]); err != nil {
			return nil, err
		}
		c.Append(l.columns[read], 0)
	}
	return c, nil
}

// find is the slot of the row that a Navigate means behind a beginning, where
// the row in question counts if it is of the right part.
func (l *matchLookups) find(read int, last pattern.Node, current uint32) (uint32, bool) {
	m, r, track := l.match, l.reads[read], l.tracks[read]
	counts := r.Set.Has(l.part)
	switch {
	case counts && !r.First && r.Offset == 0:
		return current, true
	case track < 0 || r.First && r.Offset > 0:
		return m.find(r, last, current, counts)
	}
	n := m.machine.Tracked(track, last)
	if r.First {
		if n == pattern.None {
			return current, counts
		}
		return m.machine.Row(n).Slot, true
	}
	left := r.Offset
	if counts {
		left--
	}
	for ; left > 0 && n != pattern.None; left-- {
		n = m.machine.Tracked(track, m.machine.Before(n))
	}
	if n == pattern.None {
		return 0, false
	}
	return m.machine.Row(n).Slot, true
}

// oneRow is a column of one row that is still to be set, in the memory of c
// where nothing of what was in it would stay.
func oneRow(c *batch.Column) *batch.Column {
	if class := c.Type.Class(); class == value.Lists || class == value.Structs {
		c = batch.NewColumn(c.Type, 1)
	} else {
		c.Resize(0)
		c.Heap, c.Nulls = c.Heap[:0], nil
	}
	c.Resize(1)
	return c
}

// find is the slot of the row that a Navigate means, among those up to last and,
// where it counts, the row in question behind them.
func (m *Match) find(r plan.MatchRead, last pattern.Node, current uint32, counts bool) (uint32, bool) {
	if !r.First {
		left := r.Offset
		if counts {
			if left == 0 {
				return current, true
			}
			left--
		}
		for n := last; n != pattern.None; n = m.machine.Before(n) {
			row := m.machine.Row(n)
			if !r.Set.Has(row.Part) {
				continue
			}
			if left == 0 {
				return row.Slot, true
			}
			left--
		}
		return 0, false
	}
	m.found = m.found[:0]
	for n := last; n != pattern.None; n = m.machine.Before(n) {
		if row := m.machine.Row(n); r.Set.Has(row.Part) {
			m.found = append(m.found, row.Slot)
		}
	}
	if at := len(m.found) - 1 - r.Offset; at >= 0 {
		return m.found[at], true
	}
	return current, counts && r.Offset == len(m.found)
}
