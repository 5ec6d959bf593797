package operator

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"fmt"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// Rank keeps the first rows of each partition: Top-N.
//
// In streaming mode it gives a changelog, compacted between two flushes: with
// the number as a column the rows whose numbers have changed, without it only
// the rows that came in and went out. With windows it shows the rows of a window
// once, when the window is over, and forgets them; rows that come later are
// late. In batch mode it shows the rows at the end.
//
// A partition with a time to live is forgotten when its first rows did not change
// for so long; what was shown of it stays.
//
// As long as no row is taken back, only rows that are shown are kept. An input
// that takes rows back can bring any row up, so that all are kept.
//
// State: the rows (orderedRows), and if partitions expire 't', key of the partition
// → the time of the last write. What was shown is not stored: as every Save
// follows a Flush, it can be computed. Partitions that are more than
// Environment.Memory go to files (Spilling).
type Rank struct {
	env      Environment
	node     *plan.Rank
	rows     *orderedRows
	retracts bool
	windows  *rankWindows // nil without windows
	now      engine.Watermark

	lending lending // of what was shown
	firsts  batchFirsts
	codes   []uint32 // of first rows of a batch
	expiry  *expiry  // of partitions
	written []uint32 // partitions whose time of the last write is not saved
	expired [][]byte // stored keys of times of partitions that are gone

	touched pages[bool]   // of each partition: it has changed since the last Flush
	pending []changedRank // touched partitions, in order of the first change
	before  []numberedRow // of pending partitions, one after the other: what was shown of them
}

// changedRank is a partition that has changed, and where in Rank.before that ends
// which was shown of it: it begins where that of the partition before ends.
type changedRank struct {
	code uint32
	end  int
}

// numberedRow is a row with its number.
type numberedRow struct {
	row    uint32
	number int64
}

// NewRank makes the operator. retracts says that the input takes rows back; then
// windows are not final, and rows are shown as they come.
func NewRank(env Environment, n *plan.Rank) (*Rank, error) {
	rows, err := newOrderedRows(n.Input.Schema(), n.Partition, n.Order)
	if err != nil {
		return nil, err
	}
	rows.latestFirst = n.LatestFirst
	r := &Rank{
		env: env, node: n, rows: rows, retracts: env.Retracts, now: batch.NoMark,
	}
	if n.WindowEnd >= 0 && !env.Retracts && env.Context.Streaming {
		r.windows = newRankWindows(env, n)
	}
	if n.WindowEnd < 0 {
		r.expiry = newExpiry(env, n.TTL)
	}
	return r, nil
}

// Process takes rows into their partitions, or out of them.
func (r *Rank) Process(_ int, in *batch.Batch, _ engine.Emit) error {
	in = in.Compact()
	if r.windows != nil {
		in = r.windows.onTime(in)
	}
	if in.Rows == 0 || r.node.To < r.node.From {
		return nil
	}
	codes, keys, err := r.rows.locate(r.env.Context, in)
	if err != nil {
		return err
	}
	r.touched.resize(r.rows.table.size())
	r.renew(codes)
	if r.node.Function == plan.RowNumber && r.node.To == 1 && !r.retracts && len(keys) > 0 {
		r.takeFirsts(codes, in, keys)
		return nil
	}
	r.rows.look(codes)
	for i, code := range codes {
		r.take(code, in, keys, i)
	}
	return nil
}

// takeFirsts takes only the first row of each partition, as one is shown of it.
func (r *Rank) takeFirsts(codes []uint32, in *batch.Batch, keys []*batch.Column) {
	rows := r.firsts.find(r.rows, codes, keys)
	r.codes = r.codes[:0]
	for _, row := range rows {
		r.codes = append(r.codes, codes[row])
	}
	r.rows.look(r.codes)
	for i, row := range rows {
		r.take(r.codes[i], in, keys, int(row))
	}
}

func (r *Rank) take(code uint32, in *batch.Batch, keys []*batch.Column, i int) {
	if in.Kind(i).Retracts() {
		r.note(code, in, i)
		if row, ok := r.rows.find(code, in.Columns, keys, i); ok {
			r.rows.remove(row)
		} // else it is taken back before it came, or was never there
		return
	}
	full := !r.retracts && r.isFull(code)
	if full && r.rows.isBehind(r.rows.runs.last(code), keys, i) {
		return
	}
	r.note(code, in, i)
	if full {
		r.rows.remove(r.rows.runs.last(code)) // first, so that its room is taken again
	}
	r.rows.insert(code, in.Columns, keys, i)
	if !r.retracts && r.node.Function != plan.RowNumber {
		r.prune(code)
	}
}

// note says that row i is about to change its partition.
func (r *Rank) note(code uint32, in *batch.Batch, i int) {
	if r.windows != nil {
		r.windows.note(code, milliseconds(in.Columns[r.node.WindowEnd], i))
		return
	}
	r.touch(code)
	r.expiry.write(code)
}

// touch says that a partition is about to change: what it shows until then can be
// read until it is shown anew.
func (r *Rank) touch(code uint32) {
	r.touched.resize(int(code) + 1)
	touched := r.touched.at(code)
	if *touched {
		return
	}
	*touched = true
	if r.env.Context.Streaming {
		start := len(r.before)
		r.before = r.first(r.before, code)
		for _, x := range r.before[start:] {
			*r.rows.flags.at(x.row) |= rowShown
		}
	}
	r.pending = append(r.pending, changedRank{code, len(r.before)})
}

// isFull reports whether a row behind the last one of a partition is surely not
// shown.
func (r *Rank) isFull(code uint32) bool {
	return r.node.Function == plan.RowNumber && int64(r.rows.runs.size(code)) >= r.node.To
}

// prune removes the rows that are behind what is shown, where several may have one
// number.
func (r *Rank) prune(code uint32) {
	var behind []uint32
	r.number(code, func(row uint32, number int64) bool {
		if number > r.node.To {
			behind = append(behind, row)
		}
		return true
	})
	for _, row := range behind {
		r.rows.remove(row)
	}
}

// number visits the rows of a partition in order with their numbers.
func (r *Rank) number(code uint32, visit func(row uint32, number int64) bool) {
	var before uint32
	position, number := int64(0), int64(0)
	r.rows.runs.each(code, func(row uint32) bool {
		isPeer := position > 0 && r.rows.arePeers(before, row)
		position++
		switch {
		case r.node.Function == plan.RowNumber, r.node.Function == plan.PlainRank && !isPeer:
			number = position
		case r.node.Function == plan.DenseRank && !isPeer:
			number++
		}
		before = row
		return visit(row, number)
	})
}

// first appends the rows to be shown of a partition.
func (r *Rank) first(to []numberedRow, code uint32) []numberedRow {
	r.number(code, func(row uint32, number int64) bool {
		if number > r.node.To {
			return false
		}
		if number >= r.node.From {
			to = append(to, numberedRow{row, number})
		}
		return true
	})
	return to
}

// Flush shows what has changed since the last Flush.
func (r *Rank) Flush(emit engine.Emit) error {
	if !r.env.Context.Streaming || r.windows != nil {
		return nil
	}
	if err := r.show(emit); err != nil {
		return err
	}
	r.expire()
	return nil
}

// Advance notes the watermark, shows windows that are over, and in batch mode,
// at the end of the input, everything.
func (r *Rank) Advance(w engine.Watermark, emit engine.Emit) error {
	err := r.release(w, emit)
	if err == nil && r.windows == nil && w == batch.Final {
		err = r.show(emit)
	}
	r.now = w
	return err
}

// release implements releasing: it shows the windows that are over at w.
func (r *Rank) release(w engine.Watermark, emit engine.Emit) error {
	if r.windows == nil {
		return nil
	}
	for _, code := range r.windows.over(w) {
		if err := r.close(code, emit); err != nil {
			return err
		}
	}
	return nil
}

// close shows the rows of a window's partition and forgets them.
func (r *Rank) close(code uint32, emit engine.Emit) error {
	out := r.changelog(emit)
	for _, x := range r.first(nil, code) {
		if err := out.add(batch.Insert, x); err != nil {
			return err
		}
	}
	if err := out.out.flush(); err != nil {
		return err
	}
	for _, row := range r.rows.runs.list(code) {
		r.rows.remove(row)
	}
	r.rows.drop(code)
	return nil
}

func (r *Rank) show(emit engine.Emit) error {
	out := r.changelog(emit)
	var after []numberedRow
	start := 0
	for _, changed := range r.pending {
		code, before := changed.code, r.before[start:changed.end]
		start = changed.end
		*r.touched.at(code) = false
		after = r.first(after[:0], code)
		var err error
		if r.node.Function == plan.RowNumber && (r.node.Number || r.node.From == r.node.To) {
			err = r.showByNumber(before, after, out)
		} else {
			err = r.showRows(before, after, out)
		}
		if err != nil {
			return err
		}
		for _, x := range before {
			*r.rows.flags.at(x.row) &^= rowShown
		}
		if r.rows.runs.size(code) == 0 {
			r.drop(code)
		} else {
			r.saveLater(code)
		}
	}
	r.pending, r.before = r.pending[:0], r.before[:0]
	r.rows.release()
	return out.out.flush()
}

// showByNumber shows what has changed where each number has one row: a row
// replaces the one that had its number.
func (r *Rank) showByNumber(before, after []numberedRow, out *rankChangelog) error {
	for i := range max(len(before), len(after)) {
		var err error
		switch {
		case i >= len(after):
			err = out.add(batch.Delete, before[i])
		case i >= len(before):
			err = out.add(batch.Insert, after[i])
		case before[i].row == after[i].row || bytes.Equal(r.rows.row(before[i].row), r.rows.row(after[i].row)):
		default:
			if !r.env.Upserts {
				err = out.add(batch.UpdateBefore, before[i])
			}
			if err == nil {
				err = out.add(batch.UpdateAfter, after[i])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// showRows shows which rows went out and which came in.
func (r *Rank) showRows(before, after []numberedRow, out *rankChangelog) error {
	before, after = r.differing(before, after)
	left := make(map[string]int, len(before))
	for _, x := range before {
		left[r.identity(x)]++
	}
	var added []numberedRow
	for _, x := range after {
		if id := r.identity(x); left[id] > 0 {
			left[id]--
		} else {
			added = append(added, x)
		}
	}
	for i := len(before) - 1; i >= 0; i-- { // of equal rows the last ones go
		if id := r.identity(before[i]); left[id] > 0 {
			left[id]--
			if err := out.add(batch.Delete, before[i]); err != nil {
				return err
			}
		}
	}
	for _, x := range added {
		if err := out.add(batch.Insert, x); err != nil {
			return err
		}
	}
	return nil
}

// differing is what is left of both lists without what they begin and end with
// alike.
func (r *Rank) differing(before, after []numberedRow) (b, a []numberedRow) {
	same := func(x, y numberedRow) bool { return x.row == y.row && (x.number == y.number || !r.node.Number) }
	for len(before) > 0 && len(after) > 0 && same(before[0], after[0]) {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && same(before[len(before)-1], after[len(after)-1]) {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	return before, after
}

// identity is what makes a shown row another one.
func (r *Rank) identity(x numberedRow) string {
	if !r.node.Number {
		return string(r.rows.row(x.row))
	}
	return string(binary.BigEndian.AppendUint64(append([]byte(nil), r.rows.row(x.row)...), uint64(x.number)))
}

// Save writes the rows that came since the last Save and are still there.
func (r *Rank) Save(to engine.Changes) error {
	r.rows.save(to)
	r.saveTimes(to)
	return nil
}

// Load reads the rows of this worker.
func (r *Rank) Load(from engine.Saved) error {
	err := from.Each(r.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		if len(key) > 0 && key[0] == storedTime {
			return r.loadTime(key, val)
		}
		row, columns, err := r.rows.load(r.env.Context, key, val)
		if err != nil {
			return err
		}
		code := *r.rows.owners.at(row)
		if r.windows != nil {
			r.windows.note(code, milliseconds(columns[r.node.WindowEnd], 0))
		} else if !r.env.Context.Streaming {
			r.touch(code) // all of it is to be shown
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load the first rows: %w", err)
	}
	return nil
}

// rankWindows says when the partitions of a window are over.
type rankWindows struct {
	assigner *assigner // for its clock only
	column   int       // window_end
	codes    map[int64][]uint32
	known    map[uint32]int64 // end of each partition's window
	ends     windowHeap
	dropped  func(rows int)
}

func newRankWindows(env Environment, n *plan.Rank) *rankWindows {
	w := &rankWindows{assigner: &assigner{}, column: n.WindowEnd, dropped: env.Dropped}
	w.forget()
	source := plan.WindowOrigins(n.Input)[n.WindowEnd].Source
	if source != nil && plan.WindowClockOf(source).Kind == value.TimestampLTZ && env.Context.Zone != time.UTC {
		w.assigner.zone = env.Context.Zone
	}
	return w
}

// forget forgets all partitions.
func (w *rankWindows) forget() {
	w.codes, w.known, w.ends = map[int64][]uint32{}, map[uint32]int64{}, nil
}

// onTime is the rows whose windows were not over when they came.
func (w *rankWindows) onTime(in *batch.Batch) *batch.Batch {
	if in.Marks == nil {
		return in
	}
	ends := in.Columns[w.column]
	sel := make([]uint16, 0, in.Rows)
	for i := range in.Rows {
		if in.Marks[i] < w.assigner.fires(milliseconds(ends, i)) {
			sel = append(sel, uint16(i))
		}
	}
	if len(sel) == in.Rows {
		return in
	}
	if w.dropped != nil {
		w.dropped(in.Rows - len(sel))
	}
	return (&batch.Batch{Columns: in.Columns, Rows: in.Rows, Sel: sel, Kinds: in.Kinds, Marks: in.Marks}).Compact()
}

// note says that a partition belongs to the window that ends at end.
func (w *rankWindows) note(code uint32, end int64) {
	if _, known := w.known[code]; known {
		return
	}
	w.known[code] = end
	if _, queued := w.codes[end]; !queued {
		heap.Push(&w.ends, end)
	}
	w.codes[end] = append(w.codes[end], code)
}

// over gives the partitions of windows that are over at the watermark, and
// forgets them.
func (w *rankWindows) over(at engine.Watermark) []uint32 {
	var codes []uint32
	for len(w.ends) > 0 && w.assigner.fires(w.ends[0]) <= at {
		end := heap.Pop(&w.ends).(int64)
		for _, code := range w.codes[end] {
			delete(w.known, code)
			codes = append(codes, code)
		}
		delete(w.codes, end)
	}
	return codes
}

// changelog collects shown rows.
func (r *Rank) changelog(emit engine.Emit) *rankChangelog {
	return &rankChangelog{rows: r.rows, number: r.node.Number, out: newRowChangelog(schemaTypes(r.node.Schema()), r.now, &r.lending, emit)}
}

// rankChangelog collects rows, with their numbers where these are shown.
type rankChangelog struct {
	rows   *orderedRows
	number bool
	out    *rowChangelog
	key    []byte
}

func (c *rankChangelog) add(kind batch.Kind, x numberedRow) error {
	c.key = c.key[:0]
	if c.number {
		c.key = binary.LittleEndian.AppendUint64(append(c.key, 1), uint64(x.number))
	}
	return c.out.add(kind, c.rows.row(x.row), c.key)
}
