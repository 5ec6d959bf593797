package operator

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// TimeSort puts the rows of a stream into the order of their event time, and those
// of one time into the order of further keys. A row is shown when the watermark has
// reached its time.
//
// A row that comes when one of its time or of a later one has been shown is dropped,
// as in Flink: what counts is not the watermark, but what it has let through. That
// is judged as of the row's own mark, row by row in the order of marks, so that it
// does not depend on which sender is ahead: a row is looked at when the watermark is
// above its mark, as then all rows with smaller marks are there. What sorts alike
// stays in the order of marks, and then of arrival.
//
// State, in key group 0: 'r', number (8 bytes, big endian) → mark (varint), row in
// key form; 's' → time of the newest row that was shown (8 bytes, big endian); the
// watermark under 'w'. What has a mark below the watermark is in time.
type TimeSort struct {
	env     Environment
	node    *plan.Sort
	column  int            // of the time
	more    []plan.SortKey // behind the time
	program *expr.Program  // of those keys

	rows    numbered[sortedRow]
	held    heldBatches
	coming  timeQueue // rows that are not looked at yet, by mark
	waiting timeQueue // rows in time, by time
	arrived uint64    // number of the next row
	judged  uint64    // rows that were found to be in time
	deleted [][]byte
	shown   int64 // time of the newest row that was shown
	now     engine.Watermark
	saved   engine.Watermark // watermark as it was saved last
	due     []uint32         // scratch: rows to show, in order
}

// sortedRow is a row that is held.
type sortedRow struct {
	at     int64 // its time
	mark   engine.Watermark
	number uint64 // in the order of arrival
	place  heldPlace
}

// newTimeSort makes the operator, if the first key is an event time that ascends.
func newTimeSort(env Environment, n *plan.Sort) (*TimeSort, error) {
	c, isColumn := n.Keys[0].Expr.(*plan.Column)
	if !isColumn || n.Keys[0].Descending || n.Input.Schema()[c.Index].Time != plan.Rowtime {
		return nil, unsupported("a stream can be sorted by event time only").
			WithHint("begin ORDER BY with the column that has a WATERMARK, ascending; or add a LIMIT, or sort the result table when it is asked")
	}
	s := &TimeSort{env: env, node: n, column: c.Index, more: n.Keys[1:], shown: math.MinInt64, now: batch.NoMark, saved: batch.NoMark}
	exprs := make([]plan.Expr, len(s.more))
	for i, k := range s.more {
		exprs[i] = k.Expr
	}
	var err error
	s.program, err = expr.Compile(exprs)
	return s, err
}

// Process keeps the rows.
func (s *TimeSort) Process(_ int, rows *batch.Batch, _ engine.Emit) error {
	rows, err := withTimes(s.env, rows, s.column, s.node.Input.Schema()[s.column].Name)
	if err != nil || rows.Rows == 0 {
		return err
	}
	if retractions(rows) != nil {
		return fmt.Errorf("sort by time: the input takes rows back")
	}
	number := s.held.add(rows)
	for i := range rows.Rows {
		s.keep(sortedRow{at: milliseconds(rows.Columns[s.column], i), mark: rows.Mark(i), number: s.arrived, place: heldPlace{number, uint32(i)}}, true)
		s.arrived++
	}
	return nil
}

// keep notes a row that is held. One that is unseen has not been judged.
func (s *TimeSort) keep(r sortedRow, unseen bool) (code uint32) {
	code = s.rows.take(r)
	if s.env.Saves {
		s.rows.touch(code)
	}
	if unseen {
		s.coming.push(timed{due: r.mark, order: r.number, number: code})
	} else {
		s.wait(code)
	}
	return code
}

// wait puts a row among those that are in time, behind the others of its time.
func (s *TimeSort) wait(code uint32) {
	s.waiting.push(timed{due: s.rows.list[code].at, order: s.judged, number: code})
	s.judged++
}

// Advance judges the rows that came before the watermark moved to w, and shows
// those up to w.
func (s *TimeSort) Advance(w engine.Watermark, emit engine.Emit) error {
	if w <= s.now {
		return nil // after a restart, an input that was idle is waited for again
	}
	s.due = s.due[:0]
	late, passed := 0, s.now
	for s.coming.isDue(w - 1) {
		code := s.coming.pop().number
		r := &s.rows.list[code]
		if r.mark > passed {
			passed = r.mark
			s.letThrough(passed)
		}
		if r.at <= s.shown {
			s.forget(code)
			late++
			continue
		}
		s.wait(code)
	}
	s.letThrough(w)
	s.now = w
	if late > 0 && s.env.Dropped != nil {
		s.env.Dropped(late)
	}
	return s.show(emit)
}

// letThrough makes the rows up to a watermark due.
func (s *TimeSort) letThrough(w engine.Watermark) {
	for s.waiting.isDue(w) {
		t := s.waiting.pop()
		s.shown = t.due
		s.due = append(s.due, t.number)
	}
}

// show emits the rows that are due, and forgets them.
func (s *TimeSort) show(emit engine.Emit) error {
	if err := s.sortEqual(); err != nil {
		return err
	}
	types := schemaTypes(s.node.Input.Schema())
	for part := range slices.Chunk(s.due, batch.MaxRows) {
		places := make([]heldPlace, len(part))
		out := &batch.Batch{Rows: len(part), Marks: make([]int64, len(part))}
		for i, code := range part {
			places[i] = s.rows.list[code].place
			out.Marks[i] = s.rows.list[code].at - 1
		}
		out.Columns = s.held.gather(types, places)
		if err := emit(out); err != nil {
			return err
		}
	}
	for _, code := range s.due {
		s.forget(code)
	}
	return nil
}

// sortEqual sorts rows of one time among the rows that are due.
func (s *TimeSort) sortEqual() error {
	if len(s.more) == 0 {
		return nil
	}
	orders := map[uint32][]byte{}
	for begin := 0; begin < len(s.due); {
		end := begin + 1
		for end < len(s.due) && s.rows.list[s.due[end]].at == s.rows.list[s.due[begin]].at {
			end++
		}
		same := s.due[begin:end]
		begin = end
		if len(same) == 1 {
			continue
		}
		clear(orders)
		for part := range slices.Chunk(same, batch.MaxRows) {
			if err := s.orders(orders, part); err != nil {
				return err
			}
		}
		slices.SortStableFunc(same, func(a, b uint32) int { return bytes.Compare(orders[a], orders[b]) })
	}
	return nil
}

// orders computes the order forms of the further keys of rows.
func (s *TimeSort) orders(into map[uint32][]byte, codes []uint32) error {
	places := make([]heldPlace, len(codes))
	for i, code := range codes {
		places[i] = s.rows.list[code].place
	}
	rows := &batch.Batch{Rows: len(codes), Columns: s.held.gather(schemaTypes(s.node.Input.Schema()), places)}
	keys, err := s.program.Eval(s.env.Context, rows)
	if err != nil {
		return err
	}
	for i, code := range codes {
		into[code] = appendOrder(nil, s.more, keys, i)
	}
	return nil
}

// forget drops a row.
func (s *TimeSort) forget(code uint32) {
	if s.rows.isSaved(code) {
		s.deleted = append(s.deleted, s.stored(code))
	}
	s.held.release(s.rows.list[code].place)
	s.rows.release(code)
}

// stored is the key that a row is stored under.
func (s *TimeSort) stored(code uint32) []byte {
	return binary.BigEndian.AppendUint64([]byte{'r'}, s.rows.list[code].number)
}

// Flush has nothing to show: rows are shown when they are due.
func (s *TimeSort) Flush(engine.Emit) error { return nil }

// Save writes what came and went, what was shown, and the watermark.
func (s *TimeSort) Save(to engine.Changes) error {
	for _, key := range s.deleted {
		to.Delete(0, key)
	}
	s.deleted = s.deleted[:0]
	var val []byte
	s.rows.save(func(code uint32) {
		r := &s.rows.list[code]
		val = batch.AppendKey(binary.AppendVarint(val[:0], r.mark), s.held.columnsAt(r.place), int(r.place.row))
		to.Put(0, s.stored(code), val)
	})
	if s.now != s.saved {
		to.Put(0, []byte{'s'}, binary.BigEndian.AppendUint64(nil, uint64(s.shown)))
	}
	saveWatermark(s.env, to, s.now, &s.saved)
	return nil
}

var errSortedRow = errors.New("a row that waits is damaged")

// Load reads the rows, what was shown, and the watermark.
func (s *TimeSort) Load(from engine.Saved) error {
	if err := loadWatermark(from, &s.now); err != nil {
		return fmt.Errorf("load sort by time: %w", err)
	}
	s.saved = s.now
	var rows []sortedRow
	err := from.Each(engine.Worker{From: 0, To: 1}, func(_ engine.KeyGroup, key, val []byte) error {
		switch {
		case len(key) == 9 && key[0] == 'r':
			row, err := s.loadRow(binary.BigEndian.Uint64(key[1:]), val)
			rows = append(rows, row)
			return err
		case len(key) == 1 && key[0] == 's' && len(val) == 8:
			s.shown = int64(binary.BigEndian.Uint64(val))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load sort by time: %w", err)
	}
	slices.SortFunc(rows, func(a, b sortedRow) int { return cmp.Or(cmp.Compare(a.mark, b.mark), cmp.Compare(a.number, b.number)) })
	for _, r := range rows {
		s.rows.loaded(s.keep(r, r.mark >= s.now))
		s.arrived = max(s.arrived, r.number+1)
	}
	return nil
}

// loadRow reads a row that Save wrote.
func (s *TimeSort) loadRow(number uint64, val []byte) (sortedRow, error) {
	mark, used := binary.Varint(val)
	if used <= 0 {
		return sortedRow{}, errSortedRow
	}
	row := &batch.Batch{Rows: 1, Columns: columnsOf(schemaTypes(s.node.Input.Schema()), 1)}
	if rest, err := batch.AppendRow(row.Columns, val[used:]); err != nil || len(rest) > 0 {
		return sortedRow{}, errSortedRow
	}
	return sortedRow{at: milliseconds(row.Columns[s.column], 0), mark: mark, number: number, place: heldPlace{batch: s.held.add(row)}}, nil
}
