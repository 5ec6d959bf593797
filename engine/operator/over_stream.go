package operator

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// OverStream computes the calls of an Over that Settles. Rows wait until the
// watermark has passed them, and are then shown in order, once and for good;
// with a processing time at once.
//
// A late row is forgotten. Where all frames are bounded, a row is late only if
// it is not after the last row of its partition that had its turn when it came,
// whatever the watermark: as in Flink.
//
// A partition with a time to live is forgotten when no row came to it for so long,
// and none waits.
//
// Rows that frames or LAG still reach back to are kept; the others are in the
// accumulators only.
//
// State: the rows (orderedRows) with the watermark at which they are due as a
// further column, and 's', key of the partition → when it was written last if it
// expires, how many rows had their turn
// and are gone, how many had it and are kept, how many different sort keys there
// were, the time of the last one, and for each call where its frame is and, of a
// frame that no row leaves, the accumulator. Those of other frames are computed
// from the rows. Partitions that are more than Environment.Memory go to files
// (Spilling).
type OverStream struct {
	env      Environment
	node     *plan.Over
	rows     *orderedRows
	calls    *overCalls
	time     int
	proctime bool
	patient  bool // late rows may still have their turn
	now      engine.Watermark

	times      []int64            // of each row, ms
	due        []engine.Watermark // of each row
	partitions []overPartition
	frames     []frameState // of each partition
	queue      dueHeap
	unsaved    []uint32
	deleted    [][]byte // stored keys of partitions that have expired
	expiry     *expiry
}

// overPartition is a partition in a stream.
type overPartition struct {
	gone     int64 // rows that had their turn and are not kept
	kept     int   // rows that had their turn and are kept
	distinct int64
	last     int64            // time of the last row that had its turn
	next     engine.Watermark // when the next row is due; batch.Final when none waits
	changed  bool             // since the last Save
}

const storedPartition = 's'

// NewOverStream makes the operator.
func NewOverStream(env Environment, n *plan.Over) (*OverStream, error) {
	column, ok := n.Order[0].Expr.(*plan.Column)
	if !ok || !n.Settles() {
		return nil, errors.New("compile OVER: rows are not in the order of time")
	}
	in := n.Input.Schema()
	o := &OverStream{env: env, node: n, time: column.Index, proctime: in[column.Index].Time == plan.Proctime, patient: true, now: batch.NoMark, expiry: newExpiry(env, n.TTL)}
	for _, c := range n.Calls {
		o.patient = o.patient && c.Function.Aggregate && c.Frame.From.Kind != plan.UnboundedPreceding
	}
	order := n.Order
	if o.proctime {
		order = nil // as they come
	}
	stored := append(append(plan.Schema(nil), in...), plan.OutputColumn{Name: "due", Type: value.BigIntType.Required()})
	var err error
	if o.rows, err = newOrderedRows(stored, n.Partition, order); err != nil {
		return nil, err
	}
	if o.calls, err = newOverCalls(env, n, o.rows); err != nil {
		return nil, err
	}
	o.calls.unit = 1 // keys are milliseconds here
	return o, nil
}

// Process keeps the rows until it is their turn.
func (o *OverStream) Process(_ int, in *batch.Batch, emit engine.Emit) error {
	in, err := withTimes(o.env, in, o.time, o.node.Input.Schema()[o.time].Name)
	if err != nil || in.Rows == 0 {
		return err
	}
	if retractions(in) != nil {
		return errors.New("OVER in the order of time: the input takes rows back")
	}
	due := batch.NewColumn(value.BigIntType.Required(), in.Rows)
	due.Resize(in.Rows)
	for i := range due.Ints {
		due.Ints[i] = o.dueAt(milliseconds(in.Columns[o.time], i), in.Mark(i))
	}
	columns := append(in.Columns[:len(in.Columns):len(in.Columns)], due)
	codes, keys, err := o.rows.locate(o.env.Context, &batch.Batch{Columns: columns, Rows: in.Rows})
	if err != nil {
		return err
	}
	o.resize()
	o.renew(codes)
	late := 0
	for i, code := range codes {
		t, mark := milliseconds(in.Columns[o.time], i), in.Mark(i)
		if !o.proctime && t <= mark && (!o.patient || t <= o.passed(code, mark)) {
			late++
			continue
		}
		o.wait(code, o.rows.insert(code, columns, keys, i), t, due.Ints[i])
		o.expiry.write(code)
	}
	if late > 0 && o.env.Dropped != nil {
		o.env.Dropped(late)
	}
	if o.proctime {
		return o.release(batch.NoMark, emit)
	}
	return nil
}

// dueAt is the watermark at which a row with time t that came when the watermark
// was mark has its place in the order of rows: when it is passed, and for a late
// one when the watermark moves on.
func (o *OverStream) dueAt(t int64, mark engine.Watermark) engine.Watermark {
	if o.proctime {
		return batch.NoMark
	}
	return max(t, mark+1)
}

func (o *OverStream) resize() {
	for len(o.partitions) < o.rows.table.size() {
		o.partitions = append(o.partitions, newOverPartition())
		o.frames = append(o.frames, frameState{ends: make([]frameReach, len(o.calls.calls))})
	}
}

func newOverPartition() overPartition {
	return overPartition{next: batch.Final, last: batch.NoMark}
}

// wait queues a row.
func (o *OverStream) wait(code, row uint32, t int64, due engine.Watermark) {
	o.setTimes(row, t, due)
	if p := &o.partitions[code]; due < p.next {
		p.next = due
		heap.Push(&o.queue, dueEntry{due, code})
	}
}

// setTimes notes when a row is, and when it is due.
func (o *OverStream) setTimes(row uint32, t int64, due engine.Watermark) {
	for len(o.due) <= int(row) {
		o.due, o.times = append(o.due, 0), append(o.times, 0)
	}
	o.due[row], o.times[row] = due, t
}

// passed is the time of the last row of the partition that had its turn when the
// watermark was mark, batch.NoMark for none. Rows in order are due in order.
func (o *OverStream) passed(code uint32, mark engine.Watermark) int64 {
	p := &o.partitions[code]
	last, i := p.last, 0
	o.rows.runs.each(code, func(row uint32) bool {
		if i++; i <= p.kept {
			return true
		}
		if o.due[row] > mark {
			return false
		}
		last = o.times[row]
		return true
	})
	return last
}

// Advance shows the rows whose turn it is.
func (o *OverStream) Advance(w engine.Watermark, emit engine.Emit) error {
	err := o.release(w, emit)
	o.now = w
	return err
}

// release implements releasing: it gives all rows that are due at w their turn.
func (o *OverStream) release(w engine.Watermark, emit engine.Emit) error {
	var runs []*overRun
	shown := 0
	for len(o.queue) > 0 && o.queue[0].due <= w {
		e := heap.Pop(&o.queue).(dueEntry)
		if o.partitions[e.code].next != e.due {
			continue // an earlier row came
		}
		r := o.run(e.code, w)
		r.first = shown
		shown += len(r.rows) - r.start
		runs = append(runs, r)
	}
	if len(runs) == 0 {
		return nil
	}
	d, err := o.decode(runs)
	if err != nil {
		return err
	}
	results := o.calls.compute(runs, d, shown, o.frames)
	if err := o.show(runs, d, results, shown, emit); err != nil {
		return err
	}
	for _, r := range runs {
		o.pass(r)
	}
	return nil
}

// run is the rows of a partition up to those that are due at w.
func (o *OverStream) run(code uint32, w engine.Watermark) *overRun {
	p := &o.partitions[code]
	r := &overRun{group: code, rows: o.rows.runs.list(code), start: p.kept, base: p.gone, distinct: p.distinct}
	end := r.start
	for end < len(r.rows) && o.due[r.rows[end]] <= w {
		end++
	}
	p.next = batch.Final
	if end < len(r.rows) {
		p.next = o.due[r.rows[end]]
		heap.Push(&o.queue, dueEntry{p.next, code})
	}
	r.rows = r.rows[:end]
	if o.proctime {
		r.setPeers(func(uint32, uint32) bool { return false })
	} else {
		r.setPeers(o.rows.arePeers)
	}
	if o.calls.keyed {
		r.keys = make([]int64, len(r.rows))
		for i, row := range r.rows {
			r.keys[i] = o.times[row]
			if i > 0 {
				r.keys[i] = max(r.keys[i], r.keys[i-1]) // clocks on the wall are set back
			}
		}
	}
	return r
}

// decode reads the rows that are shown, and those that the calls look at.
func (o *OverStream) decode(runs []*overRun) (*decoded, error) {
	var rows []uint32
	for _, r := range runs {
		r.at = make([]uint32, len(r.rows))
		for i := range r.at {
			r.at[i] = notDecoded
		}
		need := func(from, to int) {
			for i := max(from, 0); i < min(to, len(r.rows)); i++ {
				if r.at[i] == notDecoded {
					r.at[i] = uint32(len(rows))
					rows = append(rows, r.rows[i])
				}
			}
		}
		need(r.start, len(r.rows))
		for i := range o.calls.calls {
			f := &o.calls.calls[i]
			switch {
			case f.accumulator != nil:
				reach := o.frames[r.group].ends[i]
				last := len(r.rows) - 1 - r.start
				need(int(reach.to-r.base), r.frameTo(f.call.Frame, last, o.calls.unit))
				if f.isBounded() {
					need(int(reach.from-r.base), r.frameFrom(f.call.Frame, last, o.calls.unit))
				}
			case f.call.Function.Name == "LAG":
				need(back(r.start, f.offset), back(len(r.rows), f.offset))
			}
		}
	}
	return o.calls.decode(rows)
}

// show emits the rows in the order in which they were due.
func (o *OverStream) show(runs []*overRun, d *decoded, results []*batch.Column, shown int, emit engine.Emit) error {
	at, due := make([]uint32, shown), make([]engine.Watermark, shown)
	order := make([]uint32, shown)
	for _, r := range runs {
		for i := r.start; i < len(r.rows); i++ {
			ordinal := r.first + i - r.start
			at[ordinal], due[ordinal], order[ordinal] = r.at[i], o.due[r.rows[i]], uint32(ordinal)
		}
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return cmp.Compare(due[a], due[b]) })
	for start := 0; start < shown; start += batch.MaxRows {
		part := order[start:min(start+batch.MaxRows, shown)]
		b := overBatch(o.calls, d, results, at, part)
		if o.proctime {
			b.Marks = constantMarks(o.now, b.Rows)
		} else {
			// A row that came late is late downstream, too.
			b.Marks = make([]int64, b.Rows)
			for i, ordinal := range part {
				b.Marks[i] = due[ordinal] - 1
			}
		}
		if err := emit(b); err != nil {
			return err
		}
	}
	return nil
}

// overBatch is the input's columns of shown rows, which stand at at[ordinal]
// among the decoded ones, with the results behind.
func overBatch(c *overCalls, d *decoded, results []*batch.Column, at, ordinals []uint32) *batch.Batch {
	b := &batch.Batch{Rows: len(ordinals)}
	for i, column := range c.node.Input.Schema() {
		to := batch.NewColumn(column.Type, len(ordinals))
		for _, ordinal := range ordinals {
			row := at[ordinal]
			to.Append(d.columns[row/batch.MaxRows][i], int(row%batch.MaxRows))
		}
		b.Columns = append(b.Columns, to)
	}
	for _, column := range results {
		b.Columns = append(b.Columns, column.GatherWide(ordinals))
	}
	return b
}

// pass notes that the rows of a run had their turn, and forgets those that no
// call reaches back to.
func (o *OverStream) pass(r *overRun) {
	p := &o.partitions[r.group]
	for k, peers := range r.peers {
		if peers[0] == r.start+k {
			p.distinct++
		}
	}
	p.last = max(p.last, o.times[r.rows[len(r.rows)-1]])
	keep := int64(len(r.rows))
	for i := range o.calls.calls {
		f := &o.calls.calls[i]
		reach := o.frames[r.group].ends[i]
		switch {
		case f.accumulator != nil && f.isBounded():
			keep = min(keep, reach.from-r.base, reach.to-r.base)
		case f.accumulator != nil:
			keep = min(keep, reach.to-r.base)
		case f.call.Function.Name == "LAG":
			keep = min(keep, int64(len(r.rows))-f.offset)
		}
	}
	gone := max(keep, 0)
	for _, row := range r.rows[:gone] {
		o.rows.remove(row)
	}
	p.gone, p.kept = p.gone+gone, len(r.rows)-int(gone)
	o.note(r.group)
}

func (o *OverStream) note(code uint32) {
	if p := &o.partitions[code]; !p.changed {
		p.changed = true
		o.unsaved = append(o.unsaved, code)
	}
}

// Flush has held nothing back, and forgets what has expired.
func (o *OverStream) Flush(engine.Emit) error {
	o.expire()
	return nil
}

// Save writes rows and partitions that have changed.
func (o *OverStream) Save(to engine.Changes) error {
	o.rows.save(to)
	for _, key := range o.deleted {
		to.Delete(engine.GroupOf(key[1:]), key)
	}
	o.deleted = o.deleted[:0]
	var val []byte
	for _, code := range o.unsaved {
		if !o.partitions[code].changed {
			continue // has expired since
		}
		o.partitions[code].changed = false
		val = o.appendPartition(val[:0], code)
		key := o.rows.table.key(code)
		to.Put(engine.GroupOf(key), append([]byte{storedPartition}, key...), val)
	}
	o.unsaved = o.unsaved[:0]
	return nil
}

// appendPartition appends the stored form of a partition, without its rows.
func (o *OverStream) appendPartition(to []byte, code uint32) []byte {
	p := &o.partitions[code]
	to = o.expiry.append(to, code)
	to = binary.AppendVarint(to, p.gone)
	to = binary.AppendVarint(to, int64(p.kept))
	to = binary.AppendVarint(to, p.distinct)
	to = binary.AppendVarint(to, p.last)
	for i := range o.calls.calls {
		reach := o.frames[code].ends[i]
		to = binary.AppendVarint(binary.AppendVarint(to, reach.from), reach.to)
		if f := &o.calls.calls[i]; f.accumulator != nil && !f.isBounded() {
			to = f.accumulator.Encode(code, to)
		}
	}
	return to
}

// Load reads the partitions of this worker.
func (o *OverStream) Load(from engine.Saved) error {
	first := o.rows.table.size()
	err := from.Each(o.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		if len(key) > 0 && key[0] == storedPartition {
			return o.loadPartition(key[1:], val)
		}
		row, columns, err := o.rows.load(o.env.Context, key, val)
		if err != nil {
			return err
		}
		o.resize()
		o.setTimes(row, milliseconds(columns[o.time], 0), columns[len(columns)-1].Ints[0])
		return nil
	})
	for code := first; code < o.rows.table.size() && err == nil; code++ {
		err = o.restore(uint32(code))
	}
	if err != nil {
		return fmt.Errorf("load OVER: %w", err)
	}
	return nil
}

func (o *OverStream) loadPartition(key, val []byte) error {
	written, val, err := o.expiry.cut(val)
	if err != nil {
		return err
	}
	code := o.rows.partitionOf(key)
	o.resize()
	next := func() int64 {
		n, used := binary.Varint(val)
		if used <= 0 {
			val = nil
			return 0
		}
		val = val[used:]
		return n
	}
	o.expiry.restore(code, written)
	p := &o.partitions[code]
	p.gone = next()
	p.kept = int(next())
	p.distinct, p.last = next(), next()
	for i := range o.calls.calls {
		reach := &o.frames[code].ends[i]
		reach.from, reach.to = next(), next()
		f := &o.calls.calls[i]
		if f.accumulator == nil {
			continue
		}
		f.accumulator.Resize(o.rows.table.size())
		if f.isBounded() {
			continue
		}
		rest, err := f.accumulator.Decode(code, val)
		if err != nil {
			return err
		}
		val = rest
	}
	if len(val) > 0 {
		return errors.New("bytes behind the end of a partition")
	}
	return nil
}

// restore takes the rows of a partition that are in frames into the accumulators,
// and queues it if rows wait.
func (o *OverStream) restore(code uint32) error {
	p := &o.partitions[code]
	if p.gone == 0 && p.kept == 0 {
		o.expiry.write(code) // nothing was saved of it, as all its rows wait
	}
	r := &overRun{group: code, rows: o.rows.runs.list(code), base: p.gone}
	if p.kept < len(r.rows) {
		p.next = o.due[r.rows[p.kept]]
		heap.Push(&o.queue, dueEntry{p.next, code})
	}
	r.rows = r.rows[:min(p.kept, len(r.rows))]
	if len(r.rows) == 0 {
		return nil
	}
	return o.refill(r)
}

// refill computes the accumulators of frames that rows leave.
func (o *OverStream) refill(r *overRun) error {
	d, err := o.calls.decode(r.rows)
	if err != nil {
		return err
	}
	r.at = make([]uint32, len(r.rows))
	for i := range r.at {
		r.at[i] = uint32(i)
	}
	for i := range o.calls.calls {
		f := &o.calls.calls[i]
		if f.accumulator == nil || !f.isBounded() {
			continue
		}
		f.accumulator.Resize(o.rows.table.size())
		reach := o.frames[r.group].ends[i]
		m := &frameMoves{function: f, d: d}
		m.move(r, [2]int{int(reach.from - r.base), int(reach.to - r.base)}, false)
		m.update()
	}
	return nil
}
