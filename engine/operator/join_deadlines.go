package operator

import (
	"math"
	"unsafe"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// deadlines are the event times up to which rows of one side of a join, by their
// codes, can have partners that are not late (plan.JoinBound). Rows of both sides
// are never taken back then. What is past its deadline is of no use, and no harm:
// the condition of the join keeps it from rows that are in time. So it does not
// matter how late it is forgotten.
//
// They are no part of the state: of rows that were stored they are read from the
// rows.
type deadlines struct {
	bound   *plan.JoinBound
	at      []int64 // of each row, or noDeadline
	queue   timeQueue
	undated []uint32 // rows that were stored, whose deadlines have not been read
	added   int      // rows since the last call of forget
}

const (
	// noDeadline is that of a code that stands for no row.
	noDeadline = math.MaxInt64
	// forgottenMin is how many rows are forgotten at a time, if so many are past
	// their deadlines. After more rows came it is twice as many, so that forgetting
	// never falls behind.
	forgottenMin = 1 << 12
)

// newDeadlines are those of a side with the bound; nil where there is none.
func newDeadlines(bound *plan.JoinBound) *deadlines {
	if bound == nil {
		return nil
	}
	return &deadlines{bound: bound}
}

// of appends the deadlines of the rows of a batch; NULL is past at any time.
func (d *deadlines) of(columns []*batch.Column, rows int, to []int64) []int64 {
	until := columns[d.bound.Until]
	for i := range rows {
		if until.IsNull(i) {
			to = append(to, math.MinInt64)
		} else {
			to = append(to, d.bound.Deadline(milliseconds(until, i)))
		}
	}
	return to
}

// set notes the deadline of a row.
func (d *deadlines) set(code uint32, at int64) {
	for int(code) >= len(d.at) {
		d.at = append(d.at, noDeadline)
	}
	d.at[code] = at
	d.queue.push(timed{due: at, number: code})
	d.added++
}

// restore says that a row comes from stored state.
func (d *deadlines) restore(code uint32) {
	if d != nil {
		d.undated = append(d.undated, code)
	}
}

// remove says that there is no row with the code any more.
func (d *deadlines) remove(code uint32) {
	if d != nil && int(code) < len(d.at) {
		d.at[code] = noDeadline
	}
}

// reset forgets all rows.
func (d *deadlines) reset() {
	if d != nil {
		d.at, d.queue, d.undated = nil, timeQueue{}, nil
	}
}

// held is how many bytes they take.
func (d *deadlines) held() int64 {
	if d == nil {
		return 0
	}
	queued := cap(d.queue.heap)
	for i := range d.queue.runs {
		queued += cap(d.queue.runs[i].list)
	}
	return 8*int64(cap(d.at)) + 4*int64(cap(d.undated)) + int64(queued)*int64(unsafe.Sizeof(timed{}))
}

// date reads the deadlines of rows that were stored.
func (s *joinSide) date() error {
	d := s.deadlines
	part := decodedRows{input: s.input}
	var codes []uint32
	var at []int64
	for len(d.undated) > 0 {
		part.clear()
		codes = codes[:0]
		for len(d.undated) > 0 && part.rows < batch.MaxRows && part.bytes < chainBytesMax {
			code := d.undated[0]
			d.undated = d.undated[1:]
			if s.count(code) == 0 {
				continue // removed since
			}
			if err := part.add(s.row(code)); err != nil {
				return err
			}
			codes = append(codes, code)
		}
		columns, err := part.inOrder()
		if err != nil {
			return err
		}
		at = d.of(columns, part.rows, at[:0])
		for i, code := range codes {
			d.set(code, at[i])
		}
	}
	d.undated = nil
	return nil
}

// forget drops rows that are past their deadlines, and goes on with the next call
// if they are many. Nobody is told: what was shown of them stays.
func (s *joinSide) forget(past engine.Watermark) error {
	d := s.deadlines
	if d == nil {
		return nil
	}
	if len(d.undated) > 0 {
		if err := s.date(); err != nil {
			return err
		}
	}
	budget := max(forgottenMin, 2*d.added)
	d.added = 0
	for ; budget > 0 && d.queue.isDue(past); budget-- {
		due := d.queue.pop()
		if d.at[due.number] != due.due {
			continue // its code stands for another row, or for none
		}
		s.drop(due.number)
	}
	return nil
}

// bounded reports whether rows of a side have deadlines.
func (j *Join) bounded() bool { return j.sides[0].deadlines != nil || j.sides[1].deadlines != nil }

// inTime is the rows of a port without those that are late by the event time that
// bounds rows of the other side: such a row may come after its partners were
// forgotten, so it is dropped even if they are there.
func (j *Join) inTime(port int, rows *batch.Batch) *batch.Batch {
	rows = rows.Compact()
	of := j.sides[1-port].deadlines
	if of == nil {
		return rows
	}
	times := rows.Columns[of.bound.Time]
	var kept []uint16 // nil while no row is late
	late := 0
	for i := range rows.Rows {
		isLate := !times.IsNull(i) && of.bound.EventTime(milliseconds(times, i)) <= max(rows.Mark(i), j.now)
		switch {
		case isLate && late == 0:
			kept = make([]uint16, i, rows.Rows)
			for before := range kept {
				kept[before] = uint16(before)
			}
			late++
		case isLate:
			late++
		case late > 0:
			kept = append(kept, uint16(i))
		}
	}
	if late == 0 {
		return rows
	}
	if j.env.Dropped != nil {
		j.env.Dropped(late)
	}
	some := *rows
	some.Sel = kept
	return some.Compact()
}

// forget drops rows of both sides that have become of no use. While rows wait for
// others to be read back, those must stay that were of use when they came.
func (j *Join) forget() error {
	if j.spill == nil || j.spill.isSettled() {
		j.past = max(j.past, j.now)
	}
	for _, s := range j.sides {
		if err := s.forget(j.past); err != nil {
			return err
		}
	}
	return nil
}

// date computes the deadlines of the rows of the batch under way, if they have any.
func (r *joinRun) date() {
	r.deadlines = r.deadlines[:0]
	if d := r.join.sides[r.port].deadlines; d != nil {
		r.deadlines = d.of(r.rows.Columns, r.rows.Rows, r.deadlines)
	}
}

// keep takes in row i of the batch, unless it can have no partner any more.
func (r *joinRun) keep(i int) {
	own, encoded := r.join.sides[r.port], &r.join.encoded
	if own.deadlines == nil {
		own.arrive(encoded.hashes[i], encoded.key(i), encoded.row(i), r.matched)
		return
	}
	if at := r.deadlines[i]; at > r.join.past {
		own.deadlines.set(own.arrive(encoded.hashes[i], encoded.key(i), encoded.row(i), r.matched), at)
	}
}
