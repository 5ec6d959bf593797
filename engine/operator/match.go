package operator

import (
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/pattern"
	"tidemark/plan"
)

// Match is MATCH_RECOGNIZE. Rows wait until the watermark has passed them, are
// put in order and given to the automaton of their partition one by one; in
// batch mode all wait for the end. A row that is late by its mark is dropped.
// Where rows are ordered by processing time nothing waits.
//
// Matches and timeouts of all partitions happen in the order of their event
// times, so that the order of results is that of the input. A match is shown at
// the event time at which it is known: that of the row that completes it or, if
// an earlier beginning had to end first, of what ends that one.
//
// State, in the key group of the partition: 'p', number (8 bytes, big endian) →
// a row that waits; 'r', number → a row of a beginning; 'k', key → the beginnings
// of a partition (pattern.Machine.Encode). In key group 0 the worker that has it
// stores the watermark under 'w'.
type Match struct {
	env        Environment
	node       *plan.Match
	machine    *pattern.Machine
	automaton  *pattern.Automaton
	conditions []*matchCondition // by part; nil where all rows match
	output     *matchOutput
	instant    bool // ordered by processing time
	now        engine.Watermark

	rows    *matchRows
	waiting rowQueue
	due     []rowTime
	next    uint64 // number of the next row

	table *table
	keys  batch.Keys
	codes []uint32
	fresh []uint16
	runs  []matchRun // by code

	timers  rowQueue // by deadline; the slot is the code of the partition
	chunk   []uint32 // slots of the rows at hand, for which conditions know what they can
	current int      // row of chunk that is being matched
	time    int64    // event time of what happens now

	summaries map[int]*runningSummary // by read; of those in conditions
	found     []uint32                // scratch of find

	changed  changedMatches
	savedNow engine.Watermark
}

// matchRun is what the operator knows of a partition.
type matchRun struct {
	run      pattern.Run
	waiting  int   // rows that wait
	deadline int64 // of its timer; batch.Final for none
	stored   bool
	unsaved  bool // it is among those to look at in the next Save
	live     bool // the code stands for a partition
}

// matchRowsMax bounds the rows that wait or that matches have begun with.
const matchRowsMax = 50_000_000

// NewMatch makes the operator.
func NewMatch(env Environment, n *plan.Match) (*Match, error) {
	m := &Match{
		env: env, node: n, automaton: pattern.Compile(n), now: batch.NoMark, savedNow: batch.NoMark,
		instant: env.Context.Streaming && n.TimeAttribute() == plan.Proctime,
		rows:    newMatchRows(schemaTypes(n.Input.Schema())), table: newTable(), codes: make([]uint32, batch.MaxRows), summaries: map[int]*runningSummary{},
	}
	m.machine = pattern.NewMachine(m.automaton, m)
	var err error
	if m.output, err = newMatchOutput(m); err != nil {
		return nil, err
	}
	m.conditions = make([]*matchCondition, len(n.Pattern))
	for part, p := range n.Pattern {
		if p.Condition == nil {
			continue
		}
		if m.conditions[part], err = newMatchCondition(m, part); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Process keeps rows that are not late until the watermark passes them.
func (m *Match) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	in, err := withTimes(m.env, rows, m.node.TimeColumn(), m.node.Input.Schema()[m.node.TimeColumn()].Name)
	if err != nil {
		return err
	}
	if retractions(in) != nil {
		return problem.New(problem.Unsupported, "MATCH_RECOGNIZE cannot take rows back").
			WithHint("match the rows before they are aggregated, or use windows, whose results are final")
	}
	if in.Rows == 0 {
		return nil
	}
	if m.rows.live()+in.Rows > matchRowsMax {
		return problem.New(problem.TooLarge, "MATCH_RECOGNIZE waits with more than %d rows", matchRowsMax).WithHint("add WITHIN, or let the watermark follow the rows more closely")
	}
	if err := m.rows.tidy(); err != nil {
		return err
	}
	in = m.withoutLate(in)
	m.locate(in)
	times := in.Columns[m.node.TimeColumn()]
	processing := m.env.Context.Now.UnixMilli()
	for i, code := range m.codes[:in.Rows] {
		time := processing
		if !m.instant {
			time = milliseconds(times, i)
		}
		row := rowTime{time: time, number: m.next, slot: m.rows.put(in.Columns, i, m.next, time, code)}
		m.next++
		m.runs[code].waiting++
		m.rows.waits[row.slot] = true
		m.changed.row(m.rows, row.slot)
		if m.instant {
			m.due = append(m.due, row)
		} else {
			m.waiting.push(row)
		}
	}
	if !m.instant {
		return nil
	}
	if err := m.process(processing); err != nil {
		return err
	}
	return m.output.flush(emit)
}

// withoutLate drops the rows that are not above the watermark before them.
func (m *Match) withoutLate(in *batch.Batch) *batch.Batch {
	if m.instant {
		return in
	}
	times := in.Columns[m.node.TimeColumn()]
	var late []uint16
	for i := range in.Rows {
		if mark := max(in.Mark(i), m.now); mark != batch.NoMark && milliseconds(times, i) <= mark {
			late = append(late, uint16(i))
		}
	}
	if len(late) == 0 {
		return in
	}
	if m.env.Dropped != nil {
		m.env.Dropped(len(late))
	}
	return without(in, late)
}

// locate finds the partitions of the rows.
func (m *Match) locate(in *batch.Batch) {
	columns := make([]*batch.Column, len(m.node.Partition))
	for i, c := range m.node.Partition {
		columns[i] = in.Columns[c]
	}
	m.keys.Encode(nil, columns, in.Rows)
	m.fresh = m.table.encode(&m.keys, m.codes, m.fresh[:0])
	for _, row := range m.fresh {
		m.reset(m.codes[row])
	}
}

// reset makes a partition new.
func (m *Match) reset(code uint32) {
	for int(code) >= len(m.runs) {
		m.runs = append(m.runs, matchRun{})
	}
	m.runs[code] = matchRun{deadline: batch.Final, live: true, unsaved: m.runs[code].unsaved}
}

// Advance matches the rows that the watermark has passed.
func (m *Match) Advance(w engine.Watermark, emit engine.Emit) error {
	if !m.instant {
		for len(m.waiting) > 0 && m.waiting[0].time <= w {
			m.due = append(m.due, m.waiting.pop())
		}
		if err := m.process(w); err != nil {
			return err
		}
	}
	if w == batch.Final {
		if err := m.finish(); err != nil {
			return err
		}
	}
	if err := m.output.flush(emit); err != nil {
		return err
	}
	m.now = w
	return nil
}

// finish shows the matches that only waited for rows that now do not come. They
// are known at the time of the last row of their partition, which is the last one
// of every beginning that is open in a pattern that prefers.
func (m *Match) finish() error {
	for code := range m.runs {
		r := &m.runs[code]
		last, waits := m.machine.Latest(&r.run)
		if !r.live || !waits {
			continue
		}
		m.time = m.rows.times[m.machine.Row(last).Slot]
		if err := m.machine.Finish(&r.run); err != nil {
			return m.placed(err, uint32(code))
		}
		m.settled(uint32(code), true)
	}
	return nil
}

// process matches the due rows, and lets time pass until then.
func (m *Match) process(until int64) error {
	m.sortTies()
	for start := 0; start < len(m.due); start += batch.MaxRows {
		part := m.due[start:min(start+batch.MaxRows, len(m.due))]
		m.chunk = m.chunk[:0]
		for _, row := range part {
			m.chunk = append(m.chunk, row.slot)
		}
		for _, c := range m.conditions {
			if c != nil {
				c.prepare(m.chunk)
			}
		}
		for i, row := range part {
			if err := m.pass(row.time); err != nil {
				return err
			}
			m.current, m.time = i, row.time
			if err := m.match(row.slot); err != nil {
				return err
			}
		}
	}
	m.due = m.due[:0]
	return m.pass(until)
}

// sortTies puts due rows of the same time in order by the further keys.
func (m *Match) sortTies() {
	if len(m.node.Order) == 1 && m.node.Order[0].Expr.Type().Precision <= 3 {
		return
	}
	for start := 0; start < len(m.due); {
		stop := start + 1
		for stop < len(m.due) && m.due[stop].time == m.due[start].time {
			stop++
		}
		slices.SortStableFunc(m.due[start:stop], func(a, b rowTime) int {
			for _, key := range m.node.Order {
				column := m.rows.columns[key.Expr.(*plan.Column).Index]
				if order := compareRows(column, int(a.slot), int(b.slot), key); order != 0 {
					return order
				}
			}
			return 0
		})
		start = stop
	}
}

// match gives a row to the automaton of its partition.
func (m *Match) match(slot uint32) error {
	code := m.rows.keys[slot]
	r := &m.runs[code]
	r.waiting--
	m.rows.waits[slot] = false
	steps := !r.run.IsEmpty() || m.automaton.CanStart(m.mayHold)
	if steps {
		m.rows.numbers[slot] = m.next
		m.next++
		if err := m.machine.Step(&r.run, slot, m.time); err != nil {
			return m.placed(err, code)
		}
	}
	m.Dropped(slot)
	m.settled(code, steps)
	return nil
}

// mayHold reports whether the row at hand may meet the condition of a part.
func (m *Match) mayHold(part int) bool {
	c := m.conditions[part]
	return c == nil || c.mayHold(m.current)
}

// placed says of a problem in which partition it is.
func (m *Match) placed(err error, code uint32) error {
	if len(m.node.Partition) == 0 {
		return fmt.Errorf("match: %w", err)
	}
	var types []value.Type
	in := m.node.Input.Schema()
	for _, c := range m.node.Partition {
		types = append(types, in[c].Type)
	}
	columns := columnsOf(types, 1)
	if _, broken := batch.AppendRow(columns, m.table.key(code)); broken != nil {
		return fmt.Errorf("match: %w", err)
	}
	text := ""
	for i, c := range columns {
		if i > 0 {
			text += ", "
		}
		text += c.Value(0).String()
	}
	return fmt.Errorf("match partition (%s): %w", text, err)
}

// settled looks after a partition whose run may have changed: it notes that for
// Save, sets the timer, and forgets partitions without a run and without rows.
func (m *Match) settled(code uint32, changed bool) {
	r := &m.runs[code]
	if r.waiting == 0 && r.run.IsEmpty() {
		m.forget(code)
		return
	}
	if changed && !r.unsaved {
		r.unsaved = true
		m.changed.runs = append(m.changed.runs, code)
	}
	if at, ok := m.machine.Deadline(&r.run); ok && r.deadline == batch.Final {
		r.deadline = at
		m.timers.push(rowTime{time: at, slot: code})
	}
}

// forget gives the code of a partition free.
func (m *Match) forget(code uint32) {
	r := &m.runs[code]
	if r.stored {
		m.changed.gone = append(m.changed.gone, m.storedRun(code))
	}
	m.machine.Forget(&r.run)
	*r = matchRun{deadline: batch.Final, unsaved: r.unsaved}
	m.table.remove(code)
}

// pass lets event time get to t: beginnings that have taken too long end.
func (m *Match) pass(t int64) error {
	for len(m.timers) > 0 && m.timers[0].time <= t {
		timer := m.timers.pop()
		r := &m.runs[timer.slot]
		if !r.live || r.deadline != timer.time {
			continue // of a partition that was forgotten
		}
		r.deadline, m.time = batch.Final, timer.time
		expired, err := m.machine.Expire(&r.run, timer.time)
		if err != nil {
			return m.placed(err, timer.slot)
		}
		m.settled(timer.slot, expired)
	}
	return nil
}

// Flush has held nothing back.
func (m *Match) Flush(engine.Emit) error { return nil }

// Found collects a match to be shown.
func (m *Match) Found(last pattern.Node) error {
	m.output.add(last, m.time)
	return nil
}

// Kept notes that a row is one more node's.
func (m *Match) Kept(slot uint32) {
	m.rows.uses[slot]++
	m.changed.row(m.rows, slot)
}

// Dropped notes that a row is needed once less.
func (m *Match) Dropped(slot uint32) {
	if m.rows.uses[slot]--; m.rows.uses[slot] > 0 {
		return
	}
	if m.rows.stored[slot].kind != 0 {
		m.changed.gone = append(m.changed.gone, m.storedRow(slot))
	}
	m.rows.unused = append(m.rows.unused, slot)
}

// Number is the place of a row in the order of matching.
func (m *Match) Number(slot uint32) uint64 { return m.rows.numbers[slot] }

// Holds decides a condition for the row at hand.
func (m *Match) Holds(part int, last pattern.Node) (bool, error) {
	return m.conditions[part].holds(m.current, last)
}

// HoldsBehind decides a condition for the row at hand behind many beginnings.
func (m *Match) HoldsBehind(part int, lasts []pattern.Node) ([]bool, bool) {
	holds := m.conditions[part].holdsBehind(m.current, lasts)
	return holds, holds != nil
}
