package operator

import (
	"fmt"
	"math/rand/v2"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// MultiJoin gives the combinations of rows of all its inputs with the same key, for
// as long as they are there. The rows of one key are in one worker. Of what only
// some inputs have, nothing is kept but the rows themselves.
//
// In streaming mode it shows what each row changes, at once or if state is in files
// when it is flushed; rows are inserted and deleted, never updated. In batch mode it
// keeps all rows and shows the combinations at the end. A row that is taken back
// without having been there changes nothing.
//
// State is that of Join, with the letters 'a', 'b', … for the inputs, and no
// partners.
type MultiJoin struct {
	env   Environment
	seed  uint64 // of the hashes of keys: secret, so that users cannot choose keys that collide
	sides []*joinSide
	spill *joinSpill // nil when everything is in memory
	now   engine.Watermark

	encoded joinRows
	run     multiJoinRun
}

// multiJoinInputsMax is how many inputs a MultiJoin has letters for.
const multiJoinInputsMax = 'z' - 'a' + 1

// NewMultiJoin makes the operator. appends says of each input that it never takes
// rows back.
func NewMultiJoin(env Environment, n *plan.MultiJoin, appends []bool) (*MultiJoin, error) {
	if len(n.All) > multiJoinInputsMax {
		return nil, unsupported("a join of %d tables by one key", len(n.All)).WithHint("%d are possible: join some of them in a materialized table", multiJoinInputsMax)
	}
	j := &MultiJoin{env: env, seed: rand.Uint64(), now: batch.NoMark}
	replaces := false
	for port, input := range n.All {
		schema := input.Schema()
		in := newJoinInput(schema, n.Keys[port], n.Keys[port])
		j.sides = append(j.sides, newJoinSide('a'+byte(port), in, appends[port], env.Saves, j.seed))
		j.run.types = append(j.run.types, schemaTypes(schema))
		replaces = replaces || !appends[port]
	}
	j.run.join, j.run.counts = j, replaces
	j.run.others = make([]multiJoinOther, len(j.sides))
	j.run.rows = make([][]uint32, len(j.sides))
	j.spill = newJoinSpill(env, j.sides, &j.encoded, replaces, j.take)
	return j, nil
}

// Process shows what the rows change and takes them in.
func (j *MultiJoin) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	if j.sides[port].appends && retractions(rows) != nil {
		return fmt.Errorf("join: input %d takes rows back", port)
	}
	if rows = rows.Compact(); rows.Rows == 0 {
		return nil
	}
	j.sides[port].input.encode(&j.encoded, rows)
	j.encoded.hash(j.seed)
	if j.spill == nil {
		return j.take(port, rows, emit)
	}
	return j.spill.process(port, rows, emit)
}

// take joins a batch, or in batch mode keeps it. Its stored form is in encoded.
func (j *MultiJoin) take(port int, rows *batch.Batch, emit engine.Emit) error {
	if j.env.Context.Streaming {
		return j.run.batch(port, rows, emit)
	}
	null := nullKeys(j.sides[port].input, rows)
	for i := range rows.Rows {
		if null == nil || !null[i] {
			j.keep(port, rows, i)
		}
	}
	return nil
}

// keep takes row i of a batch in, or out again if it is there.
func (j *MultiJoin) keep(port int, rows *batch.Batch, i int) {
	own, row := j.sides[port], j.encoded.row(i)
	switch {
	case !rows.Kind(i).Retracts():
		own.arrive(j.encoded.hashes[i], j.encoded.key(i), row, 0)
	case own.has(row):
		own.remove(row)
	}
}

// Advance notes the watermark; at the end of the input it shows the result of batch
// mode.
func (j *MultiJoin) Advance(w engine.Watermark, emit engine.Emit) error {
	if w == batch.Final {
		if err := j.finish(emit); err != nil {
			return err
		}
	}
	j.now = w
	return nil
}

func (j *MultiJoin) finish(emit engine.Emit) error {
	if j.spill != nil {
		if err := j.spill.settle(emit); err != nil {
			return err
		}
	}
	switch {
	case j.env.Context.Streaming:
		return nil
	case j.spill == nil || !j.spill.spilled:
		return j.run.whole(emit)
	}
	if err := j.spill.evict(j.spill.replaces); err != nil {
		return err
	}
	return j.spill.shares(func() error { return j.run.whole(emit) })
}

// Flush shows what rows change that wait for others to be read back.
func (j *MultiJoin) Flush(emit engine.Emit) error {
	if j.spill == nil {
		return nil
	}
	return j.spill.flush(emit)
}

// Save writes the rows that came and went.
func (j *MultiJoin) Save(to engine.Changes) error {
	if j.spill != nil {
		j.spill.unsaved.moveTo(to)
	}
	for _, s := range j.sides {
		s.save(to)
	}
	return nil
}

// Load reads the rows of this worker.
func (j *MultiJoin) Load(from engine.Saved) error {
	if j.spill != nil {
		return j.spill.load(j.env.Worker, from)
	}
	return eachSaved(j.sides, j.env.Worker, from, (*joinSide).load)
}

// held is how many bytes of state are in memory.
func (j *MultiJoin) held() int64 {
	if j.spill != nil {
		return j.spill.held()
	}
	held := int64(0)
	for _, s := range j.sides {
		held += s.held()
	}
	return held
}

// giveBack gives back the memory of rows that is not the garbage collector's.
func (j *MultiJoin) giveBack() {
	for _, s := range j.sides {
		s.giveBack()
	}
}

// multiJoinRun takes the rows of one batch, in order, past the rows of all other
// inputs. Rows of the result are collected by where their parts are.
type multiJoinRun struct {
	join   *MultiJoin
	types  [][]value.Type // of each input's columns
	counts bool           // rows of some input can be there more than once

	port   int
	own    []*batch.Column
	copies []int64 // in batch mode, how often each row of the batch is there
	others []multiJoinOther
	rows   [][]uint32 // of each input: the parts of the rows collected
	kinds  []batch.Kind
	emit   engine.Emit
}

// multiJoinOther is the rows of an input that rows of another one are taken past.
type multiJoinOther struct {
	chain
	touching touching
	key      uint32 // of the row under way
	// The decoded rows with the key, and the one that is part of the combination
	// under way.
	start, end, at int
}

// batch joins a batch of the port, whose stored form is in join.encoded.
func (r *multiJoinRun) batch(port int, rows *batch.Batch, emit engine.Emit) error {
	j := r.join
	own := j.sides[port]
	r.begin(port, rows.Columns, emit)
	null := nullKeys(own.input, rows)
	for i := range rows.Rows {
		if null != nil && null[i] {
			continue // it has no partner, and is not remembered
		}
		kind := batch.Insert
		if rows.Kind(i).Retracts() {
			if kind = batch.Delete; !own.has(j.encoded.row(i)) {
				continue
			}
		}
		if err := r.combine(i, kind); err != nil {
			return err
		}
		j.keep(port, rows, i)
	}
	return r.flush()
}

// begin begins a batch of the port, whose stored form is in join.encoded.
func (r *multiJoinRun) begin(port int, columns []*batch.Column, emit engine.Emit) {
	r.port, r.own, r.emit = port, columns, emit
	for side := range r.others {
		o := &r.others[side]
		o.side = r.join.sides[side]
		o.touching.slots(o.side.keys, r.join.encoded.hashes)
		if side != port {
			o.clear()
		}
	}
}

// combine shows row i beside all rows with its key, one of every other input.
func (r *multiJoinRun) combine(i int, kind batch.Kind) error {
	if some, err := r.find(i); !some || err != nil {
		return err
	}
	for more := true; more; more = r.next() {
		times := int64(1)
		if r.counts || r.copies != nil {
			times = r.times(i)
		}
		for range times {
			if err := r.add(i, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// find looks for rows of every other input with the key of row i.
func (r *multiJoinRun) find(i int) (some bool, err error) {
	hash, key := r.join.encoded.hashes[i], r.join.encoded.key(i)
	full := false
	for side := range r.others {
		if side == r.port {
			continue
		}
		o := &r.others[side]
		var has bool
		if o.key, has = o.side.keys.find(hash, key); !has {
			return false, nil
		}
		full = full || !o.has(o.key) && o.full()
	}
	if full {
		if err := r.flush(); err != nil {
			return false, err
		}
		r.begin(r.port, r.own, r.emit)
	}
	for side := range r.others {
		if side == r.port {
			continue
		}
		o := &r.others[side]
		if o.start, o.end, err = o.rowsOf(o.key); err != nil {
			return false, err
		}
		o.at = o.start
	}
	return true, nil
}

// next goes on to the next combination, the last input's rows first.
func (r *multiJoinRun) next() (more bool) {
	for side := len(r.others) - 1; side >= 0; side-- {
		if side == r.port {
			continue
		}
		o := &r.others[side]
		if o.at++; o.at < o.end {
			return true
		}
		o.at = o.start
	}
	return false
}

// times is how often the combination under way is there.
func (r *multiJoinRun) times(i int) int64 {
	times := int64(1)
	if r.copies != nil {
		times = r.copies[i]
	}
	for side := range r.others {
		if side != r.port {
			o := &r.others[side]
			times *= o.side.count(o.entries[o.at])
		}
	}
	return times
}

// add collects the combination of row i that is under way.
func (r *multiJoinRun) add(i int, kind batch.Kind) error {
	for side := range r.others {
		at := uint32(i)
		if side != r.port {
			at = uint32(r.others[side].at)
		}
		r.rows[side] = append(r.rows[side], at)
	}
	n := len(r.rows[0])
	if kind != batch.Insert && r.kinds == nil {
		r.kinds = make([]batch.Kind, n-1, batch.MaxRows)
	}
	if r.kinds != nil {
		r.kinds = append(r.kinds, kind)
	}
	if n == batch.MaxRows {
		return r.flush()
	}
	return nil
}

// flush emits what was collected. It has to be called before chains are cleared.
func (r *multiJoinRun) flush() error {
	n := len(r.rows[0])
	if n == 0 {
		return nil
	}
	out := &batch.Batch{Rows: n, Kinds: r.kinds, Marks: constantMarks(r.join.now, n)}
	for side, types := range r.types {
		columns := r.own
		if side != r.port {
			var err error
			if columns, err = r.others[side].decoded.inOrder(); err != nil {
				return err
			}
		}
		for i, t := range types {
			c := columns[i].GatherWide(r.rows[side])
			c.Type = t
			out.Columns = append(out.Columns, c)
		}
		r.rows[side] = r.rows[side][:0]
	}
	r.kinds = nil
	return r.emit(out)
}

// whole joins the rows of all inputs, in batch mode.
func (r *multiJoinRun) whole(emit engine.Emit) error {
	first := r.join.sides[0]
	return first.eachBatch(func(rows *batch.Batch, copies []int64) error {
		r.copies = copies
		first.input.encode(&r.join.encoded, rows)
		r.join.encoded.hash(r.join.seed)
		r.begin(0, rows.Columns, emit)
		for i := range rows.Rows {
			if err := r.combine(i, batch.Insert); err != nil {
				return err
			}
		}
		return r.flush()
	})
}
